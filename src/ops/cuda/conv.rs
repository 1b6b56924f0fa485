//! Convolutions as operations of a network.

use super::concat::joined;
use super::memory::Array;
use super::norm::settled;
use super::problem::{Pass, Problem, Tensors};
use super::{Gpu, stored};
use crate::blocked::Shape;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Node, Tape};
use candle_core::{Result, bail};

/// As `ops::conv3x3`.
pub(crate) fn conv3x3(tape: &Tape, device: &GpuNetwork, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    convolution(tape, device, sources, weight, bias, 3)
}

/// As `ops::pointwise`.
pub(crate) fn pointwise(tape: &Tape, device: &GpuNetwork, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    convolution(tape, device, sources, weight, bias, 1)
}

/// A convolution of odd `side` that keeps the size of maps.
fn convolution(tape: &Tape, device: &GpuNetwork, sources: &[&Map], weight: &Node, bias: &Node, side: usize) -> Result<Map> {
    let (gpu, store) = (device.gpu.clone(), device.store.clone());
    let Some(first) = sources.first() else { bail!("a {side}×{side} convolution reads at least one map") };
    let shapes: Vec<Shape> = sources.iter().map(|map| map.shape()).collect();
    let inputs = shapes.iter().map(|s| s.c).sum::<usize>();
    let (index, shift) = (weight.param()?, bias.param()?);
    let outputs = store.dims(index)[0];
    if store.dims(index) != [outputs, inputs, side, side] || store.dims(shift) != [outputs] {
        bail!("a {side}×{side} convolution of {inputs} channels: weight {:?}, bias {:?}", store.dims(index), store.dims(shift))
    }
    if shapes.iter().any(|s| (s.n, s.h, s.w) != (shapes[0].n, shapes[0].h, shapes[0].w)) {
        bail!("a {side}×{side} convolution cannot concatenate the channels of maps of {shapes:?}")
    }
    let Shape { n, h, w, .. } = first.shape();
    let problem = Problem { n, h, w, c: stored(inputs), k: stored(outputs), side, pad: side / 2, stride: 1 };
    let shape = Shape { n, c: outputs, h, w };
    let sources: Vec<Map> = sources.iter().map(|map| settled(tape, device, map)).collect::<Result<_>>()?;
    let maps: Vec<Array> = sources.iter().map(Map::array).collect::<Result<_>>()?;
    let y = gpu.map(shape)?;
    let read = Read { shapes };
    gpu.convolve(Pass::Forward, problem, Tensors { x: &read.input(&gpu, &maps)?, weight: &store.reading(index), y: &y })?;
    let nodes: Vec<&Node> = sources.iter().map(|map| map.node()).collect();
    let wanted = nodes.iter().any(|node| node.needs_grad());
    let node = tape.record_device(y, &nodes, move |dy| {
        let dy = dy.device()?;
        let x = read.input(&gpu, &maps)?;
        gpu.convolve(Pass::WeightGradient, problem, Tensors { x: &x, weight: &store.gradient(index), y: &dy })?;
        drop((x, maps));
        if !wanted {
            return Ok(vec![None; read.shapes.len()]);
        }
        let large = Shape { c: inputs, ..shape };
        let dx = gpu.map(large)?;
        gpu.convolve(Pass::InputGradient, problem, Tensors { x: &dx, weight: &store.reading(index), y: &dy })?;
        drop(dy);
        read.apart(&gpu, dx, large)
    });
    Ok(Map::on_device(node, shape, Some(shift)))
}

/// How a convolution reads maps: side by side. What it reads is made for a pass and not kept.
struct Read {
    shapes: Vec<Shape>,
}

impl Read {
    fn input(&self, gpu: &Gpu, maps: &[Array]) -> Result<Array> {
        match maps {
            [map] => Ok(map.clone()),
            _ => joined(gpu, maps, &self.shapes),
        }
    }

    /// The gradients of the maps, from that of what was read.
    fn apart(&self, gpu: &Gpu, dx: Array, shape: Shape) -> Result<Vec<Option<Value>>> {
        match &self.shapes[..] {
            [_] => Ok(vec![Some(Value::Device(dx))]),
            shapes => {
                let parts = super::concat::parted(gpu, &dx, shape, shapes)?;
                Ok(parts.into_iter().map(|part| Some(Value::Device(part))).collect())
            }
        }
    }
}

/// As `ops::conv_transpose2x2`: the input gradient of a convolution with stride 2, whose input is what comes out here.
pub(crate) fn conv_transpose2x2(tape: &Tape, device: &GpuNetwork, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
    let (gpu, store) = (device.gpu.clone(), device.store.clone());
    let (small, index, shift) = (x.shape(), weight.param()?, bias.param()?);
    let outputs = store.dims(index).get(1).copied().unwrap_or(0);
    if store.dims(index) != [small.c, outputs, 2, 2] || store.dims(shift) != [outputs] {
        bail!("conv_transpose2x2 of {} channels: weight {:?}, bias {:?}", small.c, store.dims(index), store.dims(shift))
    }
    let shape = Shape { c: outputs, h: 2 * small.h, w: 2 * small.w, ..small };
    let problem =
        Problem { n: small.n, h: shape.h, w: shape.w, c: stored(outputs), k: stored(small.c), side: 2, pad: 0, stride: 2 };
    let x = settled(tape, device, x)?;
    let kept = x.array()?;
    let y = gpu.map(shape)?;
    gpu.convolve(Pass::InputGradient, problem, Tensors { x: &y, weight: &store.reading(index), y: &kept })?;
    let wanted = x.node().needs_grad();
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dy = dy.device()?;
        gpu.convolve(Pass::WeightGradient, problem, Tensors { x: &dy, weight: &store.gradient(index), y: &kept })?;
        if !wanted {
            return Ok(vec![None]);
        }
        let dx = gpu.map(small)?;
        gpu.convolve(Pass::Forward, problem, Tensors { x: &dy, weight: &store.reading(index), y: &dx })?;
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, Some(shift)))
}
