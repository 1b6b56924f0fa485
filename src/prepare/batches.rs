//! Batches that a network cannot train on, found once it is known how many samples there are.

use super::{Batches, Error, Listener};
use crate::config::{Dataset, Experiment, Preprocess, SplitRule};
use crate::data;
use crate::plan::Plan;
use crate::train::lone_sample;
use std::path::Path;

/// Numbers of training samples by what they follow from.
type Counted<'a> = Vec<((&'a Dataset, &'a Preprocess, &'a SplitRule), usize)>;

/// Checks the last batch of every run's epochs. Data are read for the networks alone that do not take every batch.
///
/// # Errors
/// If a network cannot train on one, or data cannot be read.
pub(super) fn check(plan: &Plan, cache: &Path, listener: &dyn Listener) -> Result<(), Error> {
    let mut counted: Counted = Vec::new();
    for run in plan.runs.iter().filter(|run| run.experiment.least_batch() > 1) {
        let all = count(&run.experiment, cache, &mut counted, listener)?;
        let samples = run.experiment.training.samples.map_or(all, |samples| samples.min(all));
        if let Some(lone) = lone_sample(&run.experiment, samples) {
            let keys = ["training.batch_size", "preprocess.size", "patches.size"];
            let title = if plan.runs.len() > 1 { format!("{}: {}", run.id, lone.problem) } else { lone.problem };
            return Err(Error::Batches(Batches { keys, title, remedy: lone.remedy }));
        }
    }
    Ok(())
}

fn count<'a>(e: &'a Experiment, cache: &Path, counted: &mut Counted<'a>, listener: &dyn Listener) -> Result<usize, Error> {
    let key = (&e.dataset, &e.preprocess, &e.split);
    if let Some((_, samples)) = counted.iter().find(|(known, _)| *known == key) {
        return Ok(*samples);
    }
    let opened = data::open(&e.dataset, &e.preprocess, cache, &|done, of| listener.read(done, of));
    listener.read_all();
    let samples = data::split(&opened?, &e.split)?.train.len();
    counted.push((key, samples));
    Ok(samples)
}
