//! Normalisation and the activation after it, and the biases of convolutions, which are added here: nothing else reads what a convolution
//! wrote, so a pass over memory is spared.

use super::driver::Grid;
use super::kernels::{Argument, long};
use super::{Array, Cut, Gpu, Kind, Store, stored};
use crate::blocked::Shape;
use crate::config::Activation;
use crate::tape::{GpuNetwork, Value};
use crate::{Map, Node, Statistics, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Numbers of a channel's scale and shift: mean, slope, bias, 1/√(var + ε).
const AFFINE: usize = 4;
/// Backward coefficients of a channel: factor, level, tilt.
const COEFFICIENTS: usize = 3;

/// A map and what is done to its channels.
#[derive(Clone)]
struct Normalised {
    x: Array,
    affine: Array,
    shape: Shape,
    /// Whether every sample has scales and shifts of its own.
    each: bool,
    /// What follows.
    then: Option<Activation>,
}

/// What follows a scale and shift, as `activations.cu` has it.
fn code(then: Option<Activation>) -> Argument {
    Argument::Int(match then {
        None => 0,
        Some(Activation::Relu) => 1,
        Some(Activation::LeakyRelu) => 2,
        Some(Activation::Elu) => 3,
        Some(Activation::Silu) => 4,
    })
}

impl Normalised {
    fn channels(&self) -> usize {
        stored(self.shape.c)
    }

    /// Samples that are summed apart, and the rows of each.
    fn parts(&self) -> (usize, usize) {
        parts(self.shape, self.each)
    }

    fn apply(&self, gpu: &Gpu) -> Result<Array> {
        let y = gpu.map(self.shape)?;
        let head = [(&self.x).into(), (&self.affine).into(), (&y).into()];
        let (grid, tail) = self.rowwise();
        gpu.launch("apply_affine", grid, &[&head[..], &tail].concat())?;
        Ok(y)
    }

    /// How rows are shared out that are changed one by one, and what their kernels want to know last.
    fn rowwise(&self) -> (Grid, [Argument; 4]) {
        let ((samples, rows), channels) = (self.parts(), self.channels());
        let cut = Cut::rowwise(rows, channels, samples);
        (cut.grid(samples), [rows.into(), channels.into(), cut.lanes.into(), code(self.then)])
    }

    /// Sums of the gradient and of its product with x − mean, over blocks.
    fn sums(&self, gpu: &Gpu, dy: &Array) -> Result<(Array, Cut)> {
        let ((samples, rows), channels) = (self.parts(), self.channels());
        let cut = Cut::of(rows, channels);
        let partial = gpu.array(Kind::F32, samples * cut.blocks * 2 * channels)?;
        let head = [dy.into(), (&self.x).into(), (&self.affine).into(), (&partial).into()];
        let tail: [Argument; 4] = [rows.into(), channels.into(), cut.lanes.into(), code(self.then)];
        gpu.launch("gradient_sums", cut.grid(samples), &[&head[..], &tail].concat())?;
        Ok((partial, cut))
    }

    fn gradient(&self, gpu: &Gpu, dy: &Array, coefficients: &Array) -> Result<Array> {
        let dx = gpu.map(self.shape)?;
        let head = [dy.into(), (&self.x).into(), (&self.affine).into(), coefficients.into(), (&dx).into()];
        let (grid, tail) = self.rowwise();
        gpu.launch("affine_gradient", grid, &[&head[..], &tail].concat())?;
        Ok(dx)
    }

    /// Backward coefficients where every channel is for itself; also writes the gradients of weight and bias, where they are wanted. `count` values
    /// a channel, 0 if mean and variance do not depend on them.
    fn coefficients(&self, gpu: &Gpu, dy: &Array, count: usize, [dweight, dbias]: [Option<&Array>; 2]) -> Result<Array> {
        let (partial, cut) = self.sums(gpu, dy)?;
        let channels = self.channels();
        let coefficients = gpu.array(Kind::F32, COEFFICIENTS * channels)?;
        let head = [(&partial).into(), cut.blocks.into(), (&self.affine).into(), long(count), channels.into()];
        let tail = [dweight.into(), dbias.into(), (&coefficients).into()];
        gpu.launch("batch_coefficients", Grid::blocks(channels), &[&head[..], &tail].concat())?;
        Ok(coefficients)
    }
}

fn parts(shape: Shape, each: bool) -> (usize, usize) {
    let plane = shape.h * shape.w;
    if each { (shape.n, plane) } else { (1, shape.n * plane) }
}

/// Sums of x and of its square, over blocks.
fn moments(gpu: &Gpu, x: &Array, shape: Shape, each: bool) -> Result<(Array, Cut)> {
    let ((samples, rows), channels) = (parts(shape, each), stored(shape.c));
    let cut = Cut::of(rows, channels);
    let partial = gpu.array(Kind::F32, samples * cut.blocks * 2 * channels)?;
    let arguments = [x.into(), (&partial).into(), rows.into(), channels.into(), cut.lanes.into()];
    gpu.launch("moments", cut.grid(samples), &arguments)?;
    Ok((partial, cut))
}

/// What an operation with weight and bias is given.
struct Given {
    gpu: Rc<Gpu>,
    store: Rc<Store>,
    x: Array,
    shape: Shape,
    weight: usize,
    bias: usize,
    /// The bias of the convolution before, which x does not hold yet.
    shift: Option<usize>,
}

impl Given {
    fn new(device: &GpuNetwork, x: &Map, weight: &Node, bias: &Node) -> Result<Self> {
        let (store, shape, weight, bias) = (device.store.clone(), x.shape(), weight.param()?, bias.param()?);
        if store.dims(weight) != [shape.c] || store.dims(bias) != [shape.c] {
            bail!("normalisation of {} channels: weight {:?}, bias {:?}", shape.c, store.dims(weight), store.dims(bias))
        }
        Ok(Self { gpu: device.gpu.clone(), store, x: x.array()?, shape, weight, bias, shift: x.shift() })
    }

    /// Weight, bias and shift, for a kernel.
    fn values(&self) -> [Argument; 3] {
        let shift = self.shift.map(|shift| self.store.value(shift));
        [(&self.store.value(self.weight)).into(), (&self.store.value(self.bias)).into(), shift.as_ref().into()]
    }

    fn normalised(&self, affine: Array, each: bool, then: Option<Activation>) -> Normalised {
        Normalised { x: self.x.clone(), affine, shape: self.shape, each, then }
    }
}

/// As `ops::batch_norm`.
pub(crate) fn batch_norm(
    tape: &Tape,
    device: &GpuNetwork,
    x: &Map,
    weight: &Node,
    bias: &Node,
    statistics: Statistics,
    then: Option<Activation>,
) -> Result<Map> {
    let given = Given::new(device, x, weight, bias)?;
    let shape = given.shape;
    let (rows, batch) = (shape.n * shape.h * shape.w, matches!(statistics, Statistics::Batch(_)));
    if batch && rows < 2 {
        bail!("batch normalisation needs more than one value a channel to train, got {shape:?}")
    }
    let normalised = given.normalised(batch_affine(&given, statistics)?, false, then);
    let y = normalised.apply(&given.gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let (dy, gpu, store) = (dy.device()?, &given.gpu, &given.store);
        let (dweight, dbias) = (store.gradient(given.weight), store.gradient(given.bias));
        let coefficients = normalised.coefficients(gpu, &dy, if batch { rows } else { 0 }, [Some(&dweight), Some(&dbias)])?;
        let dx = normalised.gradient(gpu, &dy, &coefficients)?;
        // Batch statistics take the convolution's bias away again, so its gradient is 0.
        if let (false, Some(shift)) = (batch, given.shift) {
            bias_gradient(gpu, &dx, shape, &store.gradient(shift))?;
        }
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, None))
}

fn batch_affine(given: &Given, statistics: Statistics) -> Result<Array> {
    let (gpu, shape) = (&given.gpu, given.shape);
    let channels = stored(shape.c);
    let affine = gpu.array(Kind::F32, AFFINE * channels)?;
    let (Statistics::Batch(running) | Statistics::Running(running)) = statistics;
    let (mean, var) = (given.store.buffer(&running.mean)?, given.store.buffer(&running.var)?);
    let tail = [(&mean).into(), (&var).into(), (&affine).into()];
    if let Statistics::Running(_) = statistics {
        gpu.launch("running_affine", Grid::over(channels), &[&[channels.into()], &given.values()[..], &tail].concat())?;
        return Ok(affine);
    }
    let (partial, cut) = moments(gpu, &given.x, shape, false)?;
    let rows = long(shape.n * shape.h * shape.w);
    let head = [(&partial).into(), cut.blocks.into(), (&given.x).into(), rows, channels.into()];
    gpu.launch("batch_affine", Grid::blocks(channels), &[&head[..], &given.values(), &tail].concat())?;
    Ok(affine)
}

/// As `ops::group_norm`.
pub(crate) fn group_norm(
    tape: &Tape,
    device: &GpuNetwork,
    x: &Map,
    weight: &Node,
    bias: &Node,
    groups: usize,
    then: Option<Activation>,
) -> Result<Map> {
    let given = Given::new(device, x, weight, bias)?;
    let shape = given.shape;
    let (samples, rows, channels, size) = (shape.n, shape.h * shape.w, stored(shape.c), shape.c / groups);
    let gpu = given.gpu.clone();
    let affine = gpu.array(Kind::F32, samples * AFFINE * channels)?;
    let (partial, cut) = moments(&gpu, &given.x, shape, true)?;
    let sizes: [Argument; 4] = [long(rows), channels.into(), groups.into(), size.into()];
    let over = Grid::blocks(samples * (groups + 1));
    let head = [(&partial).into(), cut.blocks.into(), (&given.x).into()];
    gpu.launch("group_affine", over, &[&head[..], &sizes, &given.values(), &[(&affine).into()]].concat())?;
    let normalised = given.normalised(affine, true, then);
    let y = normalised.apply(&gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let (dy, store) = (dy.device()?, &given.store);
        let (partial, cut) = normalised.sums(&gpu, &dy)?;
        let coefficients = gpu.array(Kind::F32, samples * COEFFICIENTS * channels)?;
        let head = [(&partial).into(), cut.blocks.into(), (&normalised.affine).into()];
        let [weight, ..] = given.values();
        gpu.launch("group_coefficients", over, &[&head[..], &sizes, &[weight, (&coefficients).into()]].concat())?;
        let (dweight, dbias) = (store.gradient(given.weight), store.gradient(given.bias));
        let tail = [channels.into(), samples.into(), (&dweight).into(), (&dbias).into()];
        gpu.launch("group_gradients", Grid::blocks(channels), &[&head[..], &tail].concat())?;
        let dx = normalised.gradient(&gpu, &dy, &coefficients)?;
        // Statistics of a single channel take the convolution's bias away again.
        if let (true, Some(shift)) = (size > 1, given.shift) {
            bias_gradient(&gpu, &dx, shape, &store.gradient(shift))?;
        }
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// As `ops::activate`, after the convolution's bias.
pub(crate) fn activate(tape: &Tape, device: &GpuNetwork, x: &Map, activation: Activation) -> Result<Map> {
    let (gpu, store, shape, shift) = (device.gpu.clone(), device.store.clone(), x.shape(), x.shift());
    let normalised = Normalised { then: Some(activation), ..plain(device, x)? };
    let y = normalised.apply(&gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dy = dy.device()?;
        let coefficients = match shift {
            Some(shift) => normalised.coefficients(&gpu, &dy, 0, [None, Some(&store.gradient(shift))])?,
            None => plain_coefficients(&gpu, normalised.channels())?,
        };
        Ok(vec![Some(Value::Device(normalised.gradient(&gpu, &dy, &coefficients)?))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// The map with the convolution's bias in it: made once, however many read it, for the bias has one gradient.
pub(super) fn settled(tape: &Tape, device: &GpuNetwork, x: &Map) -> Result<Map> {
    x.settled(|shift| {
        let (gpu, store, shape) = (device.gpu.clone(), device.store.clone(), x.shape());
        let y = plain(device, x)?.apply(&gpu)?;
        let node = tape.record_device(y, &[x.node()], move |dy| {
            let dy = dy.device()?;
            bias_gradient(&gpu, &dy, shape, &store.gradient(shift))?;
            Ok(vec![Some(Value::Device(dy))])
        });
        Ok(Map::on_device(node, shape, None))
    })
}

/// A map, and scales and shifts that only add the convolution's bias.
fn plain(device: &GpuNetwork, x: &Map) -> Result<Normalised> {
    let (gpu, shape) = (&device.gpu, x.shape());
    let by = x.shift().map(|shift| device.store.value(shift));
    Ok(Normalised { x: x.array()?, affine: plain_affine(gpu, stored(shape.c), by.as_ref())?, shape, each: false, then: None })
}

fn plain_affine(gpu: &Gpu, channels: usize, shift: Option<&Array>) -> Result<Array> {
    let affine = gpu.array(Kind::F32, AFFINE * channels)?;
    gpu.launch("plain_affine", Grid::over(channels), &[channels.into(), shift.into(), (&affine).into()])?;
    Ok(affine)
}

fn plain_coefficients(gpu: &Gpu, channels: usize) -> Result<Array> {
    let coefficients = gpu.array(Kind::F32, COEFFICIENTS * channels)?;
    gpu.launch("plain_coefficients", Grid::over(channels), &[channels.into(), (&coefficients).into()])?;
    Ok(coefficients)
}

/// The gradient of a convolution's bias: the sum over all pixels.
fn bias_gradient(gpu: &Gpu, dy: &Array, shape: Shape, dbias: &Array) -> Result<()> {
    let affine = plain_affine(gpu, stored(shape.c), None)?;
    let normalised = Normalised { x: dy.clone(), affine, shape, each: false, then: None };
    normalised.coefficients(gpu, dy, 0, [None, Some(dbias)]).map(|_| ())
}
