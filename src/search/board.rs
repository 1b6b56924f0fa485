//! A search's state, as a job sees it: which trials there are, which jobs they have, and the visible results by rung.

use super::point::Point;
use super::score::{Score, numbers};
use std::collections::BTreeSet;

/// One job of a search's history: a trial is trained until a rung.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The trial, counted from 0.
    pub trial: usize,
    /// The rung that it reaches, counted from 0.
    pub rung: usize,
    /// Its configuration.
    pub point: Point,
}

/// The state.
pub(super) struct Board<'a> {
    /// The configuration of each trial.
    points: Vec<&'a Point>,
    /// Trials and the rungs to which they have jobs.
    begun: BTreeSet<(usize, usize)>,
    /// Visible results of each rung, by trial.
    pub seen: Vec<Vec<(usize, Score)>>,
}

impl<'a> Board<'a> {
    /// Of all jobs so far and the visible results of some, in any order.
    pub fn new(rungs: usize, jobs: &'a [Job], results: &[(usize, Score)]) -> Self {
        let mut seen = vec![Vec::new(); rungs];
        for (job, score) in results {
            seen[jobs[*job].rung].push((jobs[*job].trial, *score));
        }
        seen.iter_mut().for_each(|results| results.sort_by_key(|(trial, _)| *trial));
        let points = jobs.iter().filter(|job| job.rung == 0).map(|job| &job.point).collect();
        Self { points, begun: jobs.iter().map(|job| (job.trial, job.rung)).collect(), seen }
    }

    /// How many trials have begun.
    pub fn trials(&self) -> usize {
        self.points.len()
    }

    /// The configuration of a trial.
    pub fn point(&self, trial: usize) -> &Point {
        self.points[trial]
    }

    /// Whether a trial has a job to a rung.
    pub fn has_job(&self, trial: usize, rung: usize) -> bool {
        self.begun.contains(&(trial, rung))
    }

    /// What no configuration that is new is like.
    pub fn keys(&self) -> BTreeSet<Vec<u64>> {
        self.points.iter().map(|point| point.key()).collect()
    }

    /// Trials with a visible result.
    pub fn known(&self) -> BTreeSet<usize> {
        self.seen.iter().flatten().map(|(trial, _)| *trial).collect()
    }

    /// The configurations of trials without one, in order.
    pub fn pending(&self) -> Vec<Point> {
        let known = self.known();
        (0..self.trials()).filter(|trial| !known.contains(trial)).map(|trial| self.point(trial).clone()).collect()
    }

    /// Configurations and values at a rung, by trial. What diverged before it has its worst value, too.
    pub fn results(&self, rung: usize) -> Vec<(Point, f64)> {
        let lower = self.seen[..rung].iter().flatten().filter(|(_, score)| *score == Score::Diverged);
        let mut results: Vec<(usize, Score)> = self.seen[rung].iter().chain(lower).copied().collect();
        results.sort_by_key(|(trial, _)| *trial);
        let values = numbers(&results);
        results.iter().zip(values).map(|((trial, _), value)| (self.point(*trial).clone(), value)).collect()
    }
}
