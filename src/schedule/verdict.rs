//! How an attempt at a run ended, and whether another one makes sense.

use super::queue::Job;
use super::{Exit, Next};
use crate::machine::OUT_OF_DEVICE_MEMORY;
use crate::plan::RunSpec;
use crate::record::{Failure, Outcome, Status, without_backtrace};
use crate::store::{self, RunDir};

/// Micro-batches that a batch is split into at the most for want of memory.
const MOST_MICRO_BATCHES: usize = 4;

/// Lines of the log that go into a cause.
const LOG_LINES: usize = 3;

/// Lines of the log in which the reason of a death is looked for: a backtrace may follow it.
const SEARCHED: usize = 200;

/// What is known of an attempt that is over.
pub(super) struct Attempt<'a> {
    pub run: &'a RunSpec,
    pub place: &'a RunDir,
    pub exit: Exit,
    /// Length of log.txt when it began.
    pub log_before: u64,
    /// Whether the schedule had asked it to stop.
    pub stopped: bool,
}

impl Attempt<'_> {
    /// What the run left, or, where it left nothing, a record of its death, which is written to its directory.
    ///
    /// # Errors
    /// If a file of the run cannot be read or written.
    pub fn outcome(&self) -> Result<Outcome, store::Error> {
        if let Some(outcome) = self.left()? {
            return Ok(outcome);
        }
        let lines = self.place.last_log_lines(self.log_before, SEARCHED)?;
        let mut outcome = death(self.exit, self.stopped, &lines);
        outcome.epochs = self.place.metrics().map_or(0, |rows| rows.len());
        outcome.best_by.clone_from(&self.run.experiment.training.best);
        match self.place.claim() {
            // Whoever held it may have ended the run meanwhile.
            Ok(_claim) => match self.left()? {
                Some(left) => return Ok(left),
                None => self.place.write_outcome(&outcome)?,
            },
            // The child of a killed schedule, which this attempt waited for: what that writes shall stay.
            Err(store::Error::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(outcome)
    }

    /// The outcome that the run has by now, if it may be of this attempt.
    fn left(&self) -> Result<Option<Outcome>, store::Error> {
        match self.place.outcome()?.filter(|outcome| self.is_of_this_attempt(outcome)) {
            Some(outcome) if self.place.unfit(&outcome)?.is_empty() => Ok(Some(outcome)),
            _ => Ok(None),
        }
    }

    /// A process that was killed has not written that it was asked to stop; the child of a killed scheduler has, just before.
    fn is_of_this_attempt(&self, outcome: &Outcome) -> bool {
        let was_killed = match self.exit {
            Exit::Code(code) => code != 130,
            Exit::Signal(_) | Exit::OutOfMemory => true,
            Exit::TimeLimit | Exit::Preempted | Exit::NodeFailed | Exit::Cancelled | Exit::Unknown => false,
        };
        match outcome.status {
            Status::Interrupted => self.stopped || !was_killed,
            // Whoever pauses ends well.
            Status::Paused => matches!(self.exit, Exit::Code(0) | Exit::Unknown),
            Status::Finished | Status::Failed => true,
        }
    }
}

/// Whether a line says that a GPU's memory was too small: in our words, or in those of the driver and its libraries.
fn of_a_gpu(line: &str) -> bool {
    [OUT_OF_DEVICE_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"].iter().any(|words| line.contains(words))
}

/// The outcome of a process that wrote none.
fn death(exit: Exit, stopped: bool, log: &[String]) -> Outcome {
    let says = |what: &str| log.iter().any(|line| line.contains(what));
    let starved = || log.iter().find(|line| line.starts_with("memory allocation of") || of_a_gpu(line));
    let (failure, cause) = match exit {
        Exit::Code(130) => return Outcome::default(),
        Exit::Cancelled if !stopped => {
            return Outcome { cause: Some("its job was cancelled".into()), ..Outcome::default() };
        }
        Exit::Cancelled => return Outcome::default(),
        Exit::Signal(_) | Exit::Unknown | Exit::TimeLimit | Exit::Preempted | Exit::NodeFailed if stopped => {
            return Outcome::default();
        }
        Exit::OutOfMemory => (Failure::OutOfMemory, "no memory was left, so the system killed the process".to_owned()),
        Exit::Signal(_) | Exit::Code(_) | Exit::Unknown if starved().is_some() => {
            let cause = Some(format!("no memory was left: {}", starved().map_or("", String::as_str)));
            return Outcome { status: Status::Failed, failure: Some(Failure::OutOfMemory), cause, ..Outcome::default() };
        }
        Exit::Code(1) if says(store::NO_ROOM) => (Failure::Disk, "no room was left to write its outcome".to_owned()),
        Exit::Code(2) => (Failure::Mistake, "the process ended with exit code 2".to_owned()),
        Exit::Signal(9) => (Failure::Killed, "the process was killed (signal 9)".to_owned()),
        Exit::Signal(n) => (Failure::Crashed, format!("the process was ended by signal {n}")),
        Exit::Code(n) => (Failure::Crashed, format!("the process ended with exit code {n}")),
        Exit::TimeLimit => (Failure::Killed, "its job was killed at its time limit; ask for more time".to_owned()),
        Exit::Preempted => (Failure::Killed, "its job was preempted by another one".to_owned()),
        Exit::NodeFailed => (Failure::Killed, "the node of its job failed".to_owned()),
        Exit::Unknown => (Failure::Crashed, "the process is gone, and nobody knows how it ended".to_owned()),
    };
    let lines: Vec<String> = log.iter().filter(|line| !without_backtrace(line).is_empty()).cloned().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    let said = if last.is_empty() { String::new() } else { format!("; its last log lines: {}", last.join(" / ")) };
    Outcome { status: Status::Failed, failure: Some(failure), cause: Some(cause + &said), ..Outcome::default() }
}

/// Whether a run is to be tried again, and then how. One that had to make room, or whose time was over, goes on where it saved. A failure for want of memory is answered by a GPU of its own if others `shared`
/// it, else by smaller micro-batches, one that may pass by up to `retries` further attempts, any other by none.
pub(super) fn next(
    outcome: &Outcome,
    exit: Exit,
    job: &Job,
    shared: bool,
    batch_size: usize,
    retries: usize,
) -> (Next, Option<Job>) {
    if outcome.status == Status::Interrupted && matches!(exit, Exit::TimeLimit | Exit::Preempted | Exit::NodeFailed) {
        return (Next::Again("from where it saved".into()), Some(job.clone()));
    }
    let Some(failure) = outcome.failure.filter(|_| outcome.status == Status::Failed) else { return (Next::Over, None) };
    if failure == Failure::OutOfMemory && shared {
        return (Next::Again("alone on its GPU".into()), Some(Job { alone: true, ..job.clone() }));
    }
    let micro_batches = 2 * job.micro_batches;
    if failure == Failure::OutOfMemory && micro_batches <= MOST_MICRO_BATCHES.min(batch_size) {
        let again = Job { micro_batches, ..job.clone() };
        return (Next::Again(format!("with every batch in {micro_batches} micro-batches")), Some(again));
    }
    if failure.may_pass() && job.failed < retries {
        let again = Job { failed: job.failed + 1, ..job.clone() };
        return (Next::Again(format!("attempt {} of {}", again.failed + 1, retries + 1)), Some(again));
    }
    (Next::Over, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Job = Job { run: 0, failed: 0, micro_batches: 1, alone: false };

    fn failed(failure: Failure) -> Outcome {
        Outcome { status: Status::Failed, failure: Some(failure), ..Outcome::default() }
    }

    fn again(failure: Failure, job: &Job) -> Option<Job> {
        next(&failed(failure), Exit::Unknown, job, false, 4, 1).1
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for failure in [Failure::Killed, Failure::Crashed] {
            let second = again(failure, &JOB).unwrap();
            assert_eq!((second.failed, again(failure, &second)), (1, None));
        }
        for failure in [Failure::Diverged, Failure::Mistake, Failure::Disk] {
            assert_eq!(again(failure, &JOB), None);
        }
        assert_eq!(next(&Outcome::default(), Exit::Unknown, &JOB, false, 4, 1), (Next::Over, None));
    }

    #[test]
    fn what_was_saved_in_time_goes_on_and_counts_as_no_failure() {
        let last = Job { failed: 1, ..JOB };
        for exit in [Exit::TimeLimit, Exit::Preempted, Exit::NodeFailed] {
            assert_eq!(next(&Outcome::default(), exit, &last, false, 4, 1).1, Some(last.clone()));
            let killed = death(exit, false, &[]);
            assert_eq!((killed.failure, next(&killed, exit, &last, false, 4, 1).1), (Some(Failure::Killed), None));
        }
        let cancelled = death(Exit::Cancelled, false, &[]);
        assert_eq!((cancelled.status, next(&cancelled, Exit::Cancelled, &JOB, false, 4, 1).1), (Status::Interrupted, None));
    }

    #[test]
    fn want_of_memory_halves_the_parts_twice() {
        let second = again(Failure::OutOfMemory, &JOB).unwrap();
        let third = again(Failure::OutOfMemory, &second).unwrap();
        assert_eq!([second.micro_batches, third.micro_batches], [2, 4]);
        assert_eq!(again(Failure::OutOfMemory, &third), None);
        assert_eq!(next(&failed(Failure::OutOfMemory), Exit::Unknown, &JOB, false, 1, 1).1, None, "a batch of one has no parts");
    }

    #[test]
    fn want_of_memory_beside_others_asks_for_a_gpu_of_its_own_first() {
        let (how, second) = next(&failed(Failure::OutOfMemory), Exit::Unknown, &JOB, true, 4, 0);
        assert_eq!(how, Next::Again("alone on its GPU".into()));
        let third = again(Failure::OutOfMemory, second.as_ref().unwrap()).unwrap();
        assert_eq!((third.alone, third.micro_batches), (true, 2));
        assert_eq!(next(&failed(Failure::Crashed), Exit::Unknown, &JOB, true, 4, 0), (Next::Over, None));
    }

    #[test]
    fn deaths_are_told_apart() {
        let kind = |exit, stopped, words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            death(exit, stopped, &words).failure
        };
        assert_eq!(kind(Exit::Signal(9), false, &[]), Some(Failure::Killed));
        assert_eq!(kind(Exit::Signal(9), true, &[]), None);
        assert_eq!(kind(Exit::Code(130), false, &[]), None);
        assert_eq!(kind(Exit::OutOfMemory, false, &[]), Some(Failure::OutOfMemory));
        assert_eq!(kind(Exit::Signal(6), false, &["memory allocation of 8 bytes failed"]), Some(Failure::OutOfMemory));
        for line in ["error: out of device memory: 9 MB more are wanted", "thread panicked: CUDA_ERROR_OUT_OF_MEMORY"] {
            assert_eq!(kind(Exit::Code(1), false, &[line]), Some(Failure::OutOfMemory));
            assert_eq!(kind(Exit::Signal(6), false, &[line, "stack backtrace:"]), Some(Failure::OutOfMemory));
        }
        assert_eq!(kind(Exit::Signal(11), false, &[]), Some(Failure::Crashed));
        assert_eq!((kind(Exit::Unknown, false, &[]), kind(Exit::Unknown, true, &[])), (Some(Failure::Crashed), None));
        assert_eq!(kind(Exit::Code(1), false, &[&format!("error: x: writing failed; {}", store::NO_ROOM)]), Some(Failure::Disk));
        assert_eq!(kind(Exit::Code(2), false, &[]), Some(Failure::Mistake));
        let cause = death(Exit::Code(101), false, &["panicked".into(), "at x".into()]).cause.unwrap();
        assert_eq!(cause, "the process ended with exit code 101; its last log lines: panicked / at x");
        let with_backtrace = ["memory allocation of 8 bytes failed", "stack backtrace:", "0: a", "1: b", "2: c"];
        assert_eq!(kind(Exit::Signal(6), false, &with_backtrace), Some(Failure::OutOfMemory));
        let long = death(Exit::Code(101), false, &with_backtrace.map(str::to_owned)[1..]).cause.unwrap();
        assert_eq!(long, "the process ended with exit code 101; its last log lines: 0: a / 1: b / 2: c");
    }
}
