//! Which configuration a search names: the best results are trained again with fresh seeds, the better half goes on, and so on
//! until one is left. The results that chose them do not count any more, since the best of many is flattered.

use super::score::{Score, ranked};
use super::stream::Stream;

/// Fresh seeds of the winner beyond those that it won with, from which the printed score is.
pub const LAST: usize = 3;

/// What a confirmation does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// These runs are needed first: trials and indices of fresh seeds, counted from 0, in the order of their use.
    Run(Vec<(usize, usize)>),
    /// The trial that is named, with its scores on the [`LAST`] fresh seeds, which chose nothing.
    Named(usize, Vec<Score>),
    /// There was nothing to choose from.
    Nothing,
}

/// So many of a search's best are confirmed where no number is asked for.
pub fn default_top(trials: usize) -> usize {
    match trials {
        0..40 => 4,
        40..120 => 8,
        _ => 16,
    }
}

/// The next step: of the `top` first of the search's `ranking`, by the results of fresh seeds so far. In round r each that is
/// left gets seeds up to 2^r in all; the better half by the mean over them stays, the earlier in the order so far among equals.
/// A trial that diverged on a fresh seed comes last.
pub fn confirm(ranking: &[usize], top: usize, score: impl Fn(usize, usize) -> Option<Score>) -> Step {
    let mut left = ranking[..top.min(ranking.len())].to_vec();
    let missing = |runs: Vec<(usize, usize)>| -> Vec<(usize, usize)> {
        runs.into_iter().filter(|(trial, seed)| score(*trial, *seed).is_none()).collect()
    };
    for (trials, seeds) in rounds(left.len()) {
        left.truncate(trials);
        let needed = missing(runs(&left, 0..seeds));
        if !needed.is_empty() {
            return Step::Run(needed);
        }
        left = by_mean(&left, seeds, &score);
    }
    let Some(&winner) = left.first() else { return Step::Nothing };
    let last = last_seeds(ranking.len().min(top));
    let needed = missing(runs(&[winner], last.clone()));
    if needed.is_empty() {
        return Step::Named(winner, last.filter_map(|seed| score(winner, seed)).collect());
    }
    Step::Run(needed)
}

/// The runs that a confirmation would need if every fresh seed kept the order of the search: those to fill waits with, in the
/// order of their use. Proposals never see them.
pub fn expected(ranking: &[usize], top: usize) -> Vec<(usize, usize)> {
    let top = top.min(ranking.len());
    let mut before = 0;
    let mut found = Vec::new();
    for (trials, seeds) in rounds(top) {
        found.extend(runs(&ranking[..trials], before..seeds));
        before = seeds;
    }
    found.extend(runs(&ranking[..top.min(1)], last_seeds(top)));
    found
}

/// How many trials each round has, and how many seeds each trial has by its end.
fn rounds(top: usize) -> impl Iterator<Item = (usize, usize)> {
    let halves = std::iter::successors(Some(top), |trials| Some(trials / 2));
    halves.take_while(|trials| *trials > 1).enumerate().map(|(round, trials)| (trials, 1 << round))
}

/// The winner's seeds after those of all rounds.
fn last_seeds(top: usize) -> std::ops::Range<usize> {
    let before = rounds(top).last().map_or(0, |(_, seeds)| seeds);
    before..before + LAST
}

/// Seed by seed, each of all trials.
fn runs(trials: &[usize], seeds: std::ops::Range<usize>) -> Vec<(usize, usize)> {
    seeds.flat_map(|seed| trials.iter().map(move |trial| (*trial, seed))).collect()
}

/// Trials by the mean of their first seeds, the best first.
fn by_mean(trials: &[usize], seeds: usize, score: &impl Fn(usize, usize) -> Option<Score>) -> Vec<usize> {
    let mean = |trial: usize| {
        let values: Option<Vec<f64>> = (0..seeds).map(|seed| score(trial, seed).and_then(Score::value)).collect();
        values.map_or(Score::Diverged, |values| Score::of(values.iter().fold(0.0, |sum, value| sum + value) / seeds as f64))
    };
    let means: Vec<(usize, Score)> = trials.iter().enumerate().map(|(at, trial)| (at, mean(*trial))).collect();
    ranked(&means).into_iter().map(|at| trials[at]).collect()
}

/// The first `count` fresh seeds of a search of so many trials, from 0 to 2³² − 1: no two alike, none among those that trials
/// were trained with.
pub fn fresh_seeds(seed: u64, trials: usize, count: usize, trained: &[u64]) -> Vec<u64> {
    let mut fresh: Vec<u64> = Vec::with_capacity(count);
    for index in 0..count {
        let stream = format!("confirm\n{trials}");
        let draws = (0..).map(|attempt| Stream::new(seed, &stream, index, attempt).bits() >> 32);
        let new = draws.into_iter().find(|drawn| !trained.contains(drawn) && !fresh.contains(drawn));
        fresh.push(new.expect("there are far more numbers than seeds"));
    }
    fresh
}

#[cfg(test)]
mod tests;
