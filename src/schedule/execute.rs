//! Runs of a source, as many at a time as there are slots.

mod grow;

use super::queue::{Job, Queue};
use super::ready::clear;
use super::room::{Kind, Kinds, Room};
use super::verdict::{self, Attempt};
use super::{At, Ended, Error, Exit, JobId, JobState, Launcher, Next, Order, Policy, RunCounts, Slot, Stop, Watch, Work};
use crate::plan::RunSpec;
use crate::record::{Event, Failure, Outcome, Status};
use crate::store::{self, Events, RunDir};
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// How often runs are looked at, if none of them has ended.
const LOOK: Duration = Duration::from_millis(100);

/// How often the watch hears that time passes.
const TICK: Duration = Duration::from_millis(200);

/// The word for a run that has all epochs that are wanted by now.
const PAUSED: &str = "paused";

/// A run of the plan, and where it is.
struct Planned {
    place: RunDir,
    /// How it stands, in a word of plan.csv.
    word: &'static str,
    /// What decides how much memory it takes.
    kind: usize,
    /// The epoch after which it pauses; `None` for a whole run.
    until: Option<usize>,
}

/// What a slot is busy with.
struct Busy {
    job: Job,
    id: JobId,
    events: Events,
    log_before: u64,
    /// Whether its start was reported: a job may wait long before it.
    started: bool,
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
    /// Their positions, by the hashes of their ids.
    known: HashMap<String, usize>,
    /// Those that will not be tried again.
    ended: Vec<Ended>,
    queue: Queue,
    kinds: Kinds,
    /// By the name of the GPU.
    rooms: HashMap<&'a str, Room>,
    /// By the number of the slot.
    busy: BTreeMap<usize, Busy>,
    counts: RunCounts,
    /// Whether the source has nothing for slots that wait, until another run has ended.
    none_spare: bool,
    stopping: Option<Stop>,
    /// Why nobody knows how jobs stand, or why they are held, as far as it was reported.
    noted: HashSet<String>,
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
) -> Result<RunCounts, Error> {
    let gpus = slots.iter().filter(|slot| slot.gpu.is_some());
    let mut schedule = Schedule {
        work,
        slots,
        policy,
        launcher,
        watch,
        runs: Vec::new(),
        planned: Vec::new(),
        known: HashMap::new(),
        ended: Vec::new(),
        queue: Queue::default(),
        kinds: Kinds::default(),
        rooms: gpus.map(|slot| (slot.device.as_str(), Room::new(slot.measured))).collect(),
        busy: BTreeMap::new(),
        counts: RunCounts::default(),
        none_spare: false,
        stopping: None,
        noted: HashSet::new(),
        trouble: None,
    };
    schedule.grow()?;
    if schedule.runs.is_empty() {
        schedule.write_plan()?;
    }
    schedule.run(stopped);
    schedule.counts.interrupted += schedule.queue.len();
    schedule.counts.left += schedule.busy.len();
    match schedule.trouble {
        Some(error) => Err(error),
        None => Ok(schedule.counts),
    }
}

impl<'a> Schedule<'a> {
    fn run(&mut self, stopped: &dyn Fn() -> Option<Stop>) {
        let mut ticked = Instant::now();
        loop {
            self.stop(stopped());
            if self.stopping == Some(Stop::Leave) {
                break;
            }
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
        let (slots, before) = (self.slots, self.busy.len());
        for (number, slot) in slots.iter().enumerate() {
            while self.stopping.is_none() && !self.busy.contains_key(&number) {
                if self.queue.len() == 0 {
                    self.grow_spare()?;
                }
                let Some(job) = self.next_for(slot) else { break };
                self.start(number, slot, job)?;
            }
        }
        if self.busy.len() > before {
            self.write_plan()?;
        }
        self.launcher.flush().map_err(Error::Submit)
    }

    /// Starts a run, unless it has finished by now.
    fn start(&mut self, number: usize, slot: &Slot, job: Job) -> Result<(), Error> {
        let (run, planned) = (&self.runs[job.run], &mut self.planned[job.run]);
        let (at, place) = (At { position: job.run + 1, of: self.runs.len(), run }, &planned.place);
        if let Some(outcome) = clear(place, &mut |words| self.watch.noted(at, words))? {
            planned.word = "finished";
            let place = place.clone();
            self.before(job.run, &place, &outcome);
            self.write_plan()?;
            return self.grow();
        }
        let (log_before, events) = (place.log_length(), place.events());
        let started = !self.launcher.has_queue();
        if started {
            self.watch.started(at, slot);
        }
        let order = Order { run: place, slot, micro_batches: job.micro_batches, until: planned.until };
        let id = self.launcher.submit(order).map_err(|cause| Error::Launch { run: run.id.to_string(), cause })?;
        planned.word = "started";
        if let Some(room) = self.rooms.get_mut(slot.device.as_str()) {
            room.enter(number, (planned.kind, job.micro_batches), job.alone);
        }
        self.busy.insert(number, Busy { job, id, events, log_before, started });
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
            if matches!(state, JobState::Running | JobState::Ended(_)) {
                self.begun(slot);
            }
            self.hear(slot);
            match state {
                JobState::Ended(exit) => self.over(slot, exit)?,
                JobState::Unknown(reason) => {
                    self.note(slot, &reason, |id| format!("nobody can say how job {id} stands: {reason}"))
                }
                JobState::Held(reason) => self.note(slot, &reason, |id| format!("job {id} is held: {reason}")),
                JobState::Waiting | JobState::Running => {}
            }
        }
        Ok(())
    }

    /// Reports that a job has started, once.
    fn begun(&mut self, slot: usize) {
        let Some(busy) = self.busy.get_mut(&slot) else { return };
        if !std::mem::replace(&mut busy.started, true) {
            self.watch.started(at(&self.runs, busy.job.run), &self.slots[slot]);
        }
    }

    /// Reports something about a job itself, unless it was reported of another one: of a long queue it holds for all.
    fn note(&mut self, slot: usize, reason: &str, text: impl Fn(&JobId) -> String) {
        let Some(busy) = self.busy.get(&slot) else { return };
        if self.noted.insert(reason.to_owned()) {
            self.watch.noted(at(&self.runs, busy.job.run), &text(&busy.id));
        }
    }

    /// Passes on what a run has reported.
    fn hear(&mut self, slot: usize) {
        let Some(busy) = self.busy.get_mut(&slot).filter(|busy| busy.started) else { return };
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
        let (mut next, mut again) = verdict::next(&outcome, exit, &job, shared, batch_size, self.policy.retries);
        if stopped {
            (next, again) = (Next::Over, None);
        }
        if !stopped && outcome.status == Status::Paused && self.planned[job.run].until.is_none_or(|until| until > outcome.epochs)
        {
            (next, again) = (Next::Again("to a later epoch".into()), Some(job.clone()));
        }
        self.watch.ended(at(&self.runs, job.run), &outcome, &next);
        if let Some(job) = again {
            self.queue.again(job);
            return self.write_plan();
        }
        self.count(&job, &outcome);
        self.none_spare = false;
        self.ended.push(Ended { run: self.runs[job.run].id.clone(), outcome });
        // Before a source looks at it, which may take its time.
        self.write_plan()?;
        if self.stopping.is_none() { self.grow() } else { Ok(()) }
    }

    fn count(&mut self, job: &Job, outcome: &Outcome) {
        let (word, counter) = match outcome.status {
            Status::Finished => ("finished", &mut self.counts.finished),
            Status::Failed => ("failed", &mut self.counts.failed),
            Status::Interrupted => ("resumable", &mut self.counts.interrupted),
            Status::Paused => (PAUSED, &mut self.counts.paused),
        };
        *counter += 1;
        self.counts.diverged += usize::from(outcome.failure == Some(Failure::Diverged));
        self.planned[job.run].word = word;
        if outcome.status == Status::Failed && self.policy.fail_fast && !self.work.source.is_result(outcome) {
            self.stop(Some(Stop::Gently));
        }
    }

    /// Asks everything that runs to end, if it was not asked as urgently before. Nothing starts any more.
    fn stop(&mut self, how: Option<Stop>) {
        if how <= self.stopping {
            return;
        }
        self.stopping = how;
        if how == Some(Stop::Leave) {
            return;
        }
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
