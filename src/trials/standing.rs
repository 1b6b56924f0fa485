//! Where a search stands, by its files alone: for whoever looks at it while it runs or when it is over.

use super::result::{Measure, mean};
use crate::plan::RunId;
use crate::record::{Confirmation, SearchSettings, TrialJob, Winner};
use crate::search::{Clock, Score, idle, is_modelled};
use crate::store::{self, ExperimentDir, RunDir};
use std::collections::BTreeSet;
use std::ops::Range;

/// A search as its files have it.
#[derive(Debug, Clone)]
pub struct SearchStanding {
    /// What it follows from.
    pub settings: SearchSettings,
    /// The searched keys, in the order of the jobs' values.
    pub keys: Vec<String>,
    /// The jobs that have begun, in order.
    pub jobs: Vec<TrialJob>,
    /// Their results.
    scores: Vec<Option<Score>>,
    /// Seconds that their runs trained for them, together; `None` where timing.csv does not have all of their epochs.
    seconds: Vec<Option<f64>>,
    /// Fresh runs that confirm the best, as far as they are wanted.
    pub confirmations: Vec<Confirmation>,
    /// What was named.
    pub winner: Option<Winner>,
    measure: Measure,
}

/// A rung with what has come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RungStanding {
    /// Epochs after which trials are compared.
    pub epochs: usize,
    /// Trials with a job to it.
    pub begun: usize,
    /// Those of them with a result.
    pub results: usize,
    /// Those of them that diverged.
    pub diverged: usize,
    /// The best trial with its score, as the column has it.
    pub best: Option<(usize, f64)>,
}

impl SearchStanding {
    /// Of an experiment; `None` if it has no search.
    ///
    /// # Errors
    /// If a file of the search cannot be read.
    pub fn of(dir: &ExperimentDir) -> Result<Option<Self>, store::Error> {
        let files = dir.search();
        let Some((settings, (keys, jobs))) = files.settings()?.zip(files.jobs()?) else { return Ok(None) };
        let measure = Measure::of(&settings.by);
        let last = settings.rungs.len().saturating_sub(1);
        let (mut scores, mut seconds) = (Vec::new(), Vec::new());
        for job in &jobs {
            let ids: Vec<RunId> = job.runs.iter().map(|run| RunId::from_name(run)).collect();
            let runs = dir.places(&ids)?;
            let of_runs = runs.iter().map(|run| measure.score(run, job.epochs, job.rung == last));
            let score = mean(of_runs.collect::<Result<Vec<_>, store::Error>>()?);
            let before = job.rung.checked_sub(1).and_then(|rung| settings.rungs.get(rung)).copied().unwrap_or(0);
            // What diverged ended before its last epoch.
            let all = score != Some(Score::Diverged);
            seconds.push(runs.iter().map(|run| trained(run, before..job.epochs, all)).sum());
            scores.push(score);
        }
        let (confirmations, winner) = (files.confirmations()?, files.winner()?);
        Ok(Some(Self { settings, keys, jobs, scores, seconds, confirmations, winner, measure }))
    }

    /// The share of slot time that waits for results, with as many slots as `parallel`, if the jobs so far took what they took and each had a slot
    /// to itself: 0 if no job ever waits. `None` before as many jobs as slots have ended.
    pub fn idle(&self) -> Option<f64> {
        let known: Vec<f64> = self.seconds.iter().map_while(|seconds| *seconds).collect();
        let costs: Vec<u64> = self.jobs.iter().map(|job| job.cost).collect();
        (known.len() > self.settings.parallel).then(|| idle(self.settings.parallel, &costs, &known))
    }

    /// The result of a job as the column has it, NaN if it diverged; `None` while it is not there.
    pub fn score(&self, job: usize) -> Option<f64> {
        self.scores[job].map(|score| score.value().map_or(f64::NAN, |value| self.measure.shown(value)))
    }

    /// The rungs, the lowest first.
    pub fn rungs(&self) -> Vec<RungStanding> {
        let rung = |(rung, epochs): (usize, &usize)| {
            let jobs: Vec<usize> = (0..self.jobs.len()).filter(|job| self.jobs[*job].rung == rung).collect();
            let scores: Vec<Score> = jobs.iter().filter_map(|job| self.scores[*job]).collect();
            RungStanding {
                epochs: *epochs,
                begun: jobs.len(),
                results: scores.len(),
                diverged: scores.iter().filter(|score| **score == Score::Diverged).count(),
                best: self.best_of(&jobs).map(|job| (self.jobs[job].trial, self.score(job).unwrap_or(f64::NAN))),
            }
        };
        self.settings.rungs.iter().enumerate().map(rung).collect()
    }

    /// The job with the best result at the highest rung that has one.
    pub fn best(&self) -> Option<usize> {
        let of_rung = |rung| (0..self.jobs.len()).filter(|job| self.jobs[*job].rung == rung).collect::<Vec<_>>();
        (0..self.settings.rungs.len()).rev().find_map(|rung| self.best_of(&of_rung(rung)))
    }

    /// The job with the best result among some, the earlier among equals; none that diverged.
    pub fn best_of(&self, jobs: &[usize]) -> Option<usize> {
        let with: Vec<(usize, Score)> = jobs.iter().filter_map(|job| Some((*job, self.scores[*job]?))).collect();
        let best = crate::search::ranked(&with).into_iter().next()?;
        self.scores[best].filter(|score| *score != Score::Diverged).map(|_| best)
    }

    /// The place of a job's result among those of its rung, 1 for the best, and how many there are; `None` without a result.
    pub fn place(&self, job: usize) -> Option<(usize, usize)> {
        let rung = self.jobs[job].rung;
        let beside = (0..self.jobs.len()).filter(|other| self.jobs[*other].rung == rung);
        let with: Vec<(usize, Score)> = beside.filter_map(|other| Some((other, self.scores[other]?))).collect();
        let place = crate::search::ranked(&with).into_iter().position(|other| other == job)?;
        Some((place + 1, with.len()))
    }

    /// The jobs whose results a job saw, or the next one needs, for which `job` is their number.
    pub fn sees(&self, job: usize) -> Vec<usize> {
        let mut clock = Clock::new(self.settings.parallel);
        self.jobs[..job].iter().for_each(|job| clock.push(job.cost));
        clock.sees()
    }

    /// The jobs without results that the next one needs.
    pub fn awaited(&self) -> Vec<usize> {
        self.sees(self.jobs.len()).into_iter().filter(|job| self.scores[*job].is_none()).collect()
    }

    /// Whether a model proposed the trial of a job, and not the first points of a sequence.
    pub fn was_modelled(&self, job: usize) -> bool {
        let known: BTreeSet<usize> = self.sees(job).into_iter().map(|seen| self.jobs[seen].trial).collect();
        ["gp", "tpe"].contains(&self.settings.sampler.as_str()) && is_modelled(self.jobs[job].trial, known.len())
    }

    /// How many trials there are by now.
    pub fn trials(&self) -> usize {
        self.jobs.iter().filter(|job| job.rung == 0).count()
    }

    /// The searched keys that a trial has a value for, as TOML.
    pub fn values(&self, trial: usize) -> Vec<(&str, &str)> {
        let Some(job) = self.jobs.iter().find(|job| job.trial == trial) else { return Vec::new() };
        let pairs = self.keys.iter().zip(&job.values).filter(|(_, value)| !value.is_empty());
        pairs.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

/// The seconds of a run's epochs after the first and up to the last of a range; `None` if not `all` were timed that should be.
fn trained(run: &RunDir, epochs: Range<usize>, all: bool) -> Option<f64> {
    let timed = run.timing().into_iter().filter(|row| epochs.start < row.epoch && row.epoch <= epochs.end);
    let timed: Vec<f64> = timed.filter_map(|row| row.seconds()).collect();
    (!all || timed.len() == epochs.len()).then(|| timed.iter().sum())
}
