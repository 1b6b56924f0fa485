//! What a design can find.

use super::decide::student;
use super::pooled::Pooled;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The chance with which a detectable difference is found.
const POWER: f64 = 0.8;

impl Pooled {
    /// The difference between two groups that this design finds in about 80 % of repetitions, at a level such as
    /// [`LEVEL`](super::LEVEL) divided by the number of pairs: (t₁₋ₗₑᵥₑₗ⸝₂ + t₀.₈) standard errors. With few degrees of freedom an
    /// estimated variance is below the true one more often than above, so it is divided by the median of χ² over its degrees of freedom.
    pub fn detectable(&self, a: usize, b: usize, level: f64) -> f64 {
        let variance = self.variance(a, b);
        if variance.of_difference.sqrt() <= self.rounding() {
            return 0.0;
        }
        let t = student(variance.df);
        let median = ChiSquared::new(variance.df).expect("at least one degree of freedom").inverse_cdf(0.5) / variance.df;
        (t.inverse_cdf(1.0 - level / 2.0) + t.inverse_cdf(POWER)) * (variance.of_difference / median).sqrt()
    }

    /// The same design with so many more seeds of two groups, as its variance components foretell it.
    #[must_use]
    pub fn with_more_seeds(&self, a: usize, b: usize, more: usize) -> Self {
        let share = |seeds: &[usize]| self.rest * seeds.iter().map(|s| 1.0 / *s as f64).sum::<f64>() / seeds.len() as f64;
        let mut longer = self.clone();
        longer.seeds[a] += more;
        longer.seeds[b] += more;
        longer.interaction = (self.interaction - share(&self.seeds)).max(0.0) + share(&longer.seeds);
        longer
    }
}
