//! Runs of a source, as many at a time as there are slots.

use super::queue::{Job, Queue};
use super::ready::{clear, ready};
use super::room::{Kind, Kinds, Room};
use super::verdict::{self, Attempt};
use super::{At, Ended, Epochs, Exit, JobId, JobState, Launcher, Next, Order, Slot, Source, Standing, Stop, Watch};
use crate::plan::{RunSpec, keys};
use crate::record::{Event, Failure, Outcome, Status};
use crate::store::{self, Events, ExperimentDir, RunDir};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// How often runs are looked at, if none of them has ended.
const LOOK: Duration = Duration::from_millis(100);

/// How often the watch hears that time passes.
const TICK: Duration = Duration::from_millis(200);

/// What stops the whole schedule; a run that fails does not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the results could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// No process could be started.
    #[error("cannot start a process for run {run}: {cause}; check memory and process limits")]
    Launch {
        /// The run.
        run: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The source has no way to go on.
    #[error("no further runs can be chosen: {0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

/// What is to be executed.
pub struct Work<'a> {
    /// Gives the runs.
    pub source: &'a mut dyn Source,
    /// Where their results go; the caller holds its [claim](ExperimentDir::claim).
    pub dir: &'a ExperimentDir,
    /// How long a run takes for so many epochs, in any unit common to all; 0 where nobody knows.
    pub duration: &'a dyn Fn(&RunSpec, usize) -> f64,
}

/// What is done about failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Further attempts at a run that failed for a cause that may pass.
    pub retries: usize,
    /// Whether the first run that fails for good stops all others.
    pub fail_fast: bool,
    /// Whether finished runs whose weights are gone or damaged are trained again.
    pub restore: bool,
}

/// How many runs ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Finished now.
    pub finished: usize,
    /// Finished before, not run again.
    pub skipped: usize,
    /// Those of them whose weights are gone.
    pub without_weights: usize,
    /// Failed, now or for good before.
    pub failed: usize,
    /// Stopped from outside, or not begun because of that.
    pub interrupted: usize,
}

/// A run of the plan, and where it is.
struct Planned {
    place: RunDir,
    /// How it stands, in a word of plan.csv.
    word: &'static str,
    /// What decides how much memory it takes.
    kind: usize,
}

/// What a slot is busy with.
struct Busy {
    job: Job,
    id: JobId,
    events: Events,
    log_before: u64,
    /// Whether it was reported that nobody knows how the job stands.
    noted: bool,
}

/// Everything that the schedule knows while it goes.
struct Schedule<'a> {
    work: Work<'a>,
    slots: &'a [Slot],
    policy: Policy,
    launcher: &'a dyn Launcher,
    watch: &'a mut dyn Watch,
    /// The plan, as far as it has grown.
    runs: Vec<RunSpec>,
    /// The same runs.
    planned: Vec<Planned>,
    /// Hashes of their ids.
    known: HashSet<String>,
    /// Those that will not be tried again.
    ended: Vec<Ended>,
    queue: Queue,
    kinds: Kinds,
    /// By the name of the GPU.
    rooms: HashMap<&'a str, Room>,
    /// By the number of the slot.
    busy: BTreeMap<usize, Busy>,
    tally: Tally,
    stopping: Option<Stop>,
    /// The first thing that went wrong with the schedule itself.
    trouble: Option<Error>,
}

/// Executes every run of the source that is not finished, on the slots. `stopped` says whether somebody wants an end; it is asked ten times a second.
/// A run whose loss was no finite number before is not tried again: the same would come out.
///
/// # Errors
/// If results cannot be written or processes not be started; what was running has then been asked to stop and has ended. A failed run is
/// no error: it is recorded, and the others go on.
pub fn execute<'a>(
    work: Work<'a>,
    slots: &'a [Slot],
    policy: Policy,
    launcher: &'a dyn Launcher,
    stopped: &dyn Fn() -> Option<Stop>,
    watch: &'a mut dyn Watch,
) -> Result<Tally, Error> {
    let gpus = slots.iter().filter(|slot| slot.gpu.is_some());
    let mut schedule = Schedule {
        work,
        slots,
        policy,
        launcher,
        watch,
        runs: Vec::new(),
        planned: Vec::new(),
        known: HashSet::new(),
        ended: Vec::new(),
        queue: Queue::default(),
        kinds: Kinds::default(),
        rooms: gpus.map(|slot| (slot.device.as_str(), Room::new(slot.measured))).collect(),
        busy: BTreeMap::new(),
        tally: Tally::default(),
        stopping: None,
        trouble: None,
    };
    schedule.grow()?;
    if schedule.runs.is_empty() {
        schedule.write_plan()?;
    }
    schedule.run(stopped);
    schedule.tally.interrupted += schedule.queue.len();
    match schedule.trouble {
        Some(error) => Err(error),
        None => Ok(schedule.tally),
    }
}

impl<'a> Schedule<'a> {
    /// Takes in what runs the source has by now, in plan.csv too.
    fn grow(&mut self) -> Result<(), Error> {
        // Runs that turn out to have ended before may be what others wait for.
        loop {
            let ended = self.ended.len();
            let mut new = self.work.source.runs(&self.ended).map_err(Error::Source)?;
            new.retain(|run| self.known.insert(run.id.hash().to_owned()));
            self.add(new)?;
            if self.ended.len() == ended {
                return Ok(());
            }
        }
    }

    /// Adds runs to the plan: creates their directories and sees what is to be done.
    fn add(&mut self, new: Vec<RunSpec>) -> Result<(), Error> {
        if new.is_empty() {
            return Ok(());
        }
        let first = self.runs.len();
        let places = self.work.dir.places(new.iter().map(|run| &run.id))?;
        self.runs.extend(new);
        self.watch.planned(&self.runs);
        let mut jobs = Vec::new();
        for (index, place) in (first..).zip(places) {
            let run = &self.runs[index];
            let at = At { position: index + 1, of: self.runs.len(), run };
            let kind = self.kinds.number(run);
            let standing = match ready(&place, at, self.policy.restore, self.watch) {
                Ok(standing) => standing,
                // It costs this run alone.
                Err(error) if error.is_of_one_file() => {
                    let outcome = unreadable(&error);
                    self.tally.failed += 1;
                    self.watch.before(at, &outcome);
                    self.ended.push(Ended { run: run.id.clone(), outcome });
                    self.planned.push(Planned { place, word: "damaged", kind });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match &standing {
                Standing::Finished(outcome) | Standing::Failed(outcome) if !standing.is_to_train() => {
                    let finished = outcome.status == Status::Finished;
                    *(if finished { &mut self.tally.skipped } else { &mut self.tally.failed }) += 1;
                    self.tally.without_weights += usize::from(finished && place.lacks_weights(outcome));
                    self.watch.before(at, outcome);
                    self.ended.push(Ended { run: run.id.clone(), outcome: outcome.clone() });
                }
                standing => {
                    if let Standing::Incomplete(problem) = standing {
                        self.watch.noted(at, &format!("finished before, but {problem}"));
                    }
                    let Epochs { left, .. } = standing.epochs(run, &place);
                    let job = Job { run: index, failed: 0, micro_batches: place.micro_batches()?, alone: false };
                    jobs.push((job, (self.work.duration)(run, left)));
                }
            }
            self.planned.push(Planned { place, word: standing.word(), kind });
        }
        self.queue.add(jobs, self.slots.len());
        self.write_plan()
    }

    fn run(&mut self, stopped: &dyn Fn() -> Option<Stop>) {
        let mut ticked = Instant::now();
        loop {
            self.stop(stopped());
            if let Err(error) = self.fill() {
                self.halt(error);
            }
            if self.busy.is_empty() {
                break;
            }
            self.launcher.wait(LOOK);
            if let Err(error) = self.look() {
                self.halt(error);
            }
            // However much there is to hear.
            if ticked.elapsed() >= TICK {
                self.watch.tick();
                ticked = Instant::now();
            }
        }
    }

    /// Starts runs on every free slot.
    fn fill(&mut self) -> Result<(), Error> {
        let slots = self.slots;
        for (number, slot) in slots.iter().enumerate() {
            if self.stopping.is_some() || self.busy.contains_key(&number) {
                continue;
            }
            let Some(job) = self.next_for(slot) else { continue };
            self.start(number, slot, job)?;
            self.write_plan()?;
        }
        Ok(())
    }

    fn start(&mut self, number: usize, slot: &Slot, job: Job) -> Result<(), Error> {
        let (run, planned) = (&self.runs[job.run], &mut self.planned[job.run]);
        let (at, place) = (At { position: job.run + 1, of: self.runs.len(), run }, &planned.place);
        clear(place, &mut |words| self.watch.noted(at, words))?;
        let (log_before, events) = (place.log_length(), place.events());
        self.watch.started(at, slot);
        let order = Order { run: place, slot, micro_batches: job.micro_batches };
        let id = self.launcher.submit(order).map_err(|cause| Error::Launch { run: run.id.to_string(), cause })?;
        planned.word = "started";
        if let Some(room) = self.rooms.get_mut(slot.device.as_str()) {
            room.enter(number, (planned.kind, job.micro_batches), job.alone);
        }
        self.busy.insert(number, Busy { job, id, events, log_before, noted: false });
        Ok(())
    }

    /// The first of the waiting runs that this slot's device has room for.
    fn next_for(&mut self, slot: &Slot) -> Option<Job> {
        let Some(room) = self.rooms.get(slot.device.as_str()) else { return self.queue.next(|_| true) };
        let free = OnceCell::new();
        let free = || *free.get_or_init(|| self.launcher.free_memory(slot));
        let kind = |job: &Job| -> Kind { (self.planned[job.run].kind, job.micro_batches) };
        self.queue.next(|job| room.admits(kind(job), job.alone, &free))
    }

    /// Sees what has happened to everything that runs.
    fn look(&mut self) -> Result<(), Error> {
        let ids: Vec<JobId> = self.busy.values().map(|busy| busy.id.clone()).collect();
        let slots: Vec<usize> = self.busy.keys().copied().collect();
        // Asked before events are read, so that of what has ended all are there.
        for (slot, state) in slots.into_iter().zip(self.launcher.poll(&ids)) {
            self.hear(slot);
            match state {
                JobState::Ended(exit) => self.over(slot, exit)?,
                JobState::Unknown(reason) => {
                    let busy = self.busy.get_mut(&slot).expect("only what runs is looked at");
                    let text = format!("nobody can say how job {} stands: {reason}", busy.id);
                    if !std::mem::replace(&mut busy.noted, true) {
                        self.watch.noted(at(&self.runs, busy.job.run), &text);
                    }
                }
                JobState::Waiting | JobState::Running => {}
            }
        }
        Ok(())
    }

    /// Passes on what a run has reported.
    fn hear(&mut self, slot: usize) {
        let Some(busy) = self.busy.get_mut(&slot) else { return };
        for event in busy.events.added() {
            let room = self.rooms.get_mut(self.slots[slot].device.as_str());
            if let (Event::Memory { device_bytes }, Some(room)) = (&event, room) {
                room.reported(slot, *device_bytes);
            }
            self.watch.reported(at(&self.runs, busy.job.run), &event);
        }
    }

    /// Judges an attempt that is over.
    fn over(&mut self, slot: usize, exit: Exit) -> Result<(), Error> {
        let Busy { job, log_before, .. } = self.busy.remove(&slot).expect("only what was started ends");
        let shared = self.rooms.get_mut(self.slots[slot].device.as_str()).is_some_and(|room| room.leave(slot));
        let (run, stopped) = (&self.runs[job.run], self.stopping.is_some());
        let attempt = Attempt { run, place: &self.planned[job.run].place, exit, log_before, stopped };
        let outcome = match attempt.outcome() {
            Err(error) if error.is_of_one_file() => unreadable(&error),
            outcome => outcome?,
        };
        let batch_size = run.experiment.training.batch_size;
        let (mut next, mut again) = verdict::next(&outcome, &job, shared, batch_size, self.policy.retries);
        if stopped {
            (next, again) = (Next::Over, None);
        }
        self.watch.ended(at(&self.runs, job.run), &outcome, &next);
        if let Some(job) = again {
            self.queue.again(job);
            return self.write_plan();
        }
        self.count(&job, &outcome);
        self.ended.push(Ended { run: self.runs[job.run].id.clone(), outcome });
        // Before a source looks at it, which may take its time.
        self.write_plan()?;
        if self.stopping.is_none() { self.grow() } else { Ok(()) }
    }

    fn count(&mut self, job: &Job, outcome: &Outcome) {
        let (word, counter) = match outcome.status {
            Status::Finished => ("finished", &mut self.tally.finished),
            Status::Failed => ("failed", &mut self.tally.failed),
            Status::Interrupted => ("resumable", &mut self.tally.interrupted),
        };
        *counter += 1;
        self.planned[job.run].word = word;
        if outcome.status == Status::Failed && self.policy.fail_fast {
            self.stop(Some(Stop::Gently));
        }
    }

    /// Asks everything that runs to end, if it was not asked as urgently before. Nothing starts any more.
    fn stop(&mut self, how: Option<Stop>) {
        if how <= self.stopping {
            return;
        }
        self.stopping = how;
        for (busy, how) in self.busy.values().filter_map(|busy| Some((busy, how?))) {
            if let Err(cause) = self.launcher.cancel(&busy.id, how) {
                self.watch.noted(at(&self.runs, busy.job.run), &format!("job {} cannot be asked to end: {cause}", busy.id));
            }
        }
    }

    /// Ends everything because of trouble with the schedule itself.
    fn halt(&mut self, error: Error) {
        self.trouble.get_or_insert(error);
        self.stop(Some(Stop::Gently));
    }

    fn write_plan(&self) -> Result<(), Error> {
        let keys = keys(&self.runs);
        let header = ["run"].into_iter().chain(keys.iter().copied()).chain(["status"]);
        let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
        for (run, Planned { place, word, .. }) in self.runs.iter().zip(&self.planned) {
            let values = keys.iter().map(|key| run.value(key).unwrap_or_default().to_owned());
            rows.push([place.id().to_string()].into_iter().chain(values).chain([(*word).to_owned()]).collect());
        }
        Ok(self.work.dir.write_plan(&rows)?)
    }
}

fn at(runs: &[RunSpec], index: usize) -> At<'_> {
    At { position: index + 1, of: runs.len(), run: &runs[index] }
}

/// The outcome of a run whose files cannot be read, which is not written anywhere.
fn unreadable(error: &store::Error) -> Outcome {
    let cause = Some(error.to_string());
    Outcome { status: Status::Failed, failure: Some(Failure::Disk), cause, ..Outcome::default() }
}

#[cfg(test)]
mod tests;
