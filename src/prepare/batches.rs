//! Batches that a network cannot train on, found once it is known how many samples there are.

use super::{Failure, Sets, coloured, mistake, progress};
use std::path::Path;
use umlaut::config::{self, Dataset, Experiment, Preprocess, Split};
use umlaut::data;
use umlaut::plan::Plan;
use umlaut::train::lone_sample;

/// Numbers of training samples by what they follow from.
type Counted<'a> = Vec<((&'a Dataset, &'a Preprocess, &'a Split), usize)>;

/// Checks the last batch of every run's epochs. Data are read for the networks alone that do not take every batch.
///
/// # Errors
/// A mistake of the user's, at its line of the file.
pub fn check(plan: &Plan, cache: &Path, file: &Path, sets: &Sets) -> Result<(), Failure> {
    let mut counted: Counted = Vec::new();
    for run in plan.runs.iter().filter(|run| run.experiment.least_batch() > 1) {
        let all = count(&run.experiment, cache, &mut counted)?;
        let samples = run.experiment.training.samples.map_or(all, |samples| samples.min(all));
        if let Some(lone) = lone_sample(&run.experiment, samples) {
            let keys = ["training.batch_size", "preprocess.size", "patches.size"];
            let title = if plan.runs.len() > 1 { format!("{}: {}", run.id, lone.problem) } else { lone.problem };
            let problems = config::mistake_at(file, &sets.sets, &keys, &title, &lone.remedy);
            return Err(Failure::Mistake(problems.render(coloured())));
        }
    }
    Ok(())
}

fn count<'a>(e: &'a Experiment, cache: &Path, counted: &mut Counted<'a>) -> Result<usize, Failure> {
    let key = (&e.dataset, &e.preprocess, &e.split);
    if let Some((_, samples)) = counted.iter().find(|(known, _)| *known == key) {
        return Ok(*samples);
    }
    let reading = progress::Reading::new("reading images");
    let opened = data::open(&e.dataset, &e.preprocess, cache, &|done, of| reading.at(done, of)).map_err(mistake)?;
    let samples = data::split(&opened, &e.split).map_err(mistake)?.train.len();
    counted.push((key, samples));
    Ok(samples)
}
