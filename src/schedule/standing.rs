//! Where a run stands, by what is on disk.

use crate::plan::RunSpec;
use crate::record::{Failure, Outcome, Status};
use crate::store::{self, Holder, RunDir};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nothing is there that could be continued.
    New,
    /// A process is at it.
    Running(Holder),
    /// Stopped or killed after so many whole epochs; goes on from there.
    Resumable(usize),
    /// All epochs done that were asked for; goes on from there when more are.
    Paused(Outcome),
    /// All done.
    Finished(Outcome),
    /// Finished, but files are no longer as it left them; what is wrong, in words. Made whole when asked again.
    Incomplete(String),
    /// Ended as failed; why is in the outcome. May go on when asked again.
    Failed(Outcome),
}

impl Standing {
    /// In one word, as plan.csv has it. A run is `started` from its first process on until it ends.
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Running(_) => "started",
            Self::Resumable(_) => "resumable",
            Self::Paused(_) => "paused",
            Self::Finished(_) => "finished",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether the run has paused with so many epochs, if only so many are asked for.
    pub fn has(&self, until: Option<usize>) -> bool {
        matches!(self, Self::Paused(outcome) if until.is_some_and(|until| until <= outcome.epochs))
    }

    /// Whether a schedule trains the run: what has finished stays, and a loss that was no finite number would be none again.
    pub fn is_to_train(&self) -> bool {
        match self {
            Self::Finished(_) => false,
            Self::Failed(outcome) => outcome.failure != Some(Failure::Diverged),
            Self::New | Self::Running(_) | Self::Resumable(_) | Self::Paused(_) | Self::Incomplete(_) => true,
        }
    }

    /// How far the run is.
    pub fn epochs(&self, run: &RunSpec, place: &RunDir) -> Epochs {
        let all = run.experiment.training.epochs;
        let done = if let Self::Finished(outcome) = self { outcome.epochs } else { Epochs::kept(place).min(all) };
        Epochs { done, left: if self.is_to_train() { all - done } else { 0 } }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Done and kept.
    pub done: usize,
    /// What a schedule would still train.
    pub left: usize,
}

impl Epochs {
    /// Of a run by what is on disk; one whose files cannot be read is not trained.
    pub fn of(run: &RunSpec, place: &RunDir) -> Self {
        match standing(place) {
            Ok(standing) => standing.epochs(run, place),
            Err(_) => Self { done: Self::kept(place).min(run.experiment.training.epochs), left: 0 },
        }
    }

    /// Epochs that a run would go on from.
    fn kept(place: &RunDir) -> usize {
        if place.resume_state().exists() { place.metrics().map_or(0, |rows| rows.len()) } else { 0 }
    }
}

/// Where a run stands now.
///
/// # Errors
/// If a file of the run cannot be read or is damaged.
pub fn standing(run: &RunDir) -> Result<Standing, store::Error> {
    let outcome = run.outcome()?;
    let unfit = outcome.as_ref().map(|outcome| run.unfit(outcome)).transpose()?.unwrap_or_default();
    if let Some(outcome) = outcome.as_ref().filter(|outcome| outcome.status == Status::Finished && unfit.is_empty()) {
        return Ok(Standing::Finished(outcome.clone()));
    }
    if let Some(holder) = run.holder()? {
        return Ok(Standing::Running(holder));
    }
    Ok(match outcome {
        Some(outcome) if outcome.status == Status::Failed => Standing::Failed(outcome),
        _ if !unfit.is_empty() => {
            Standing::Incomplete(unfit.iter().map(|unfit| unfit.to_string()).collect::<Vec<_>>().join("; "))
        }
        Some(outcome) if outcome.status == Status::Paused && run.resume_state().exists() => Standing::Paused(outcome),
        // Rows that cannot be read are the run's own business: it begins anew then.
        _ if run.resume_state().exists() => Standing::Resumable(run.metrics().map_or(0, |rows| rows.len())),
        _ => Standing::New,
    })
}
