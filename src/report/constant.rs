//! What no network is needed for, beside what groups have: the best constant mask, all foreground or none.

use super::collect::{Comparison, Group};
use super::data_sets::List;
use super::{describe, stats};
use crate::metric::Split;

/// A group whose validation Dice is not above that of the best constant mask by more than this has learnt nothing yet.
pub(super) const LEARNT: f64 = 0.02;

/// Groups that are named in a sentence.
const NAMED: usize = 3;

/// What charts and tables call it.
pub(super) const LABEL: &str = "best constant mask";

/// What the best constant mask scores in a column, in the mean over a group's runs that speak for it; `None` where no run says.
fn of_group(group: &Group, column: &str) -> Option<f64> {
    let known: Vec<f64> = group.settled().iter().filter_map(|run| run.provenance.constant_mask.get(column).copied()).collect();
    stats::mean(&known)
}

/// The scores of the best constant mask in a validation column, each once, of all groups.
pub(super) fn values(comparison: &Comparison, column: &str) -> Vec<f64> {
    let mut values: Vec<f64> = comparison.groups.iter().filter_map(|group| of_group(group, column)).collect();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
    values
}

/// What the best constant mask scores in these columns, in the mean over a list's groups, in the order of the columns; `None` where it has no score
/// in any of them.
pub(super) fn of_list(comparison: &Comparison, list: &List, columns: &[String]) -> Option<Vec<Option<f64>>> {
    let of = |column: &String| {
        let known: Vec<f64> = list.groups.iter().filter_map(|at| of_group(&comparison.groups[*at], column)).collect();
        stats::mean(&known)
    };
    let scores: Vec<Option<f64>> = columns.iter().map(of).collect();
    scores.iter().any(Option::is_some).then_some(scores)
}

/// Sentences: what the best constant mask has, and which groups have no more.
pub(super) fn words(comparison: &Comparison) -> Vec<String> {
    let of = |(stem, name): (&str, &str)| match values(comparison, &Split::Val.column(stem))[..] {
        [] => None,
        [one] => Some(format!("{name} {one:.3}")),
        [least, .., most] => Some(format!("{name} {least:.3} to {most:.3}")),
    };
    let scores: Vec<String> = [("dice", "Dice"), ("iou", "IoU")].into_iter().filter_map(of).collect();
    if scores.is_empty() {
        return Vec::new();
    }
    let has = format!("The {LABEL}, all foreground or none, has validation {}.", scores.join(" and "));
    std::iter::once(has).chain(unlearnt(comparison)).collect()
}

/// Which groups have learnt nothing yet, in a sentence for each as long as they are few.
fn unlearnt(comparison: &Comparison) -> Vec<String> {
    let column = Split::Val.column("dice");
    let of = |group: &Group| {
        let best = stats::mean(&group.best(&column))?;
        let constant = of_group(group, &column)?;
        (best - constant <= LEARNT).then(|| (describe::shown(&group.name), best, constant))
    };
    let unlearnt: Vec<(String, f64, f64)> = comparison.groups.iter().filter_map(of).collect();
    let who = |name: &str| if comparison.groups.len() == 1 { "The run".to_owned() } else { name.to_owned() };
    let line = |(name, best, constant): &(String, f64, f64)| {
        format!(
            "{} has learnt nothing yet: val Dice {best:.3}, the {LABEL} has {constant:.3}; train longer, try another lr (umlaut find-lr) or \
             look at the masks (umlaut data inspect).",
            who(name)
        )
    };
    let more = unlearnt.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map(|more| format!("Nor have {} learnt anything yet.", crate::text::counted(more, "further group")));
    unlearnt.iter().take(NAMED).map(line).chain(more).collect()
}
