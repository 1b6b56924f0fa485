//! A batch of which something may still be in the queue: what its tasks have written down, and what Slurm says of them.

mod earlier;

pub(super) use earlier::{Places, earlier};

use super::commands::{self, Seen};
use super::ending::{self, Stage, stage};
use super::watcher::Answer;
use crate::schedule::{Exit, JobId, JobState, Stop};
use crate::store::{Batch, BatchDir, BatchRun, Listing, RunDir, TaskAttempt};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

/// Answers one after the other that must have no task among those that are not over, before it is taken to be gone: what it has written may
/// come later than what Slurm says.
const GONE: u32 = 2;

/// How often a task is released that Slurm holds because it could not be begun on a node, and how long after the first time the second comes; every
/// further one comes after twice as long, ten minutes in all.
const RELEASES: u32 = 8;
const RELEASE_PAUSE: Duration = Duration::from_secs(5);

/// A run that is to be submitted.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub job: JobId,
    pub run: RunDir,
    pub micro_batches: usize,
    /// The epoch that it is trained until, if that is not its last.
    pub until: Option<usize>,
}

/// A batch.
pub(super) struct Live {
    dir: BatchDir,
    batch: Batch,
    /// The position of each task's first run, and of none at the end.
    firsts: Vec<usize>,
    /// The array's job number, as far as it is known.
    job: Option<String>,
    /// When it was submitted: an answer to an earlier question says nothing of it.
    began: Instant,
    /// What it was submitted with; nothing for a batch of an earlier schedule.
    runs: Vec<Pending>,
    /// Positions that somebody waits for.
    open: HashSet<usize>,
    ends: HashMap<usize, Exit>,
    /// Attempts of tasks, and when the last one of each was first seen.
    attempts: BTreeSet<TaskAttempt>,
    attempted: HashMap<usize, Instant>,
    /// What Slurm said last of each task, when, and how often it was gone.
    seen: HashMap<usize, (Stage, String, Instant)>,
    gone: HashMap<usize, u32>,
    /// How often each was released, and when the next time may come.
    released: HashMap<usize, (u32, Instant)>,
    /// How tasks are asked to end, and when they were asked last.
    stops: BTreeMap<usize, (Stop, Option<Instant>)>,
}

impl Live {
    /// A new one of these runs, for all of which somebody waits, and what is to be written down of it.
    pub fn new(dir: BatchDir, name: String, gpu: bool, tasks: &[Vec<Pending>]) -> (Self, Batch) {
        let run = |run: &Pending| BatchRun { run: run.run.id().to_string(), micro_batches: run.micro_batches, until: run.until };
        let batch = Batch { name, gpu, tasks: tasks.iter().map(|task| task.iter().map(run).collect()).collect() };
        let runs = tasks.concat();
        let open = (0..runs.len()).collect();
        (Self { runs, open, ..Self::of(dir, batch.clone()) }, batch)
    }

    /// One of an earlier schedule.
    fn of(dir: BatchDir, batch: Batch) -> Self {
        let mut firsts = vec![0];
        firsts.extend(batch.tasks.iter().scan(0, |end, task| {
            *end += task.len();
            Some(*end)
        }));
        Self {
            dir,
            batch,
            firsts,
            job: None,
            began: Instant::now(),
            runs: Vec::new(),
            open: HashSet::new(),
            ends: HashMap::new(),
            attempts: BTreeSet::new(),
            attempted: HashMap::new(),
            seen: HashMap::new(),
            gone: HashMap::new(),
            released: HashMap::new(),
            stops: BTreeMap::new(),
        }
    }

    pub fn dir(&self) -> &BatchDir {
        &self.dir
    }

    pub fn name(&self) -> &str {
        &self.batch.name
    }

    /// Slurm has accepted it.
    pub fn submitted(&mut self, job: String) -> Result<(), crate::store::Error> {
        self.began = Instant::now();
        self.dir.write_job(&job)?;
        self.job = Some(job);
        Ok(())
    }

    /// Lets nothing of it begin any more; the runs that somebody waits for, or nothing if a task has begun before.
    pub fn make_void(&mut self) -> Result<Option<Vec<Pending>>, crate::store::Error> {
        let listing = self.dir.withdraw()?;
        self.take_in(listing);
        if let Some(attempt) = self.attempts.first() {
            self.submitted(attempt.job.clone())?;
            return Ok(None);
        }
        self.open.clear();
        Ok(Some(std::mem::take(&mut self.runs)))
    }

    /// Notes that somebody waits for a run of it, unless that has ended.
    pub fn hand_out(&mut self, position: usize) -> bool {
        self.list();
        !self.ends.contains_key(&position) && self.open.insert(position)
    }

    fn task(&self, position: usize) -> usize {
        self.firsts.partition_point(|first| *first <= position).saturating_sub(1)
    }

    fn positions(&self, task: usize) -> std::ops::Range<usize> {
        self.firsts[task]..self.firsts[task + 1]
    }

    fn is_waited_for(&self, position: usize) -> bool {
        self.open.contains(&position) && !self.ends.contains_key(&position)
    }

    /// Whether Slurm is known to have accepted it.
    pub fn is_accepted(&self) -> bool {
        self.job.is_some()
    }

    /// Runs that somebody waits for.
    pub fn waited_for(&self) -> usize {
        self.open.iter().filter(|position| !self.ends.contains_key(position)).count()
    }

    /// Whether somebody waits for anything of it.
    pub fn is_open(&self) -> bool {
        self.open.iter().any(|position| !self.ends.contains_key(position))
    }

    /// Tasks of which somebody waits for a run.
    pub fn open_tasks(&self) -> Vec<(String, usize)> {
        let Some(job) = &self.job else { return Vec::new() };
        let open = |task: &usize| self.positions(*task).any(|position| self.is_waited_for(position));
        (0..self.batch.tasks.len()).filter(open).map(|task| (job.clone(), task)).collect()
    }

    /// Reads what tasks have written down. What cannot be read now is read the next time.
    pub fn list(&mut self) {
        let Ok(listing) = self.dir.listing() else { return };
        self.take_in(listing);
    }

    fn take_in(&mut self, listing: Listing) {
        for position in listing.ends {
            if !self.ends.contains_key(&position)
                && let Ok(Some(words)) = self.dir.ended(position)
            {
                self.ends.insert(position, ending::exit(&words));
            }
        }
        for attempt in listing.attempts {
            let task = attempt.task;
            if self.attempts.insert(attempt) {
                self.attempted.insert(task, Instant::now());
            }
        }
    }

    /// Takes in what the queue says; `false` if Slurm has never accepted the batch.
    pub fn learn(&mut self, answer: &Answer) -> bool {
        if !self.is_open() || answer.asked <= self.began {
            return true;
        }
        if self.job.is_none() {
            match answer.queue.named.get(&self.batch.name).cloned().or_else(|| self.attempts.first().map(|a| a.job.clone())) {
                // What cannot be written down is found by its name once more.
                Some(job) => _ = self.submitted(job),
                None => return false,
            }
        }
        for (job, task) in self.open_tasks() {
            let key = (job, task);
            let seen = answer.queue.task(&key);
            let stage = stage_of(seen.or_else(|| answer.accounts.get(&key)));
            let reason = seen.map_or(String::new(), |seen| seen.reason.clone());
            // Nobody has decided that: a node failed when it was to begin, and another may do.
            if stage == Stage::Held && reason.contains("launch failed") {
                let now = Instant::now();
                let (count, next) = self.released.entry(task).or_insert((0, now));
                if *count < RELEASES && *next <= now {
                    (*count, *next) = (*count + 1, now + RELEASE_PAUSE * 2_u32.pow(*count));
                    // What is refused now is tried again.
                    _ = commands::release(&key.0, task);
                }
            }
            self.seen.insert(task, (stage, reason, answer.asked));
            let gone = self.gone.entry(task).or_default();
            *gone = if matches!(stage, Stage::Over(_)) { *gone + 1 } else { 0 };
            if let (Stage::Over(exit), true) = (stage, *gone >= GONE) {
                self.bury(task, exit);
            }
        }
        true
    }

    /// Writes down how the runs of a task ended that has not done so itself, unless a process is at them.
    fn bury(&mut self, task: usize, exit: Exit) {
        self.list();
        for position in self.positions(task).filter(|position| self.is_waited_for(*position)).collect::<Vec<_>>() {
            let run = &self.batch.tasks[task][position - self.firsts[task]];
            // What cannot be read or written now is when the queue says it again.
            if let Ok(Some(words)) = self.dir.bury((task, position), run, &self.attempts, &ending::words(exit)) {
                self.ends.insert(position, ending::exit(&words));
            }
        }
    }

    /// How a run of it stands; `trouble` is why the queue gave no answer.
    pub fn state(&self, position: usize, trouble: Option<&str>) -> JobState {
        if let Some(exit) = self.ends.get(&position) {
            return JobState::Ended(*exit);
        }
        let task = self.task(position);
        let stage = self.seen.get(&task);
        let begun = self.has_begun(task) && self.attempted.contains_key(&task);
        let before_it = || self.positions(task).take_while(|other| *other < position).all(|other| self.ends.contains_key(&other));
        if begun {
            return if before_it() { JobState::Running } else { JobState::Waiting };
        }
        if let Some(reason) = trouble {
            return JobState::Unknown(reason.to_owned());
        }
        match stage {
            Some((Stage::Held, reason, _)) => JobState::Held(format!("{reason}; `scontrol release` lets it go on")),
            Some((Stage::Over(_), ..)) if before_it() && self.attempted.contains_key(&task) => JobState::Running,
            _ => JobState::Waiting,
        }
    }

    /// Asks for the end of the task of a run.
    pub fn stop(&mut self, position: usize, how: Stop) {
        let task = self.task(position);
        let asked = self.stops.entry(task).or_insert((how, None));
        if asked.0 < how {
            *asked = (how, None);
        }
    }

    /// Whether a task was asked to end and has not.
    pub fn is_stopping(&self) -> bool {
        !self.stops.is_empty() && self.is_open()
    }

    /// Whether a process of a task has begun, as far as the queue or the process itself has said last.
    fn has_begun(&self, task: usize) -> bool {
        match self.seen.get(&task) {
            Some((Stage::Running, ..)) => true,
            stage => self.attempted.get(&task).is_some_and(|at| stage.is_none_or(|(_, _, asked)| asked < at)),
        }
    }

    /// Passes on who is to end, again after a while: a task may have been between two states. What waits is cancelled, what has begun is signalled.
    pub fn pass_on_stops(&mut self, pause: Duration) -> Result<(), String> {
        let Some(job) = self.job.clone() else { return Ok(()) };
        let unended = |task: usize| self.positions(task).any(|position| !self.ends.contains_key(&position));
        let is_due = |at: &Option<Instant>| at.is_none_or(|at| at.elapsed() >= pause);
        let due = self.stops.iter().filter(|(task, (_, at))| is_due(at) && unended(**task));
        let due: Vec<(usize, Stop)> = due.map(|(task, (how, _))| (*task, *how)).collect();
        let (mut waiting, mut gently, mut now) = (Vec::new(), Vec::new(), Vec::new());
        for (task, how) in due {
            match how {
                _ if !self.has_begun(task) => waiting.push(task),
                Stop::Now => now.push(task),
                Stop::Gently | Stop::Leave => gently.push(task),
            }
            self.stops.insert(task, (how, Some(Instant::now())));
        }
        // By index alone: together with a state scancel takes the whole of an array of which nothing has begun.
        let waiting = commands::scancel(&[], &job, &waiting);
        let gently = commands::scancel(&["-b", "-s", "USR2"], &job, &gently);
        let now = commands::scancel(&["-f", "-s", "KILL"], &job, &now);
        waiting.and(gently).and(now)
    }
}

/// What is known of a task; one that nobody knows is over.
fn stage_of(seen: Option<&Seen>) -> Stage {
    seen.map_or(Stage::Over(Exit::Unknown), |seen| stage(&seen.state, &seen.reason))
}
