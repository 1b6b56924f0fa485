//! Convolution 1×1 from a feature map to plain numbers of few channels: a net's head.

use super::blocked::simd::level;
use super::blocked::{Blocked, conv1x1 as kernel};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, tensor, values, values_of};
use super::{Map, Node, Tape};
use candle_core::{Result, bail};

/// `y[n,o] = Σᵢ weight[o,i] · x[n,i] + bias[o]`, f32.
///
/// # Shapes
/// x (n, in, h, w), weight (out, in, 1, 1), bias (out); the result is (n, out, h, w), not in blocks.
///
/// # Errors
/// If shapes do not fit.
pub fn conv1x1(tape: &Tape, x: &Map, weight: &Node, bias: &Node) -> Result<Node> {
    on_device!(tape, device => cuda::conv1x1(tape, device, x, weight, bias));
    by_type!(x.dtype(), E => conv1x1_as::<E>(tape, x, weight, bias))
}

fn conv1x1_as<E: Stored>(tape: &Tape, x: &Map, weight: &Node, bias: &Node) -> Result<Node> {
    let (shape, outputs) = (x.shape(), weight.value().dim(0)?);
    if weight.value().dims() != [outputs, shape.c, 1, 1] || bias.value().dims() != [outputs] {
        bail!("conv1x1 of {} channels: weight {:?}, bias {:?}", shape.c, weight.value().shape(), bias.value().shape())
    }
    let y = {
        let (x, weight, bias) = (values_of::<E>(x.value())?, values(weight.value())?, values(bias.value())?);
        kernel::forward(level(), Blocked::new(shape, &x[..]), &weight, &bias)
    };
    let kept = (x.keep(), weight.value().clone());
    let value = tensor(y, (shape.n, outputs, shape.h, shape.w))?;
    Ok(tape.record(value, &[x.node(), weight, bias], move |dy| {
        let x = kept.0.value()?;
        let (x, weight) = (values_of::<E>(&x)?, values(&kept.1)?);
        let (dx, dw, db) = kernel::gradients(level(), &values(&dy)?, Blocked::new(shape, &x[..]), &weight);
        Ok(vec![Some(blocked_tensor(dx, shape)?), Some(tensor(dw, (outputs, shape.c, 1, 1))?), Some(tensor(db, outputs)?)])
    }))
}
