//! A run of a plan: what it costs and where it stands.

use super::super::estimate::{Estimate, Load};
use umlaut::plan::{Plan, RunSpec};
use umlaut::record::Failure;
use umlaut::schedule::{Standing, standing};
use umlaut::store::{self, ExperimentDir, RunDir};

/// A run of a plan.
pub struct Row<'a> {
    /// The run.
    pub run: &'a RunSpec,
    /// What it has to calculate, if its data can be described.
    pub load: Option<Load>,
    /// Where it stands; what is wrong with its files if they cannot be read.
    pub standing: Result<Standing, String>,
    /// Epochs that are done and kept.
    pub epochs_done: usize,
    /// Epochs that `umlaut run` would train.
    pub epochs_left: usize,
    /// Seconds that these take, if that is known.
    pub left: Option<f64>,
}

/// The runs of a plan, in its order, without times.
///
/// # Errors
/// If the results cannot be listed.
pub fn rows<'a>(plan: &'a Plan, dir: &ExperimentDir, estimate: &Estimate) -> Result<Vec<Row<'a>>, store::Error> {
    let places = dir.places(plan.runs.iter().map(|run| &run.id))?;
    let row = |((run, place), load): ((&'a RunSpec, &RunDir), &Option<Load>)| {
        let standing = standing(place).map_err(|error| error.to_string());
        let epochs = run.experiment.training.epochs;
        let epochs_done = match &standing {
            Ok(Standing::Finished(outcome)) => outcome.epochs,
            _ => kept(place).min(epochs),
        };
        let epochs_left = if again(&standing) { epochs - epochs_done } else { 0 };
        Row { run, load: load.clone(), standing, epochs_done, epochs_left, left: None }
    };
    Ok(plan.runs.iter().zip(&places).zip(&estimate.loads).map(row).collect())
}

/// The same with times.
pub fn timed<'a>(mut rows: Vec<Row<'a>>, estimate: &Estimate) -> Vec<Row<'a>> {
    for (index, row) in rows.iter_mut().enumerate() {
        row.left = estimate.seconds(index, row.epochs_left);
    }
    rows
}

/// Epochs that a run still has to train.
pub fn epochs_left(run: &RunSpec, place: &RunDir) -> usize {
    run.experiment.training.epochs.saturating_sub(kept(place))
}

/// Epochs that a run would go on from.
fn kept(place: &RunDir) -> usize {
    if place.resume_state().exists() { place.metrics().map_or(0, |rows| rows.len()) } else { 0 }
}

/// Whether `umlaut run` trains it: what has finished stays, and a loss that was no finite number would be none again.
fn again(standing: &Result<Standing, String>) -> bool {
    match standing {
        Ok(Standing::Finished(_)) | Err(_) => false,
        Ok(Standing::Failed(outcome)) => outcome.failure != Some(Failure::Diverged),
        Ok(Standing::New | Standing::Running(_) | Standing::Resumable(_) | Standing::Incomplete(_)) => true,
    }
}

impl Row<'_> {
    /// In one word; `running` while a process is at it.
    pub fn word(&self) -> &'static str {
        match &self.standing {
            Ok(Standing::Running(_)) => "running",
            Ok(standing) => standing.word(),
            Err(_) => "damaged",
        }
    }

    /// The word, and how far it is where that matters.
    pub fn status(&self) -> String {
        let (done, of) = (self.epochs_done, self.run.experiment.training.epochs);
        match &self.standing {
            Ok(Standing::Running(_) | Standing::Resumable(_)) => format!("{}, epoch {done}/{of}", self.word()),
            Ok(Standing::Finished(_)) if done < of => format!("finished early, epoch {done}/{of}"),
            _ => self.word().to_owned(),
        }
    }

    /// Whether the run failed so that the same would come again.
    pub fn diverged(&self) -> bool {
        matches!(&self.standing, Ok(Standing::Failed(_))) && !again(&self.standing)
    }

    /// Why it failed or cannot be read.
    pub fn cause(&self) -> Option<&str> {
        match &self.standing {
            Ok(Standing::Failed(outcome)) => Some(outcome.cause.as_deref().unwrap_or("no cause recorded")),
            Ok(Standing::Incomplete(problem)) | Err(problem) => Some(problem),
            Ok(_) => None,
        }
    }
}
