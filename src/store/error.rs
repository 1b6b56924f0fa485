//! What may go wrong with a file, in words that name it and the remedy.

use std::io;
use std::path::Path;

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{path}: {action} failed: {cause}; {remedy}", remedy = remedy(cause))]
    Io {
        /// The file or directory.
        path: String,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {problem}; {remedy}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// Another process is at it.
    #[error("{path} is in use by {holder}; wait until it ends, or stop it")]
    InUse {
        /// The directory.
        path: String,
        /// The process, in words.
        holder: String,
    },
    /// A report that began later has seen more.
    #[error("{path}: a newer report has begun meanwhile, so this one is written no further")]
    Superseded {
        /// The experiment's directory.
        path: String,
    },
}

impl Error {
    /// The words without what to do, for who has done it.
    pub(super) fn without_remedy(&self) -> String {
        match self {
            Self::Content { path, problem, .. } => format!("{path}: {problem}"),
            Self::Io { path, action, cause } => format!("{path}: {action} failed: {cause}"),
            other => other.to_string(),
        }
    }

    /// Whether the user has to correct something, a place or a file; else something failed while running, as a disk does that is full or broken.
    pub fn is_mistake(&self) -> bool {
        use io::ErrorKind as Kind;
        match self {
            Self::Content { .. } | Self::InUse { .. } => true,
            Self::Superseded { .. } => false,
            Self::Io { cause, .. } => matches!(
                cause.kind(),
                Kind::PermissionDenied
                    | Kind::ReadOnlyFilesystem
                    | Kind::NotFound
                    | Kind::NotADirectory
                    | Kind::IsADirectory
                    | Kind::AlreadyExists
                    | Kind::InvalidFilename
                    | Kind::InvalidInput
                    | Kind::InvalidData
            ),
        }
    }

    /// Whether what is wrong is a file of one run, which is no reason for others to wait.
    pub fn is_of_one_file(&self) -> bool {
        match self {
            Self::Content { .. } => true,
            Self::Io { action, .. } => ["reading", "opening", "locking"].contains(action),
            Self::InUse { .. } | Self::Superseded { .. } => false,
        }
    }
}

/// The remedy where a disk is full: how others know that it was.
pub const NO_ROOM: &str = "make room and repeat the command, it goes on where it stopped";

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => NO_ROOM,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable, or choose another place with --results"
        }
        io::ErrorKind::NotFound => "check the path",
        // What else can be said of it is said: see `regular`.
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => "restore it from a copy, or delete it",
        _ => "check the file system",
    }
}

/// What may go wrong here.
pub(super) type Result<T> = std::result::Result<T, Error>;

/// Adds path and action to what the system says.
pub(super) fn named<T>(result: io::Result<T>, action: &'static str, path: &Path) -> Result<T> {
    result.map_err(|cause| Error::Io { path: path.display().to_string(), action, cause })
}

/// A file that is not what it should be.
pub(super) fn content(path: &Path, problem: &str, remedy: &str) -> Error {
    Error::Content { path: path.display().to_string(), problem: problem.trim_end().to_owned(), remedy: remedy.to_owned() }
}
