//! Runs of a plan, as many at a time as there are slots.

use super::queue::{Job, Queue};
use super::room::{self, Kind, Room};
use super::verdict::{self, Attempt};
use super::{At, Exit, Launcher, Next, Order, Slot, Standing, Watch, standing};
use crate::plan::Plan;
use crate::record::{Event, Failure, Outcome, Status};
use crate::store::{self, ExperimentDir, RunDir};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Scope;
use std::time::{Duration, Instant};

/// How often somebody who watches is told that time passes.
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
}

/// What is to be executed.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The runs.
    pub plan: &'a Plan,
    /// Where their results go; the caller holds its [claim](ExperimentDir::claim).
    pub dir: &'a ExperimentDir,
    /// Expected durations of the runs, in any unit; those without one count as 0.
    pub sizes: &'a [f64],
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

enum Message {
    Told(usize, Event),
    Over(usize, std::io::Result<Exit>),
}

/// What a slot is busy with.
struct Busy {
    job: Job,
    log_before: u64,
}

/// Everything that the schedule knows while it goes.
struct Schedule<'a> {
    plan: &'a Plan,
    dir: &'a ExperimentDir,
    places: Vec<RunDir>,
    words: Vec<&'static str>,
    slots: &'a [Slot],
    policy: Policy,
    queue: Queue,
    /// By the name of the GPU.
    rooms: HashMap<&'a str, Room>,
    /// Of every run of the plan.
    kinds: Vec<usize>,
    busy: HashMap<usize, Busy>,
    tally: Tally,
    stopping: bool,
    /// The first thing that went wrong with the schedule itself.
    trouble: Option<Error>,
}

/// Executes every run of the plan that is not finished, on the slots. `stopped` is asked before a run is started. A run whose loss was
/// no finite number before is not tried again: the same would come out.
///
/// # Errors
/// If results cannot be written or processes not be started; what was running has then been asked to stop and has ended. A failed run is
/// no error: it is recorded, and the others go on.
pub fn execute(
    work: Work<'_>,
    slots: &[Slot],
    policy: Policy,
    launcher: &dyn Launcher,
    stopped: &dyn Fn() -> bool,
    watch: &mut dyn Watch,
) -> Result<Tally, Error> {
    let mut schedule = Schedule::prepare(work, slots, policy, watch)?;
    std::thread::scope(|scope| schedule.run(scope, launcher, stopped, watch));
    schedule.tally.interrupted += schedule.queue.len();
    match schedule.trouble {
        Some(error) => Err(error),
        None => Ok(schedule.tally),
    }
}

impl<'a> Schedule<'a> {
    /// Creates the runs' directories and sees what is to be done.
    fn prepare(
        Work { plan, dir, sizes }: Work<'a>,
        slots: &'a [Slot],
        policy: Policy,
        watch: &mut dyn Watch,
    ) -> Result<Self, Error> {
        let places = dir.places(plan.runs.iter().map(|run| &run.id))?;
        let (mut jobs, mut words, mut tally) = (Vec::new(), Vec::new(), Tally::default());
        for (index, (run, place)) in plan.runs.iter().zip(&places).enumerate() {
            let at = At { position: index + 1, of: plan.runs.len(), run };
            let standing = match ready(place, at, policy.restore, watch) {
                Ok(standing) => standing,
                // It costs this run alone.
                Err(error) if error.is_of_one_file() => {
                    words.push("damaged");
                    tally.failed += 1;
                    watch.before(at, &unreadable(&error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            words.push(standing.word());
            match &standing {
                Standing::Finished(outcome) => {
                    tally.skipped += 1;
                    tally.without_weights += usize::from(place.lacks_weights(outcome));
                    watch.before(at, outcome);
                }
                Standing::Failed(outcome) if outcome.failure == Some(Failure::Diverged) => {
                    tally.failed += 1;
                    watch.before(at, outcome);
                }
                standing => {
                    if let Standing::Incomplete(problem) = standing {
                        watch.noted(at, &format!("finished before, but {problem}"));
                    }
                    jobs.push(Job { run: index, failed: 0, micro_batches: place.micro_batches()?, alone: false });
                }
            }
        }
        let queue = Queue::new(jobs, sizes, slots.len());
        let gpus = slots.iter().filter(|slot| slot.gpu.is_some());
        let schedule = Self {
            plan,
            dir,
            places,
            words,
            slots,
            policy,
            queue,
            rooms: gpus.map(|slot| (slot.device.as_str(), Room::new(slot.measured))).collect(),
            kinds: room::kinds(&plan.runs),
            busy: HashMap::new(),
            tally,
            stopping: false,
            trouble: None,
        };
        schedule.write_plan()?;
        Ok(schedule)
    }

    fn run<'scope, 'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
        launcher: &'env dyn Launcher,
        stopped: &dyn Fn() -> bool,
        watch: &mut dyn Watch,
    ) where
        'a: 'env,
        'a: 'scope,
    {
        let (sender, receiver) = channel();
        let mut ticked = Instant::now();
        loop {
            self.stopping |= stopped();
            if let Err(error) = self.fill(scope, launcher, &sender, watch) {
                self.halt(error, launcher);
            }
            if self.busy.is_empty() {
                break;
            }
            if let Err(error) = self.hear(&receiver, launcher, watch) {
                self.halt(error, launcher);
            }
            // However much there is to hear.
            if ticked.elapsed() >= TICK {
                watch.tick();
                ticked = Instant::now();
            }
        }
    }

    /// Starts runs on every free slot.
    fn fill<'scope, 'env>(
        &mut self,
        scope: &'scope Scope<'scope, 'env>,
        launcher: &'env dyn Launcher,
        sender: &Sender<Message>,
        watch: &mut dyn Watch,
    ) -> Result<(), Error>
    where
        'a: 'env,
        'a: 'scope,
    {
        let slots = self.slots;
        for (number, slot) in slots.iter().enumerate() {
            if self.stopping || self.busy.contains_key(&number) {
                continue;
            }
            let Some(job) = self.next_for(slot, launcher) else { continue };
            let place = self.places[job.run].clone();
            let at = self.at(&job);
            clear(&place, &mut |words| watch.noted(at, words))?;
            let (log_before, micro_batches) = (place.log_length(), job.micro_batches);
            watch.started(self.at(&job), slot);
            let word_before = std::mem::replace(&mut self.words[job.run], "started");
            let kind = self.kind(&job);
            if let Some(room) = self.rooms.get_mut(slot.device.as_str()) {
                room.enter(number, kind, job.alone);
            }
            self.busy.insert(number, Busy { job, log_before });
            let sender = sender.clone();
            let started = std::thread::Builder::new().spawn_scoped(scope, move || {
                let order = Order { run: &place, slot, micro_batches };
                // The receiver lives as long as anything runs.
                let exit = launcher.launch(order, &mut |event| _ = sender.send(Message::Told(number, event)));
                _ = sender.send(Message::Over(number, exit));
            });
            if let Err(cause) = started {
                let Busy { job, .. } = self.busy.remove(&number).expect("it was put there above");
                self.words[job.run] = word_before;
                self.rooms.get_mut(slot.device.as_str()).map(|room| room.leave(number));
                return Err(Error::Launch { run: self.plan.runs[job.run].id.to_string(), cause });
            }
            self.write_plan()?;
        }
        Ok(())
    }

    /// The first of the waiting runs that this slot's device has room for.
    fn next_for(&mut self, slot: &Slot, launcher: &dyn Launcher) -> Option<Job> {
        let Some(room) = self.rooms.get(slot.device.as_str()) else { return self.queue.next(|_| true) };
        let free = OnceCell::new();
        let free = || *free.get_or_init(|| launcher.free_memory(slot));
        let kinds = &self.kinds;
        self.queue.next(|job| room.admits((kinds[job.run], job.micro_batches), job.alone, &free))
    }

    fn kind(&self, job: &Job) -> Kind {
        (self.kinds[job.run], job.micro_batches)
    }

    /// Waits for what happens next, for the time of a tick at most.
    fn hear(&mut self, receiver: &Receiver<Message>, launcher: &dyn Launcher, watch: &mut dyn Watch) -> Result<(), Error> {
        match receiver.recv_timeout(TICK) {
            Ok(Message::Told(slot, event)) => {
                let room = self.rooms.get_mut(self.slots[slot].device.as_str());
                if let (Event::Memory { device_bytes }, Some(room)) = (&event, room) {
                    room.told(slot, *device_bytes);
                }
                watch.told(self.at(&self.busy[&slot].job), &event);
                Ok(())
            }
            Ok(Message::Over(slot, exit)) => self.over(slot, exit, launcher, watch),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the sender is kept by the loop"),
        }
    }

    /// Judges an attempt that is over.
    fn over(
        &mut self,
        slot: usize,
        exit: std::io::Result<Exit>,
        launcher: &dyn Launcher,
        watch: &mut dyn Watch,
    ) -> Result<(), Error> {
        let Busy { job, log_before } = self.busy.remove(&slot).expect("only what was started ends");
        let shared = self.rooms.get_mut(self.slots[slot].device.as_str()).is_some_and(|room| room.leave(slot));
        let run = &self.plan.runs[job.run];
        let exit = exit.map_err(|cause| Error::Launch { run: run.id.to_string(), cause })?;
        let attempt = Attempt { run, place: &self.places[job.run], exit, log_before, stopped: self.stopping };
        let outcome = match attempt.outcome() {
            Err(error) if error.is_of_one_file() => unreadable(&error),
            outcome => outcome?,
        };
        let batch_size = run.experiment.training.batch_size;
        let (mut next, mut again) = verdict::next(&outcome, &job, shared, batch_size, self.policy.retries);
        if self.stopping {
            (next, again) = (Next::Over, None);
        }
        watch.ended(self.at(&job), &outcome, &next);
        match again {
            Some(job) => self.queue.again(job),
            None => self.count(&job, &outcome, launcher),
        }
        self.write_plan()
    }

    fn count(&mut self, job: &Job, outcome: &Outcome, launcher: &dyn Launcher) {
        let (word, counter) = match outcome.status {
            Status::Finished => ("finished", &mut self.tally.finished),
            Status::Failed => ("failed", &mut self.tally.failed),
            Status::Interrupted => ("resumable", &mut self.tally.interrupted),
        };
        *counter += 1;
        self.words[job.run] = word;
        if outcome.status == Status::Failed && self.policy.fail_fast && !self.stopping {
            self.stopping = true;
            launcher.stop(false);
        }
    }

    /// Ends everything because of trouble with the schedule itself.
    fn halt(&mut self, error: Error, launcher: &dyn Launcher) {
        self.stopping = true;
        self.trouble.get_or_insert(error);
        launcher.stop(false);
    }

    fn at(&self, job: &Job) -> At<'a> {
        At { position: job.run + 1, of: self.plan.runs.len(), run: &self.plan.runs[job.run] }
    }

    fn write_plan(&self) -> Result<(), Error> {
        let keys = self.plan.keys();
        let header = ["run"].into_iter().chain(keys.iter().copied()).chain(["status"]);
        let mut rows: Vec<Vec<String>> = vec![header.map(str::to_owned).collect()];
        for ((run, place), word) in self.plan.runs.iter().zip(&self.places).zip(&self.words) {
            let values = keys.iter().map(|key| run.value(key).unwrap_or_default().to_owned());
            rows.push([place.id().to_string()].into_iter().chain(values).chain([(*word).to_owned()]).collect());
        }
        Ok(self.dir.write_plan(&rows)?)
    }
}

/// Makes a run's directory as it must be before an attempt, and says where the run stands. What cannot be read is put aside and told.
/// `again` asks for the weights of a finished run where they are gone.
fn ready(place: &RunDir, at: At<'_>, again: bool, watch: &mut dyn Watch) -> Result<Standing, store::Error> {
    let run = at.run;
    if place.is_damaged() {
        match place.claim() {
            Ok(_claim) => place.put_damaged_aside()?.iter().for_each(|words| watch.noted(at, words)),
            // Whoever is at it writes them anew.
            Err(store::Error::InUse { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if again {
        restore(place, at, watch)?;
    }
    place.create(run, &run.experiment.to_toml())?;
    standing(place)
}

/// Lets a finished run go on whose best weights are not there to be used.
fn restore(place: &RunDir, at: At<'_>, watch: &mut dyn Watch) -> Result<(), store::Error> {
    let outcome = place.outcome()?.filter(|outcome| outcome.status == Status::Finished && outcome.best_epoch.is_some());
    if outcome.is_none() {
        return Ok(());
    }
    match place.best_weights() {
        Ok(_) => Ok(()),
        Err(store::Error::Content { path, .. }) => match place.claim() {
            Ok(_claim) => {
                watch.noted(at, &format!("{path} is missing or damaged: the run goes on until it is there again"));
                place.reopen()
            }
            Err(store::Error::InUse { .. }) => Ok(()),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Removes what an earlier attempt left as its outcome, unless the child of a killed schedule is still at it.
fn clear(place: &RunDir, aside: &mut dyn FnMut(&str)) -> Result<(), store::Error> {
    match place.claim() {
        Ok(_claim) => {
            place.put_damaged_aside()?.iter().for_each(|words| aside(words));
            place.forget_outcome()
        }
        Err(store::Error::InUse { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The outcome of a run whose files cannot be read, which is not written anywhere.
fn unreadable(error: &store::Error) -> Outcome {
    let cause = Some(error.to_string());
    Outcome { status: Status::Failed, failure: Some(Failure::Disk), cause, ..Outcome::default() }
}

#[cfg(test)]
mod tests;
