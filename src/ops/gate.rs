//! A map times the logistic function of one number a pixel: the gate of an attention U-Net.

use super::activate::logistic;
use super::blocked::simd::level;
use super::blocked::{Blocked, gate as kernel};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, tensor, values, values_of};
use super::{Map, Node, Tape};
use candle_core::{Result, bail};

/// `y[n, c] = x[n, c] · 1 / (1 + e^−logits[n, 0])`; on the CPU only.
///
/// # Shapes
/// x and the result (n, c, h, w), logits (n, 1, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn gate(tape: &Tape, x: &Map, logits: &Node) -> Result<Map> {
    let shape = x.shape();
    if logits.value().dims() != [shape.n, 1, shape.h, shape.w] {
        bail!("a gate of {:?} does not fit a map of {shape:?}", logits.value().shape())
    }
    by_type!(x.dtype(), E => gate_as::<E>(tape, x, logits))
}

fn gate_as<E: Stored>(tape: &Tape, x: &Map, logits: &Node) -> Result<Map> {
    let shape = x.shape();
    let factors: Vec<f32> = values(logits.value())?.iter().map(|x| logistic(*x)).collect();
    let y = kernel::forward(level(), Blocked::new(shape, &values_of::<E>(x.value())?), &factors);
    let kept = x.value().clone();
    Map::record(tape, (y, shape), &[x.node(), logits], move |dy| {
        let (x, dy) = (values_of::<E>(&kept)?, values_of::<E>(&dy)?);
        let (x, dy) = (Blocked::new(shape, &x[..]), Blocked::new(shape, &dy[..]));
        let dx = kernel::forward(level(), dy, &factors);
        let mut open = kernel::factor_gradient(level(), dy, x);
        open.iter_mut().zip(&factors).for_each(|(gradient, factor)| *gradient *= factor * (1.0 - factor));
        Ok(vec![Some(blocked_tensor(dx, shape)?), Some(tensor(open, (shape.n, 1, shape.h, shape.w))?)])
    })
}
