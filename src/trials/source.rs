//! A search as a schedule asks it for runs.

use super::Error;
use super::confirm::Confirming;
use super::course::Course;
use crate::config::Experiment;
use crate::plan::RunSpec;
use crate::prepare::Planner;
use crate::record::{Failure, KeyShare, Outcome, Status, TrialResult};
use crate::schedule::{Ended, Source, Wanted};
use crate::store::ExperimentDir;
use std::collections::HashMap;

/// The runs of a search: its trials, as proposals follow from results, then those that confirm the best.
pub struct Trials<'a> {
    course: Course<'a>,
    confirming: Confirming,
    /// The job whose result is waited for.
    waits: Option<usize>,
    /// The last epochs that were wanted of runs, by the hashes of their ids.
    wanted: HashMap<String, usize>,
    /// Whether nothing more will be wanted.
    over: bool,
    /// How many results were written to results.csv.
    written: usize,
}

impl<'a> Trials<'a> {
    /// The search of an experiment, where it stands in a directory of results. `fingerprint` is that of its data.
    ///
    /// # Errors
    /// If there is no space to search, or the directory has the history of other settings.
    pub fn new(experiment: &Experiment, planner: Planner<'a>, dir: ExperimentDir, fingerprint: &str) -> Result<Self, Error> {
        let course = Course::new(experiment, planner, dir, fingerprint)?;
        let confirming = Confirming::new(&course, experiment);
        Ok(Self { course, confirming, waits: None, wanted: HashMap::new(), over: false, written: 0 })
    }

    /// Computes again what is stored and begins what can begin: rows of history.csv are written, no run is started. Only for who holds the claim
    /// of the experiment.
    ///
    /// # Errors
    /// If what is stored does not follow from the results, a trial cannot be planned, or files cannot be read or written.
    pub fn advance(&mut self) -> Result<(), Error> {
        let advanced = self.jobs_and_confirmation();
        self.write_results()?;
        advanced
    }

    /// Looks for all results, and writes results.csv if there are new ones.
    fn write_results(&mut self) -> Result<(), Error> {
        let mut rows = Vec::new();
        for job in 0..self.course.jobs.len() {
            let measure = self.course.result(job)?;
            let score = measure.map(|score| score.value().map_or(f64::NAN, |value| self.course.measure.shown(value)));
            rows.push(TrialResult { job, trial: self.course.jobs[job].trial, rung: self.course.jobs[job].rung, score });
        }
        let known = rows.iter().filter(|row| row.score.is_some()).count();
        if std::mem::replace(&mut self.written, known) != known {
            self.course.dir.search().write_results(&rows)?;
        }
        Ok(())
    }

    fn jobs_and_confirmation(&mut self) -> Result<(), Error> {
        self.waits = self.course.advance()?;
        if !self.course.over {
            return Ok(());
        }
        for job in 0..self.course.jobs.len() {
            if self.course.result(job)?.is_none() {
                self.waits = Some(job);
                return Ok(());
            }
        }
        self.waits = None;
        self.over = self.confirming.advance(&mut self.course)?;
        if self.over { self.write_importance() } else { Ok(()) }
    }

    /// Writes how much each key matters, once all results are there.
    fn write_importance(&self) -> Result<(), Error> {
        let course = &self.course;
        let Some(found) = course.proposer.importance(&course.jobs, &course.results()) else { return Ok(()) };
        let epochs = course.proposer.rungs.epochs()[found.rung];
        let keys = course.searched.keys().into_iter().zip(found.shares);
        let rows: Vec<KeyShare> = keys.map(|(key, share)| KeyShare { key, share, epochs, results: found.results }).collect();
        Ok(course.dir.search().write_importance(&rows)?)
    }

    /// The runs of the jobs that there are by now, or would be next, without writing anything.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn runs_so_far(&mut self) -> Result<Vec<RunSpec>, Error> {
        self.course.history.only_compare();
        self.course.advance()?;
        Ok(self.trials().map(|wanted| wanted.run).collect())
    }

    /// The runs of all trials, each until the highest rung that it has a job to.
    fn trials(&self) -> impl Iterator<Item = Wanted> {
        let (course, rungs) = (&self.course, self.course.proposer.rungs.epochs());
        let mut highest: Vec<Option<usize>> = vec![None; course.trials.len()];
        let jobs = course.jobs.iter().enumerate().filter(|(job, _)| !course.search.lost.contains(job));
        jobs.for_each(|(_, job)| highest[job.trial] = highest[job.trial].max(Some(job.rung)));
        let until = |rung: usize| (rung + 1 < rungs.len()).then(|| rungs[rung]);
        let all = course.trials.iter().zip(highest).filter_map(move |(trial, rung)| Some((trial, until(rung?))));
        all.flat_map(|(trial, until)| trial.runs.iter().map(move |run| Wanted { run: run.clone(), until }))
    }

    /// A run without whose result the search cannot go on and that crashed, once nothing else is under way; `None` if something is.
    fn stuck(&self, ended: &[Ended]) -> Option<Error> {
        let last: HashMap<&str, &Outcome> = ended.iter().map(|ended| (ended.run.hash(), &ended.outcome)).collect();
        let under_way = |(hash, epochs): (&String, &usize)| {
            last.get(hash.as_str()).is_none_or(|outcome| outcome.status == Status::Paused && outcome.epochs < *epochs)
        };
        if self.over || self.wanted.iter().any(under_way) {
            return None;
        }
        let crashed = |runs: &[RunSpec]| {
            let crash = |run: &&RunSpec| last.get(run.id.hash()).is_some_and(|outcome| is_crash(outcome));
            let run = runs.iter().find(crash).or(runs.first())?;
            let cause = last.get(run.id.hash()).and_then(|outcome| outcome.cause.clone());
            Some((run.id.to_string(), cause.unwrap_or_else(|| "its files do not say how it went".to_owned())))
        };
        if let Some(job) = self.waits {
            let trial = self.course.jobs[job].trial;
            let (run, cause) = crashed(&self.course.trials[trial].runs)?;
            return Some(Error::Crashed { job, trial, run, cause });
        }
        let (trial, runs) = self.confirming.waits().next()?;
        crashed(runs).map(|(run, cause)| Error::Unconfirmed { trial, run, cause })
    }
}

fn is_crash(outcome: &Outcome) -> bool {
    outcome.status == Status::Failed && outcome.failure != Some(Failure::Diverged)
}

impl Source for Trials<'_> {
    fn is_result(&self, outcome: &Outcome) -> bool {
        outcome.failure == Some(Failure::Diverged)
    }

    fn spare(&mut self) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        // Of the first half hardly any would be wanted in the end.
        if self.course.over || 2 * self.course.trials.len() < self.course.search.trials {
            return Ok(Vec::new());
        }
        let runs = self.confirming.spare(&mut self.course)?.unwrap_or_default();
        self.wanted.extend(runs.iter().map(|run| (run.id.hash().to_owned(), run.experiment.training.epochs)));
        Ok(runs.into_iter().map(Wanted::whole).collect())
    }

    fn runs(&mut self, ended: &[Ended]) -> Result<Vec<Wanted>, Box<dyn std::error::Error + Send + Sync>> {
        self.advance()?;
        let wanted: Vec<Wanted> = self.trials().chain(self.confirming.runs().cloned().map(Wanted::whole)).collect();
        for Wanted { run, until } in &wanted {
            self.wanted.insert(run.id.hash().to_owned(), until.unwrap_or(run.experiment.training.epochs));
        }
        match self.stuck(ended) {
            Some(error) => Err(error.into()),
            None => Ok(wanted),
        }
    }
}
