//! How much each parameter matters, by what the model predicts all over the space.

use super::super::point::Point;
use super::super::sobol::sobol;
use super::super::space::Space;
use super::{Model, standardized};

/// Points all over the space at which a parameter's values are compared.
const POINTS: usize = 128;

/// Values of a number that are compared, and so many choices at the most.
const VALUES: u64 = 12;

/// Fewest results more than parameters, as for a proposal.
const MORE: usize = 3;

/// Of more results every second, third ... is taken: the time of a fit grows with their cube.
const MOST: usize = 300;

/// For each parameter the share of the variance of the predictions that it accounts for by itself: the variance over its values of
/// the mean over all others, by the variance over all points (a functional analysis of variance, Hutter et al. 2014). What
/// parameters do only together is in none. `None` of too few results, or if nothing is predicted to differ.
pub fn importance(space: &Space, known: &[(Point, f64)]) -> Option<Vec<f64>> {
    let step = known.len().div_ceil(MOST).max(1);
    let known: Vec<&(Point, f64)> = known.iter().step_by(step).collect();
    if known.len() < space.dimensions() + MORE {
        return None;
    }
    let y = standardized(&known.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let model = Model::fitted(space, known.iter().map(|(point, _)| space.encode(point)).collect(), y);
    let units: Vec<Vec<f64>> = (0..POINTS).map(|at| sobol(0, at, space.dimensions())).collect();
    let predicted =
        |units: &[Vec<f64>]| model.means(&units.iter().map(|unit| space.encode(&space.point(unit))).collect::<Vec<_>>());
    let all = variance(&predicted(&units));
    let share = |at: usize| {
        let count = space.domain(at).count().map_or(VALUES, |count| count.min(VALUES));
        let mean = |value: u64| {
            let mut moved = units.clone();
            moved.iter_mut().for_each(|unit| unit[at] = (value as f64 + 0.5) / count as f64);
            predicted(&moved).iter().fold(0.0, |sum, mean| sum + mean) / POINTS as f64
        };
        // By a sample of points the parts may come to more than the whole.
        (variance(&(0..count).map(mean).collect::<Vec<_>>()) / all).min(1.0)
    };
    (all > 1e-9).then(|| (0..space.dimensions()).map(share).collect())
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().fold(0.0, |sum, value| sum + value) / values.len() as f64;
    values.iter().fold(0.0, |sum, value| sum + (value - mean) * (value - mean)) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Domain, Parameter};

    /// By hand: of 3a + b on the unit square a accounts for 9/10 of the variance, b for 1/10 and c for nothing.
    #[test]
    fn shares_are_those_of_a_plane() {
        let names = ["a", "b", "c"];
        let space = Space::new(names.map(|name| Parameter::new(name, Domain::Uniform(0.0, 1.0))).to_vec()).unwrap();
        let known: Vec<(Point, f64)> = (0..40)
            .map(|at| {
                let point = space.point(&sobol(7, at, 3));
                let value = |at: usize| point.values()[at].unwrap();
                (point.clone(), 3.0 * value(0) + value(1))
            })
            .collect();
        let shares = importance(&space, &known).unwrap();
        for (share, expected) in shares.iter().zip([0.9, 0.1, 0.0]) {
            assert!((share - expected).abs() < 0.04, "{shares:?}");
        }
        assert_eq!(importance(&space, &known[..5]), None);
        let equal: Vec<(Point, f64)> = known.iter().map(|(point, _)| (point.clone(), 1.0)).collect();
        assert_eq!(importance(&space, &equal), None);
    }
}
