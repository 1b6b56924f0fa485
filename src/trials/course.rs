//! The course of a search: which jobs there are by now, by what was proposed and by the results that are there.

use super::Error;
use super::history::History;
use super::result::{Measure, mean};
use super::space::Searched;
use crate::config::{self, Experiment, SearchSampler};
use crate::data::{self, Description};
use crate::estimate::Load;
use crate::plan::{RunId, RunSpec};
use crate::prepare::Planner;
use crate::record::{SearchSettings, TrialJob};
use crate::search::{Clock, Job, Point, Proposer, Rungs, SEARCH_VERSION, Sampler, Score};
use crate::store::{self, ExperimentDir};
use std::collections::{BTreeMap, HashSet};

/// Floating-point operations of a tick of the virtual clock.
const TICK: f64 = 1e6;

/// Fewest ticks of an epoch, so that a quarter of a job is a whole number of them.
const FEWEST_TICKS: u64 = 4;

/// A configuration that is tried.
pub(super) struct Trial {
    /// One per fold and seed.
    pub runs: Vec<RunSpec>,
    /// Its configuration, with which more runs can be planned.
    pub experiment: Experiment,
    /// Ticks of an epoch of all its runs.
    ticks: u64,
}

/// A search as far as it has come.
pub(super) struct Course<'a> {
    pub search: config::Search,
    pub planner: Planner<'a>,
    pub dir: ExperimentDir,
    pub searched: Searched,
    pub proposer: Proposer,
    pub measure: Measure,
    settings: SearchSettings,
    data: Description,
    clock: Clock,
    pub jobs: Vec<Job>,
    pub rows: Vec<TrialJob>,
    /// Results of the jobs, as far as they were there when they were looked for.
    pub scores: Vec<Option<Score>>,
    pub trials: Vec<Trial>,
    /// What the numbers of the trials follow from.
    identities: HashSet<String>,
    pub history: History,
    /// Whether no further job begins.
    pub over: bool,
}

impl<'a> Course<'a> {
    /// The search of an experiment, none of its jobs looked at yet. `fingerprint` is that of its data.
    ///
    /// # Errors
    /// If there is no space to search, or a history of other settings.
    pub fn new(experiment: &Experiment, planner: Planner<'a>, dir: ExperimentDir, fingerprint: &str) -> Result<Self, Error> {
        let search = experiment.search.clone().unwrap_or_default();
        let searched = Searched::of(experiment, &search)?;
        let stored = dir.search().settings()?.map(|settings| settings.sampler);
        let sampler = match (search.sampler, &stored) {
            // More trials do not change how the first ones were proposed.
            (SearchSampler::Auto, Some(stored)) if stored == SearchSampler::Tpe.name() => SearchSampler::Tpe,
            (SearchSampler::Auto, Some(_)) => SearchSampler::Gp,
            (sampler, _) => sampler.chosen(search.trials),
        };
        let data = data::describe(&experiment.dataset)?;
        let rungs = rungs(experiment, &search, Some(&data));
        let settings = settings(experiment, &search, sampler, &rungs, fingerprint);
        let history = History::open(dir.search(), searched.keys(), &settings)?;
        let proposer = Proposer { space: searched.space.clone(), sampler: of_config(sampler), seed: search.seed, rungs };
        Ok(Self {
            measure: Measure::of(&search.by),
            clock: Clock::new(search.parallel),
            data,
            search,
            planner,
            dir,
            searched,
            proposer,
            settings,
            jobs: Vec::new(),
            rows: Vec::new(),
            scores: Vec::new(),
            trials: Vec::new(),
            identities: HashSet::new(),
            history,
            over: false,
        })
    }

    /// Begins all jobs that can begin by now. Returns the first job that is waited for, if the next one needs its result.
    ///
    /// # Errors
    /// If a trial cannot be planned, a row is another than the stored one, or files cannot be read or written.
    pub fn advance(&mut self) -> Result<Option<usize>, Error> {
        while !self.over {
            let mut seen = Vec::new();
            for job in self.clock.sees() {
                match self.result(job)? {
                    Some(score) => seen.push((job, score)),
                    None => return Ok(Some(job)),
                }
            }
            match self.propose(&seen) {
                Some(job) => self.begin(job, &seen)?,
                None => self.over = true,
            }
        }
        Ok(None)
    }

    /// The next job, unless the search is over: the first that would begin a trial too many ends it, whatever could still go on, so that more
    /// trials go on from there.
    pub fn propose(&self, seen: &[(usize, Score)]) -> Option<Job> {
        let (searched, known) = (&self.searched, &self.identities);
        let allowed = |point: &Point| searched.identity(point).is_some_and(|identity| !known.contains(&identity));
        self.proposer.propose(&self.jobs, seen, &allowed).ok().filter(|job| job.trial < self.search.trials)
    }

    fn begin(&mut self, job: Job, seen: &[(usize, Score)]) -> Result<(), Error> {
        if job.trial == self.trials.len() {
            let trial = self.trial(&job.point)?;
            self.trials.push(trial);
            self.identities.extend(self.searched.identity(&job.point));
        }
        let (trial, rungs) = (&self.trials[job.trial], self.proposer.rungs.epochs());
        let before = job.rung.checked_sub(1).map_or(0, |rung| rungs[rung]);
        let cost = trial.ticks.saturating_mul((rungs[job.rung] - before) as u64);
        let values = self.searched.values(&job.point);
        let of_key = |key: &String| values.get(key).map_or(String::new(), ToString::to_string);
        let row = TrialJob {
            job: self.jobs.len(),
            trial: job.trial,
            rung: job.rung,
            epochs: rungs[job.rung],
            runs: trial.runs.iter().map(|run| run.id.to_string()).collect(),
            start: self.clock.start(),
            cost,
            seen: seen.len(),
            seen_hash: hash(seen),
            values: self.searched.keys().iter().map(of_key).collect(),
        };
        self.history.keep(&row, &self.settings)?;
        self.clock.push(cost);
        self.jobs.push(job);
        self.rows.push(row);
        self.scores.push(None);
        Ok(())
    }

    /// A trial with its runs.
    fn trial(&mut self, point: &Point) -> Result<Trial, Error> {
        let experiment = self.searched.trial(point);
        let runs = self.planner.plan_trial(&experiment)?;
        let ticks = runs.iter().map(|run| ((Load::of(&run.experiment, &self.data).epoch / TICK).ceil() as u64).max(FEWEST_TICKS));
        Ok(Trial { ticks: ticks.fold(0, u64::saturating_add), runs, experiment })
    }

    /// The result of a job; `None` while it is not there.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn result(&mut self, job: usize) -> Result<Option<Score>, Error> {
        if self.scores[job].is_none() {
            self.scores[job] = if self.search.lost.contains(&job) {
                Some(Score::Diverged)
            } else {
                let (rung, rungs) = (self.jobs[job].rung, self.proposer.rungs.epochs());
                self.score(&self.trials[self.jobs[job].trial].runs, rungs[rung], rung + 1 == rungs.len())?
            };
        }
        Ok(self.scores[job])
    }

    /// The mean score of runs.
    ///
    /// # Errors
    /// If files cannot be read.
    pub fn score(&self, runs: &[RunSpec], epochs: usize, whole: bool) -> Result<Option<Score>, Error> {
        let places = self.dir.places(runs.iter().map(|run| &run.id))?;
        let scores: Vec<Option<Score>> =
            places.iter().map(|place| self.measure.score(place, epochs, whole)).collect::<Result<_, store::Error>>()?;
        Ok(mean(scores))
    }

    /// The results that are there.
    pub fn results(&self) -> Vec<(usize, Score)> {
        self.scores.iter().enumerate().filter_map(|(job, score)| Some((job, (*score)?))).collect()
    }
}

/// The epochs after which trials are compared. Where the lowest rung is not asked for it depends on the steps of an epoch, as the experiment has them
/// without what is drawn; data that are not known are taken for many.
pub(super) fn rungs(experiment: &Experiment, search: &config::Search, data: Option<&Description>) -> Rungs {
    let epochs = experiment.training.epochs;
    let steps = || data.map_or(usize::MAX, |data| Load::of(experiment, data).steps);
    search.halving.as_ref().map_or_else(
        || Rungs::whole(epochs),
        |halving| Rungs::new(epochs, halving.eta, halving.lowest.unwrap_or_else(|| Rungs::default_lowest(epochs, steps()))),
    )
}

fn of_config(sampler: SearchSampler) -> Sampler {
    match sampler {
        SearchSampler::Tpe => Sampler::Tpe,
        SearchSampler::Sobol => Sampler::Sobol,
        SearchSampler::Random => Sampler::Random,
        SearchSampler::Gp | SearchSampler::Auto => Sampler::Gp,
    }
}

fn settings(
    experiment: &Experiment,
    search: &config::Search,
    sampler: SearchSampler,
    rungs: &Rungs,
    fingerprint: &str,
) -> SearchSettings {
    let only = (&search.draw, &search.when, &search.exclude);
    let space = serde_json::to_string(&only).expect("plain data");
    let base = experiment.trial(BTreeMap::new());
    SearchSettings {
        version: SEARCH_VERSION,
        sampler: sampler.name().to_owned(),
        seed: search.seed,
        parallel: search.parallel,
        by: search.by.clone(),
        rungs: rungs.epochs().to_vec(),
        eta: rungs.eta(),
        seeds: experiment.training.seeds.clone(),
        folds: experiment.split.fold_count(),
        space: blake3::hash(space.as_bytes()).to_hex()[..16].to_owned(),
        base: RunId::new(&Experiment { sweep: Default::default(), ..base }, fingerprint, &[]).hash().to_owned(),
    }
}

/// The hash of results, by which a row says what it followed from.
fn hash(seen: &[(usize, Score)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (job, score) in seen {
        let bits = score.value().map_or_else(|| "diverged".to_owned(), |value| format!("{:016x}", value.to_bits()));
        hasher.update(format!("{job} {bits}\n").as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
