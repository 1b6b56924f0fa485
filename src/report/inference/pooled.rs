//! The variance components of a table of scores.

use super::uneven;

/// A standard deviation below this part of the scores is rounding.
const ROUNDING: f64 = 1e-12;

/// Variance components of a complete table of scores, group × seed × unit, a unit being an image, a patient or a fold.
///
/// The model of a score is Y\[g,s,i\] = group g + unit i + (group × unit) + (seed within group) + rest; all but the groups are
/// random. Seeds of a number are not paired between groups: what a seed does to one configuration says nothing of another.
///
/// With S_g seeds of group g, k groups, I units, S_h the harmonic mean of the S_g, and a dot for a mean over what it stands for:
///
/// ```text
/// A   = Σ_g Σ_s (Y_gs. − Y_g..)² / Σ_g (S_g − 1)                        = MS_S / I
/// Q   = Σ_g Σ_i (Y_g.i − Y_g.. − Y_..i + Y_...)² / ((k − 1)(I − 1))     = MS_GI / S_h
/// E   = Σ_g Σ_s Σ_i (Y_gsi − Y_gs. − Y_g.i + Y_g..)² / (Σ_g (S_g − 1) (I − 1))   = MS_E
/// b   = Q (1/I + overlap)          e = E / (S_h I)
/// se² = A (1/S_a + 1/S_b) + 2 max(b − e, 0)
/// df  = se⁴ / ((A (1/S_a + 1/S_b))² / Σ(S_g − 1)
///              + [b > e] 4 (b² / ((k − 1)(I − 1)) + e² / (Σ(S_g − 1) (I − 1)))), at least 1
/// ```
///
/// A group whose seeds vary much more than those of the others (F test, p below 0.01 / k) keeps its own variance and degrees of freedom in place
/// of A and Σ(S_g − 1), the two added as Welch (1938) does, and the others are pooled without it: a configuration that collapses
/// with some seeds would otherwise hide every difference between the others.
///
/// Means over groups count every group once. Since E\[A\] = σ²_seed + σ²_rest / I and E\[Q\] = σ²_group×unit + σ²_rest / S_h for any
/// numbers of seeds, se² is free of bias but for the cut at 0; with equal numbers it is that of the multi-reader, multi-case
/// analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    pub(super) seeds: Vec<usize>,
    pub(super) units: usize,
    pub(super) overlap: f64,
    pub(super) means: Vec<f64>,
    /// Variance of the means of a group's seeds, pooled: A.
    pub(super) between_seeds: f64,
    /// Variance of group × unit, each in the mean over seeds: Q.
    pub(super) interaction: f64,
    /// Variance of what is left of a single score: E.
    pub(super) rest: f64,
    /// Variance between units, each in the mean over groups and seeds.
    between_units: f64,
    /// Variance between the seeds of each group.
    pub(super) own: Vec<f64>,
    /// Groups whose seeds vary so much more than those of the others that they have no part in A and keep their own variance.
    pub(super) uneven: Vec<bool>,
}

/// Variance of a difference with its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variance {
    pub of_difference: f64,
    pub df: f64,
}

impl Pooled {
    /// Of scores by group, seed and unit. `overlap` is 0 for images and patients; for the folds of a k-fold cross-validation it
    /// is 1 / (k − 1), the test share over the training share, since folds share training images (Nadeau and Bengio 2003).
    ///
    /// `None` for fewer than two groups, two seeds of each or two units, for a table with holes, and for numbers that are not finite.
    pub fn of(groups: &[Vec<Vec<f64>>], overlap: f64) -> Option<Self> {
        let units = groups.first()?.first()?.len();
        let complete = |row: &Vec<f64>| row.len() == units && row.iter().all(|score| score.is_finite());
        if groups.len() < 2 || units < 2 || groups.iter().any(|seeds| seeds.len() < 2 || !seeds.iter().all(complete)) {
            return None;
        }
        let seeds: Vec<usize> = groups.iter().map(Vec::len).collect();
        // Y_g.i, Y_g.., Y_..i and Y_...
        let by_unit: Vec<Vec<f64>> = groups.iter().map(|rows| columns(rows)).collect();
        let means: Vec<f64> = by_unit.iter().map(|row| mean(row)).collect();
        let (of_units, all) = (columns(&by_unit), mean(&means));
        let squares = |group: usize| groups[group].iter().map(|row| (mean(row) - means[group]).powi(2)).sum::<f64>();
        let own: Vec<f64> = (0..groups.len()).map(|group| squares(group) / (seeds[group] - 1) as f64).collect();
        let uneven = uneven::uneven(&own, &seeds, rounding(&means).powi(2));
        let interaction = by_unit.iter().zip(&means).flat_map(|(row, of_group)| {
            row.iter().zip(&of_units).map(move |(cell, of_unit)| (cell - of_group - of_unit + all).powi(2))
        });
        let rest = groups.iter().zip(by_unit.iter().zip(&means)).flat_map(|(rows, (row_of_group, of_group))| {
            rows.iter().flat_map(move |row| {
                let of_seed = mean(row);
                row.iter().zip(row_of_group).map(move |(cell, of_unit)| (cell - of_seed - of_unit + of_group).powi(2))
            })
        });
        let (within, between) = (seeds.iter().sum::<usize>() - seeds.len(), groups.len() - 1);
        let free = (units - 1) as f64;
        Some(Self {
            between_seeds: uneven::pooled(&own, &seeds, &uneven),
            interaction: interaction.sum::<f64>() / (between as f64 * free),
            rest: rest.sum::<f64>() / (within as f64 * free),
            between_units: of_units.iter().map(|of_unit| (of_unit - all).powi(2)).sum::<f64>() / free,
            own,
            uneven,
            seeds,
            units,
            overlap,
            means,
        })
    }

    /// How many groups.
    pub fn groups(&self) -> usize {
        self.means.len()
    }

    /// How many units: images, patients or folds.
    pub fn units(&self) -> usize {
        self.units
    }

    /// Seeds of a group.
    pub fn seeds(&self, group: usize) -> usize {
        self.seeds[group]
    }

    /// Standard deviation of a group's mean score from seed to seed, pooled over the groups that vary alike.
    pub fn seed_deviation(&self) -> f64 {
        self.between_seeds.sqrt()
    }

    /// The same of the seeds of one group alone.
    pub fn own_seed_deviation(&self, group: usize) -> f64 {
        self.own[group].sqrt()
    }

    /// Whether the seeds of a group vary so much more than those of the others that it is not pooled with them.
    pub fn is_uneven(&self, group: usize) -> bool {
        self.uneven[group]
    }

    /// Standard deviation of a score from unit to unit, in the mean over groups and seeds.
    pub fn unit_deviation(&self) -> f64 {
        self.between_units.sqrt()
    }

    /// What is rounding among standard deviations of these scores.
    pub(super) fn rounding(&self) -> f64 {
        rounding(&self.means)
    }

    /// Standard error of the mean of a group beside the others, with its degrees of freedom: its share of the standard error of
    /// a difference. What all groups have in common, how hard the units are, has no part in it.
    pub fn error_of_mean(&self, group: usize) -> (f64, f64) {
        let variance = self.variance(group, group);
        ((variance.of_difference / 2.0).sqrt(), variance.df)
    }

    pub(super) fn variance(&self, a: usize, b: usize) -> Variance {
        let within = self.seeds.iter().sum::<usize>() - self.seeds.len();
        let harmonic = 1.0 / mean(&self.seeds.iter().map(|seeds| 1.0 / *seeds as f64).collect::<Vec<_>>());
        let of_group = |group: usize| match self.uneven[group] {
            true => (self.own[group] / self.seeds[group] as f64, (self.seeds[group] - 1) as f64),
            false => (self.between_seeds / self.seeds[group] as f64, uneven::free(&self.seeds, &self.uneven)),
        };
        let ((of_a, free_a), (of_b, free_b)) = (of_group(a), of_group(b));
        let of_seeds = of_a + of_b;
        let one_spread = a == b || !(self.uneven[a] || self.uneven[b]);
        let of_units = self.interaction * (1.0 / self.units as f64 + self.overlap);
        let counted = self.rest / (harmonic * self.units as f64);
        let (groups, free) = ((self.means.len() - 1) as f64, (self.units - 1) as f64);
        let mut squares = if one_spread { of_seeds.powi(2) / free_a } else { of_a.powi(2) / free_a + of_b.powi(2) / free_b };
        if of_units > counted {
            squares += 4.0 * (of_units.powi(2) / (groups * free) + counted.powi(2) / (within as f64 * free));
        }
        let of_difference = of_seeds + 2.0 * (of_units - counted).max(0.0);
        Variance { of_difference, df: (of_difference.powi(2) / squares).max(1.0) }
    }
}

/// Of scores with these means.
fn rounding(means: &[f64]) -> f64 {
    ROUNDING * means.iter().fold(0.0_f64, |most, mean| most.max(mean.abs()))
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean of each column of rows of one length.
fn columns(rows: &[Vec<f64>]) -> Vec<f64> {
    let count = rows.len() as f64;
    (0..rows.first().map_or(0, Vec::len)).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / count).collect()
}
