//! Soft Dice loss (Milletari et al. 2016, without squares) on sigmoid probabilities.

use super::bce::class_shares;
use super::blocked::logistic;
use super::blocked::simd::level;
use super::storage::{scalar, tensor, values};
use super::{Node, Tape};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// Added to numerator and denominator, so that two empty masks give 0.
const SMOOTHING: f64 = 1.0;

/// `Σ_c w_c · dice_c / Σ_c w_c`, where `dice_c` is the mean over samples of `1 − (2Σpt + 1)/(Σp + Σt + 1)`, `p = σ(logits)`.
/// Lower is better. Without `class_weights` every class has weight 1.
///
/// # Shapes
/// logits and targets (n, classes, h, w), targets in [0, 1]; the result is a scalar in [0, 1].
///
/// # Errors
/// If shapes or the number of weights do not fit, or the weights do not add up to more than 0.
pub fn soft_dice_loss(tape: &Tape, logits: &Node, targets: &Tensor, class_weights: &[f64]) -> Result<Node> {
    let (n, classes, h, w) = logits.value().dims4()?;
    let plane = h * w;
    let shares = class_shares(logits.value(), targets, class_weights)?;
    let factor = move |index: usize| shares[index % classes] / n as f64;
    let planes: Vec<Overlap> = {
        let (x, t) = (values(logits.value())?, values(targets)?);
        x.par_chunks(plane).zip(t.par_chunks(plane)).map(|(x, t)| Overlap::of(x, t)).collect()
    };
    let loss: f64 = planes.iter().enumerate().map(|(index, plane)| plane.loss() * factor(index)).sum();
    let (x, t) = (logits.value().clone(), targets.clone());
    Ok(tape.record(scalar(loss)?, &[logits], move |dy| {
        let dy = f64::from(values(&dy)?[0]);
        let mut dx = vec![0.0; x.elem_count()];
        {
            let (x, t) = (values(&x)?, values(&t)?);
            let chunks = dx.par_chunks_mut(plane).zip(x.par_chunks(plane)).zip(t.par_chunks(plane)).enumerate();
            chunks.for_each(|(index, ((dx, x), t))| {
                logistic::overlap_gradient(level(), x, t, planes[index].gradient(factor(index) * dy), dx);
            });
        }
        Ok(vec![Some(tensor(dx, x.shape())?)])
    }))
}

/// `2Σpt + 1` and `Σp + Σt + 1` of one class of one sample.
struct Overlap {
    numerator: f64,
    denominator: f64,
}

impl Overlap {
    fn of(x: &[f32], t: &[f32]) -> Self {
        let [both, sum] = logistic::overlap(level(), x, t);
        Self { numerator: 2.0 * both + SMOOTHING, denominator: sum + SMOOTHING }
    }

    fn loss(&self) -> f64 {
        1.0 - self.numerator / self.denominator
    }

    /// `(a, b)` such that d loss / d x of a pixel, times `factor`, is `(a − b·t) · p(1 − p)`: it is
    /// `(numerator − 2t·denominator) / denominator² · p(1 − p)`.
    fn gradient(&self, factor: f64) -> (f32, f32) {
        let share = factor / (self.denominator * self.denominator);
        ((self.numerator * share) as f32, (2.0 * self.denominator * share) as f32)
    }
}
