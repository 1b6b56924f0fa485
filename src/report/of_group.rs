//! What a group's runs give to a table: values of a column, test columns, finished runs, the best epoch.

use super::collect::{Comparison, Group, Run, State};
use crate::metric::Split;
use std::collections::BTreeSet;

/// Columns of the test split: overall ones first, then those of each class; of each in the order of the alphabet.
pub(super) fn tested(comparison: &Comparison) -> Vec<String> {
    let columns: BTreeSet<&String> = comparison.runs().flat_map(|r| r.test.keys()).collect();
    let mut columns: Vec<String> = columns.into_iter().cloned().collect();
    let class = |column: &String| comparison.classes.iter().position(|class| column.ends_with(&format!("_{class}")));
    columns.sort_by_key(class);
    columns
}

/// A column of the test split with its prefix, which outcome.toml may leave out.
pub(super) fn prefixed(column: &str) -> String {
    if Split::Test.has(column) { column.to_owned() } else { Split::Test.column(column) }
}

/// A column's finite values of the runs that speak for a group: of the best epoch, or of the test split.
pub(super) fn values(group: &Group, column: &str) -> Vec<f64> {
    let of_test = |run: &&Run| run.test.iter().find(|(name, _)| prefixed(name) == prefixed(column)).map(|(_, value)| *value);
    match Split::Val.has(column) {
        true => group.best(column),
        false => group.settled().iter().filter_map(of_test).filter(|v| v.is_finite()).collect(),
    }
}

/// Finished runs of all runs: `2/3`.
pub(super) fn finished(group: &Group) -> String {
    format!("{}/{}", count_finished(group), group.runs.len())
}

/// How many of its runs finished.
pub(super) fn count_finished(group: &Group) -> usize {
    group.runs.iter().filter(|r| r.state == State::Finished).count()
}

/// Mean best epoch of the runs that speak for a group.
pub(super) fn best_epoch(group: &Group) -> String {
    group.best_epoch().map_or("–".to_owned(), |epoch| epoch.to_string())
}
