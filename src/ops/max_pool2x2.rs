//! Max pooling 2×2 of stride 2.

use super::blocked::simd::level;
use super::blocked::{Blocked, pool};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, change, values_of};
use super::{Map, Tape};
use candle_core::{Result, Tensor, bail};

/// The largest of every 2×2 square; a last odd row or column is left out. The gradient goes to the first largest in reading
/// order, and a NaN counts as largest, as in PyTorch.
///
/// # Shapes
/// (n, c, h, w) to (n, c, ⌊h/2⌋, ⌊w/2⌋).
///
/// # Errors
/// If a side is shorter than 2.
pub fn max_pool2x2(tape: &Tape, x: &Map) -> Result<Map> {
    on_device!(tape, device => cuda::max_pool2x2(tape, device, x));
    by_type!(x.dtype(), E => max_pool_as::<E>(tape, x))
}

fn max_pool_as<E: Stored>(tape: &Tape, x: &Map) -> Result<Map> {
    let from = x.shape();
    if from.h < 2 || from.w < 2 {
        bail!("max_pool2x2 needs sides of 2 or more, got {}x{}", from.h, from.w)
    }
    let (y, shape) = pool::max(level(), Blocked::new(from, &values_of::<E>(x.value())?));
    let y = blocked_tensor(y, shape)?;
    let kept = (x.keep(), y.clone());
    Ok(Map::record_adding(tape, (y, shape), x.node(), move |dy, sum| {
        let x = kept.0.value()?;
        let (x, y, dy) = (values_of::<E>(&x)?, values_of::<E>(&kept.1)?, values_of::<E>(&dy)?);
        let dx: Tensor = sum.map_or_else(|| blocked_tensor(vec![E::ZERO; from.len()], from), Ok)?;
        let (x, y, dy) = (Blocked::new(from, &x[..]), Blocked::new(shape, &y[..]), Blocked::new(shape, &dy[..]));
        change(&dx, |dx: &mut [E]| pool::add_gradient(level(), dy, x, y, dx))?;
        Ok(dx)
    }))
}
