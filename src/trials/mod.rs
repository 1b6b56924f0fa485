//! A hyperparameter search as a source of runs: proposals become runs, the runs' metrics become results, and what was proposed when is kept
//! in history.csv, so that the same command goes on where a killed one was.
//!
//! [`Trials`] is the source. What is proposed is decided by [`crate::search`], which knows numbers alone; here they get keys, values, runs
//! and files. A job of a search is a trial (all seeds and folds of a configuration) trained until a rung; its row is written before it starts and
//! follows from the experiment file and the results before it alone: not from how many runs there are at a time, what is faster, or where a search
//! was killed. All of it is computed again when a search goes on, and compared with what is stored.

mod check;
mod confirm;
mod course;
mod history;
mod result;
mod source;
mod space;
mod standing;

pub use check::{Budget, corners};
pub use source::Trials;
pub use standing::{RungStanding, SearchStanding};

use crate::{data, prepare, search, store};

/// Why a search cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is drawn is no space to search.
    #[error("[search.draw]: {0}")]
    Space(#[from] search::SpaceError),
    /// A configuration cannot be planned.
    #[error(transparent)]
    Plan(#[from] prepare::Error),
    /// The data set cannot be described.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// A file of the results cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The history was made by other settings.
    #[error("{path} was made by other settings, says its search.toml: {differences}; {OTHER}")]
    Settings {
        /// The folder of the search.
        path: String,
        /// What was and is, in words.
        differences: String,
    },
    /// A stored row is not the one that follows from the results.
    #[error("{path}: job {job} is not the one that follows from the results now: {differences}; {OTHER}")]
    History {
        /// history.csv.
        path: String,
        /// The row.
        job: usize,
        /// The columns that differ, in words.
        differences: String,
    },
    /// A run crashed whose result the next job needs.
    #[error(
        "job {job} of the search (trial {trial}) has no result: {run} failed: {cause}. The same command tries it again; with lost = [{job}] in \
         [search] it counts as diverged and the search goes on"
    )]
    Crashed {
        /// The job without a result.
        job: usize,
        /// Its trial.
        trial: usize,
        /// The run.
        run: String,
        /// Why it failed.
        cause: String,
    },
    /// A fresh run of the confirmation crashed.
    #[error(
        "trial {trial} cannot be confirmed: {run} failed: {cause}. The same command tries it again; search.confirm.top = 1 confirms fewer"
    )]
    Unconfirmed {
        /// The trial.
        trial: usize,
        /// The run.
        run: String,
        /// Why it failed.
        cause: String,
    },
}

/// What is done where a history cannot be continued.
const OTHER: &str =
    "undo that, give the experiment another name, or remove that folder to begin the search anew, which keeps the runs";

impl Error {
    /// Whether the experiment file or the results must be changed; otherwise something failed while running.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Plan(error) => error.is_mistake(),
            Self::Space(_) | Self::Data(_) | Self::Settings { .. } | Self::History { .. } => true,
            Self::Store(error) => error.is_mistake(),
            Self::Crashed { .. } | Self::Unconfirmed { .. } => false,
        }
    }
}
