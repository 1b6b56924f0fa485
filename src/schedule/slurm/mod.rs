//! Runs as tasks of job arrays of Slurm.
//!
//! What is submitted is collected and passed on together, an array for all that ask for the same (`group`). Every submission is a batch with a
//! directory of its own (`store::BatchDir`), whose intent is written before Slurm hears of it, under a name that no other job has: whoever comes
//! later finds what is in the queue, by the directory and that name. A task is `umlaut slurm-task BATCH` ([`work`]), which starts its runs as
//! [`Local`](super::Local) does and writes down how each ended. That is the truth; the queue is a hint: a run has ended where that is written
//! down, or where Slurm has said twice that its task is over, and no process is at it. What Slurm does not answer is not known.

mod commands;
mod ending;
mod group;
mod live;
mod options;
mod script;
mod state;
mod task;
mod watcher;

pub use group::{Needs, Request};
pub use options::Options;
pub use task::{Ask, Ending, Requeue, Task, work};

use super::{JobId, JobState, Launcher, Order, Stop};
use crate::plan::RunId;
use crate::store::{BatchDir, ExperimentDir, TaskAttempt};
use state::State;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How tasks are made.
pub struct Setup {
    /// The experiment.
    pub dir: ExperimentDir,
    /// What is asked for.
    pub options: Options,
    /// This program.
    pub program: PathBuf,
    /// Arguments that are added to each `umlaut train`.
    pub arguments: Vec<String>,
    /// What a run is expected to need.
    pub needs: Box<dyn Fn(&RunId) -> Needs>,
}

/// Submits runs to Slurm, and goes on with what an earlier one has submitted.
pub struct Slurm(RefCell<State>);

impl Slurm {
    /// A launcher of an experiment's runs; looks for what is in the queue already.
    ///
    /// # Errors
    /// In words, if Slurm cannot be asked, or a file of an earlier batch not be read.
    pub fn open(setup: Setup) -> Result<Self, String> {
        let max_array = commands::max_array_size()?;
        let (batches, found) = live::earlier(&setup.dir, true)?;
        Ok(Self(RefCell::new(State::new(setup, max_array, batches, found))))
    }

    /// Runs that are in the queue from before.
    pub fn found(&self) -> usize {
        self.0.borrow().found()
    }

    /// Runs that are not passed on yet, and why, if anything was refused.
    pub fn not_submitted(&self) -> (usize, Option<String>) {
        self.0.borrow().not_submitted()
    }

    /// The scripts that would be submitted for these runs, with how many tasks and runs each has.
    pub fn scripts(setup: &Setup, runs: &[RunId], max_array: usize) -> Vec<(String, usize, usize)> {
        let runs = runs.iter().map(|id| ((), (setup.needs)(id))).collect();
        let groups = group::groups(runs, &setup.options, max_array);
        let of = |group: &group::Group<()>| {
            let (tasks, runs) = (group.tasks.len(), group.tasks.iter().map(Vec::len).sum());
            (script_of(setup, &setup.dir.batch("NAME"), "NAME", &group.request, tasks), tasks, runs)
        };
        groups.iter().map(of).collect()
    }
}

/// The number of tasks that an array of this site may have.
///
/// # Errors
/// In words, if Slurm cannot be asked.
pub fn max_array_size() -> Result<usize, String> {
    commands::max_array_size()
}

/// Puts the task of an attempt into the queue again.
///
/// # Errors
/// In words, if Slurm refuses.
pub fn requeue(attempt: &TaskAttempt) -> Result<(), String> {
    commands::requeue(&attempt.job, attempt.task)
}

/// Cancels whatever is in the queue of an experiment's runs; how many. `ours` is whether the caller has claimed the experiment.
///
/// # Errors
/// In words, if Slurm cannot be asked.
pub fn cancel_all(dir: &ExperimentDir, ours: bool) -> Result<usize, String> {
    let once = || {
        let (mut batches, found) = live::earlier(dir, ours)?;
        for (batch, position) in found.values() {
            batches[*batch].stop(*position, Stop::Gently);
        }
        batches.iter_mut().try_for_each(|batch| batch.pass_on_stops(Duration::ZERO))?;
        Ok(found.len())
    };
    // What has ended or begun meanwhile is refused, and seen the second time.
    once().or_else(|_: String| once())
}

/// The script of a batch.
fn script_of(setup: &Setup, dir: &BatchDir, name: &str, request: &Request, tasks: usize) -> String {
    let directory = std::env::current_dir().unwrap_or_default();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (batch, requeues) = (absolute(dir.path()).display().to_string(), setup.options.requeues());
    let mut command = vec![setup.program.display().to_string(), "slurm-task".into(), batch];
    command.extend((!requeues).then(|| "--no-requeue".to_owned()));
    command.push("--".into());
    command.extend(setup.arguments.iter().cloned());
    // A path may hold what Slurm takes for a pattern.
    let log = absolute(&dir.log("INDEX")).display().to_string().replace('%', "%%").replace("INDEX.log", "%a.log");
    let log = PathBuf::from(log);
    script::Script { options: &setup.options, request, name, tasks, directory: &directory, log: &log, command: &command }.text()
}

impl Launcher for Slurm {
    fn submit(&self, order: Order<'_>) -> io::Result<JobId> {
        Ok(self.0.borrow_mut().submit(order))
    }

    fn flush(&self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }

    fn has_queue(&self) -> bool {
        true
    }

    fn poll(&self, jobs: &[JobId]) -> Vec<JobState> {
        let mut state = self.0.borrow_mut();
        match state.learn() {
            Ok(()) => jobs.iter().map(|job| state.state(job)).collect(),
            Err(error) => jobs.iter().map(|_| JobState::Unknown(error.to_string())).collect(),
        }
    }

    fn cancel(&self, job: &JobId, how: Stop) -> io::Result<()> {
        self.0.borrow_mut().cancel(job, how);
        Ok(())
    }
}
