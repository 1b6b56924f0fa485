//! Transposed convolution 2×2 of stride 2: every pixel becomes a square of four that overlaps no other.

use super::blocked::conv3x3::bias_gradient;
use super::blocked::simd::level;
use super::blocked::{Blocked, conv_transpose2x2 as kernel};
use super::map::blocked_tensor;
use super::storage::{Stored, by_type, tensor, values, values_of};
use super::{Map, Node, Tape};
use candle_core::{Result, bail};

/// `y[n, o, 2i + k, 2j + l] = Σ_c x[n, c, i, j] · weight[c, o, k, l] + bias[o]`.
///
/// # Shapes
/// x (n, in, h, w), weight (in, out, 2, 2), bias (out); the result is (n, out, 2h, 2w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv_transpose2x2(tape: &Tape, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
    on_device!(tape, device => cuda::conv_transpose2x2(tape, device, x, weight, bias));
    by_type!(x.dtype(), E => conv_transpose_as::<E>(tape, x, weight, bias))
}

fn conv_transpose_as<E: Stored>(tape: &Tape, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
    let (small, outputs) = (x.shape(), weight.value().dim(1)?);
    let inputs = small.c;
    if weight.value().dims() != [inputs, outputs, 2, 2] || bias.value().dims() != [outputs] {
        bail!("conv_transpose2x2 of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    let (y, large) = {
        let (x, weight, bias) = (values_of::<E>(x.value())?, values(weight.value())?, values(bias.value())?);
        kernel::forward(level(), Blocked::new(small, &x[..]), &weight, &bias)
    };
    let kept = (x.keep(), weight.value().clone());
    Map::record(tape, (y, large), &[x.node(), weight, bias], move |dy| {
        let x = kept.0.value()?;
        let (x, weight, dy) = (values_of::<E>(&x)?, values(&kept.1)?, values_of::<E>(&dy)?);
        let (x, dy) = (Blocked::new(small, &x[..]), Blocked::new(large, &dy[..]));
        let dx = kernel::input_gradient(level(), dy, &weight, small);
        let dw = kernel::weight_gradient(level(), x, dy);
        let db = bias_gradient(level(), dy);
        Ok(vec![Some(blocked_tensor(dx, small)?), Some(tensor(dw, (inputs, outputs, 2, 2))?), Some(tensor(db, outputs)?)])
    })
}
