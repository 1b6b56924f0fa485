//! The door of the room: the next job of a search.

use super::board::{Board, Job};
use super::draw::{Free, draw};
use super::halving::{Rungs, continuation, model_rung, promotion};
use super::point::Point;
use super::score::{Score, ranked};
use super::sobol::sobol;
use super::space::Space;
use super::{gp, tpe};

/// How configurations are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampler {
    /// By a Gaussian process; for up to about 200 trials, since its time grows with the cube of their number.
    Gp,
    /// By a tree-structured Parzen estimator.
    Tpe,
    /// By the Sobol sequence, which fills the space evenly.
    Sobol,
    /// Each on its own.
    Random,
}

/// How much parameters matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The rung whose results it is by.
    pub rung: usize,
    /// How many these are.
    pub results: usize,
    /// For each parameter the share of the variance of what is predicted over the space that it accounts for by itself.
    pub shares: Vec<f64>,
}

/// No configuration is left that is neither tried nor excluded; the search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no configuration is left that is neither tried nor excluded")]
pub struct Exhausted;

/// Trials before a model proposes any, for whose configurations the Sobol sequence is taken.
const FIRST: usize = 10;

/// Fewest trials with results that a model can see.
const FEWEST: usize = 5;

/// Whether a model proposes a trial, and not the Sobol sequence, where so many trials have visible results.
pub fn is_modelled(trial: usize, known: usize) -> bool {
    trial >= FIRST && known >= FEWEST
}

/// What proposals follow from besides results.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposer {
    /// What is searched.
    pub space: Space,
    /// How it is searched.
    pub sampler: Sampler,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The epochs after which trials are compared; one rung without halving.
    pub rungs: Rungs,
}

impl Proposer {
    /// The job after `jobs`, which are all before it, by the visible results, as indices of jobs and scores in any order. First
    /// a trial that goes on to a higher rung, if one is due; else a new one. No configuration is proposed twice, nor one that is
    /// not `allowed`, which has to be a pure function.
    ///
    /// # Errors
    /// If no new configuration is found and no trial can go on.
    ///
    /// # Panics
    /// If a result is of no job, or a job's rung is none of the proposer's.
    pub fn propose(&self, jobs: &[Job], seen: &[(usize, Score)], allowed: &dyn Fn(&Point) -> bool) -> Result<Job, Exhausted> {
        let board = Board::new(self.rungs.epochs().len(), jobs, seen);
        let begun = |trial, rung| board.has_job(trial, rung);
        let go_on = |(trial, rung): (usize, usize)| Job { trial, rung, point: board.point(trial).clone() };
        if let Some(next) = promotion(self.rungs.eta(), &board.seen, begun) {
            return Ok(go_on(next));
        }
        let taken = board.keys();
        let free = |point: &Point| !taken.contains(&point.key()) && allowed(point);
        if let Some(point) = self.new_point(&board, &free) {
            return Ok(Job { trial: board.trials(), rung: 0, point });
        }
        continuation(&board.seen, begun).map(go_on).ok_or(Exhausted)
    }

    /// The trials of the highest rung that any visible result reached, the best first, the lower index among equals: the first is
    /// the best observed, and those to confirm are the first ones.
    ///
    /// # Panics
    /// As [`Proposer::propose`].
    pub fn ranking(&self, jobs: &[Job], seen: &[(usize, Score)]) -> Vec<usize> {
        let board = Board::new(self.rungs.epochs().len(), jobs, seen);
        let reached = board.seen.iter().rev().find(|results| results.iter().any(|(_, score)| *score != Score::Diverged));
        let well = reached.into_iter().flatten().copied().filter(|(_, score)| *score != Score::Diverged);
        ranked(&well.collect::<Vec<_>>())
    }

    /// How much each parameter matters, in the order of the space, by a Gaussian process on the results that a model of the search would see last, with
    /// their rung and their number. `None` where there are too few, or all are alike. Proposals do not follow from it.
    ///
    /// # Panics
    /// As [`Proposer::propose`].
    pub fn importance(&self, jobs: &[Job], seen: &[(usize, Score)]) -> Option<Importance> {
        let board = Board::new(self.rungs.epochs().len(), jobs, seen);
        let rung = model_rung(self.space.dimensions(), &board.seen);
        let known = board.results(rung);
        Some(Importance { rung, results: known.len(), shares: gp::importance(&self.space, &known)? })
    }

    /// A configuration for a new trial.
    fn new_point(&self, board: &Board, free: Free) -> Option<Point> {
        let (space, seed, trial) = (&self.space, self.seed, board.trials());
        let first = !is_modelled(trial, board.known().len());
        let found = match self.sampler {
            Sampler::Random => return draw(space, seed, "random", trial, free),
            Sampler::Sobol => self.sobol_point(trial, free),
            Sampler::Gp | Sampler::Tpe if first => self.sobol_point(trial, free),
            Sampler::Gp | Sampler::Tpe => {
                let known = board.results(model_rung(space.dimensions(), &board.seen));
                let propose = if self.sampler == Sampler::Gp { gp::propose } else { tpe::propose };
                propose(space, seed, trial, &known, &board.pending(), free)
            }
        };
        found.or_else(|| draw(space, seed, "uniform", trial, free))
    }

    fn sobol_point(&self, trial: usize, free: Free) -> Option<Point> {
        Some(self.space.point(&sobol(self.seed, trial, self.space.dimensions()))).filter(free)
    }
}

#[cfg(test)]
mod tests;
