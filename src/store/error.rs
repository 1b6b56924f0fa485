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
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Another process is at it.
    #[error("{path} is in use by {holder}; wait until it ends, or stop it")]
    InUse {
        /// The directory.
        path: String,
        /// The process, in words.
        holder: String,
    },
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
pub(super) fn told<T>(result: io::Result<T>, action: &'static str, path: &Path) -> Result<T> {
    result.map_err(|cause| Error::Io { path: path.display().to_string(), action, cause })
}

/// A file that is not what it should be.
pub(super) fn content(path: &Path, problem: &str) -> Error {
    Error::Content { path: path.display().to_string(), problem: problem.to_owned() }
}
