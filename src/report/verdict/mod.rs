//! Which group is better, by how much, and whether one can believe it.
//!
//! [`judge`] compares groups image by image: a bootstrap over seeds and images says how large a difference is, Wilcoxon's signed-rank
//! test with Holm's correction whether there is one. Two groups are told apart only where both say so.

mod scores;
#[cfg(test)]
mod tests;
mod words;

use super::collect::Comparison;
use super::{column, inference, stats};
use crate::metric::{self, Part};
use scores::{Scores, Shared};
pub(super) use words::{method, number, p as p_value};

/// The answer to "which is better?" by one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// The column by which groups are compared: `test_dice`, `val_dice`, ….
    pub column: String,
    /// Every group that has a value, those of a data set together, the best first; groups that cannot be told apart share a rank.
    pub standings: Vec<Standing>,
    /// Every pair of groups that was tested: all, or with more than [`ALL_PAIRS`] groups each with the best.
    pub pairs: Vec<Pair>,
    /// The answer in sentences.
    pub words: Vec<String>,
}

/// Where a group stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    /// Its place in [`Comparison::groups`], which decides its colour.
    pub group: usize,
    /// Which data set it is about, counted from 0; those of another do not compare with it.
    pub data: usize,
    /// 1 for the best of its data set; groups that cannot be told apart from the first of their rank share it.
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
    /// How much better in the mean over common seeds and images; never negative, for a loss too.
    pub difference: f64,
    /// 95 % bootstrap interval of it, over seeds, then images.
    pub interval: (f64, f64),
    /// Two-sided p of Wilcoxon's signed-rank test over images (means over seeds).
    pub p: f64,
    /// The same after Holm's correction for all pairs.
    pub p_holm: f64,
    /// Images that both groups have.
    pub images: usize,
    /// Seeds that both have; the fewer of both where none is common.
    pub seeds: usize,
    /// Whether the two can be told apart: the corrected p is below 0.05 and the interval leaves out zero.
    pub apart: bool,
}

/// Most groups of which every pair is tested.
pub(super) const ALL_PAIRS: usize = 12;
/// Digits of a mean behind the point.
const SHOWN: usize = 3;
/// Chance of a false difference that is put up with.
const LEVEL: f64 = 0.05;

impl Verdict {
    /// The part whose scores are compared.
    pub(super) fn part(&self) -> Part {
        metric::describe(&self.column).and_then(|metric| metric.part).unwrap_or(Part::Val)
    }

    /// Data sets that groups with a value are of.
    pub(super) fn data_sets(&self) -> usize {
        self.standings.chunk_by(|a, b| a.data == b.data).count()
    }
}

/// Judges the groups by a metric (`iou`, `dice_disc`), or by Dice (by what chooses the best epoch where there is no Dice), on the test
/// part if every group with finished runs has scores of it, else on the validation part.
pub(super) fn judge(comparison: &Comparison, by: Option<&str>) -> Verdict {
    let scores = Scores::of(comparison, by);
    let mut standings = standings(comparison, &scores.column);
    let shared: Vec<(usize, usize, Shared)> = asked(&standings).filter_map(|(a, b)| Some((a, b, scores.shared(a, b)?))).collect();
    let mut pairs: Vec<Pair> = shared.iter().filter_map(|(a, b, shared)| test(&scores.column, *a, *b, shared)).collect();
    let corrected = inference::holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>());
    for (pair, p) in pairs.iter_mut().zip(corrected) {
        pair.p_holm = p;
        pair.apart = p < LEVEL && pair.interval.0 > 0.0;
    }
    rank(&mut standings, &pairs);
    let mut verdict = Verdict { column: scores.column.clone(), standings, pairs, words: Vec::new() };
    verdict.words = words::of(comparison, &scores, &verdict);
    verdict
}

fn standings(comparison: &Comparison, column: &str) -> Vec<Standing> {
    let (mut standings, mut known): (Vec<Standing>, Vec<&str>) = (Vec::new(), Vec::new());
    for (group, of) in comparison.groups.iter().enumerate() {
        let values = of.values(column);
        let Some(mean) = stats::mean(&values) else { continue };
        let (deviation, interval) = (stats::deviation(&values), stats::interval(&values));
        let data = known.iter().position(|data| *data == of.data()).unwrap_or_else(|| {
            known.push(of.data());
            known.len() - 1
        });
        standings.push(Standing { group, data, rank: 0, n: values.len(), mean, deviation, interval });
    }
    let sign = if column::higher_is_better(column) { -1.0 } else { 1.0 };
    standings.sort_by(|a, b| a.data.cmp(&b.data).then((sign * a.mean).total_cmp(&(sign * b.mean))));
    standings
}

/// The pairs to be tested: of groups on one data set.
fn asked(standings: &[Standing]) -> impl Iterator<Item = (usize, usize)> {
    standings.chunk_by(|a, b| a.data == b.data).flat_map(|of| {
        let firsts = if of.len() > ALL_PAIRS { 1 } else { of.len() };
        (0..firsts).flat_map(move |a| (a + 1..of.len()).map(move |b| (of[a].group, of[b].group)))
    })
}

/// `None` for one seed, whose luck cannot be told from a difference, and where the draws find nothing.
fn test(column: &str, a: usize, b: usize, shared: &Shared) -> Option<Pair> {
    if shared.seeds < 2 {
        return None;
    }
    let (low, high) = inference::difference(&shared.a, &shared.b, shared.paired)?;
    let differences = shared.differences();
    let mean = shared.mean_difference();
    let sign = if column::higher_is_better(column) { 1.0 } else { -1.0 };
    let (better, worse) = if sign * mean >= 0.0 { (a, b) } else { (b, a) };
    let interval = if mean >= 0.0 { (low, high) } else { (-high, -low) };
    let p = inference::wilcoxon(&differences);
    let images = differences.len();
    Some(Pair { better, worse, difference: mean.abs(), interval, p, p_holm: 1.0, images, seeds: shared.seeds, apart: false })
}

/// Shares a rank among neighbours that cannot be told apart from its first: by the test, or, where there is none, by the digits that tables show.
fn rank(standings: &mut [Standing], pairs: &[Pair]) {
    let same = |a: &Standing, b: &Standing| {
        let is_theirs = |pair: &&Pair| [(a.group, b.group), (b.group, a.group)].contains(&(pair.better, pair.worse));
        let alike = || format!("{:.SHOWN$}", a.mean) == format!("{:.SHOWN$}", b.mean);
        a.data == b.data && pairs.iter().find(is_theirs).map_or_else(alike, |pair| !pair.apart)
    };
    let (mut first, mut start) = (0, 0);
    for at in 0..standings.len() {
        if standings[start].data != standings[at].data {
            start = at;
        }
        if !same(&standings[first], &standings[at]) {
            first = at;
        }
        standings[at].rank = first - start + 1;
    }
}
