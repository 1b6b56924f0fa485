//! Random numbers of one setting for one sample in one epoch. Each setting has a stream of its own, so that one does not change
//! what another does.

use crate::data::random::generator;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

/// What streams follow from, beside the setting's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StreamKey {
    pub seed: u64,
    pub epoch: usize,
    pub sample: usize,
}

impl StreamKey {
    /// The stream of a setting, if the change happens here.
    pub fn happens(self, setting: &str, probability: f64) -> Option<Stream> {
        let numbers = [self.seed, self.epoch as u64, self.sample as u64];
        let mut stream = Stream(generator(&format!("umlaut augment {setting}"), &numbers));
        (stream.unit() < probability).then_some(stream)
    }

    /// How much of a setting with one amount, `None` if it does not happen.
    pub fn amount(self, setting: &str, probability: f64, range: [f64; 2]) -> Option<f64> {
        Some(self.happens(setting, probability)?.within(range))
    }
}

/// A stream of random numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    /// Even in [0, 1), in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Even between two numbers.
    pub fn within(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Two numbers of the standard normal distribution (Box and Muller 1958), in 32 bits, for one word.
    pub fn normals(&mut self) -> [f32; 2] {
        let word = self.0.next_u64();
        let step = 1.0 / (1u64 << 24) as f32;
        // In (0, 1], so that the logarithm is finite.
        let radius = ((word >> 40) as f32 + 1.0) * step;
        let turn = ((word >> 8) & 0xff_ffff) as f32 * step;
        let length = (-2.0 * libm::logf(radius)).sqrt();
        let (sin, cos) = libm::sincosf(std::f32::consts::TAU * turn);
        [length * cos, length * sin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_the_moments_of_the_normal_distribution() {
        let mut stream = StreamKey { seed: 1, epoch: 2, sample: 3 }.happens("test", 1.0).unwrap();
        let numbers: Vec<f64> = (0..20_000).flat_map(|_| stream.normals()).map(f64::from).collect();
        let moment = |power: i32| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        // Of 40,000 numbers the moments 1 to 4 have standard errors 0.005, 0.007, 0.019 and 0.049; their means are 0, 1, 0 and 3.
        for (power, expected, error) in [(1, 0.0, 0.005), (2, 1.0, 0.007), (3, 0.0, 0.019), (4, 3.0, 0.049)] {
            assert!((moment(power) - expected).abs() < 4.0 * error, "moment {power}: {}", moment(power));
        }
    }

    #[test]
    fn a_setting_happens_as_often_as_asked() {
        let key = |sample| StreamKey { seed: 1, epoch: 1, sample };
        let happened = |p: f64| (0..1000).filter(|sample| key(*sample).happens("test", p).is_some()).count();
        assert_eq!((happened(0.0), happened(1.0)), (0, 1000));
        assert!((440..=560).contains(&happened(0.5)), "{}", happened(0.5));
        let amounts: Vec<f64> = (0..1000).filter_map(|sample| key(sample).amount("test", 1.0, [-2.0, 6.0])).collect();
        assert!(amounts.iter().all(|a| (-2.0..6.0).contains(a)));
        // Evenly: mean 2, sd 8/√12 = 2.31, standard error 0.073.
        assert!((amounts.iter().sum::<f64>() / 1000.0 - 2.0).abs() < 0.3);
    }
}
