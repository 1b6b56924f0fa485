//! Convolution 1×1 from feature maps to a feature map.

use super::blocked::conv3x3::bias_gradient;
use super::blocked::simd::level;
use super::blocked::{Blocked, Shape, pointwise as kernel};
use super::map::{Kept, blocked_tensor};
use super::storage::{Stored, Values, by_type, tensor, values, values_of};
use super::{Map, Node, Tape};
use candle_core::{Result, bail};

/// `y[n, o] = Σᵢ weight[o, i] · x[n, i] + bias[o]`, x being the sources' channels one source after the other.
///
/// # Shapes
/// sources (n, inᵢ, h, w), weight (out, Σ inᵢ, 1, 1), bias (out); the result is (n, out, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn pointwise(tape: &Tape, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    on_device!(tape, device => cuda::pointwise(tape, device, sources, weight, bias));
    let Some(first) = sources.first() else { bail!("a 1×1 convolution reads at least one map") };
    let shape = first.shape();
    let (inputs, outputs) = (sources.iter().map(|x| x.shape().c).sum::<usize>(), weight.value().dim(0)?);
    if weight.value().dims() != [outputs, inputs, 1, 1] || bias.value().dims() != [outputs] {
        bail!("a 1×1 convolution of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    if sources.iter().any(|x| (x.shape().n, x.shape().h, x.shape().w) != (shape.n, shape.h, shape.w)) {
        bail!("a 1×1 convolution cannot concatenate the channels of maps of different sizes")
    }
    by_type!(first.dtype(), E => pointwise_as::<E>(tape, sources, weight, bias))
}

fn pointwise_as<E: Stored>(tape: &Tape, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    let shapes: Vec<Shape> = sources.iter().map(|x| x.shape()).collect();
    let (y, shape) = {
        let all = sources.iter().map(|x| values_of::<E>(x.value())).collect::<Result<Vec<_>>>()?;
        kernel::forward(level(), &views(&all, &shapes), &values(weight.value())?, &values(bias.value())?)
    };
    let nodes: Vec<&Node> = sources.iter().map(|x| x.node()).chain([weight, bias]).collect();
    let (weight, kept) = (weight.value().clone(), Kept::all(sources));
    Map::record(tape, (y, shape), &nodes, move |dy| {
        let dy = values_of::<E>(&dy)?;
        let dy = Blocked::new(shape, &dy[..]);
        let tensors = kept.iter().map(Kept::value).collect::<Result<Vec<_>>>()?;
        let all = tensors.iter().map(values_of::<E>).collect::<Result<Vec<_>>>()?;
        let views = views(&all, &shapes);
        let ranges = kernel::channels(&views);
        let inputs = ranges.last().map_or(0, |last| last.end);
        let (numbers, mut gradients) = (values(&weight)?, Vec::new());
        for (range, shape) in ranges.into_iter().zip(&shapes) {
            gradients.push(Some(blocked_tensor(kernel::input_gradient(level(), dy, &numbers, range, inputs), *shape)?));
        }
        let dw = kernel::weight_gradient(level(), &views, dy);
        gradients.push(Some(tensor(dw, (shape.c, inputs, 1, 1))?));
        gradients.push(Some(tensor(bias_gradient(level(), dy), shape.c)?));
        Ok(gradients)
    })
}

fn views<'a, E: Stored>(all: &'a [Values<'_, E>], shapes: &[Shape]) -> Vec<Blocked<'a, E>> {
    all.iter().zip(shapes).map(|(values, shape)| Blocked::new(*shape, &values[..])).collect()
}
