//! What runs on a node: the runs of a task, one after the other.

use super::ending::words;
use crate::record::{Failure, Outcome, Status};
use crate::schedule::{Exit, JobState, Launcher, Order, Slot, Stop};
use crate::store::{Batch, BatchDir, BatchRun, RunDir, TaskAttempt};
use std::io;
use std::time::{Duration, Instant, SystemTime};

/// How often a task looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// How often it looks whether a later attempt has taken its place.
const SUPERSEDED: Duration = Duration::from_secs(1);

/// Within this time Slurm's signal reaches all processes of a job.
const SIGNALLED: Duration = Duration::from_secs(2);

/// Why a task is to end before its runs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The schedule, or who else is at the experiment, wants it.
    Stop,
    /// Slurm is about to end it, and what follows is known to Slurm alone.
    Leave,
    /// Its time is nearly over.
    TimeLimit,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Each of its runs has ended.
    Done,
    /// It was asked to end.
    Asked,
    /// It is in the queue again.
    Requeued,
    /// It is not its turn: another process has this attempt or a later one, or the batch is void.
    NotOurs,
}

/// Puts the task of an attempt into the queue again; why it could not, in words.
pub type Requeue<'a> = &'a dyn Fn(&TaskAttempt) -> Result<(), String>;

/// An attempt at a task.
pub struct Task<'a> {
    /// The batch.
    pub dir: &'a BatchDir,
    /// Which attempt at which of its tasks.
    pub attempt: TaskAttempt,
    /// Starts the runs on this node.
    pub local: &'a dyn Launcher,
    /// Where they go.
    pub slot: &'a Slot,
    /// Why it is to end, if it is; asked ten times a second.
    pub asked: &'a dyn Fn() -> Option<Ask>,
    /// Puts the task into the queue again; nothing where that is not wanted.
    pub requeue: Option<Requeue<'a>>,
}

/// Does a task's runs that have not ended yet.
///
/// # Errors
/// If a file of the batch cannot be read or written, or a process not be started.
pub fn work(task: &Task<'_>) -> io::Result<Ending> {
    let batch = task.dir.intent().map_err(io::Error::other)?;
    let Some(_claim) = task.dir.begin(&task.attempt).map_err(io::Error::other)? else { return Ok(Ending::NotOurs) };
    if !task.is_its_turn()? {
        return Ok(Ending::NotOurs);
    }
    let none = || io::Error::other(format!("{}: there is no task {}", task.dir.path().display(), task.attempt.task));
    let runs = batch.tasks.get(task.attempt.task).ok_or_else(none)?;
    let mut begun = false;
    for (index, run) in runs.iter().enumerate() {
        let position = batch.first(task.attempt.task) + index;
        if task.dir.ended(position).map_err(io::Error::other)?.is_some() {
            continue;
        }
        match task.run(run, std::mem::replace(&mut begun, true))? {
            Over::Ended(exit) => task.end(position, exit)?,
            Over::Superseded => return Ok(Ending::NotOurs),
            Over::Asked(ask, saved) => return task.asked_to_end(&batch, index, ask, saved),
        }
    }
    Ok(Ending::Done)
}

/// How it went with one run.
enum Over {
    Ended(Exit),
    /// It was asked to end and has; whether it has saved anything that was not saved before.
    Asked(Ask, bool),
    Superseded,
}

impl Task<'_> {
    /// Whether nobody else has this task: no other job, no later attempt, nobody who took the batch back.
    fn is_its_turn(&self) -> io::Result<bool> {
        let listing = self.dir.listing().map_err(io::Error::other)?;
        let job = self.dir.job().map_err(io::Error::other)?;
        let other = |attempt: &TaskAttempt| attempt.task == self.attempt.task && attempt.job != self.attempt.job;
        let of_other = job.is_some_and(|job| job != self.attempt.job) || listing.attempts.iter().any(other);
        Ok(!listing.void && !of_other && !self.is_superseded())
    }

    /// Whether a later attempt has begun. What cannot be read now is read the next time.
    fn is_superseded(&self) -> bool {
        let later = |attempt: &TaskAttempt| {
            (attempt.task, &attempt.job) == (self.attempt.task, &self.attempt.job) && attempt.restart > self.attempt.restart
        };
        self.dir.listing().is_ok_and(|listing| listing.attempts.iter().any(later))
    }

    fn end(&self, position: usize, exit: Exit) -> io::Result<()> {
        self.dir.end(position, &words(exit)).map(drop).map_err(io::Error::other)
    }

    /// Starts a run and waits until it has ended; `later` is whether this attempt has done something before.
    fn run(&self, run: &BatchRun, later: bool) -> io::Result<Over> {
        // The first run is begun even then, so that it shows whether there is time for anything.
        if let Some(ask) = (self.asked)().filter(|ask| later || *ask != Ask::TimeLimit) {
            return Ok(Over::Asked(ask, true));
        }
        let place = self.dir.run(run);
        let before = saved(&place);
        let order = Order { run: &place, slot: self.slot, micro_batches: run.micro_batches, until: run.until };
        let job = self.local.submit(order)?;
        let (mut asked, mut looked) = (None, Instant::now());
        loop {
            self.local.wait(LOOK);
            if let JobState::Ended(exit) = self.local.poll(std::slice::from_ref(&job)).remove(0) {
                let was_asked = matches!(exit, Exit::Code(130) | Exit::Signal(15));
                let asked = if was_asked { asked.or_else(|| self.asked_meanwhile()) } else { None };
                return Ok(match asked {
                    Some(ask) => Over::Asked(ask, saved(&place) != before),
                    None => Over::Ended(exit),
                });
            }
            if looked.elapsed() >= SUPERSEDED {
                looked = Instant::now();
                if self.is_superseded() {
                    self.local.cancel(&job, Stop::Now)?;
                    return Ok(Over::Superseded);
                }
            }
            if asked.is_none() {
                asked = (self.asked)();
                if asked.is_some() {
                    self.local.cancel(&job, Stop::Gently)?;
                }
            }
        }
    }

    /// Why a run was asked to end that nobody here has asked: Slurm signals all processes of a job, this one perhaps after the run has ended.
    fn asked_meanwhile(&self) -> Option<Ask> {
        let began = Instant::now();
        loop {
            let asked = (self.asked)();
            if asked.is_some() || began.elapsed() >= SIGNALLED {
                return asked;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What follows when a run was asked to end, and those after it were not begun.
    fn asked_to_end(&self, batch: &Batch, index: usize, ask: Ask, saved: bool) -> io::Result<Ending> {
        let first = batch.first(self.attempt.task);
        let runs = &batch.tasks[self.attempt.task];
        if ask == Ask::Leave || self.is_superseded() {
            return Ok(Ending::Asked);
        }
        let mut index = index;
        if ask == Ask::TimeLimit && !saved {
            // It would be the same again.
            let place = self.dir.run(&runs[index]);
            place.write_outcome(&too_short(&place)).map_err(io::Error::other)?;
            self.end(first + index, Exit::TimeLimit)?;
            index += 1;
        }
        if index == runs.len() {
            return Ok(Ending::Done);
        }
        if ask == Ask::TimeLimit
            && let Some(requeue) = self.requeue
        {
            match requeue(&self.attempt) {
                Ok(()) => return Ok(Ending::Requeued),
                Err(said) => eprintln!("not in the queue again: {said}"),
            }
        }
        let exit = if ask == Ask::TimeLimit { Exit::TimeLimit } else { Exit::Code(130) };
        for (run, position) in runs.iter().zip(first..).skip(index) {
            let place = self.dir.run(run);
            if place.outcome().is_ok_and(|outcome| outcome.is_none()) {
                // Not begun, which is no failure of its own.
                place.write_outcome(&Outcome::default()).map_err(io::Error::other)?;
            }
            self.end(position, exit)?;
        }
        Ok(Ending::Asked)
    }
}

/// By which it is known whether a run has saved anything since.
fn saved(place: &RunDir) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(place.resume_state()).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn too_short(place: &RunDir) -> Outcome {
    let cause = "its time limit came before it had saved anything; ask for more: --slurm time=…".to_owned();
    let epochs = place.metrics().map_or(0, |rows| rows.len());
    Outcome { status: Status::Failed, failure: Some(Failure::Killed), cause: Some(cause), epochs, ..Outcome::default() }
}
