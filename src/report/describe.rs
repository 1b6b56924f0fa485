//! The comparison in sentences: for the head of the report and for readers who cannot see a chart.

use super::collect::{Comparison, Group, Run, State};
use super::{column, stats};
use crate::metric::Split;
use crate::text::counted;

/// Whether `a` is better than `b` in a column.
pub(super) fn better(column: &str, a: f64, b: f64) -> bool {
    if column::higher_is_better(column) { a > b } else { a < b }
}

/// How many runs there are and how they ended: `3 runs in 2 groups: 3 finished`.
pub(super) fn ended(comparison: &Comparison) -> String {
    let (runs, groups) = (comparison.runs().count(), comparison.groups.len());
    let of = |state: State| (comparison.runs().filter(|r| r.state == state).count(), state.word());
    let states = [State::Finished, State::Failed, State::Interrupted, State::Paused, State::Unfinished, State::Damaged].map(of);
    let parts: Vec<String> = states.iter().filter(|s| s.0 > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{} in {}: {}", counted(runs, "run"), counted(groups, "group"), parts.join(", "))
}

/// The same, with what else is to be known of the directories.
pub(super) fn counts(comparison: &Comparison) -> String {
    let others = match comparison.of_other_plans {
        0 => String::new(),
        n => format!(" {} of other plans not shown.", counted(n, "run")),
    };
    let remarks: String = comparison.remarks.iter().map(|remark| format!(" {remark}")).collect();
    format!("{}.{others}{remarks}", ended(comparison))
}

/// Groups whose values a chart's description tells.
const SPOKEN: usize = 12;

/// A chart of curves in words.
pub(super) fn curves(comparison: &Comparison, stem: &str) -> String {
    let title = column::title(stem);
    let value = |g: &Group| {
        let spread = stats::spread(&g.best(&Split::Val.column(stem)), 3);
        format!("{} {spread}", shown(&g.name))
    };
    let mut values: Vec<String> = comparison.groups.iter().take(SPOKEN).map(value).collect();
    values.extend(comparison.groups.len().checked_sub(SPOKEN + 1).map(|more| counted(more + 1, "further group")));
    let crossed = if comparison.runs().any(|r| r.state == State::Failed) {
        " Runs that failed are thin, end in a cross and are not part of the mean."
    } else {
        ""
    };
    format!(
        "Solid: validation; dashed: training. Lines are means over the runs of a group, bands reach from the smallest to the \
         largest run.{crossed} Validation {title} at the best epoch: {}.",
        values.join("; ")
    )
}

/// Runs with something to explain.
pub(super) fn troubled(comparison: &Comparison) -> Vec<(&Run, String)> {
    let cause = |run: &Run| run.cause.clone().unwrap_or_else(|| "no cause was recorded; see its log.txt".to_owned());
    let troubled = comparison.runs().filter(|r| matches!(r.state, State::Failed | State::Damaged));
    troubled.map(|run| (run, cause(run))).collect()
}

/// What is to be known of the numbers of some runs, each sentence once with the runs that it is about.
pub(super) fn noted(comparison: &Comparison) -> Vec<(String, Vec<&Run>)> {
    let mut noted: Vec<(String, Vec<&Run>)> = Vec::new();
    for (run, note) in comparison.runs().flat_map(|run| run.notes.iter().map(move |note| (run, note))) {
        match noted.iter_mut().find(|(known, _)| known == note) {
            Some((_, runs)) => runs.push(run),
            None => noted.push((note.clone(), vec![run])),
        }
    }
    noted
}

/// A group's name without the quotes of TOML.
pub(super) fn shown(name: &str) -> String {
    name.replace('"', "")
}
