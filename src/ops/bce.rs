//! Binary cross-entropy of logits.

use super::blocked::logistic;
use super::blocked::simd::level;
use super::hide::{counted, share};
use super::storage::{scalar, tensor, values};
use super::{Node, Tape};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// `Σ_c w_c · bce_c / Σ_c w_c`, where `bce_c` is the mean over samples and pixels of `max(x, 0) − x·t + ln(1 + e^−|x|)`: finite
/// for every finite logit. Without `class_weights` every class has weight 1. Of pixels that do not count ([`is_ignored`](super::is_ignored)) the
/// logits must be [hidden](super::hide_ignored); means are over the others, sample by sample.
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
    let counted = counted(&values(targets)?, plane);
    let factor = move |index: usize| share(counted.as_deref(), index, plane) * shares[index % classes] / (n * plane) as f64;
    let loss: f64 = {
        let (x, t) = (values(logits.value())?, values(targets)?);
        let of_plane = |(x, t): (&[f32], &[f32])| logistic::cross_entropy(level(), x, t);
        let planes: Vec<f64> = x.par_chunks(plane).zip(t.par_chunks(plane)).map(of_plane).collect();
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
                logistic::cross_entropy_gradient(level(), x, t, (factor(index) * dy) as f32, dx);
            });
        }
        Ok(vec![Some(tensor(dx, x.shape())?)])
    }))
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
