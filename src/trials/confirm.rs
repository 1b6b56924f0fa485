//! The confirmation of a search: its best trials are trained again with fresh seeds, and the winner is named by these alone.

use super::Error;
use super::course::Course;
use crate::config::Experiment;
use crate::plan::RunSpec;
use crate::record::{Confirmation, Winner};
use crate::search::{LAST, Score, Step, confirm, default_top, expected, fresh_seeds};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// A trial's configuration with a fresh seed.
struct Fresh {
    seed: u64,
    /// One per fold.
    runs: Vec<RunSpec>,
    score: Option<Score>,
}

/// The fresh runs of a search, as far as they are wanted.
pub(super) struct Confirming {
    top: usize,
    seeds: Vec<u64>,
    /// By trial and index of the seed.
    fresh: BTreeMap<(usize, usize), Fresh>,
    /// Those in the order in which they were asked for.
    asked: Vec<(usize, usize)>,
    pub winner: Option<Winner>,
}

impl Confirming {
    /// Nothing is wanted yet.
    pub fn new(course: &Course<'_>, experiment: &Experiment) -> Self {
        let search = &course.search;
        let top = search.confirm.top.unwrap_or_else(|| default_top(search.trials));
        let seeds = fresh_seeds(search.seed, search.trials, top.next_power_of_two() + LAST, &experiment.training.seeds);
        Self { top, seeds, fresh: BTreeMap::new(), asked: Vec::new(), winner: None }
    }

    /// Goes on with a search all of whose results are there, until runs are missing or the winner is named. Returns whether it is over.
    ///
    /// # Errors
    /// If runs cannot be planned, or files cannot be read or written.
    pub fn advance(&mut self, course: &mut Course<'_>) -> Result<bool, Error> {
        let results = course.results();
        let ranking = course.proposer.ranking(&course.jobs, &results);
        loop {
            self.look(course)?;
            let asked = RefCell::new(Vec::new());
            let step = confirm(&ranking, self.top, |trial, seed| {
                let mut asked = asked.borrow_mut();
                if !asked.contains(&(trial, seed)) {
                    asked.push((trial, seed));
                }
                self.fresh.get(&(trial, seed))?.score
            });
            self.asked = asked.into_inner();
            let mut new = false;
            for at in self.asked.clone() {
                new |= self.want(course, at)?;
            }
            if new {
                // Some of it may have been trained before.
                continue;
            }
            self.winner = match &step {
                Step::Named(trial, scores) => Some(self.winner(course, *trial, scores)),
                Step::Run(_) | Step::Nothing => None,
            };
            self.write(course)?;
            return Ok(!matches!(step, Step::Run(_)));
        }
    }

    /// A run that will probably be wanted, by the results so far, for a slot that waits.
    ///
    /// # Errors
    /// If it cannot be planned.
    pub fn spare(&mut self, course: &mut Course<'_>) -> Result<Option<Vec<RunSpec>>, Error> {
        let ranking = course.proposer.ranking(&course.jobs, &course.results());
        for at in expected(&ranking, self.top) {
            if self.want(course, at)? {
                return Ok(self.fresh.get(&at).map(|fresh| fresh.runs.clone()));
            }
        }
        Ok(None)
    }

    /// All fresh runs that are wanted by now, in the order of their use.
    pub fn runs(&self) -> impl Iterator<Item = &RunSpec> {
        self.asked.iter().filter_map(|at| self.fresh.get(at)).flat_map(|fresh| &fresh.runs)
    }

    /// The trials whose fresh runs are wanted and have no result.
    pub fn waits(&self) -> impl Iterator<Item = (usize, &[RunSpec])> {
        let missing = self.asked.iter().filter_map(|at| Some((at.0, self.fresh.get(at)?)));
        missing.filter(|(_, fresh)| fresh.score.is_none()).map(|(trial, fresh)| (trial, &fresh.runs[..]))
    }

    /// Plans a fresh run, if it is not planned yet.
    fn want(&mut self, course: &mut Course<'_>, (trial, index): (usize, usize)) -> Result<bool, Error> {
        if self.fresh.contains_key(&(trial, index)) {
            return Ok(false);
        }
        let (mut experiment, seed) = (course.trials[trial].experiment.clone(), self.seeds[index]);
        experiment.training.seeds = vec![seed];
        let runs = course.planner.plan_trial(&experiment)?;
        self.fresh.insert((trial, index), Fresh { seed, runs, score: None });
        Ok(true)
    }

    /// Looks for results.
    fn look(&mut self, course: &Course<'_>) -> Result<(), Error> {
        let epochs = course.proposer.rungs.epochs().last().copied().unwrap_or_default();
        for fresh in self.fresh.values_mut().filter(|fresh| fresh.score.is_none()) {
            fresh.score = course.score(&fresh.runs, epochs, true)?;
        }
        Ok(())
    }

    fn winner(&self, course: &Course<'_>, trial: usize, scores: &[Score]) -> Winner {
        let shown = |score: &Score| score.value().map_or(f64::NAN, |value| course.measure.shown(value));
        let scores: Vec<f64> = scores.iter().map(shown).collect();
        let of_search =
            (0..course.jobs.len()).rev().find(|job| course.jobs[*job].trial == trial).and_then(|job| course.scores[job]);
        let last = self.asked.iter().rev().take(LAST).rev().filter_map(|at| self.fresh.get(at)).map(|fresh| fresh.seed);
        let values = course.searched.values(&course.jobs.iter().find(|job| job.trial == trial).expect("it was tried").point);
        Winner {
            trial,
            trials: course.search.trials,
            by: course.search.by.clone(),
            searched: of_search.as_ref().map_or(f64::NAN, shown),
            confirmed: scores.iter().sum::<f64>() / scores.len() as f64,
            seeds: last.collect(),
            scores,
            values: values.iter().map(|(key, value)| (key.clone(), value.to_string())).collect(),
        }
    }

    fn write(&self, course: &Course<'_>) -> Result<(), Error> {
        let shown = |score: Score| score.value().map_or(f64::NAN, |value| course.measure.shown(value));
        let row = |at: &(usize, usize)| {
            let fresh = &self.fresh[at];
            let runs = fresh.runs.iter().map(|run| run.id.to_string()).collect();
            Confirmation { trial: at.0, seed: fresh.seed, runs, score: fresh.score.map(shown) }
        };
        let files = course.dir.search();
        files.write_confirmations(&self.asked.iter().map(row).collect::<Vec<_>>())?;
        Ok(files.write_winner(self.winner.as_ref())?)
    }
}
