//! Rectified linear unit.

use super::blocked::simd::level;
use super::blocked::{Blocked, relu as kernel};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape};
use candle_core::Result;

/// `max(x, 0)`; the gradient at 0 is 0, and NaN stays NaN, as in PyTorch.
///
/// # Errors
/// What candle reports.
pub fn relu(tape: &Tape, x: &Map) -> Result<Map> {
    on_device!(tape, device => cuda::activate(tape, device, x, crate::config::Activation::Relu));
    by_type!(x.dtype(), E => relu_as::<E>(tape, x))
}

fn relu_as<E: Stored>(tape: &Tape, x: &Map) -> Result<Map> {
    let shape = x.shape();
    let kept = x.keep();
    Map::made(
        tape,
        x,
        &[],
        |x: Blocked<E>| kernel::forward(level(), x),
        move |dy| {
            let x = kept.value()?;
            let (x, dy) = (values_of::<E>(&x)?, values_of::<E>(&dy)?);
            let dx = kernel::gradient(level(), Blocked::new(shape, &dy[..]), Blocked::new(shape, &x[..]));
            Ok(vec![Some(blocked_tensor(dx, shape)?)])
        },
    )
}
