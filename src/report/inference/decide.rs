//! Which differences are more than chance.

use super::holm::holm;
use super::pooled::Pooled;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The chance that is taken of calling any of the differences real where there is none.
pub const LEVEL: f64 = 0.05;

/// The difference between the means of two groups of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The first group, by its place in the table.
    pub a: usize,
    /// The second, by its place.
    pub b: usize,
    /// Mean of a − mean of b.
    pub value: f64,
    /// 95 % interval of it, by the same t as p; not corrected for other pairs.
    pub interval: (f64, f64),
    /// Two-sided p of Student's t.
    pub p: f64,
    /// The same after Holm's correction for all pairs of all tables.
    pub p_holm: f64,
    /// Whether that is below [`LEVEL`].
    pub significant: bool,
}

/// Tests every pair of groups of each table, pairs in the order (0, 1), (0, 2), …, (1, 2), …. Holm's correction is for the pairs of all
/// tables together.
///
/// Where neither seeds nor units make any difference the standard error is 0: equal means then have p = 1, others p = 0.
pub fn decide(tables: &[Pooled]) -> Vec<Vec<Difference>> {
    let mut found: Vec<Vec<Difference>> = tables.iter().map(pairs).collect();
    let corrected = holm(&found.iter().flatten().map(|pair| pair.p).collect::<Vec<_>>());
    for (pair, p) in found.iter_mut().flatten().zip(corrected) {
        (pair.p_holm, pair.significant) = (p, p < LEVEL);
    }
    found
}

fn pairs(table: &Pooled) -> Vec<Difference> {
    let groups = table.groups();
    (0..groups).flat_map(|a| (a + 1..groups).map(move |b| test(table, a, b))).collect()
}

fn test(table: &Pooled, a: usize, b: usize) -> Difference {
    let value = table.means[a] - table.means[b];
    let variance = table.variance(a, b);
    let error = variance.of_difference.sqrt();
    let rounding = table.rounding();
    let (p, half) = if error <= rounding {
        (if value.abs() <= rounding { 1.0 } else { 0.0 }, 0.0)
    } else {
        let t = student(variance.df);
        ((2.0 * t.sf(value.abs() / error)).min(1.0), t.inverse_cdf(1.0 - LEVEL / 2.0) * error)
    };
    Difference { a, b, value, interval: (value - half, value + half), p, p_holm: p, significant: false }
}

/// Half the width of a 95 % interval of a group's mean, by the t of the differences: of two groups with as many seeds each the interval of the
/// difference is √2 times as wide.
pub fn half_width(table: &Pooled, group: usize) -> f64 {
    let (error, df) = table.error_of_mean(group);
    if error > 0.0 { student(df).inverse_cdf(1.0 - LEVEL / 2.0) * error } else { 0.0 }
}

pub(super) fn student(df: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, df).expect("a variance above 0 has degrees of freedom above 0")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
