//! Convolution 3×3 with a border of one zero and stride 1 (cross-correlation, as everywhere in deep learning).
//!
//! The kernels are those of [`blocked::conv3x3`](super::blocked::conv3x3): Winograd's minimal filtering. Several maps are read
//! as if concatenated, and one as if upsampled, without either being stored.

use super::batch_norm::{Channel, Running, Statistics, batch_norm, followed, kept_channels};
use super::blocked::conv3x3::{Method, Variant, bias_gradient, forward, input_gradient, weight_gradient};
use super::blocked::normalise::Then;
use super::blocked::simd::{Level, level};
use super::blocked::{Blocked, Finish, Shape};
use super::map::{Kept, blocked_tensor};
use super::storage::{Stored, Values, by_type, tensor, values, values_of};
use super::{Map, Node, Tape};
use crate::config::{Activation, Precision};
use candle_core::{Result, Tensor, bail};

/// `y[n,o] = Σᵢ x[n,i] ⋆ weight[o,i] + bias[o]`, x being the sources' channels one source after the other.
///
/// # Shapes
/// sources (n, inᵢ, h, w), weight (out, Σ inᵢ, 3, 3), bias (out); the result is (n, out, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv3x3(tape: &Tape, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    on_device!(tape, device => cuda::conv3x3(tape, device, sources, weight, bias));
    convolve(tape, sources, false, weight, bias)
}

/// The same of one map after nearest-neighbour doubling of both its sides.
///
/// # Shapes
/// x (n, in, h, w), weight (out, in, 3, 3), bias (out); the result is (n, out, 2h, 2w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv3x3_of_upsampled(tape: &Tape, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
    on_device!(tape, device => cuda::conv3x3_of_upsampled(tape, device, x, weight, bias));
    convolve(tape, &[x], true, weight, bias)
}

/// The batch normalisation of a convolution's result by running statistics.
#[derive(Debug, Clone, Copy)]
pub struct KeptNorm<'a> {
    /// Factors, (out).
    pub weight: &'a Node,
    /// Added last, (out).
    pub bias: &'a Node,
    /// Running means and variances.
    pub running: &'a Running,
}

/// [`conv3x3`] of `sources`, or [`conv3x3_of_upsampled`] of the only one, [`batch_norm`] with running statistics, and what follows it. Without a recording
/// tape it is one pass over the result, on a GPU where cuDNN has one.
///
/// # Errors
/// As the operations by themselves.
pub fn conv3x3_normalised(
    tape: &Tape,
    sources: &[&Map],
    upsampled: bool,
    (weight, bias): (&Node, &Node),
    norm: KeptNorm,
    then: Option<Activation>,
) -> Result<Map> {
    if upsampled && sources.len() > 1 {
        bail!("of several maps none is upsampled")
    }
    let apart = || {
        let x = match sources {
            [x] if upsampled => conv3x3_of_upsampled(tape, x, weight, bias)?,
            _ => conv3x3(tape, sources, weight, bias)?,
        };
        batch_norm(tape, &x, norm.weight, norm.bias, Statistics::Running(norm.running), then)
    };
    on_device!(tape, device => {
        let folded = cuda::conv3x3_normalised(tape, device, sources, upsampled, (weight, bias), norm, then)?;
        folded.map_or_else(apart, Ok)
    });
    if tape.is_recording() {
        return apart();
    }
    let Some(first) = sources.first() else { bail!("conv3x3 reads at least one map") };
    let (slope, shift) = scale_shift(&values(bias.value())?, norm)?;
    let finish = |then| Finish { slope: &slope, bias: &shift, relu: then == Then::Relu };
    followed(tape, then, |then| {
        by_type!(first.dtype(), E => {
            let (y, shape) = convolved::<E>(tape, sources, upsampled, weight, finish(then))?;
            Map::record(tape, (y, shape), &[], |_| Ok(Vec::new()))
        })
    })
}

/// Slope and bias of every channel of a normalised convolution, whose own bias it has taken in.
fn scale_shift(own: &[f32], norm: KeptNorm) -> Result<(Vec<f32>, Vec<f32>)> {
    let channels = kept_channels(norm.running, norm.weight, norm.bias)?;
    if own.len() != channels.len() {
        bail!("conv3x3_normalised of {} channels: {} biases", channels.len(), own.len())
    }
    let of = |(channel, own): (&Channel, &f32)| {
        let shift = (f64::from(*own) - f64::from(channel.mean)) * f64::from(channel.slope) + f64::from(channel.bias);
        (channel.slope, shift as f32)
    };
    Ok(channels.iter().zip(own).map(of).unzip())
}

/// How the convolutions of a precision are calculated on this machine.
pub(super) fn method(precision: Precision) -> Method {
    let level = level();
    let (forward, gradients) = match precision {
        // Rounding the products' factors pays only where the processor multiplies bf16.
        Precision::Bf16 if level == Level::Avx512Bf16 => (Variant::F2Bf16, Variant::F2Bf16),
        _ => (Variant::F4, Variant::F4),
    };
    Method { level, forward, gradients }
}

fn convolve(tape: &Tape, sources: &[&Map], upsampled: bool, weight: &Node, bias: &Node) -> Result<Map> {
    let Some(first) = sources.first() else { bail!("conv3x3 reads at least one map") };
    by_type!(first.dtype(), E => convolve_as::<E>(tape, sources, upsampled, weight, bias))
}

/// The finished value and its size.
fn convolved<E: Stored>(
    tape: &Tape,
    sources: &[&Map],
    upsampled: bool,
    weight: &Node,
    finish: Finish,
) -> Result<(Vec<E>, Shape)> {
    let shapes: Vec<Shape> = sources.iter().map(|x| x.shape()).collect();
    let (inputs, outputs) = (shapes.iter().map(|s| s.c).sum::<usize>(), weight.value().dim(0)?);
    if weight.value().dims() != [outputs, inputs, 3, 3] || finish.bias.len() != outputs {
        bail!("conv3x3 of {inputs} channels: weight {:?}, bias [{}]", weight.value().shape(), finish.bias.len())
    }
    if shapes.iter().any(|s| (s.n, s.h, s.w) != (shapes[0].n, shapes[0].h, shapes[0].w)) {
        bail!("conv3x3 cannot concatenate the channels of maps of {shapes:?}")
    }
    let scale = if upsampled { 2 } else { 1 };
    let shape = Shape { c: outputs, h: shapes[0].h * scale, w: shapes[0].w * scale, ..shapes[0] };
    let all = sources.iter().map(|x| values_of(x.value())).collect::<Result<Vec<_>>>()?;
    Ok((forward(method(tape.precision()), &views(&all, &shapes), upsampled, &values(weight.value())?, finish), shape))
}

fn convolve_as<E: Stored>(tape: &Tape, sources: &[&Map], upsampled: bool, weight: &Node, bias: &Node) -> Result<Map> {
    let (y, shape) = convolved::<E>(tape, sources, upsampled, weight, Finish::bias(&values(bias.value())?))?;
    let shapes: Vec<Shape> = sources.iter().map(|x| x.shape()).collect();
    let (method, inputs, outputs) = (method(tape.precision()), weight.value().dim(1)?, shape.c);
    let nodes: Vec<&Node> = sources.iter().map(|x| x.node()).chain([weight, bias]).collect();
    let wanted: Vec<bool> = nodes.iter().map(|node| node.needs_grad()).collect();
    let (weight, kept) = (weight.value().clone(), Kept::all(sources));
    Map::record(tape, (y, shape), &nodes, move |dy| {
        let dy = values_of::<E>(&dy)?;
        let dy = Blocked::new(shape, &dy[..]);
        let (wants_weight, wants_bias) = (wanted[shapes.len()], wanted[shapes.len() + 1]);
        let dw = wants_weight.then(|| -> Result<Tensor> {
            let tensors = kept.iter().map(Kept::value).collect::<Result<Vec<_>>>()?;
            let all = tensors.iter().map(values_of).collect::<Result<Vec<Values<E>>>>()?;
            tensor(weight_gradient(method, &views(&all, &shapes), upsampled, dy), (outputs, inputs, 3, 3))
        });
        drop(kept);
        let db = wants_bias.then(|| tensor(bias_gradient(method.level, dy), outputs)).transpose()?;
        let mut gradients: Vec<Option<Tensor>> = vec![None; shapes.len()];
        if wanted[..shapes.len()].contains(&true) {
            let channels: Vec<usize> = shapes.iter().map(|s| s.c).collect();
            let maps = input_gradient(method, dy, upsampled, &values(&weight)?, &channels);
            for (i, (map, shape)) in maps.into_iter().zip(&shapes).enumerate().filter(|(i, _)| wanted[*i]) {
                gradients[i] = Some(blocked_tensor(map, *shape)?);
            }
        }
        gradients.extend([dw.transpose()?, db]);
        Ok(gradients)
    })
}

fn views<'a, E: Stored>(all: &'a [Values<'_, E>], shapes: &[Shape]) -> Vec<Blocked<'a, E>> {
    all.iter().zip(shapes).map(|(values, shape)| Blocked::new(*shape, &values[..])).collect()
}

#[cfg(test)]
mod tests;
