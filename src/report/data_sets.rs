//! Groups by data set: scores on different data sets do not compare, so each has a list of its own.

use super::collect::Comparison;
use super::verdict::{Verdict, data_set};

/// The groups of one data set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    /// Which data set it is, where there are several.
    pub title: Option<String>,
    /// Places in [`Comparison::groups`]: by rank, then those without a value.
    pub groups: Vec<usize>,
}

/// A list for each data set, in the order of the verdict; at the end, where there are several, one of groups that have no score and do not say of
/// which data they are.
pub(super) fn lists(comparison: &Comparison, verdict: &Verdict) -> Vec<List> {
    let data = |group: usize| comparison.groups[group].data();
    let mut lists: Vec<List> = Vec::new();
    for of in verdict.standings.chunk_by(|a, b| a.data == b.data) {
        let groups: Vec<usize> = of.iter().map(|standing| standing.group).collect();
        lists.push(List { title: Some(data_set(lists.len(), data(groups[0]))), groups });
    }
    let mut others = Vec::new();
    for group in (0..comparison.groups.len()).filter(|group| verdict.standings.iter().all(|s| s.group != *group)) {
        let several = lists.len() > 1;
        match lists.iter_mut().find(|list| !several || data(list.groups[0]) == data(group)) {
            Some(list) => list.groups.push(group),
            None => others.push(group),
        }
    }
    if !others.is_empty() {
        lists.push(List { title: Some("no score yet".to_owned()), groups: others });
    }
    if let [only] = &mut lists[..] {
        only.title = None;
    }
    lists
}

/// A list's own words before those of what it holds: `Groups` alone, or with the data set.
pub(super) fn headed(words: &str, list: &List) -> String {
    list.title.as_ref().map_or_else(|| words.to_owned(), |title| format!("{words}: {title}"))
}
