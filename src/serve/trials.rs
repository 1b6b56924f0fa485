//! The trials of a search: how far each came, and why it went no further.

use crate::text::counted;
use crate::trials::SearchStanding;
use serde::Serialize;

/// A trial.
#[derive(Debug, Serialize)]
pub(super) struct Trial {
    number: usize,
    /// `optimizer.adam.lr = 1e-3`.
    values: String,
    /// Epochs of its highest rung, and of a whole run.
    epochs: usize,
    whole: usize,
    /// Its last result, if it is a number.
    score: Option<f64>,
    fate: String,
}

/// The trials in their order.
pub(super) fn trials(search: &SearchStanding) -> Vec<Trial> {
    let whole = search.settings.rungs.last().copied().unwrap_or_default();
    let trial = |number: usize| {
        let last = (0..search.jobs.len()).rev().find(|job| search.jobs[*job].trial == number)?;
        let values: Vec<String> = search.values(number).iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let known = (0..=last).rev().filter(|job| search.jobs[*job].trial == number).find_map(|job| search.score(job));
        let score = known.filter(|score| score.is_finite());
        Some(Trial {
            number,
            values: values.join(", "),
            epochs: search.jobs[last].epochs,
            whole,
            score,
            fate: fate(search, last),
        })
    };
    (0..search.trials()).filter_map(trial).collect()
}

/// What became of a trial whose last job this is.
fn fate(search: &SearchStanding, job: usize) -> String {
    let row = &search.jobs[job];
    if search.winner.as_ref().is_some_and(|winner| winner.trial == row.trial) {
        return "named by the search".to_owned();
    }
    let Some(score) = search.score(job) else { return "under way or waiting".to_owned() };
    if score.is_nan() {
        return "diverged".to_owned();
    }
    let (place, of) = search.place(job).unwrap_or_default();
    if row.rung + 1 == search.settings.rungs.len() {
        return format!("trained to the end: place {place} of {of}");
    }
    let on = search.jobs.iter().filter(|other| other.rung == row.rung + 1).count();
    let open = if search.confirmations.is_empty() && search.winner.is_none() { "; may still go on" } else { "" };
    format!("stopped after epoch {}: place {place} of {of}, of which {} went on{open}", row.epochs, counted(on, "trial"))
}
