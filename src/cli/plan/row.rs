//! A run of a plan: what it costs and where it stands.

use umlaut::estimate::{Estimate, Load};
use umlaut::plan::{Plan, RunSpec};
use umlaut::schedule::{Epochs, Standing, standing};
use umlaut::store::{self, ExperimentDir, RunDir};

/// A run of a plan.
pub struct Row<'a> {
    /// The run.
    pub run: &'a RunSpec,
    /// What it has to calculate, if its data can be described.
    pub load: Option<Load>,
    /// Where it stands; what is wrong with its files if they cannot be read.
    pub standing: Result<Standing, String>,
    /// How far it is.
    pub epochs: Epochs,
    /// Seconds that the epochs take that are left, if that is known.
    pub left: Option<f64>,
}

/// The runs of a plan, in its order, without times.
///
/// # Errors
/// If the results cannot be listed.
pub fn rows<'a>(plan: &'a Plan, dir: &ExperimentDir, estimate: &Estimate) -> Result<Vec<Row<'a>>, store::Error> {
    let places = dir.places(plan.runs.iter().map(|run| &run.id))?;
    let row = |((run, place), index): ((&'a RunSpec, &RunDir), usize)| {
        let standing = standing(place).map_err(|error| error.to_string());
        let epochs = standing.as_ref().map_or_else(|_| Epochs::of(run, place), |standing| standing.epochs(run, place));
        Row { run, load: estimate.load(index).cloned(), standing, epochs, left: None }
    };
    Ok(plan.runs.iter().zip(&places).zip(0..).map(row).collect())
}

/// The same with times.
pub fn timed<'a>(mut rows: Vec<Row<'a>>, estimate: &Estimate) -> Vec<Row<'a>> {
    for (index, row) in rows.iter_mut().enumerate() {
        row.left = estimate.seconds(index, row.epochs.left);
    }
    rows
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
        let (done, of) = (self.epochs.done, self.run.experiment.training.epochs);
        match &self.standing {
            Ok(Standing::Running(_) | Standing::Resumable(_)) => format!("{}, epoch {done}/{of}", self.word()),
            Ok(Standing::Finished(_)) if done < of => format!("finished early, epoch {done}/{of}"),
            _ => self.word().to_owned(),
        }
    }

    /// Whether the run failed so that the same would come again.
    pub fn diverged(&self) -> bool {
        self.standing.as_ref().is_ok_and(|standing| matches!(standing, Standing::Failed(_)) && !standing.is_to_train())
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
