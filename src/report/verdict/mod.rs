//! Which group is better, by how much, and whether one can believe it.
//!
//! [`judge`] orders groups by their validation scores, so that the score of the best on the test split is not the luckiest of many, and
//! tests the differences of all pairs on the split that is judged: see [`inference`](super::inference) for the rule.

mod design;
mod phrases;
mod scores;
#[cfg(test)]
mod tests;
mod words;

use super::collect::Comparison;
use super::inference::{self, Difference};
use super::{column, stats};
use crate::metric::{self, Split};
pub(super) use phrases::{basis, data_set};
use scores::Scores;
pub(super) use scores::{Tested, Unit};
pub(super) use words::{method, number, p as p_value};

/// Which scores put groups in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RankBy {
    /// Those of the validation split, at the best epoch.
    #[default]
    Validation,
    /// Those of the test split, where every group has some. What was chosen by a score has a score that is too good.
    Test,
}

/// The answer to "which is better?" by one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verdict {
    /// The column by which groups are judged: `test_dice`, `val_dice`, ….
    pub column: String,
    /// The column that puts them in order.
    pub ranked_by: String,
    /// Every group that has a value, those of a data set together, the best first.
    pub standings: Vec<Standing>,
    /// Every pair of groups that was tested.
    pub pairs: Vec<Pair>,
    /// What they were tested by.
    pub tested: Vec<Tested>,
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
    /// 1 for the best of its data set; groups without a significant difference to the first of their rank share it.
    pub rank: usize,
    /// Runs with a value.
    pub n: usize,
    pub mean: f64,
    /// Sample standard deviation over runs; `None` of one run.
    pub deviation: Option<f64>,
    /// 95 % interval of the mean: by the t of the differences where the group was tested, else Student's t over runs; `None` of one run.
    pub interval: Option<(f64, f64)>,
}

/// Two groups that were tested.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    /// The one with the better mean, as a place in [`Comparison::groups`].
    pub better: usize,
    pub worse: usize,
    /// How much better in the mean over seeds and common units; never negative, for a loss too.
    pub difference: f64,
    /// 95 % interval of it.
    pub interval: (f64, f64),
    /// Two-sided p of Student's t.
    pub p: f64,
    /// The same after Holm's correction for all pairs.
    pub p_holm: f64,
    /// Seeds of the better and the worse.
    pub seeds: [usize; 2],
    /// How many units: images, patients or folds.
    pub units: usize,
    pub unit: Unit,
    /// Whether the corrected p is below 0.05.
    pub significant: bool,
}

/// Digits of a mean behind the point.
const SHOWN: usize = 3;

impl Verdict {
    /// The split whose scores are judged.
    pub(super) fn split(&self) -> Split {
        metric::describe(&self.column).and_then(|metric| metric.split).unwrap_or(Split::Val)
    }

    /// All groups, the best first, those without a value last.
    pub(super) fn order(&self, comparison: &Comparison) -> Vec<usize> {
        let mut order: Vec<usize> = self.standings.iter().map(|standing| standing.group).collect();
        order.extend((0..comparison.groups.len()).filter(|group| self.standings.iter().all(|s| s.group != *group)));
        order
    }

    /// The best group of each data set that groups with a value are of.
    pub(super) fn bests(&self) -> impl Iterator<Item = &Standing> {
        self.standings.chunk_by(|a, b| a.data == b.data).map(|of| &of[0])
    }

    /// What would settle what is open, a sentence for each table that was tested.
    pub(super) fn settle(&self, comparison: &Comparison) -> Vec<String> {
        self.tested.iter().filter_map(|tested| design::settle(comparison, self, tested)).collect()
    }

    /// How many of these data sets there are.
    pub(super) fn data_sets(&self) -> usize {
        self.bests().count()
    }
}

/// Judges the groups by a metric (`iou`, `dice_disc`), or by Dice (by what chooses the best epoch where there is no Dice), on the test
/// split if every group with finished runs has scores of it, else on the validation split.
pub(super) fn judge(comparison: &Comparison, by: Option<&str>, rank_by: RankBy) -> Verdict {
    let scores = Scores::of(comparison, by);
    let (mut standings, ranked_by) = standings(comparison, &scores, rank_by);
    let order: Vec<usize> = standings.iter().map(|standing| standing.group).collect();
    let (tested, untested) = scores.tables(comparison, &order);
    let tables: Vec<_> = tested.iter().map(|tested| tested.table.clone()).collect();
    let found = inference::decide(&tables);
    let pairs: Vec<Pair> = tested
        .iter()
        .zip(&found)
        .flat_map(|(tested, found)| found.iter().map(|pair| named(&scores.column, tested, pair)))
        .collect();
    for (tested, at, group) in tested.iter().flat_map(|t| t.groups.iter().enumerate().map(move |(at, group)| (t, at, *group))) {
        let standing = standings.iter_mut().find(|standing| standing.group == group).expect("groups are tested in order");
        let half = inference::half_width(&tested.table, at);
        standing.interval = Some((standing.mean - half, standing.mean + half));
    }
    rank(&mut standings, &pairs);
    let mut verdict = Verdict { column: scores.column.clone(), ranked_by, standings, pairs, tested, words: Vec::new() };
    verdict.words = words::of(comparison, &scores, &verdict, &untested, rank_by);
    verdict
}

/// The groups in order, and the column that decides it: that of the validation split if all have a value of it.
fn standings(comparison: &Comparison, scores: &Scores, rank_by: RankBy) -> (Vec<Standing>, String) {
    let (mut standings, mut known): (Vec<Standing>, Vec<usize>) = (Vec::new(), Vec::new());
    for (group, of) in comparison.groups.iter().enumerate() {
        let values = of.values(&scores.column);
        let Some(mean) = stats::mean(&values) else { continue };
        let (deviation, interval) = (stats::deviation(&values), stats::interval(&values));
        let key = of.key();
        let data = known.iter().position(|other| comparison.groups[*other].key().ranks_with(&key)).unwrap_or_else(|| {
            known.push(group);
            known.len() - 1
        });
        standings.push(Standing { group, data, rank: 0, n: values.len(), mean, deviation, interval });
    }
    let validation = Split::Val.column(scores.stem());
    let of = |standing: &Standing, column: &str| stats::mean(&comparison.groups[standing.group].values(column));
    let all = rank_by == RankBy::Validation && standings.iter().all(|standing| of(standing, &validation).is_some());
    let ranked_by = if all { validation } else { scores.column.clone() };
    let sign = if column::higher_is_better(&ranked_by) { -1.0 } else { 1.0 };
    let place = |standing: &Standing| sign * of(standing, &ranked_by).unwrap_or(f64::NAN);
    standings.sort_by(|a, b| a.data.cmp(&b.data).then(place(a).total_cmp(&place(b))));
    (standings, ranked_by)
}

fn named(column: &str, tested: &Tested, pair: &Difference) -> Pair {
    let sign = if column::higher_is_better(column) { 1.0 } else { -1.0 };
    let (first, last) = if sign * pair.value >= 0.0 { (pair.a, pair.b) } else { (pair.b, pair.a) };
    let (low, high) = pair.interval;
    Pair {
        better: tested.groups[first],
        worse: tested.groups[last],
        difference: pair.value.abs(),
        interval: if pair.value >= 0.0 { (low, high) } else { (-high, -low) },
        p: pair.p,
        p_holm: pair.p_holm,
        seeds: [first, last].map(|group| tested.table.seeds(group)),
        units: tested.table.units(),
        unit: tested.unit,
        significant: pair.significant,
    }
}

/// Shares a rank among neighbours without a significant difference to its first, or, where they were not tested, with the same digits.
fn rank(standings: &mut [Standing], pairs: &[Pair]) {
    let same = |a: &Standing, b: &Standing| {
        let is_theirs = |pair: &&Pair| [(a.group, b.group), (b.group, a.group)].contains(&(pair.better, pair.worse));
        let alike = || format!("{:.SHOWN$}", a.mean) == format!("{:.SHOWN$}", b.mean);
        a.data == b.data && pairs.iter().find(is_theirs).map_or_else(alike, |pair| !pair.significant)
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
