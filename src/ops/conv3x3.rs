//! Convolution 3×3 with a border of one zero and stride 1 (cross-correlation, as everywhere in deep learning).
//!
//! The kernels are those of [`blocked::conv3x3`](super::blocked::conv3x3): Winograd's minimal filtering on blocks of 16 channels.
//! This file puts maps into blocks and takes them out again, and records the operation.

use super::blocked::conv3x3::{Method, forward, input_gradient, weight_gradient};
use super::blocked::{Blocked, Shape, pack, unpack};
use super::storage::{tensor, values};
use super::{Node, Tape, sums};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// `y[n,o] = Σᵢ x[n,i] ⋆ weight[o,i] + bias[o]`.
///
/// # Shapes
/// x (n, in, h, w), weight (out, in, 3, 3), bias (out); the result is (n, out, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv3x3(tape: &Tape, x: &Node, weight: &Node, bias: Option<&Node>) -> Result<Node> {
    let (n, inputs, h, w) = x.value().dims4()?;
    let outputs = weight.value().dim(0)?;
    if weight.value().dims() != [outputs, inputs, 3, 3] || bias.is_some_and(|b| b.value().dims() != [outputs]) {
        bail!("conv3x3 of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.map(|b| b.value().shape()))
    }
    let (from, to) = (Shape { n, c: inputs, h, w }, Shape { n, c: outputs, h, w });
    let y = {
        let bias = bias.map(|b| values(b.value())).transpose()?;
        let (x, weight) = (pack(&values(x.value())?, from), values(weight.value())?);
        forward(Method::default(), &[Blocked::new(from, &x)], false, &weight, bias.as_deref().unwrap_or_default())
    };
    let kept_x = weight.needs_grad().then(|| x.value().clone());
    let kept_weight = x.needs_grad().then(|| weight.value().clone());
    let wants_bias = bias.is_some_and(Node::needs_grad);
    let nodes: Vec<&Node> = [x, weight].into_iter().chain(bias).collect();
    let with_bias = bias.is_some();
    let y = unpack(Blocked::new(to, &y));
    Ok(tape.record(tensor(y, (n, outputs, h, w))?, &nodes, move |dy| {
        let dy = values(&dy)?;
        let packed = pack(&dy, to);
        let map = Blocked::new(to, &packed);
        let dx = kept_weight.map(|weight| gradient_of_input(map, from, &weight)).transpose()?;
        let dw = kept_x.map(|x| gradient_of_weight(map, from, &x)).transpose()?;
        let db = wants_bias.then(|| sums_by_channel(&dy, outputs, h * w)).map(|b| tensor(b, outputs)).transpose()?;
        Ok(if with_bias { vec![dx, dw, db] } else { vec![dx, dw] })
    }))
}

fn gradient_of_input(dy: Blocked, from: Shape, weight: &Tensor) -> Result<Tensor> {
    let dx = input_gradient(Method::default(), dy, false, &values(weight)?, &[from.c]).remove(0);
    tensor(unpack(Blocked::new(from, &dx)), (from.n, from.c, from.h, from.w))
}

fn gradient_of_weight(dy: Blocked, from: Shape, x: &Tensor) -> Result<Tensor> {
    let x = pack(&values(x)?, from);
    let dw = weight_gradient(Method::default(), &[Blocked::new(from, &x)], false, dy);
    tensor(dw, (dy.shape().c, from.c, 3, 3))
}

/// The sum of several arrays of `len` elements that lie one behind the other, added in their order.
pub(super) fn add_shares(mut shares: Vec<f32>, len: usize) -> Vec<f32> {
    const PART: usize = 1 << 12;
    let (sum, others) = shares.split_at_mut(len);
    sum.par_chunks_mut(PART).enumerate().for_each(|(part, sum)| {
        for share in others.chunks_exact(len) {
            for (sum, x) in sum.iter_mut().zip(&share[part * PART..]) {
                *sum += x;
            }
        }
    });
    shares.truncate(len);
    shares
}

/// The sum of each channel over samples and pixels: the gradient of a bias.
pub(super) fn sums_by_channel(dy: &[f32], channels: usize, plane: usize) -> Vec<f32> {
    let of_channel = |c: usize| dy.chunks_exact(plane).skip(c).step_by(channels).map(sums::sum).sum::<f64>() as f32;
    (0..channels).into_par_iter().map(of_channel).collect()
}
