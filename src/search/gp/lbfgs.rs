//! The minimum of a smooth function of a few numbers within bounds, by L-BFGS with projected steps. Our own, since a fit must be
//! the same on every machine, to the last bit.

use std::collections::VecDeque;

/// Lower and upper bound of a number.
pub(super) type Bounds = (f64, f64);

/// Steps that are remembered.
const MEMORY: usize = 10;

/// It ends where no free number's derivative is larger.
const FLAT: f64 = 1e-5;

/// It ends where a step gains less than this share of the value.
const LEAST_GAIN: f64 = 2.2e-9;

/// Tries of one line search.
const TRIES: usize = 20;

/// A step and the change of the gradient over it.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    product: f64,
}

/// The best point after at most `steps` steps from `start`, which lies within the bounds. The function gives value and gradient.
pub(super) fn minimize(f: impl Fn(&[f64]) -> (f64, Vec<f64>), start: &[f64], bounds: &[Bounds], steps: usize) -> Vec<f64> {
    let (mut x, (mut value, mut gradient)) = (start.to_vec(), f(start));
    let mut memory: VecDeque<Pair> = VecDeque::new();
    for _ in 0..steps {
        let free = free(&x, &gradient, bounds);
        if free.iter().all(|g| g.abs() < FLAT) {
            break;
        }
        let mut direction = direction(&free, &memory);
        if dot(&direction, &gradient) >= 0.0 {
            memory.clear();
            direction = free.iter().map(|g| -g).collect();
        }
        let first = if memory.is_empty() { (1.0 / dot(&free, &free).sqrt()).min(1.0) } else { 1.0 };
        let Some((next, (lower, slope))) = search(&f, (&x, value, &gradient), &direction, bounds, first) else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        remember(&mut memory, difference(&next, &x), difference(&slope, &gradient));
        let gain = value - lower;
        (x, value, gradient) = (next, lower, slope);
        if gain <= LEAST_GAIN * value.abs().max(1.0) {
            break;
        }
    }
    x
}

/// The gradient without what leads out of the bounds.
fn free(x: &[f64], gradient: &[f64], bounds: &[Bounds]) -> Vec<f64> {
    let one = |((x, g), (low, high)): ((&f64, &f64), &Bounds)| {
        let out = (x <= low && *g > 0.0) || (x >= high && *g < 0.0);
        if out { 0.0 } else { *g }
    };
    x.iter().zip(gradient).zip(bounds).map(one).collect()
}

/// Minus the inverse Hessian times the gradient, from remembered steps (Nocedal 1980); along free numbers alone.
fn direction(free: &[f64], memory: &VecDeque<Pair>) -> Vec<f64> {
    let mut q = free.to_vec();
    let mut factors = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let factor = dot(&pair.step, &q) / pair.product;
        q.iter_mut().zip(&pair.change).for_each(|(q, y)| *q -= factor * y);
        factors.push(factor);
    }
    if let Some(last) = memory.back() {
        let size = last.product / dot(&last.change, &last.change);
        q.iter_mut().for_each(|q| *q *= size);
    }
    for (pair, factor) in memory.iter().zip(factors.iter().rev()) {
        let back = factor - dot(&pair.change, &q) / pair.product;
        q.iter_mut().zip(&pair.step).for_each(|(q, s)| *q += back * s);
    }
    q.iter().zip(free).map(|(q, g)| if *g == 0.0 { 0.0 } else { -q }).collect()
}

/// A point with its value and gradient.
type Found = (Vec<f64>, (f64, Vec<f64>));

/// A point on the way along a direction, cut at the bounds, where the value is low enough (Armijo), by shorter and shorter steps.
fn search(
    f: &impl Fn(&[f64]) -> (f64, Vec<f64>),
    (x, value, gradient): (&[f64], f64, &[f64]),
    direction: &[f64],
    bounds: &[Bounds],
    first: f64,
) -> Option<Found> {
    let mut length = first;
    for _ in 0..TRIES {
        let moved = x.iter().zip(direction).zip(bounds).map(|((x, d), (low, high))| (x + length * d).clamp(*low, *high));
        let next: Vec<f64> = moved.collect();
        let expected = dot(gradient, &difference(&next, x));
        let (lower, slope) = f(&next);
        if expected < 0.0 && lower.is_finite() && lower <= value + 1e-4 * expected {
            return Some((next, (lower, slope)));
        }
        // The minimum of the parabola through both values with the slope at the first.
        let parabola = -0.5 * expected / (lower - value - expected);
        length *= if parabola.is_finite() { parabola.clamp(0.1, 0.5) } else { 0.1 };
    }
    None
}

fn remember(memory: &mut VecDeque<Pair>, step: Vec<f64>, change: Vec<f64>) {
    let product = dot(&step, &change);
    // Without curvature along it a step says nothing of the Hessian.
    if product > 1e-10 * dot(&change, &change) {
        if memory.len() == MEMORY {
            memory.pop_front();
        }
        memory.push_back(Pair { step, change, product });
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| sum + a * b)
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley, whose minimum is 0 at (1, 1).
    fn valley(x: &[f64]) -> (f64, Vec<f64>) {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        (a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
    }

    #[test]
    fn a_valley_is_followed_to_its_end() {
        let x = minimize(valley, &[-1.2, 1.0], &[(-5.0, 5.0); 2], 100);
        assert!((x[0] - 1.0).abs() < 1e-4 && (x[1] - 1.0).abs() < 1e-4, "{x:?}");
    }

    /// By hand: with x ≤ 0.5 the minimum along x = 0.5 is at y = 0.25.
    #[test]
    fn a_bound_stops_one_number_and_not_the_other() {
        let x = minimize(valley, &[-1.2, 1.0], &[(-5.0, 0.5), (-5.0, 5.0)], 100);
        assert!(x[0] == 0.5 && (x[1] - 0.25).abs() < 1e-5, "{x:?}");
    }

    #[test]
    fn no_step_leads_nowhere() {
        assert_eq!(minimize(valley, &[1.0, 1.0], &[(-5.0, 5.0); 2], 10), [1.0, 1.0]);
        assert_eq!(minimize(|_| (f64::INFINITY, vec![1.0]), &[0.5], &[(0.0, 1.0)], 10), [0.5]);
    }
}
