//! Terms that compare regions: with p = 1 / (1 + e^−x), TP = Σ p·t, FP = Σ p·(1 − t), FN = Σ (1 − p)·t, and smoothing 1 as in the soft Dice
//! loss.

use super::{ValueAndGradient, logistic};

/// Least loss whose power is taken: below 1 a power has no derivative at 0.
const LEAST: f64 = 1e-7;

/// `(1 − (TP + 1) / (TP + α·FP + β·FN + 1))^γ`.
pub fn tversky(x: &[f32], t: &[f32], weights: [f64; 2], gamma: f64) -> ValueAndGradient {
    let (loss, gradient) = index_loss(x, t, weights);
    if gamma == 1.0 {
        return (loss, gradient);
    }
    // Not `f64::max`, which would turn a NaN into a number.
    let loss = if loss < LEAST { LEAST } else { loss };
    let slope = gamma * loss.powf(gamma - 1.0);
    (loss.powf(gamma), gradient.into_iter().map(|g| slope * g).collect())
}

fn index_loss(x: &[f32], t: &[f32], [alpha, beta]: [f64; 2]) -> ValueAndGradient {
    let probabilities: Vec<f64> = x.iter().map(|x| logistic(f64::from(*x)).0).collect();
    let (mut both, mut wrong, mut missed) = (0.0, 0.0, 0.0);
    for (p, t) in probabilities.iter().zip(t) {
        let t = f64::from(*t);
        both += p * t;
        wrong += p * (1.0 - t);
        missed += (1.0 - p) * t;
    }
    let (above, below) = (both + 1.0, both + alpha * wrong + beta * missed + 1.0);
    let slope = |(p, t): (&f64, &f32)| {
        let t = f64::from(*t);
        let of_below = t + alpha * (1.0 - t) - beta * t;
        -(t * below - above * of_below) / (below * below) * p * (1.0 - p)
    };
    (1.0 - above / below, probabilities.iter().zip(t).map(slope).collect())
}
