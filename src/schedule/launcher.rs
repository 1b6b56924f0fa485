//! How runs are started: what every launcher does, whether its processes are children of this one or jobs of a cluster's queue.

use super::Slot;
use crate::store::RunDir;
use std::fmt;
use std::io;
use std::time::Duration;

/// What is to be started where.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The run.
    pub run: &'a RunDir,
    /// Where it goes.
    pub slot: &'a Slot,
    /// Micro-batches that a batch is split into for want of memory; 1 for none.
    pub micro_batches: usize,
    /// The epoch after which the run pauses; `None` for a whole run.
    pub until: Option<usize>,
}

/// Starts `umlaut train RUN_DIR` somewhere. All its methods return at once: many jobs are watched by one thread.
///
/// How a run itself goes is known from its directory alone: events.jsonl while it goes on, outcome.toml in the end. A launcher knows only whether
/// there is a process, and how it ended.
pub trait Launcher {
    /// Starts what is ordered, or puts it into the queue of whoever decides when it starts.
    ///
    /// # Errors
    /// If it cannot be started.
    fn submit(&self, order: Order<'_>) -> io::Result<JobId>;

    /// Passes on what was submitted and not passed on yet, where many jobs are passed on together. Asked whenever something may have been submitted.
    ///
    /// # Errors
    /// If it can never be passed on; what cannot be for the moment is kept.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// How each of these jobs stands. One that has ended is ended whenever it is asked for.
    fn poll(&self, jobs: &[JobId]) -> Vec<JobState>;

    /// Asks a job to end. One that has ended already needs no more.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn cancel(&self, job: &JobId, how: Stop) -> io::Result<()>;

    /// Whether a job may wait long before it is started.
    fn has_queue(&self) -> bool {
        false
    }

    /// Waits until a job may have ended, `most` at the longest.
    fn wait(&self, most: Duration) {
        std::thread::sleep(most);
    }

    /// Bytes of the slot's GPU that nobody uses at the moment; `None` if that cannot be known.
    fn free_memory(&self, slot: &Slot) -> Option<u64> {
        _ = slot;
        None
    }
}

/// What a launcher calls a job: plain text, so that it can be written down and asked for by another process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String);

impl JobId {
    /// A job by its launcher's name for it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It has not been started yet.
    Waiting,
    /// It will not be started before somebody releases it; why, in words.
    Held(String),
    /// Its process runs.
    Running,
    /// Its process has ended, and all that it wrote can be read.
    Ended(Exit),
    /// Nobody can say at the moment, for this reason. That is never taken for an end.
    Unknown(String),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// The system killed it because no memory was left.
    OutOfMemory,
    /// The time that it was given was over.
    TimeLimit,
    /// It had to make room for a more urgent one.
    Preempted,
    /// Its machine failed.
    NodeFailed,
    /// Somebody else has cancelled it.
    Cancelled,
    /// It is gone, and nobody knows how: the run directory alone says how the run went.
    Unknown,
}

/// How urgently something is to end. The later one is the more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// The schedule ends, and what it has submitted goes on without it.
    Leave,
    /// Each run finishes its step and saves.
    Gently,
    /// At once.
    Now,
}
