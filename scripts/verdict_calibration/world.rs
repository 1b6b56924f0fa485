//! Experiments with a known truth: all groups are the same configuration.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random numbers of one experiment.
pub struct Draw {
    random: ChaCha8Rng,
    second: Option<f64>,
}

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(seed), second: None }
    }

    fn uniform(&mut self) -> f64 {
        self.random.random()
    }

    /// Standard normal (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        if let Some(second) = self.second.take() {
            return second;
        }
        let (radius, angle) = ((-2.0 * (1.0 - self.uniform()).ln()).sqrt(), std::f64::consts::TAU * self.uniform());
        self.second = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// How scores vary.
#[derive(Clone, Copy)]
pub struct World {
    /// Standard deviation of a seed's mean within its group.
    pub seed: f64,
    /// Standard deviation of a difference between two groups from unit to unit (so 1/√2 of it for each group).
    pub image: f64,
    /// Standard deviation of what is left of a score.
    pub rest: f64,
    /// Images, or folds.
    pub units: usize,
    /// Images of a patient, who has four fifths of the variance of group × image.
    pub of_patient: Option<usize>,
    /// Correlation of group × unit between units.
    pub shared: f64,
    /// How many times as much the seeds of the first group vary.
    pub first: f64,
    /// Share of runs whose scores are lower by 0.3.
    pub collapse: f64,
    /// Scores are cut at 1, chance only lowers them, and 5 % of them are 0.
    pub skewed: bool,
}

impl World {
    pub fn new(seed: f64, image: f64, rest: f64, units: usize) -> Self {
        Self { seed, image, rest, units, of_patient: None, shared: 0.0, first: 1.0, collapse: 0.0, skewed: false }
    }

    /// Scores by group, seed and unit.
    pub fn groups(&self, draw: &mut Draw, seeds: &[usize]) -> Vec<Vec<Vec<f64>>> {
        let hard: Vec<f64> = (0..self.units).map(|_| 0.85 + 0.05 * draw.normal()).collect();
        let group = |(group, seeds): (usize, &usize)| {
            let own = self.own(draw);
            let spread = if group == 0 { self.first * self.seed } else { self.seed };
            let mut rows = Vec::new();
            for _ in 0..*seeds {
                let mut luck = spread * draw.normal();
                if self.collapse > 0.0 && draw.uniform() < self.collapse {
                    luck -= 0.3;
                }
                rows.push((0..self.units).map(|unit| self.score(draw, hard[unit] + own[unit] + luck)).collect());
            }
            rows
        };
        seeds.iter().enumerate().map(group).collect()
    }

    /// What a group makes of each unit.
    fn own(&self, draw: &mut Draw) -> Vec<f64> {
        let sd = self.image / 2_f64.sqrt();
        if let Some(images) = self.of_patient {
            let of_patients: Vec<f64> = (0..self.units.div_ceil(images)).map(|_| 0.8_f64.sqrt() * draw.normal()).collect();
            return (0..self.units).map(|unit| sd * (of_patients[unit / images] + 0.2_f64.sqrt() * draw.normal())).collect();
        }
        let shared = if self.shared > 0.0 { self.shared.sqrt() * draw.normal() } else { 0.0 };
        (0..self.units).map(|_| sd * (shared + (1.0 - self.shared).sqrt() * draw.normal())).collect()
    }

    fn score(&self, draw: &mut Draw, mean: f64) -> f64 {
        match self.skewed {
            false => mean + self.rest * draw.normal(),
            true if draw.uniform() < 0.05 => 0.0,
            true => (mean + self.rest * draw.uniform().max(1e-9).ln()).clamp(0.0, 1.0),
        }
    }
}
