//! Convolutions as operations of a network.

use super::concat::{Run, joined, put_channels, take_channels};
use super::folding::Folding;
use super::memory::Array;
use super::norm::settled;
use super::problem::{Pass, Problem, Tensors};
use super::{Gpu, Store, stored};
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
    let Keeping { index, shift, read, problem, shape } = Keeping::of(&store, sources, weight, bias, side)?;
    let sources: Vec<Map> = sources.iter().map(|map| settled(tape, device, map)).collect::<Result<_>>()?;
    let maps: Vec<Array> = sources.iter().map(Map::array).collect::<Result<_>>()?;
    let y = gpu.map(shape)?;
    gpu.convolve(
        Pass::Forward,
        problem,
        Tensors { x: &read.input(&gpu, &maps)?, weight: &store.reading(index), y: &y, bias: None },
    )?;
    let nodes: Vec<&Node> = sources.iter().map(|map| map.node()).collect();
    let wanted: Vec<bool> = nodes.iter().map(|node| node.needs_grad()).collect();
    let node = tape.record_device(y, &nodes, move |dy| {
        let dy = dy.device()?;
        read.weight_gradient(&gpu, problem, maps, [&store.gradient(index), &dy])?;
        read.input_gradients(&gpu, problem, [&store.reading(index), &dy], &wanted)
    });
    Ok(Map::on_device(node, shape, Some(shift)))
}

/// A convolution 3×3 with the normalisation after it folded in, by a pass that adds a bias; `None` where nothing computes that.
pub(super) fn conv3x3_folded(
    tape: &Tape,
    device: &GpuNetwork,
    sources: &[&Map],
    (weight, bias): (&Node, &Node),
    folding: &Folding,
    pass: Pass,
) -> Result<Option<Map>> {
    let gpu = &device.gpu;
    let Keeping { read, problem, shape, .. } = Keeping::of(&device.store, sources, weight, bias, 3)?;
    if !gpu.serves(pass, problem) {
        return Ok(None);
    }
    let maps = sources.iter().map(|map| settled(tape, device, map)?.array()).collect::<Result<Vec<_>>>()?;
    let folded = folding.folded(gpu, problem)?;
    let y = gpu.map(shape)?;
    gpu.convolve(
        pass,
        problem,
        Tensors { x: &read.input(gpu, &maps)?, weight: &folded.weight, y: &y, bias: Some(&folded.bias) },
    )?;
    Ok(Some(Map::on_device(tape.constant_device(y), shape, None)))
}

/// A convolution of odd side that keeps the size of maps.
struct Keeping {
    /// The weight and the bias.
    index: usize,
    shift: usize,
    read: Read,
    problem: Problem,
    /// Of the result.
    shape: Shape,
}

impl Keeping {
    fn of(store: &Store, sources: &[&Map], weight: &Node, bias: &Node, side: usize) -> Result<Self> {
        let Some(first) = sources.first() else { bail!("a {side}×{side} convolution reads at least one map") };
        let shapes: Vec<Shape> = sources.iter().map(|map| map.shape()).collect();
        let inputs = shapes.iter().map(|s| s.c).sum::<usize>();
        let (index, shift) = (weight.param()?, bias.param()?);
        let outputs = store.dims(index)[0];
        if store.dims(index) != [outputs, inputs, side, side] || store.dims(shift) != [outputs] {
            bail!(
                "a {side}×{side} convolution of {inputs} channels: weight {:?}, bias {:?}",
                store.dims(index),
                store.dims(shift)
            )
        }
        if shapes.iter().any(|s| (s.n, s.h, s.w) != (shapes[0].n, shapes[0].h, shapes[0].w)) {
            bail!("a {side}×{side} convolution cannot concatenate the channels of maps of {shapes:?}")
        }
        let Shape { n, h, w, .. } = first.shape();
        let problem = Problem { n, h, w, c: stored(inputs), k: stored(outputs), side, pad: side / 2, stride: 1 };
        Ok(Self { index, shift, read: Read { shapes }, problem, shape: Shape { n, c: outputs, h, w } })
    }
}

/// How a convolution reads maps: side by side. Its forward pass copies them into one, which is not kept. On the way back each map is on its
/// own, with its channels of the weight, which are far fewer numbers to copy. Forwards a map each would add to what is there already, and so
/// round twice.
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

    /// The convolution of each map alone, and where its channels begin among all.
    fn apart(&self, problem: Problem) -> impl Iterator<Item = (Problem, Run)> {
        let starts = self.shapes.iter().scan(0, |end, shape| {
            *end += shape.c;
            Some(*end - shape.c)
        });
        let own = move |(shape, at): (&Shape, usize)| (Problem { c: stored(shape.c), ..problem }, Run { at, count: shape.c });
        self.shapes.iter().zip(starts).map(own)
    }

    /// Writes the gradient of the weight, the first array, from that of the result, the second.
    fn weight_gradient(&self, gpu: &Gpu, problem: Problem, maps: Vec<Array>, [weight, y]: [&Array; 2]) -> Result<()> {
        if let [x] = &maps[..] {
            return gpu.convolve(Pass::WeightGradient, problem, Tensors { x, weight, y, bias: None });
        }
        for (x, (own, run)) in maps.into_iter().zip(self.apart(problem)) {
            let part = gpu.array(gpu.map_kind(), own.weights())?;
            gpu.convolve(Pass::WeightGradient, own, Tensors { x: &x, weight: &part, y, bias: None })?;
            put_channels(gpu, &part, weight, problem.c, run)?;
        }
        Ok(())
    }

    /// The gradients of those maps for which they are wanted, from the weight and the gradient of the result.
    fn input_gradients(
        &self,
        gpu: &Gpu,
        problem: Problem,
        [weight, y]: [&Array; 2],
        wanted: &[bool],
    ) -> Result<Vec<Option<Value>>> {
        let gradient = |((own, run), shape): ((Problem, Run), &Shape)| {
            let part = if self.shapes.len() > 1 { take_channels(gpu, weight, problem.c, run)? } else { weight.clone() };
            let dx = gpu.map(*shape)?;
            gpu.convolve(Pass::InputGradient, own, Tensors { x: &dx, weight: &part, y, bias: None })?;
            Ok(Value::Device(dx))
        };
        let maps = self.apart(problem).zip(&self.shapes).zip(wanted);
        maps.map(|(map, wanted)| wanted.then(|| gradient(map)).transpose()).collect()
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
    gpu.convolve(Pass::InputGradient, problem, Tensors { x: &y, weight: &store.reading(index), y: &kept, bias: None })?;
    let wanted = x.node().needs_grad();
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dy = dy.device()?;
        gpu.convolve(Pass::WeightGradient, problem, Tensors { x: &dy, weight: &store.gradient(index), y: &kept, bias: None })?;
        if !wanted {
            return Ok(vec![None]);
        }
        let dx = gpu.map(small)?;
        gpu.convolve(Pass::Forward, problem, Tensors { x: &dy, weight: &store.reading(index), y: &dx, bias: None })?;
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, Some(shift)))
}
