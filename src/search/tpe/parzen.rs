//! A density over points from some of them: a mixture with a kernel around each, and one over the whole space as a prior.

use super::super::domain::Domain;
use super::super::normal::{between, cdf, quantile};
use super::super::point::Point;
use super::super::space::Space;
use super::super::stream::Stream;

/// The newest points that all count alike.
const NEWEST: usize = 25;

/// The estimate.
pub(super) struct Parzen<'a> {
    space: &'a Space,
    /// One per kernel, the prior's last; their sum is 1.
    weights: Vec<f64>,
    /// The kernels' factors, by parameter.
    factors: Vec<Factors>,
}

/// What the kernels are in one parameter.
enum Factors {
    Number(Vec<Bell>),
    /// The value around which a kernel lies, of so many.
    Choice(Vec<Option<usize>>, usize),
}

/// A normal cut at the bounds of t.
struct Bell {
    mean: f64,
    deviation: f64,
    /// Φ at the lower bound.
    below: f64,
    /// Φ between the bounds.
    mass: f64,
}

impl<'a> Parzen<'a> {
    /// Of points in the order of their trials.
    pub fn new(space: &'a Space, points: &[&Point]) -> Self {
        let mut weights = weights(points.len());
        weights.push(1.0);
        let sum = weights.iter().fold(0.0, |sum, w| sum + w);
        weights.iter_mut().for_each(|w| *w /= sum);
        let factors = (0..space.dimensions()).map(|at| {
            let values: Vec<Option<f64>> = points.iter().map(|point| point.values()[at]).collect();
            Factors::new(space.domain(at), &values)
        });
        Self { space, weights, factors: factors.collect() }
    }

    /// A random point: a kernel by its weight, then a value of each parameter.
    pub fn sample(&self, stream: &mut Stream) -> Point {
        let u = stream.uniforms(self.space.dimensions() + 1);
        let which = place(self.weights.iter().copied(), u[0]);
        let one = |(at, factors): (usize, &Factors)| factors.sample(self.space.domain(at), which, u[at + 1]);
        self.space.with(self.factors.iter().enumerate().map(one).collect())
    }

    /// The logarithm of the density at a point, over its active parameters, up to a constant that is the same for all densities.
    pub fn log_density(&self, point: &Point) -> f64 {
        let mut logs: Vec<f64> = self.weights.iter().map(|w| libm::log(*w)).collect();
        for ((at, value), factors) in point.values().iter().enumerate().zip(&self.factors) {
            if let Some(value) = value {
                factors.add(self.space.domain(at), *value, &mut logs);
            }
        }
        let top = logs.iter().fold(f64::NEG_INFINITY, |top, log| top.max(*log));
        top + libm::log(logs.iter().fold(0.0, |sum, log| sum + libm::exp(log - top)))
    }
}

impl Factors {
    /// Around values in the order of their kernels; the prior where a kernel's point has none, and last.
    fn new(domain: &Domain, values: &[Option<f64>]) -> Self {
        let prior = [None];
        if let (true, Some(count)) = (domain.is_choice(), domain.count()) {
            let values = values.iter().chain(&prior).map(|value| value.map(|value| value as usize));
            return Self::Choice(values.collect(), count as usize);
        }
        let (low, high) = domain.bounds();
        let seen: Vec<f64> = values.iter().flatten().map(|value| domain.scaled(*value)).collect();
        let mut around = seen.iter().zip(bandwidths(&seen, low, high));
        let bell = |value: &Option<f64>| match value {
            Some(_) => around.next().map(|(t, width)| Bell::new(*t, width, low, high)).expect("a width for each value"),
            None => Bell::new(0.5 * (low + high), high - low, low, high),
        };
        Self::Number(values.iter().chain(&prior).map(bell).collect())
    }

    /// The value of one kernel at a share in [0, 1) of its mass.
    fn sample(&self, domain: &Domain, which: usize, share: f64) -> f64 {
        match self {
            Self::Number(bells) => {
                let (low, high) = domain.bounds();
                let Bell { mean, deviation, below, mass } = bells[which];
                domain.value((mean + deviation * quantile(below + share * mass)).clamp(low, high))
            }
            Self::Choice(around, count) => {
                let kernels = around.len();
                place((0..*count).map(|choice| probability(around[which], choice, *count, kernels)), share) as f64
            }
        }
    }

    /// Adds each kernel's log density at a value, or log probability of a whole number or a choice.
    fn add(&self, domain: &Domain, value: f64, logs: &mut [f64]) {
        match self {
            Self::Number(bells) => {
                let (t, cell) = (domain.scaled(value), domain.cell(value));
                for (log, Bell { mean, deviation, mass, .. }) in logs.iter_mut().zip(bells) {
                    let z = |t: f64| (t - mean) / deviation;
                    *log += match cell {
                        Some((from, to)) => libm::log(between(z(from), z(to)) / mass + 1e-300),
                        None => -0.5 * z(t) * z(t) - libm::log(deviation * mass),
                    };
                }
            }
            Self::Choice(around, count) => {
                for (log, at) in logs.iter_mut().zip(around) {
                    *log += libm::log(probability(*at, value as usize, *count, around.len()));
                }
            }
        }
    }
}

impl Bell {
    fn new(mean: f64, deviation: f64, low: f64, high: f64) -> Self {
        let [a, b] = [low, high].map(|bound| (bound - mean) / deviation);
        Self { mean, deviation, below: cdf(a), mass: between(a, b) }
    }
}

/// A choice's probability in a kernel: evenly 1/kernels each, and 1 more for the kernel's own.
fn probability(own: Option<usize>, choice: usize, count: usize, kernels: usize) -> f64 {
    let even = 1.0 / kernels as f64;
    match own {
        Some(own) => (even + f64::from(u8::from(own == choice))) / (1.0 + count as f64 * even),
        None => 1.0 / count as f64,
    }
}

/// The larger gap to a neighbour on either side, bounds being none, within [(high − low)/min(100, 2 + n), high − low]; of one
/// value alone, the larger distance to a bound.
fn bandwidths(values: &[f64], low: f64, high: f64) -> Vec<f64> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let gap = |at: usize| values[order[at + 1]] - values[order[at]];
    let least = (high - low) / (2.0 + n as f64).min(100.0);
    let mut widths = vec![0.0; n];
    for (at, &index) in order.iter().enumerate() {
        let width = match at {
            _ if n == 1 => (values[0] - low).max(high - values[0]),
            0 => gap(0),
            _ if at + 1 == n => gap(at - 1),
            _ => gap(at - 1).max(gap(at)),
        };
        widths[index] = width.clamp(least, high - low);
    }
    widths
}

/// Weights of points by age: the newest count 1, older ones less, down to 1/n.
fn weights(n: usize) -> Vec<f64> {
    let old = n.saturating_sub(NEWEST);
    let first = 1.0 / n as f64;
    let one = |at: usize| match at {
        _ if at >= old => 1.0,
        0 => first,
        _ => first + at as f64 * ((1.0 - first) / (old - 1) as f64),
    };
    (0..n).map(one).collect()
}

/// The first index whose running sum is above a share; the last if none is.
fn place(weights: impl ExactSizeIterator<Item = f64>, share: f64) -> usize {
    let last = weights.len() - 1;
    let sums = weights.scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    sums.take(last).take_while(|sum| share >= *sum).count()
}
