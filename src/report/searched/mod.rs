//! What a report makes of a search: its sentences, the table of its trials, and its keys as charts take them.

mod stopped;
mod words;

pub(super) use stopped::of as trials;
pub(super) use words::of as words;

use super::search::Search;
use super::sweep::Factor;
use crate::record::TrialJob;

/// The searched keys with the values of the [trials](Search::reached), those first that matter most.
pub(super) fn factors(search: &Search) -> Vec<Factor> {
    let trials = search.reached();
    let value = |at: usize| {
        trials.iter().map(|(job, ..)| job.values.get(at).filter(|value| !value.is_empty()).cloned()).collect::<Vec<_>>()
    };
    let mut factors: Vec<Factor> =
        search.keys.iter().enumerate().map(|(at, key)| Factor::of(key, &value(at)).by_size()).collect();
    let share = |factor: &Factor| search.importance.iter().find(|share| share.key == factor.key).map_or(0.0, |share| share.share);
    factors.sort_by(|a, b| share(b).total_cmp(&share(a)));
    factors
}

/// The epochs that the [trials](Search::reached) were trained for, as if that were a key.
pub(super) fn trained(search: &Search) -> Factor {
    let epochs = |(_, rung, _): &(&TrialJob, usize, f64)| Some(search.settings.rungs[*rung].to_string());
    Factor::of("epochs", &search.reached().iter().map(epochs).collect::<Vec<_>>())
}
