//! `EXPERIMENT/slurm/`: what was given to Slurm's queue, and what became of it.
//!
//! Each submission is a batch, a directory of its own. Its intent is written before Slurm hears of it, so whoever comes later knows what may be in
//! the queue. Three things are decided by who creates a file first: which process an attempt belongs to, how a run of the batch ended, and that the
//! batch is void. On a shared file system that needs exclusive creation (`O_EXCL`, links), renaming, and locks that hold on all nodes.

use super::batch::{Batch, BatchRun, Listing, TaskAttempt};
use super::claim::is_locked;
use super::error::{Error, Result, named};
use super::experiment_dir::ExperimentDir;
use super::file::{WRITING, create_dirs, keep_name, open_in_place, read_if_there, write_atomic};
use crate::plan::RunId;
use crate::regular::Most;
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const SLURM: &str = "slurm";
const INTENT: &str = "batch.toml";
const SCRIPT: &str = "job.sh";
const JOB: &str = "job";
const VOID: &str = "void";
const END: &str = "end";
const ATTEMPT: &str = "attempt";
const REMEDY: &str = "remove the directory that it lies in, if no job of that name is in Slurm's queue";

/// Held by the process of an attempt; the system releases it when that dies.
#[derive(Debug)]
pub struct AttemptClaim {
    _lock: File,
}

/// `EXPERIMENT/slurm/BATCH/`.
#[derive(Debug, Clone)]
pub struct BatchDir {
    path: PathBuf,
}

impl ExperimentDir {
    /// The directory that a batch of this name will have.
    pub fn batch(&self, name: &str) -> BatchDir {
        BatchDir { path: self.path().join(SLURM).join(name) }
    }

    /// The batches whose intent is recorded, by name.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn batches(&self) -> Result<Vec<BatchDir>> {
        let dir = self.path().join(SLURM);
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut batches = Vec::new();
        for entry in named(fs::read_dir(&dir), "listing", &dir)? {
            let path = named(entry, "listing", &dir)?.path();
            batches.extend(path.join(INTENT).is_file().then_some(BatchDir { path }));
        }
        batches.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(batches)
    }

    /// The names of runs that were given to the queue and whose end nobody has recorded. What Slurm has dropped meanwhile is among them until a
    /// schedule looks.
    ///
    /// # Errors
    /// If a batch cannot be read.
    pub fn queued(&self) -> Result<HashSet<String>> {
        let mut queued = HashSet::new();
        for at in self.batches()? {
            let listing = at.listing()?;
            if !listing.void {
                let runs = at.intent()?.tasks.concat().into_iter().enumerate();
                queued.extend(runs.filter(|(position, _)| !listing.ends.contains(position)).map(|(_, run)| run.run));
            }
        }
        Ok(queued)
    }
}

impl BatchDir {
    /// An existing directory of a batch.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of one of its runs.
    pub fn run(&self, run: &BatchRun) -> super::RunDir {
        let experiment = self.path.parent().and_then(Path::parent).unwrap_or(Path::new(""));
        super::RunDir::at(experiment.join(super::experiment_dir::RUNS).join(&run.run))
    }

    /// Creates the directory with the script and, last, the intent.
    ///
    /// # Errors
    /// If it is there already or cannot be written.
    pub fn create(&self, batch: &Batch, script: &str) -> Result<()> {
        create_dirs(self.path.parent().unwrap_or(Path::new(".")))?;
        named(fs::create_dir(&self.path), "creating", &self.path)?;
        keep_name(&self.path)?;
        write_atomic(&self.script(), script.as_bytes())?;
        write_atomic(&self.path.join(INTENT), toml::to_string(batch).expect("a batch is plain data").as_bytes())
    }

    /// The script that Slurm is given.
    pub fn script(&self) -> PathBuf {
        self.path.join(SCRIPT)
    }

    /// Where a task's own output goes; `index` is its number, or what Slurm replaces by it.
    pub fn log(&self, index: &str) -> PathBuf {
        self.path.join(format!("{index}.log"))
    }

    /// Reads batch.toml.
    ///
    /// # Errors
    /// If it is missing or damaged, or names what cannot be a directory of `runs/`.
    pub fn intent(&self) -> Result<Batch> {
        let path = self.path.join(INTENT);
        let problem = |words: &str| super::error::content(&path, words, REMEDY);
        let text = read_if_there(&path, Most::SMALL, REMEDY)?.ok_or_else(|| problem("is not there"))?;
        let batch: Batch = toml::from_str(&text).map_err(|e| problem(e.message()))?;
        match batch.tasks.iter().flatten().find(|run| RunId::from_file(&run.run).is_none()) {
            Some(BatchRun { run, .. }) => Err(problem(&format!("{run:?} is no name of a run"))),
            None => Ok(batch),
        }
    }

    /// Records the array's job number.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_job(&self, job: &str) -> Result<()> {
        write_atomic(&self.path.join(JOB), format!("{job}\n").as_bytes())
    }

    /// The array's job number, if it is recorded.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn job(&self) -> Result<Option<String>> {
        let text = read_if_there(&self.path.join(JOB), Most::SMALL, REMEDY)?;
        Ok(text.map(|text| text.trim().to_owned()).filter(|job| !job.is_empty()))
    }

    /// Decides that nothing of the batch may begin any more.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn make_void(&self) -> Result<()> {
        write_atomic(&self.path.join(VOID), b"")
    }

    /// Takes the batch back, unless a task of it has begun: what is there now has that attempt then.
    ///
    /// # Errors
    /// If it cannot be written or listed.
    pub fn withdraw(&self) -> Result<Listing> {
        self.make_void()?;
        // A task looks whether its batch is void after it has said that it begins, so one of both sees the other.
        self.listing()
    }

    /// Begins an attempt; `None` if another process has.
    ///
    /// # Errors
    /// If it cannot be recorded.
    pub fn begin(&self, attempt: &TaskAttempt) -> Result<Option<AttemptClaim>> {
        let path = self.attempt_path(attempt);
        match open_in_place(&path, OpenOptions::new().create_new(true).read(true).write(true)) {
            Ok(file) => {
                named(file.lock(), "locking", &path)?;
                keep_name(&path)?;
                Ok(Some(AttemptClaim { _lock: file }))
            }
            Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the process of an attempt is alive, as far as locks say.
    ///
    /// # Errors
    /// If the lock cannot be read.
    pub fn is_alive(&self, attempt: &TaskAttempt) -> Result<bool> {
        is_locked(&self.attempt_path(attempt))
    }

    /// Whether nobody is at a run of a task, as far as locks say: no attempt at the task, no process at the run itself.
    ///
    /// # Errors
    /// If a lock cannot be read.
    pub fn is_left(&self, task: usize, run: &BatchRun, attempts: &BTreeSet<TaskAttempt>) -> Result<bool> {
        for attempt in attempts.iter().filter(|attempt| attempt.task == task) {
            if self.is_alive(attempt)? {
                return Ok(false);
            }
        }
        Ok(self.run(run).holder()?.is_none())
    }

    /// Decides how a run ended whose task is over, as the queue says, and has not written that down itself, in these words; how it ended then, which may
    /// have been decided before. `None` if somebody is at it. `place` is the task, and the run's position in the batch.
    ///
    /// # Errors
    /// If a lock cannot be read, or the end not be written.
    pub fn bury(
        &self,
        (task, position): (usize, usize),
        run: &BatchRun,
        attempts: &BTreeSet<TaskAttempt>,
        words: &str,
    ) -> Result<Option<String>> {
        if !self.is_left(task, run, attempts)? {
            return Ok(None);
        }
        self.end(position, words)?;
        self.ended(position)
    }

    fn attempt_path(&self, TaskAttempt { task, job, restart }: &TaskAttempt) -> PathBuf {
        self.path.join(format!("{task}.{job}.{restart}.{ATTEMPT}"))
    }

    /// Decides how a run of the batch ended, in a word; `false` if that was decided before.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(&self, position: usize, how: &str) -> Result<bool> {
        let path = self.end_path(position);
        let write = || -> std::io::Result<bool> {
            let mut beside = tempfile::Builder::new().prefix(WRITING).tempfile_in(&self.path)?;
            writeln!(beside, "{how}")?;
            beside.as_file().sync_all()?;
            match beside.persist_noclobber(&path) {
                Ok(_) => Ok(true),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.error),
            }
        };
        let first = named(write(), "writing", &path)?;
        keep_name(&path)?;
        Ok(first)
    }

    /// How a run of the batch ended, if that is decided.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn ended(&self, position: usize) -> Result<Option<String>> {
        let text = read_if_there(&self.end_path(position), Most::SMALL, REMEDY)?;
        Ok(text.map(|text| text.trim().to_owned()))
    }

    fn end_path(&self, position: usize) -> PathBuf {
        self.path.join(format!("{position}.{END}"))
    }

    /// What is there now.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn listing(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        for entry in named(fs::read_dir(&self.path), "listing", &self.path)? {
            let name = named(entry, "listing", &self.path)?.file_name();
            let name = name.to_string_lossy();
            match name.split('.').collect::<Vec<_>>()[..] {
                [position, END] => listing.ends.extend(position.parse::<usize>()),
                [task, job, restart, ATTEMPT] => {
                    let (Ok(task), Ok(restart)) = (task.parse(), restart.parse()) else { continue };
                    listing.attempts.push(TaskAttempt { task, job: job.to_owned(), restart });
                }
                [VOID] => listing.void = true,
                _ => {}
            }
        }
        listing.attempts.sort();
        Ok(listing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> (tempfile::TempDir, BatchDir, Batch) {
        let dir = tempfile::tempdir().unwrap();
        let run = |name: &str| BatchRun { run: name.into(), micro_batches: 1, until: None };
        let batch = Batch { name: "umlaut-1".into(), gpu: false, tasks: vec![vec![run("a"), run("b")], vec![run("c")]] };
        let at = ExperimentDir::at(dir.path().join("x")).batch("umlaut-1");
        at.create(&batch, "#!/bin/sh\n").unwrap();
        (dir, at, batch)
    }

    #[test]
    fn a_batch_is_created_once_and_read_back() {
        let (dir, at, batch) = batch();
        assert!(at.create(&batch, "").unwrap_err().to_string().contains("umlaut-1"));
        let found = ExperimentDir::at(dir.path().join("x")).batches().unwrap();
        assert_eq!((found.len(), found[0].intent().unwrap()), (1, batch.clone()));
        assert_eq!((batch.first(0), batch.first(1)), (0, 2));
        assert_eq!(at.run(&batch.tasks[1][0]).path(), dir.path().join("x/runs/c"));
        assert_eq!(at.job().unwrap(), None);
        at.write_job("17").unwrap();
        assert_eq!(at.job().unwrap().as_deref(), Some("17"));
        std::fs::create_dir(dir.path().join("x/slurm/half")).unwrap();
        assert_eq!(ExperimentDir::at(dir.path().join("x")).batches().unwrap().len(), 1, "one without an intent is none");
    }

    #[test]
    fn whoever_is_first_decides() {
        let (_dir, at, _) = batch();
        assert!(at.end(1, "code 0").unwrap() && !at.end(1, "unknown").unwrap());
        assert_eq!((at.ended(1).unwrap().as_deref(), at.ended(0).unwrap()), (Some("code 0"), None));
        let attempt = TaskAttempt { task: 1, job: "17".into(), restart: 0 };
        let claim = at.begin(&attempt).unwrap().expect("nobody else");
        assert!(at.begin(&attempt).unwrap().is_none() && at.is_alive(&attempt).unwrap());
        drop(claim);
        assert!(at.begin(&attempt).unwrap().is_none() && !at.is_alive(&attempt).unwrap());
        at.make_void().unwrap();
        assert_eq!(at.listing().unwrap(), Listing { ends: vec![1], attempts: vec![attempt], void: true });
    }
}
