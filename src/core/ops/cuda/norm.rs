//! Normalisation and the activation after it, and the biases of convolutions, which are added here: nothing else reads what a convolution
//! wrote, so a pass over memory is spared.

use super::driver::Grid;
use super::kernels::{Argument, long};
use super::{Array, CHANNELS, Cut, Gpu, Kind, Store, stored};
use crate::config::Activation;
use crate::ops::blocked::Shape;
use crate::ops::tape::{Device, Value};
use crate::ops::{Map, Node, Statistics, Tape};
use candle_core::{Result, bail};
use std::rc::Rc;

/// Numbers of a line of a channel: mean, slope, bias, 1/√(var + ε).
const LINE: usize = 4;
/// Numbers of a slant: factor, level, tilt.
const SLANT: usize = 3;

/// A map and what is done to its channels.
#[derive(Clone)]
struct Lined {
    x: Array,
    lines: Array,
    shape: Shape,
    /// Whether every sample has lines of its own.
    each: bool,
    /// What follows.
    then: Option<Activation>,
}

/// What follows a line, as `activations.cu` has it.
fn code(then: Option<Activation>) -> Argument {
    Argument::Int(match then {
        None => 0,
        Some(Activation::Relu) => 1,
        Some(Activation::LeakyRelu) => 2,
        Some(Activation::Elu) => 3,
        Some(Activation::Silu) => 4,
    })
}

impl Lined {
    fn channels(&self) -> usize {
        stored(self.shape.c)
    }

    fn plane(&self) -> usize {
        self.shape.h * self.shape.w
    }

    /// Samples that are summed apart, and the rows of each.
    fn parts(&self) -> (usize, usize) {
        parts(self.shape, self.each)
    }

    fn apply(&self, gpu: &Gpu) -> Result<Array> {
        let y = gpu.map(self.shape)?;
        let samples = self.shape.n;
        let tail = [(&y).into(), long(self.plane()), self.channels().into(), samples.into(), self.each.into(), code(self.then)];
        gpu.launch(
            "apply_lines",
            Grid::over(y.len() / CHANNELS),
            &[&[(&self.x).into(), (&self.lines).into()], &tail[..]].concat(),
        )?;
        Ok(y)
    }

    /// Sums of the gradient and of its product with x − mean, over blocks.
    fn sums(&self, gpu: &Gpu, dy: &Array) -> Result<(Array, Cut)> {
        let ((samples, rows), channels) = (self.parts(), self.channels());
        let cut = Cut::of(rows, channels);
        let partial = gpu.array(Kind::F32, samples * cut.blocks * 2 * channels)?;
        let head = [dy.into(), (&self.x).into(), (&self.lines).into(), (&partial).into(), long(rows)];
        let tail: [Argument; 4] = [channels.into(), cut.lanes.into(), self.each.into(), code(self.then)];
        gpu.launch("gradient_sums", cut.grid(samples), &[&head[..], &tail].concat())?;
        Ok((partial, cut))
    }

    fn gradient(&self, gpu: &Gpu, dy: &Array, slants: &Array) -> Result<Array> {
        let dx = gpu.map(self.shape)?;
        let head = [dy.into(), (&self.x).into(), (&self.lines).into(), slants.into(), (&dx).into(), long(self.plane())];
        let tail: [Argument; 4] = [self.channels().into(), self.shape.n.into(), self.each.into(), code(self.then)];
        gpu.launch("line_gradient", Grid::over(dx.len() / CHANNELS), &[&head[..], &tail].concat())?;
        Ok(dx)
    }

    /// Slants where every channel is for itself; also writes the gradients of weight and bias, where they are wanted. `count` values
    /// a channel, 0 if mean and variance do not depend on them.
    fn slants(&self, gpu: &Gpu, dy: &Array, count: usize, [dweight, dbias]: [Option<&Array>; 2]) -> Result<Array> {
        let (partial, cut) = self.sums(gpu, dy)?;
        let channels = self.channels();
        let slants = gpu.array(Kind::F32, SLANT * channels)?;
        let head = [(&partial).into(), cut.blocks.into(), (&self.lines).into(), long(count), channels.into()];
        let tail = [dweight.into(), dbias.into(), (&slants).into()];
        gpu.launch("batch_slants", Grid::blocks(channels), &[&head[..], &tail].concat())?;
        Ok(slants)
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
    let arguments = [x.into(), (&partial).into(), long(rows), channels.into(), cut.lanes.into()];
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
    fn new(device: &Device, x: &Map, weight: &Node, bias: &Node) -> Result<Self> {
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

    fn lined(&self, lines: Array, each: bool, then: Option<Activation>) -> Lined {
        Lined { x: self.x.clone(), lines, shape: self.shape, each, then }
    }
}

/// As `ops::batch_norm`.
pub(in crate::ops) fn batch_norm(
    tape: &Tape,
    device: &Device,
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
    let lined = given.lined(batch_lines(&given, statistics)?, false, then);
    let y = lined.apply(&given.gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let (dy, gpu, store) = (dy.device()?, &given.gpu, &given.store);
        let (dweight, dbias) = (store.gradient(given.weight), store.gradient(given.bias));
        let slants = lined.slants(gpu, &dy, if batch { rows } else { 0 }, [Some(&dweight), Some(&dbias)])?;
        let dx = lined.gradient(gpu, &dy, &slants)?;
        // Batch statistics take the convolution's bias away again, so its gradient is 0.
        if let (false, Some(shift)) = (batch, given.shift) {
            bias_gradient(gpu, &dx, shape, &store.gradient(shift))?;
        }
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, None))
}

fn batch_lines(given: &Given, statistics: Statistics) -> Result<Array> {
    let (gpu, shape) = (&given.gpu, given.shape);
    let channels = stored(shape.c);
    let lines = gpu.array(Kind::F32, LINE * channels)?;
    let (Statistics::Batch(running) | Statistics::Running(running)) = statistics;
    let (mean, var) = (given.store.buffer(&running.mean)?, given.store.buffer(&running.var)?);
    let tail = [(&mean).into(), (&var).into(), (&lines).into()];
    if let Statistics::Running(_) = statistics {
        gpu.launch("running_lines", Grid::over(channels), &[&[channels.into()], &given.values()[..], &tail].concat())?;
        return Ok(lines);
    }
    let (partial, cut) = moments(gpu, &given.x, shape, false)?;
    let rows = long(shape.n * shape.h * shape.w);
    let head = [(&partial).into(), cut.blocks.into(), (&given.x).into(), rows, channels.into()];
    gpu.launch("batch_lines", Grid::blocks(channels), &[&head[..], &given.values(), &tail].concat())?;
    Ok(lines)
}

/// As `ops::group_norm`.
pub(in crate::ops) fn group_norm(
    tape: &Tape,
    device: &Device,
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
    let lines = gpu.array(Kind::F32, samples * LINE * channels)?;
    let (partial, cut) = moments(&gpu, &given.x, shape, true)?;
    let sizes: [Argument; 4] = [long(rows), channels.into(), groups.into(), size.into()];
    let over = Grid::blocks(samples * (groups + 1));
    let head = [(&partial).into(), cut.blocks.into(), (&given.x).into()];
    gpu.launch("group_lines", over, &[&head[..], &sizes, &given.values(), &[(&lines).into()]].concat())?;
    let lined = given.lined(lines, true, then);
    let y = lined.apply(&gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let (dy, store) = (dy.device()?, &given.store);
        let (partial, cut) = lined.sums(&gpu, &dy)?;
        let slants = gpu.array(Kind::F32, samples * SLANT * channels)?;
        let head = [(&partial).into(), cut.blocks.into(), (&lined.lines).into()];
        let [weight, ..] = given.values();
        gpu.launch("group_slants", over, &[&head[..], &sizes, &[weight, (&slants).into()]].concat())?;
        let (dweight, dbias) = (store.gradient(given.weight), store.gradient(given.bias));
        let tail = [channels.into(), samples.into(), (&dweight).into(), (&dbias).into()];
        gpu.launch("group_gradients", Grid::blocks(channels), &[&head[..], &tail].concat())?;
        let dx = lined.gradient(&gpu, &dy, &slants)?;
        // Statistics of a single channel take the convolution's bias away again.
        if let (true, Some(shift)) = (size > 1, given.shift) {
            bias_gradient(&gpu, &dx, shape, &store.gradient(shift))?;
        }
        Ok(vec![Some(Value::Device(dx))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// As `ops::activate`, after the convolution's bias.
pub(in crate::ops) fn activate(tape: &Tape, device: &Device, x: &Map, activation: Activation) -> Result<Map> {
    let (gpu, store, shape, shift) = (device.gpu.clone(), device.store.clone(), x.shape(), x.shift());
    let lined = Lined { then: Some(activation), ..plain(device, x)? };
    let y = lined.apply(&gpu)?;
    let node = tape.record_device(y, &[x.node()], move |dy| {
        let dy = dy.device()?;
        let slants = match shift {
            Some(shift) => lined.slants(&gpu, &dy, 0, [None, Some(&store.gradient(shift))])?,
            None => plain_slants(&gpu, lined.channels())?,
        };
        Ok(vec![Some(Value::Device(lined.gradient(&gpu, &dy, &slants)?))])
    });
    Ok(Map::on_device(node, shape, None))
}

/// The map with the convolution's bias in it: made once, however many read it, for the bias has one gradient.
pub(super) fn settled(tape: &Tape, device: &Device, x: &Map) -> Result<Map> {
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

/// A map and lines that only add the convolution's bias.
fn plain(device: &Device, x: &Map) -> Result<Lined> {
    let (gpu, shape) = (&device.gpu, x.shape());
    let by = x.shift().map(|shift| device.store.value(shift));
    Ok(Lined { x: x.array()?, lines: plain_lines(gpu, stored(shape.c), by.as_ref())?, shape, each: false, then: None })
}

fn plain_lines(gpu: &Gpu, channels: usize, shift: Option<&Array>) -> Result<Array> {
    let lines = gpu.array(Kind::F32, LINE * channels)?;
    gpu.launch("plain_lines", Grid::over(channels), &[channels.into(), shift.into(), (&lines).into()])?;
    Ok(lines)
}

fn plain_slants(gpu: &Gpu, channels: usize) -> Result<Array> {
    let slants = gpu.array(Kind::F32, SLANT * channels)?;
    gpu.launch("plain_slants", Grid::over(channels), &[channels.into(), (&slants).into()])?;
    Ok(slants)
}

/// The gradient of a convolution's bias: the sum over all pixels.
fn bias_gradient(gpu: &Gpu, dy: &Array, shape: Shape, dbias: &Array) -> Result<()> {
    let lines = plain_lines(gpu, stored(shape.c), None)?;
    let lined = Lined { x: dy.clone(), lines, shape, each: false, then: None };
    lined.slants(gpu, dy, 0, [None, Some(dbias)]).map(|_| ())
}
