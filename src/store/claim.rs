//! One process a directory: claimed by an exclusive lock, which the system releases when its process dies, however it dies.

use super::error::{Error, Result, named};
use super::experiment_dir::{ExperimentDir, RUNS};
use super::file::{WRITING, create_dirs, keep_name, open_in_place, remove_dir};
use super::names::is_passing;
use super::run_dir::RunDir;
use crate::machine;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK: &str = ".lock";

/// Who only looks whether a directory is claimed holds its lock for a moment; a claim is tried so often before it is refused.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Held while a process works on a directory; released when dropped or when the process dies.
#[derive(Debug)]
pub struct Claim {
    lock: File,
}

/// The process that holds a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number; 0 of one that has not signed yet.
    pub process: u32,
    /// Its machine.
    pub host: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            0 => write!(f, "a process that has not signed yet, on this machine or another"),
            process => write!(f, "process {process} on {}", self.host),
        }
    }
}

impl RunDir {
    /// Claims the run for this process, and clears away what a killed one left half-written.
    ///
    /// # Errors
    /// [`Error::InUse`] if another living process holds it.
    pub fn claim(&self) -> Result<Claim> {
        let claim = claim(self.path())?;
        for dir in [self.path().to_owned(), self.checkpoints(), self.samples()] {
            clear(&dir)?;
        }
        Ok(claim)
    }

    /// The living process that holds the run.
    ///
    /// # Errors
    /// If the lock cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>> {
        holder(self.path())
    }
}

impl ExperimentDir {
    /// Claims the experiment for the one process that may start its runs, and clears away what a killed one left half-written or
    /// half-deleted.
    ///
    /// # Errors
    /// [`Error::InUse`] if another living process holds it.
    pub fn claim(&self) -> Result<Claim> {
        create_dirs(self.path())?;
        // The data set's cache may have made it.
        self.path().parent().map_or(Ok(()), keep_name)?;
        let claim = claim(self.path())?;
        [self.path().to_owned(), self.charts()].iter().try_for_each(|dir| clear(dir))?;
        finish_deleting(&self.path().join(RUNS))?;
        Ok(claim)
    }

    /// The living process that starts the experiment's runs.
    ///
    /// # Errors
    /// If the lock cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>> {
        holder(self.path())
    }
}

fn claim(dir: &Path) -> Result<Claim> {
    let path = dir.join(LOCK);
    let file = open_in_place(&path, OpenOptions::new().create(true).truncate(false).read(true).write(true))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return named(signed(file), "writing", &path),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(cause)) => return named(Err(cause), "locking", &path),
        }
    }
    let holder = written(&file).map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
    Err(Error::InUse { path: dir.display().to_string(), holder })
}

fn signed(mut lock: File) -> std::io::Result<Claim> {
    lock.set_len(0)?;
    lock.rewind()?;
    // At once: whoever looks meanwhile reads all of it or nothing.
    lock.write_all(format!("{} {}\n", std::process::id(), machine::host()).as_bytes())?;
    Ok(Claim { lock })
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Whoever reads what stays finds the lock free, and so the claim void.
        _ = self.lock.set_len(0);
    }
}

fn holder(dir: &Path) -> Result<Option<Holder>> {
    let path: PathBuf = dir.join(LOCK);
    if fs::symlink_metadata(&path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let file = open_in_place(&path, OpenOptions::new().read(true))?;
    for _ in 0..TRIES {
        let holder = written(&file);
        match (file.try_lock_shared(), holder) {
            (Ok(()), _) => return Ok(None),
            (Err(TryLockError::WouldBlock), Some(holder)) => return Ok(Some(holder)),
            // It has just claimed it, or is about to release it.
            (Err(TryLockError::WouldBlock), None) => std::thread::sleep(BETWEEN_TRIES),
            (Err(TryLockError::Error(cause)), _) => return named(Err(cause), "locking", &path),
        }
    }
    Ok(Some(Holder { process: 0, host: String::new() }))
}

/// Whether another process holds a lock on this file.
pub(super) fn is_locked(path: &Path) -> Result<bool> {
    let file = open_in_place(path, OpenOptions::new().read(true))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(cause)) => named(Err(cause), "locking", path),
    }
}

fn written(mut file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    let (process, host) = text.trim().split_once(' ')?;
    Some(Holder { process: process.parse().ok()?, host: host.to_owned() })
}

/// Removes the runs that a killed process left half-deleted or half taken over.
fn finish_deleting(runs: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(runs) else { return Ok(()) };
    let half = entries.flatten().map(|entry| entry.path()).filter(|path| is_passing(path));
    half.into_iter().try_for_each(|path| remove_dir(&path))
}

/// Removes what a killed process left half-written.
pub(super) fn clear(dir: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(WRITING)) {
            named(fs::remove_file(&path), "removing", &path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_clears_half_written_files() {
        let dir = tempfile::tempdir().unwrap();
        let (half, whole) = (dir.path().join(".writing-abc"), dir.path().join("outcome.toml"));
        for claim in [RunDir::at(dir.path()).claim(), ExperimentDir::at(dir.path()).claim()] {
            [&half, &whole].into_iter().for_each(|path| fs::write(path, "").unwrap());
            drop(claim);
            RunDir::at(dir.path()).claim().unwrap();
            assert!(!half.exists() && whole.exists());
        }
    }

    #[test]
    fn one_process_a_run_and_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        assert_eq!(run.holder().unwrap(), None);
        let first = run.claim().unwrap();
        let me = Holder { process: std::process::id(), host: machine::host() };
        let refused = run.claim().unwrap_err();
        assert!(matches!(refused, Error::InUse { .. }) && refused.to_string().contains(&me.to_string()), "{refused}");
        assert_eq!(run.holder().unwrap(), Some(me));
        drop(first);
        assert_eq!(run.holder().unwrap(), None);
        run.claim().unwrap();
    }

    /// Between the lock and the signature lies a moment.
    #[test]
    fn a_holder_that_has_not_signed_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let claim = run.claim().unwrap();
        claim.lock.set_len(0).unwrap();
        let holder = run.holder().unwrap().expect("it is held");
        assert!(holder.to_string().contains("has not signed"), "{holder}");
    }

    /// What a killed process leaves: its name in a lock that nobody holds.
    #[test]
    fn the_claim_of_a_dead_process_is_void() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        fs::write(dir.path().join(LOCK), "4194304 elsewhere\n").unwrap();
        assert_eq!(run.holder().unwrap(), None);
        run.claim().unwrap();
    }
}
