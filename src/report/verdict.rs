//! Which group is better, by how much, and whether one can believe it.

use super::collect::Comparison;
use super::{column, describe, stats};

/// The answer to "which is better?" by one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// The column by which groups are compared: `test_dice`, `val_dice`, ….
    pub column: String,
    /// Every group that has a value, the best first; groups that cannot be told apart share a rank.
    pub standings: Vec<Standing>,
    /// Every pair of groups that could be tested.
    pub pairs: Vec<Pair>,
    /// The answer in sentences.
    pub words: Vec<String>,
}

/// Where a group stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    /// Its place in [`Comparison::groups`], which decides its colour.
    pub group: usize,
    /// 1 for the best; groups that cannot be told apart from the first of their rank share it.
    pub rank: usize,
    /// Runs with a value.
    pub n: usize,
    pub mean: f64,
    /// Sample standard deviation over runs; `None` of one run.
    pub deviation: Option<f64>,
    /// 95 % confidence interval of the mean over runs (Student's t); `None` of one run.
    pub interval: Option<(f64, f64)>,
}

/// Two groups compared image by image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    /// The better one, as a place in [`Comparison::groups`].
    pub better: usize,
    pub worse: usize,
    /// Mean of `better` minus mean of `worse` over paired images; for a loss the other way, so that it is never negative.
    pub difference: f64,
    /// 95 % bootstrap interval over seeds, then images.
    pub interval: (f64, f64),
    /// Two-sided p of Wilcoxon's signed-rank test over images (means over seeds).
    pub p: f64,
    /// The same after Holm's correction for all pairs.
    pub p_holm: f64,
    /// Images and seeds that both groups have.
    pub images: usize,
    pub seeds: usize,
    /// Whether the two can be told apart.
    pub apart: bool,
}

/// Judges the groups.
pub(super) fn judge(comparison: &Comparison) -> Verdict {
    let column = describe::ranking(comparison).to_owned();
    let mut standings: Vec<Standing> = Vec::new();
    for (group, of) in comparison.groups.iter().enumerate() {
        let values = of.best(&column);
        let Some(mean) = stats::mean(&values) else { continue };
        let (deviation, interval) = (stats::deviation(&values), stats::interval(&values));
        standings.push(Standing { group, rank: 0, n: values.len(), mean, deviation, interval });
    }
    let sign = if column::higher_is_better(&column) { -1.0 } else { 1.0 };
    standings.sort_by(|a, b| (sign * a.mean).total_cmp(&(sign * b.mean)));
    standings.iter_mut().enumerate().for_each(|(at, standing)| standing.rank = at + 1);
    Verdict { column, standings, pairs: Vec::new(), words: vec![describe::headline(comparison)] }
}
