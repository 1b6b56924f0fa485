//! What a schedule is given to do, and what comes of it.

use super::Source;
use crate::plan::RunSpec;
use crate::store::{self, ExperimentDir};

/// What stops the whole schedule; a run that fails does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the results could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No process could be started.
    #[error("cannot start a process for run {run}: {cause}; check memory and process limits")]
    Launch {
        /// The run.
        run: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// What was submitted could not be passed on.
    #[error("runs cannot be submitted: {0}")]
    Submit(std::io::Error),
    /// The source has no way to go on.
    #[error("no further runs can be chosen: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

/// What is to be executed.
pub struct Work<'a> {
    /// Gives the runs.
    pub source: &'a mut dyn Source,
    /// Where their results go; the caller holds its [claim](ExperimentDir::claim).
    pub dir: &'a ExperimentDir,
    /// How long a run takes for so many epochs, in any unit common to all; 0 where nobody knows.
    pub duration: &'a dyn Fn(&RunSpec, usize) -> f64,
}

/// What is done about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Further attempts at a run that failed for a cause that may pass.
    pub retries: usize,
    /// Whether the first run that fails for good stops all others, unless its [source](super::Source::is_result) goes on from it.
    pub fail_fast: bool,
    /// Whether finished runs whose weights are gone or damaged are trained again.
    pub restore: bool,
}

/// How many runs ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Finished now.
    pub finished: usize,
    /// Finished before, not run again.
    pub skipped: usize,
    /// Those of them whose weights are gone.
    pub without_weights: usize,
    /// Paused, now or before, with all epochs that are asked for.
    pub paused: usize,
    /// Failed, now or for good before.
    pub failed: usize,
    /// Those of them whose loss diverged.
    pub diverged: usize,
    /// Stopped from outside, or not begun because of that.
    pub interrupted: usize,
    /// Submitted and left to go on without the schedule.
    pub left: usize,
}
