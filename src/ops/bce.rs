//! Binary cross-entropy of logits.

use super::storage::{scalar, tensor, values};
use super::{Node, Tape};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// `Σ_c w_c · bce_c / Σ_c w_c`, where `bce_c` is the mean over samples and pixels of `max(x, 0) − x·t + ln(1 + e^−|x|)`: finite
/// for every finite logit. Without `class_weights` every class has weight 1.
///
/// # Shapes
/// logits and targets (n, classes, h, w), targets in [0, 1]; the result is a scalar.
///
/// # Errors
/// If shapes or the number of weights do not fit, or the weights do not add up to more than 0.
pub fn bce_with_logits(tape: &Tape, logits: &Node, targets: &Tensor, class_weights: &[f64]) -> Result<Node> {
    let (n, classes, h, w) = logits.value().dims4()?;
    let plane = h * w;
    let shares = class_shares(logits.value(), targets, class_weights)?;
    let factor = move |index: usize| shares[index % classes] / (n * plane) as f64;
    let loss: f64 = {
        let (x, t) = (values(logits.value())?, values(targets)?);
        let term = |(x, t): (&[f32], &[f32])| x.iter().zip(t).map(|(x, t)| of_pixel(f64::from(*x), f64::from(*t))).sum::<f64>();
        let planes: Vec<f64> = x.par_chunks(plane).zip(t.par_chunks(plane)).map(term).collect();
        planes.iter().enumerate().map(|(index, sum)| sum * factor(index)).sum()
    };
    let (x, t) = (logits.value().clone(), targets.clone());
    Ok(tape.record(scalar(loss)?, &[logits], move |dy| {
        let dy = f64::from(values(&dy)?[0]);
        let mut dx = vec![0.0; x.elem_count()];
        {
            let (x, t) = (values(&x)?, values(&t)?);
            let planes = dx.par_chunks_mut(plane).zip(x.par_chunks(plane)).zip(t.par_chunks(plane)).enumerate();
            planes.for_each(|(index, ((dx, x), t))| {
                let factor = factor(index) * dy;
                for ((dx, x), t) in dx.iter_mut().zip(x).zip(t) {
                    *dx = ((sigmoid(f64::from(*x)) - f64::from(*t)) * factor) as f32;
                }
            });
        }
        Ok(vec![Some(tensor(dx, x.shape())?)])
    }))
}

fn of_pixel(x: f64, t: f64) -> f64 {
    // `x.max(0.0)` would turn a NaN into 0 and hide it.
    let positive = if x <= 0.0 { 0.0 } else { x };
    positive - x * t + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + e^−x)`.
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Each class's weight over the sum of all; also checks that the shapes of logits and targets agree.
pub(super) fn class_shares(logits: &Tensor, targets: &Tensor, class_weights: &[f64]) -> Result<Vec<f64>> {
    let classes = logits.dim(1)?;
    if logits.dims() != targets.dims() {
        bail!("a loss of logits {:?} and targets {:?}", logits.shape(), targets.shape())
    }
    if class_weights.is_empty() {
        return Ok(vec![1.0 / classes as f64; classes]);
    }
    let sum: f64 = class_weights.iter().sum();
    if class_weights.len() != classes || sum.is_nan() || sum <= 0.0 {
        bail!("class weights {class_weights:?} for {classes} classes: one for each is needed, with a sum above 0")
    }
    Ok(class_weights.iter().map(|weight| weight / sum).collect())
}
