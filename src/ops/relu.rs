//! Rectified linear unit.

use super::storage::{map, tensor, values, zip};
use super::{Node, Tape};
use candle_core::Result;

/// `max(x, 0)`; the gradient at 0 is 0, and NaN stays NaN, as in PyTorch.
///
/// # Errors
/// If `x` is not contiguous f32.
pub fn relu(tape: &Tape, x: &Node) -> Result<Node> {
    let y = tensor(map(&values(x.value())?, rectify), x.value().shape())?;
    let kept = y.clone();
    Ok(tape.record(y, &[x], move |dy| {
        let dx = zip(&values(&dy)?, &values(&kept)?, gate);
        Ok(vec![Some(tensor(dx, kept.shape())?)])
    }))
}

/// max(x, 0); NaN stays NaN.
#[inline(always)]
pub(super) fn rectify(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// The gradient `dy` where `y` is above 0.
#[inline(always)]
pub(super) fn gate(dy: f32, y: f32) -> f32 {
    if y <= 0.0 { 0.0 } else { dy }
}
