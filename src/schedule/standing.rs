//! Where a run stands, by what is on disk.

use crate::record::{Outcome, Status};
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
            Self::Finished(_) => "finished",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
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
        // Rows that cannot be read are the run's own business: it begins anew then.
        _ if run.resume_state().exists() => Standing::Resumable(run.metrics().map_or(0, |rows| rows.len())),
        _ => Standing::New,
    })
}
