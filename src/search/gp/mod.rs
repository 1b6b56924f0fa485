//! Proposals by a Gaussian process: the point with the largest expected improvement. Cubic in the number of results, so for
//! searches of up to about 200 trials.

use super::draw::Free;
use super::normal::log_expected_improvement;
use super::point::Point;
use super::space::Space;
use super::stream::Stream;
pub(super) use importance::importance;
use model::Model;

mod cholesky;
mod fit;
mod importance;
mod kernel;
mod lbfgs;
mod model;
#[cfg(test)]
mod tests;

/// Random candidates.
const CANDIDATES: usize = 384;

/// Of so many of the best results the neighbours are candidates, too.
const BEST_RESULTS: usize = 3;

/// From so many of the best candidates it is climbed, in so many steps at most.
const CLIMBS: (usize, usize) = (2, 6);

/// The point for a trial: by results, higher being better, in the order of their trials, and by points whose results are not
/// there yet. `None` where no candidate is free.
pub(super) fn propose(
    space: &Space,
    seed: u64,
    trial: usize,
    known: &[(Point, f64)],
    pending: &[Point],
    free: Free,
) -> Option<Point> {
    let y = standardized(&known.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let encode = |points: &[Point]| points.iter().map(|point| space.encode(point)).collect::<Vec<_>>();
    let model = Model::fitted(space, known.iter().map(|(point, _)| space.encode(point)).collect(), y.clone());
    let best = model.best();
    let model = model.believing(&encode(pending));
    let score = |points: &[Point]| {
        let predicted = model.predict(&encode(points)).into_iter();
        predicted.map(|(mean, variance)| log_expected_improvement(mean, variance, best)).collect::<Vec<_>>()
    };
    let mut pool = candidates(space, seed, trial, known, &y);
    let mut scores = score(&pool);
    for at in descending(&scores).into_iter().take(CLIMBS.0) {
        for (point, value) in climb(space, (pool[at].clone(), scores[at]), &score) {
            pool.push(point);
            scores.push(value);
        }
    }
    descending(&scores).into_iter().map(|at| &pool[at]).find(|point| free(point)).cloned()
}

/// Random points, then neighbours of the best results.
fn candidates(space: &Space, seed: u64, trial: usize, known: &[(Point, f64)], y: &[f64]) -> Vec<Point> {
    let mut stream = Stream::new(seed, "gp", trial, 0);
    let mut found: Vec<Point> = (0..CANDIDATES).map(|_| space.point(&stream.uniforms(space.dimensions()))).collect();
    found.extend(descending(y).into_iter().take(BEST_RESULTS).flat_map(|at| space.neighbours(&known[at].0)));
    found
}

/// From a point to its best neighbour, as long as there is a better one: the points on the way.
fn climb(space: &Space, (mut point, mut value): (Point, f64), score: &impl Fn(&[Point]) -> Vec<f64>) -> Vec<(Point, f64)> {
    let mut way = Vec::new();
    for _ in 0..CLIMBS.1 {
        let around = space.neighbours(&point);
        let scores = score(&around);
        let Some(&at) = descending(&scores).first().filter(|at| scores[**at] > value + 1e-9) else {
            break;
        };
        (point, value) = (around[at].clone(), scores[at]);
        way.push((point.clone(), value));
    }
    way
}

/// Indices, the largest value first, the lower index among equals.
fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}

/// Values with mean 0 and variance 1 (divisor n).
fn standardized(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().fold(0.0, |sum, y| sum + y) / n;
    let variance = values.iter().fold(0.0, |sum, y| sum + (y - mean) * (y - mean)) / n;
    values.iter().map(|y| (y - mean) / (variance.sqrt() + 1e-12)).collect()
}
