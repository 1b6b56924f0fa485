//! The convolution 3×3 of a map with upsampled sides, as one of the small map: 16 of 36 products, and no upsampled map; see `upsampled.cu`.

use super::driver::Grid;
use super::folding::Folding;
use super::norm::settled;
use super::problem::{Pass, Problem, Tensors};
use super::{Array, CHANNELS, Gpu, Kind, Store, size, stored};
use crate::blocked::Shape;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Node, Tape};
use candle_core::{Result, bail};

/// The sizes of such a convolution.
#[derive(Clone, Copy)]
struct Upsampled {
    /// What is read.
    x: Shape,
    outputs: usize,
    problem: Problem,
}

impl Upsampled {
    /// That of a weight and a bias.
    fn checked(store: &Store, x: &Map, weight: usize, bias: usize) -> Result<Self> {
        let outputs = store.dims(weight)[0];
        if store.dims(weight) != [outputs, x.shape().c, 3, 3] || store.dims(bias) != [outputs] {
            bail!("conv3x3 of {} channels: weight {:?}, bias {:?}", x.shape().c, store.dims(weight), store.dims(bias))
        }
        Ok(Self::of(x.shape(), outputs))
    }

    fn of(x: Shape, outputs: usize) -> Self {
        let (c, k) = (stored(x.c), 4 * stored(outputs));
        Self { x, outputs, problem: Problem { n: x.n, h: x.h, w: x.w, c, k, side: 2, pad: 1, stride: 1 } }
    }

    /// Output channels, height and width of the small map.
    fn small(self) -> Shape {
        Shape { c: self.outputs, ..self.x }
    }

    fn large(self) -> Shape {
        Shape { h: 2 * self.x.h, w: 2 * self.x.w, ..self.small() }
    }

    /// Room for the four phases.
    fn phases(self, gpu: &Gpu) -> Result<Array> {
        let Problem { n, h, w, k, .. } = self.problem;
        gpu.map(Shape { n, c: k, h: h + 1, w: w + 1 })
    }

    /// Room for the folded weights.
    fn weights(self, gpu: &Gpu) -> Result<Array> {
        gpu.array(gpu.map_kind(), self.problem.k * 4 * self.problem.c)
    }

    fn fold(self, gpu: &Gpu, store: &Store, index: usize) -> Result<Array> {
        let (weight, folded) = (store.value(index), self.weights(gpu)?);
        debug_assert_eq!(weight.kind(), Kind::F32);
        let sizes = [stored(self.outputs).into(), self.problem.c.into()];
        let arguments = [&[(&weight).into(), (&folded).into()], &sizes[..]].concat();
        gpu.launch("fold_weights", Grid::over(folded.len() / CHANNELS), &arguments)?;
        Ok(folded)
    }

    /// The result of a forward pass, which may add a bias.
    fn forward(self, gpu: &Gpu, pass: Pass, x: &Array, folded: &Array, bias: Option<&Array>) -> Result<Array> {
        let z = self.phases(gpu)?;
        gpu.convolve(pass, self.problem, Tensors { x, weight: folded, y: &z, bias })?;
        let y = gpu.map(self.large())?;
        gpu.launch("join_phases", Grid::over(y.len() / CHANNELS), &[(&z).into(), (&y).into(), size(self.small())])?;
        Ok(y)
    }

    fn parted(self, gpu: &Gpu, dy: &Array) -> Result<Array> {
        let dz = self.phases(gpu)?;
        gpu.launch("part_phases", Grid::over(dz.len() / CHANNELS), &[dy.into(), (&dz).into(), size(self.small())])?;
        Ok(dz)
    }

    fn weight_gradient(self, gpu: &Gpu, x: &Array, dz: &Array, dweight: &Array) -> Result<()> {
        let dfolded = self.weights(gpu)?;
        gpu.convolve(Pass::WeightGradient, self.problem, Tensors { x, weight: &dfolded, y: dz, bias: None })?;
        let arguments = [(&dfolded).into(), dweight.into(), stored(self.outputs).into(), self.problem.c.into()];
        gpu.launch("fold_gradient", Grid::over(dweight.len() / CHANNELS), &arguments)
    }
}

/// As `ops::conv3x3_of_upsampled`.
pub(crate) fn conv3x3_of_upsampled(tape: &Tape, device: &GpuNetwork, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
    let (gpu, store) = (device.gpu.clone(), device.store.clone());
    let (index, shift) = (weight.param()?, bias.param()?);
    let upsampled = Upsampled::checked(&store, x, index, shift)?;
    let x = settled(tape, device, x)?;
    let kept = x.array()?;
    let folded = upsampled.fold(&gpu, &store, index)?;
    let y = upsampled.forward(&gpu, Pass::Forward, &kept, &folded, None)?;
    let wanted = x.node().needs_grad();
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dz = upsampled.parted(&gpu, &dy.device()?)?;
        upsampled.weight_gradient(&gpu, &kept, &dz, &store.gradient(index))?;
        if !wanted {
            return Ok(vec![None]);
        }
        let dx = gpu.map(upsampled.x)?;
        gpu.convolve(Pass::InputGradient, upsampled.problem, Tensors { x: &dx, weight: &folded, y: &dz, bias: None })?;
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, upsampled.large(), Some(shift)))
}

/// The same with the normalisation after it folded in, by a pass that adds a bias; `None` where nothing computes that.
pub(super) fn conv3x3_of_upsampled_folded(
    tape: &Tape,
    device: &GpuNetwork,
    x: &Map,
    (weight, bias): (&Node, &Node),
    folding: &Folding,
    pass: Pass,
) -> Result<Option<Map>> {
    let gpu = &device.gpu;
    let upsampled = Upsampled::checked(&device.store, x, weight.param()?, bias.param()?)?;
    if !gpu.serves(pass, upsampled.problem) {
        return Ok(None);
    }
    let x = settled(tape, device, x)?.array()?;
    let folded = folding.folded_of_upsampled(gpu, upsampled.problem)?;
    let y = upsampled.forward(gpu, pass, &x, &folded.weight, Some(&folded.bias))?;
    Ok(Some(Map::on_device(tape.constant_device(y), upsampled.large(), None)))
}
