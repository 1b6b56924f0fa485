//! Where and how runs were made: what they have in common once, what differs a run.

use super::{Cell, Grid, Head};
use crate::report::collect::Comparison;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Provenance of all runs.
#[derive(Serialize)]
pub(super) struct Provenance {
    /// Key and value.
    common: Vec<(String, String)>,
    differing: Grid,
}

/// Most columns of what differs.
const COLUMNS: usize = 8;

pub(super) fn of(comparison: &Comparison) -> Provenance {
    let read = |run: &crate::report::collect::Run| {
        (run.id.clone(), run.provenance.shown().into_iter().collect::<BTreeMap<String, String>>())
    };
    let runs: Vec<(String, BTreeMap<String, String>)> =
        comparison.runs().map(read).filter(|(_, table)| !table.is_empty()).collect();
    let keys: BTreeSet<&String> = runs.iter().flat_map(|(_, table)| table.keys()).collect();
    let alike = |key: &&String| runs.windows(2).all(|pair| pair[0].1.get(*key) == pair[1].1.get(*key));
    let (common, differing): (Vec<&String>, Vec<&String>) = keys.into_iter().partition(alike);
    let differing: Vec<&String> = differing.into_iter().take(COLUMNS).collect();
    let common = runs.first().map(|(_, table)| common.iter().map(|key| ((*key).clone(), table[*key].clone())).collect());
    let head = std::iter::once(Head::text("run")).chain(differing.iter().map(|key| Head::text(key.replace('_', " "))));
    let row = |(id, table): &(String, BTreeMap<String, String>)| {
        let cells = differing.iter().map(|key| Cell::text(table.get(*key).cloned().unwrap_or_default()));
        std::iter::once(Cell::text(id.clone())).chain(cells).collect()
    };
    let rows = if differing.is_empty() { Vec::new() } else { runs.iter().map(row).collect() };
    Provenance { common: common.unwrap_or_default(), differing: Grid { head: head.collect(), rows } }
}
