//! What groups have over the threshold: the curves of each one's best run, and its pixels at the threshold in use.

use super::collect::{Comparison, Group, Run, State};
use super::data_sets::List;
use super::rows::{Grid, Row};
use super::{column, describe};
use crate::metric::{Split, USUAL_THRESHOLD};
use crate::record::ThresholdRow;
use std::cmp::Ordering;

/// A class of a group's best run.
pub(super) struct Curve<'a> {
    /// Its place in [`Comparison::groups`].
    pub group: usize,
    /// In ascending order of the threshold, never empty.
    pub rows: Vec<&'a ThresholdRow>,
    /// The threshold in use.
    pub used: f64,
}

impl Curve<'_> {
    /// The row of the threshold in use.
    pub(super) fn in_use(&self) -> Option<&ThresholdRow> {
        self.rows.iter().find(|row| row.threshold == self.used).copied()
    }
}

/// The split that curves are of: the test split if every group that has curves has some of it, else the validation split.
pub(super) fn split(comparison: &Comparison) -> Split {
    let of_test = |run: &Run| run.thresholds.rows.iter().any(|row| row.split == Split::Test.prefix());
    let mut best = comparison.groups.iter().filter_map(|group| best_run(comparison, group)).peekable();
    if best.peek().is_some() && best.all(of_test) { Split::Test } else { Split::Val }
}

/// The curves of a class, of every group that has some.
pub(super) fn curves<'a>(comparison: &'a Comparison, class: &'a str) -> Vec<Curve<'a>> {
    let split = split(comparison);
    let of = |(group, of): (usize, &'a Group)| {
        let run = best_run(comparison, of)?;
        let rows: Vec<&ThresholdRow> = run.thresholds.of(split.prefix(), class).collect();
        let used = run.used.get(class).copied().unwrap_or(USUAL_THRESHOLD);
        (!rows.is_empty()).then_some(Curve { group, rows, used })
    };
    comparison.groups.iter().enumerate().filter_map(of).collect()
}

/// The finished run with the best value of what chooses the best epoch.
fn best_run<'a>(comparison: &Comparison, group: &'a Group) -> Option<&'a Run> {
    let value = |run: &Run| run.best.get(&comparison.best_by).copied().filter(|value| value.is_finite());
    let sign = if column::higher_is_better(&comparison.best_by) { 1.0 } else { -1.0 };
    let ended = group.runs.iter().filter(|run| run.state == State::Finished && !run.thresholds.rows.is_empty());
    // Of equals the first.
    let better = |a: &&Run, b: &&Run| match (value(a), value(b)) {
        (Some(a), Some(b)) => (sign * a).total_cmp(&(sign * b)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    ended.reduce(|best, next| if better(&next, &best) == Ordering::Greater { next } else { best })
}

/// Pixels by truth and prediction, a row for each group of a list and each class; nothing where no run has curves.
pub(super) fn confusion(comparison: &Comparison, list: &List) -> Option<Grid> {
    let header = ["group", "class", "threshold", "foreground found", "missed", "background marked", "left"];
    let all: Vec<(&String, Vec<Curve>)> = comparison.classes.iter().map(|class| (class, curves(comparison, class))).collect();
    let mut rows = Vec::new();
    for group in &list.groups {
        for (class, curves) in &all {
            let Some((curve, row)) =
                curves.iter().find(|curve| curve.group == *group).and_then(|curve| Some((curve, curve.in_use()?)))
            else {
                continue;
            };
            let [tp, fp, fn_, tn] = row.counts;
            let mut cells = vec![describe::shown(&comparison.groups[*group].name), (*class).clone(), curve.used.to_string()];
            cells.extend([share(tp, fn_), share(fn_, tp), share(fp, tn), share(tn, fp)]);
            rows.push(Row { cells, strong: None });
        }
    }
    let note = format!(
        "Pixels of all images of the {} split together, of the best run of each group at the threshold in use; shares of the truth.",
        split(comparison).word()
    );
    (!rows.is_empty()).then(|| Grid { header: header.map(str::to_owned).to_vec(), rows, words: vec![0, 1], note })
}

/// `1234 (56.7 %)` of a count and the rest; of no pixels a count alone.
fn share(count: u64, rest: u64) -> String {
    let all = u128::from(count) + u128::from(rest);
    let part = if all == 0 { String::new() } else { format!(" ({:.1} %)", 100.0 * count as f64 / all as f64) };
    count.to_string() + &part
}
