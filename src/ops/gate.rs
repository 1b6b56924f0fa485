//! A map times the logistic function of one number a pixel: the gate of an attention U-Net.

use super::activate::logistic;
use super::blocked::simd::level;
use super::blocked::{Blocked, gate as kernel, pack, unpack};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, values_of};
use super::{Map, Tape};
use candle_core::{Result, bail};

/// `y[n, c] = x[n, c] · 1 / (1 + e^−psi[n, 0])`.
///
/// # Shapes
/// x and the result (n, c, h, w), psi (n, 1, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn gate(tape: &Tape, x: &Map, psi: &Map) -> Result<Map> {
    let (shape, of) = (x.shape(), psi.shape());
    if (of.n, of.c, of.h, of.w) != (shape.n, 1, shape.h, shape.w) {
        bail!("a gate of {of:?} does not fit a map of {shape:?}")
    }
    on_device!(tape, device => cuda::gate(tape, device, x, psi));
    by_type!(x.dtype(), E => gate_as::<E>(tape, x, psi))
}

fn gate_as<E: Stored>(tape: &Tape, x: &Map, psi: &Map) -> Result<Map> {
    let (shape, of) = (x.shape(), psi.shape());
    let logits = unpack(Blocked::<E>::new(of, &values_of(psi.value())?));
    let factors: Vec<f32> = logits.into_iter().map(logistic).collect();
    let y = kernel::forward(level(), Blocked::new(shape, &values_of::<E>(x.value())?), &factors);
    let kept = x.keep();
    Map::record(tape, (y, shape), &[x.node(), psi.node()], move |dy| {
        let x = kept.value()?;
        let (x, dy) = (values_of::<E>(&x)?, values_of::<E>(&dy)?);
        let (x, dy) = (Blocked::new(shape, &x[..]), Blocked::new(shape, &dy[..]));
        let dx = kernel::forward(level(), dy, &factors);
        let mut open = kernel::factor_gradient(level(), dy, x);
        open.iter_mut().zip(&factors).for_each(|(gradient, factor)| *gradient *= factor * (1.0 - factor));
        Ok(vec![Some(blocked_tensor(dx, shape)?), Some(blocked_tensor(pack::<E>(&open, of), of)?)])
    })
}
