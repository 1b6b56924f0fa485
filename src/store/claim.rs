//! One process a run: a run's directory is claimed by an exclusive lock.

use super::error::{Error, Result, told};
use super::file::WRITING;
use super::run_dir::RunDir;
use std::fs::{self, File, OpenOptions, TryLockError};

const LOCK: &str = ".lock";

/// Held while a process works on a run; released when dropped or when the process dies.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl RunDir {
    /// Claims the run for this process, and clears away what a killed one left half-written.
    ///
    /// # Errors
    /// [`Error::InUse`] if another living process holds it.
    pub fn claim(&self) -> Result<Claim> {
        let path = self.path().join(LOCK);
        let file = told(OpenOptions::new().create(true).truncate(false).write(true).open(&path), "opening", &path)?;
        match file.try_lock() {
            Ok(()) => {
                self.sweep()?;
                Ok(Claim { _lock: file })
            }
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: self.path().display().to_string() }),
            Err(TryLockError::Error(cause)) => told(Err(cause), "locking", &path),
        }
    }

    /// Removes what a killed process left half-written.
    fn sweep(&self) -> Result<()> {
        for dir in [self.path().to_owned(), self.path().join("checkpoints"), self.samples()] {
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(WRITING)) {
                    told(fs::remove_file(&path), "removing", &path)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_clears_half_written_files() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let (half, whole) = (dir.path().join(".writing-abc"), dir.path().join("outcome.toml"));
        [&half, &whole].into_iter().for_each(|path| fs::write(path, "").unwrap());
        run.claim().unwrap();
        assert!(!half.exists() && whole.exists());
    }

    #[test]
    fn one_process_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let first = run.claim().unwrap();
        assert!(matches!(run.claim(), Err(Error::InUse { .. })));
        drop(first);
        run.claim().unwrap();
    }
}
