//! What is submitted, where each job is, and how Slurm's refusals are met.

use super::commands::{self, Refusal};
use super::group;
use super::live::{Live, Pending, Places};
use super::watcher::Watcher;
use super::{Setup, script_of};
use crate::schedule::{Exit, JobId, JobState, Order, Stop};
use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

/// So many runs are passed on at once without waiting for more.
const TOGETHER: usize = 100;

/// Between two looks at what tasks have written down lies at least this, and as many times what a look takes as [`LISTED`] says.
const LISTING: Duration = Duration::from_millis(200);
const LISTED: u32 = 10;

/// While jobs are to end, the queue is looked at so often, if not more often anyway.
const ENDING: Duration = Duration::from_secs(2);

/// Everything that a launcher knows while it goes.
pub(super) struct State {
    setup: Setup,
    /// Tasks of an array at the most.
    max_array: usize,
    /// What is to be passed on, and since when.
    pending: Vec<Pending>,
    since: Instant,
    flushed: bool,
    /// Runs that are passed on at once, since the site has refused more.
    allowed: usize,
    /// Why something could not be passed on.
    refused: Option<String>,
    batches: Vec<Live>,
    jobs: HashMap<JobId, Job>,
    /// Runs that an earlier schedule has submitted, by their names: the batch and the position there.
    found: Places,
    watcher: Watcher,
    /// When that was read last, and how long that took.
    listed: Instant,
    listing: Duration,
}

/// Where a job is.
#[derive(Debug, Clone, Copy)]
enum Job {
    Pending,
    /// In this batch, at this position.
    In(usize, usize),
    Over(Exit),
}

impl State {
    /// With what earlier schedules have submitted.
    pub fn new(setup: Setup, max_array: usize, batches: Vec<Live>, found: Places) -> Self {
        let now = Instant::now();
        Self {
            setup,
            max_array,
            pending: Vec::new(),
            since: now,
            flushed: false,
            allowed: usize::MAX,
            refused: None,
            batches,
            jobs: HashMap::new(),
            found,
            watcher: Watcher::default(),
            listed: now,
            listing: Duration::ZERO,
        }
    }

    /// Runs that are in the queue from before and were not asked for yet.
    pub fn found(&self) -> usize {
        self.found.len()
    }

    /// Runs that are not passed on, and why, if anything was refused.
    pub fn not_submitted(&self) -> (usize, Option<String>) {
        let unresolved = self.batches.iter().filter(|batch| !batch.is_accepted()).map(Live::waited_for);
        (self.pending.len() + unresolved.sum::<usize>(), self.refused.clone())
    }

    /// Takes a run: one that is in the queue already stays there.
    pub fn submit(&mut self, order: Order<'_>) -> JobId {
        let job = JobId::new((self.jobs.len() + 1).to_string());
        if let Some((batch, position)) = self.found.remove(order.run.id().as_str())
            && self.batches[batch].hand_out(position)
        {
            self.jobs.insert(job.clone(), Job::In(batch, position));
            return job;
        }
        if self.pending.is_empty() {
            self.since = Instant::now();
        }
        self.jobs.insert(job.clone(), Job::Pending);
        self.pending.push(Pending {
            job: job.clone(),
            run: order.run.clone(),
            micro_batches: order.micro_batches,
            until: order.until,
        });
        job
    }

    /// Passes on what waits, if there is much of it, or it has waited for a while.
    pub fn flush(&mut self) -> io::Result<()> {
        let many = self.pending.len() >= TOGETHER && self.refused.is_none();
        let due = !self.flushed || many || self.since.elapsed() >= self.setup.options.pause();
        if self.pending.is_empty() || !due { Ok(()) } else { self.submit_all() }
    }

    /// Asks for the end of a job.
    pub fn cancel(&mut self, job: &JobId, how: Stop) {
        match self.jobs.get(job) {
            Some(Job::Pending) => {
                self.pending.retain(|pending| pending.job != *job);
                self.jobs.insert(job.clone(), Job::Over(Exit::Cancelled));
            }
            Some(Job::In(batch, position)) => self.batches[*batch].stop(*position, how),
            Some(Job::Over(_)) | None => {}
        }
    }

    /// Passes on everything that waits, in as few arrays as may be.
    fn submit_all(&mut self) -> io::Result<()> {
        let rest = self.pending.split_off(self.pending.len().min(self.allowed));
        let runs = std::mem::replace(&mut self.pending, rest);
        let with_needs = runs.into_iter().map(|run| (run.clone(), (self.setup.needs)(&run.run.id()))).collect();
        (self.flushed, self.since, self.refused) = (true, Instant::now(), None);
        for group in group::groups::<Pending>(with_needs, &self.setup.options, self.max_array) {
            self.submit_group(group)?;
        }
        Ok(())
    }

    fn submit_group(&mut self, group: group::Group<Pending>) -> io::Result<()> {
        let name = self.new_name();
        let dir = self.setup.dir.batch(&name);
        let (live, batch) = Live::new(dir, name, self.setup.options.gpu().is_some(), &group.tasks);
        let script = script_of(&self.setup, live.dir(), live.name(), &group.request, group.tasks.len());
        live.dir().create(&batch, &script).map_err(io::Error::other)?;
        let index = self.batches.len();
        for (position, run) in group.tasks.iter().flatten().enumerate() {
            self.jobs.insert(run.job.clone(), Job::In(index, position));
        }
        self.batches.push(live);
        match commands::sbatch(&self.batches[index].dir().script()) {
            Ok(job) => {
                self.allowed = self.allowed.saturating_mul(2);
                self.batches[index].submitted(job).map_err(io::Error::other)
            }
            Err(refusal) => self.refused_at(index, refusal),
        }
    }

    /// Sees what became of a submission that failed: Slurm may have accepted it all the same.
    fn refused_at(&mut self, index: usize, refusal: Refusal) -> io::Result<()> {
        let text = match &refusal {
            Refusal::Limit(text) | Refusal::Passing(text) | Refusal::Mistake(text) => text.clone(),
        };
        self.refused = Some(text.clone());
        let batch = &mut self.batches[index];
        match commands::squeue(&[batch.name().to_owned()]) {
            Ok(queue) => match queue.named.get(batch.name()) {
                Some(job) => return batch.submitted(job.clone()).map_err(io::Error::other),
                None => self.take_back(index)?,
            },
            // Whoever answers next says it.
            Err(_) => return Ok(()),
        }
        match refusal {
            Refusal::Mistake(_) => Err(io::Error::other(text)),
            Refusal::Limit(_) => {
                self.allowed = (self.pending.len() / 2).max(1);
                Ok(())
            }
            Refusal::Passing(_) => Ok(()),
        }
    }

    /// Makes a batch void that Slurm has never accepted; its runs wait to be submitted again, unless they are to end.
    fn take_back(&mut self, index: usize) -> io::Result<()> {
        let stopping = self.batches[index].is_stopping();
        let Some(mut runs) = self.batches[index].make_void().map_err(io::Error::other)? else { return Ok(()) };
        for run in &runs {
            self.jobs.insert(run.job.clone(), if stopping { Job::Over(Exit::Cancelled) } else { Job::Pending });
        }
        if stopping {
            runs.clear();
        }
        self.since = Instant::now();
        self.pending.splice(0..0, runs);
        Ok(())
    }

    /// A name for jobs that no other has.
    fn new_name(&self) -> String {
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let of = format!("{} {} {seconds} {}", crate::machine::host(), std::process::id(), self.batches.len());
        let hash = blake3::hash(of.as_bytes()).to_hex();
        let experiment = self.setup.dir.path().file_name().unwrap_or_default().to_string_lossy();
        let plain: String = experiment.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(40).collect();
        format!("umlaut-{plain}-{}", &hash[..12])
    }

    /// Takes in what the queue and the tasks have said.
    pub fn learn(&mut self) -> io::Result<()> {
        if self.listed.elapsed() >= LISTING.max(LISTED * self.listing) {
            let began = Instant::now();
            self.batches.iter_mut().filter(|batch| batch.is_open()).for_each(Live::list);
            self.listed = Instant::now();
            self.listing = began.elapsed();
        }
        if let Some(answer) = self.watcher.answer() {
            for index in 0..self.batches.len() {
                if !self.batches[index].learn(&answer) {
                    self.take_back(index)?;
                }
            }
        }
        let stopping = self.batches.iter().any(Live::is_stopping);
        let pause = self.setup.options.pause();
        let pause = if stopping { pause.min(ENDING) } else { pause };
        if self.watcher.is_due(pause) {
            let open: Vec<&Live> = self.batches.iter().filter(|batch| batch.is_open()).collect();
            if !open.is_empty() {
                self.watcher.ask(open.iter().map(|batch| (batch.name().to_owned(), batch.open_tasks())).collect());
            }
        }
        for batch in &mut self.batches {
            // What cannot be passed on now is when it is due again.
            _ = batch.pass_on_stops(ENDING);
        }
        Ok(())
    }

    /// How a job stands, as far as was learnt.
    pub fn state(&self, job: &JobId) -> JobState {
        match self.jobs.get(job) {
            None | Some(Job::Over(_)) => {
                let exit = if let Some(Job::Over(exit)) = self.jobs.get(job) { *exit } else { Exit::Unknown };
                JobState::Ended(exit)
            }
            Some(Job::Pending) => match &self.refused {
                Some(reason) => JobState::Held(format!("{}; it is tried again", reason.trim_end())),
                None => JobState::Waiting,
            },
            Some(Job::In(batch, position)) => self.batches[*batch].state(*position, self.watcher.trouble()),
        }
    }
}
