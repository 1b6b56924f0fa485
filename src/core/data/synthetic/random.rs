//! Random numbers that are the same on every machine: ChaCha8 words and our own conversions of them to reals.
//! It refuses to know what is drawn; each part of a picture has a stream of its own, so that one may change without the others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The part of a picture that a stream of numbers is for.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Scene = 0,
    Vessels = 1,
    Mottle = 2,
    Lesions = 3,
    Sensor = 4,
}

/// A stream of random numbers.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of one part of picture `index` of the set `seed`.
    pub(super) fn new(seed: u64, index: usize, stream: Stream) -> Self {
        let mut key = *b"................umlaut fundus v1";
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(index as u64).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// Uniform in [0, 1), in steps of 2⁻⁵³.
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(super) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in low..=high, whose span is far below 2⁵³.
    pub(super) fn count(&mut self, low: usize, high: usize) -> usize {
        low + (self.unit() * (high - low + 1) as f64) as usize
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// 1 or −1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// A bell of mean 0 and variance 1 within ±2√3: the sum of the four 16-bit lanes of one word (Irwin–Hall, n = 4).
    pub(super) fn bell(&mut self) -> f64 {
        let word = self.0.next_u64();
        let sum = (0..4).map(|lane| (word >> (16 * lane)) & 0xffff).sum::<u64>();
        // Each lane has mean 65535/2 and variance (65536² − 1)/12.
        (sum as f64 - 131_070.0) / 37_837.227
    }

    /// A unit vector of any direction, by rejection from the square: no sine or cosine.
    pub(super) fn direction(&mut self) -> [f64; 2] {
        loop {
            let [x, y] = [self.within(-1.0, 1.0), self.within(-1.0, 1.0)];
            let length = (x * x + y * y).sqrt();
            if (0.1..=1.0).contains(&length) {
                return [x / length, y / length];
            }
        }
    }
}
