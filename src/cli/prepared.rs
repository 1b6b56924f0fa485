//! An experiment file made a plan, as `umlaut run` and `umlaut plan` begin.

use super::failure::{Failure, failed, in_file, unprepared};
use super::options::{Sets, load};
use std::path::Path;
use umlaut::config::{self, Experiment};
use umlaut::plan::Plan;
use umlaut::prepare::{self, Listener, Planner};
use umlaut::schedule::{Listed, Source};
use umlaut::store::{ExperimentDir, Results};
use umlaut::trials::{self, Trials, corners};

/// An experiment that can run.
pub struct Prepared<'a> {
    /// What was asked.
    pub experiment: Experiment,
    /// Its runs, each ready to begin; of a search runs at the edges of its space, none of which begins.
    pub plan: Plan,
    planner: Planner<'a>,
}

impl<'a> Prepared<'a> {
    /// The experiment of a file.
    ///
    /// # Errors
    /// A mistake of the user's, at its line of the file where there is one.
    pub fn of(file: &Path, sets: &Sets, results: &'a Results, listener: &'a dyn Listener) -> Result<Self, Failure> {
        let experiment = load(file, sets)?;
        let mut planner = Planner::new(results, listener);
        let edges = experiment.search.as_ref().map(|_| corners(&experiment)).transpose().map_err(unsearched)?;
        let plan = planner.plan(edges.as_ref().unwrap_or(&experiment)).map_err(|error| match error {
            prepare::Error::Batches(batches) => {
                in_file(&config::mistake_at(file, &sets.sets, &batches.keys, &batches.title, &batches.remedy))
            }
            error => unprepared(error),
        })?;
        Ok(Self { experiment, plan, planner })
    }

    /// Whether runs follow from results.
    pub fn is_search(&self) -> bool {
        self.experiment.search.is_some()
    }

    /// The search in a directory of results.
    ///
    /// # Errors
    /// If the directory has one of other settings.
    pub fn trials(self, dir: &ExperimentDir) -> Result<Trials<'a>, Failure> {
        let fingerprint = self.planner.fingerprint(&self.experiment.dataset).unwrap_or_default().to_owned();
        Trials::new(&self.experiment, self.planner, dir.clone(), &fingerprint).map_err(unsearched)
    }

    /// Where its runs come from; a search has computed again what is stored. Only for who holds the claim of the directory.
    ///
    /// # Errors
    /// If a search cannot go on.
    pub fn source(self, dir: &ExperimentDir) -> Result<Box<dyn Source + 'a>, Failure> {
        if !self.is_search() {
            return Ok(Box::new(Listed::new(self.plan.runs)));
        }
        let mut trials = self.trials(dir)?;
        trials.advance().map_err(unsearched)?;
        Ok(Box::new(trials))
    }
}

/// Why a search cannot begin or go on.
pub fn unsearched(error: trials::Error) -> Failure {
    let is_mistake = error.is_mistake();
    failed(error, is_mistake)
}
