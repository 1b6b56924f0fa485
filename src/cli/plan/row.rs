//! A run of a plan: what it costs and where it stands.

use umlaut::estimate::{Estimate, Load};
use umlaut::plan::{Plan, RunSpec};
use umlaut::schedule::{Epochs, Standing, standing};
use umlaut::store::{self, ExperimentDir, RunDir};
use umlaut::train::Predecessors;

/// A run of a plan.
pub struct Row<'a> {
    /// The run.
    pub run: &'a RunSpec,
    /// What it has to calculate, if its data can be described.
    pub load: Option<Load>,
    /// Where it stands; what is wrong with its files if they cannot be read.
    pub standing: Result<Standing, String>,
    /// The other experiment in whose results it has finished; a schedule takes it over from there.
    pub elsewhere: Option<String>,
    /// Epochs of another, finished run that it would begin with.
    pub begins_with: Option<usize>,
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
    let (others, predecessors) = (dir.elsewhere(), Predecessors::of(dir));
    let row = |((run, place), index): ((&'a RunSpec, &RunDir), usize)| {
        let other = if place.path().exists() { None } else { others.finished(&run.id) };
        let (elsewhere, place) = (other.map(RunDir::experiment_name), other.unwrap_or(place));
        let standing = standing(place).map_err(|error| error.to_string());
        let mut epochs = standing.as_ref().map_or_else(|_| Epochs::of(run, place), |standing| standing.epochs(run, place));
        let new = matches!(standing, Ok(Standing::New));
        let begins_with = if new { predecessors.epochs(&run.id, &run.experiment) } else { None };
        if let Some(done) = begins_with {
            epochs = Epochs { done, left: run.experiment.training.epochs.saturating_sub(done) };
        }
        Row { run, load: estimate.load(index).cloned(), standing, elsewhere, begins_with, epochs, left: None }
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
        if let Some(other) = &self.elsewhere {
            return format!("finished in {other}");
        }
        match &self.standing {
            Ok(Standing::Running(_) | Standing::Resumable(_) | Standing::Paused(_)) => {
                format!("{}, epoch {done}/{of}", self.word())
            }
            Ok(Standing::New) if self.begins_with.is_some() => format!("new, continues from epoch {done}"),
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
