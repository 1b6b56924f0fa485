//! The settings of each group: its difference from the base, and one run's complete input.

use crate::plan;
use crate::report::collect::{Comparison, Run};
use crate::report::describe::shown;
use crate::store;
use crate::text::counted;
use serde::Serialize;
use std::collections::BTreeMap;

/// Configurations of all groups.
#[derive(Serialize)]
pub(super) struct Configuration {
    /// The values that most groups have of every swept key.
    base: Vec<(String, String)>,
    groups: Vec<Differences>,
    /// The complete input of one run of each group, as far as they are shown.
    inputs: Vec<Input>,
    /// Groups whose input is not shown; empty if there are none.
    more: String,
}

#[derive(Serialize)]
struct Differences {
    group: String,
    /// Key, the base's value, the group's.
    changes: Vec<(String, String, String)>,
}

#[derive(Serialize)]
struct Input {
    group: String,
    run: String,
    toml: String,
}

/// Most inputs that are shown.
const INPUTS: usize = 20;

pub(super) fn of(comparison: &Comparison) -> Configuration {
    let base = base(comparison);
    let differences = |run: &Run| {
        let own: BTreeMap<&str, &str> = swept(run).collect();
        let change = |(key, value): (&String, &String)| {
            let own = own.get(key.as_str()).map_or_else(|| "–".to_owned(), |own| plan::spoken(own));
            (own != *value).then(|| (key.clone(), value.clone(), own))
        };
        base.iter().filter_map(change).collect()
    };
    let first = |group: &crate::report::collect::Group| group.runs.first().map(differences).unwrap_or_default();
    let groups = comparison.groups.iter().map(|group| Differences { group: shown(&group.name), changes: first(group) }).collect();
    let inputs = comparison.groups.iter().take(INPUTS).filter_map(|group| {
        let run = group.runs.first()?;
        let toml = store::read_bytes(&run.dir.run_toml()).ok()?;
        Some(Input { group: shown(&group.name), run: run.id.clone(), toml: String::from_utf8_lossy(&toml).into_owned() })
    });
    let more = comparison.groups.len().checked_sub(INPUTS + 1).map(|more| counted(more + 1, "further group"));
    let (inputs, more) = (inputs.collect(), more.unwrap_or_default());
    Configuration { base: base.into_iter().collect(), groups, inputs, more }
}

fn swept(run: &Run) -> impl Iterator<Item = (&str, &str)> {
    run.differs.iter().filter(|(key, _)| !plan::of_repetition(key)).map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Of every swept key the value that most groups have, the first of equals.
fn base(comparison: &Comparison) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    for (key, value) in comparison.groups.iter().filter_map(|group| group.runs.first()).flat_map(swept) {
        let values = counts.entry(key).or_default();
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, count)) => *count += 1,
            None => values.push((value, 1)),
        }
    }
    let most = |values: &[(&str, usize)]| {
        let best = values.iter().map(|(_, count)| *count).max().unwrap_or(0);
        values.iter().find(|(_, count)| *count == best).map(|(value, _)| plan::spoken(value)).unwrap_or_default()
    };
    counts.iter().map(|(key, values)| ((*key).to_owned(), most(values))).collect()
}
