//! Why a run could not be trained.

use crate::machine::OUT_OF_DEVICE_MEMORY;
use crate::record::Failure;
use crate::{model, store};

/// Why a run could not be trained. A run that diverges or is stopped is no error: its outcome says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's mistake: the experiment asks for what cannot be, and nothing was begun.
    #[error("{0}")]
    Setup(String),
    /// The network cannot be built as asked.
    #[error(transparent)]
    Model(#[from] model::Error),
    /// A file of the run cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A checkpoint is there and does not fit.
    #[error("{path}: {problem}; restore it from a copy, or delete it to train the run from the start")]
    Checkpoint {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of the run is not the one that it should be.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A tensor operation failed.
    #[error("computing failed: {0}")]
    Tensor(candle_core::Error),
}

// Not by an attribute: that would make it the source too, and whoever prints sources would say it twice.
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl Error {
    /// Whether the experiment must be changed; otherwise something failed while running, and trying again may help.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Model(_))
    }

    /// What kind of failure it is in an outcome.
    pub fn kind(&self) -> Failure {
        match self {
            Self::Setup(_) | Self::Model(_) => Failure::Mistake,
            Self::Store(_) | Self::File { .. } | Self::Checkpoint { .. } => Failure::Disk,
            Self::Tensor(error) if error.to_string().contains(OUT_OF_DEVICE_MEMORY) => Failure::OutOfMemory,
            Self::Tensor(_) => Failure::Crashed,
        }
    }
}
