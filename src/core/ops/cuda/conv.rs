//! Convolutions: what is convolved here, by what elsewhere.

use super::concat::joined;
use super::driver::{Driver, Grid, THREADS};
use super::kernels::ints;
use super::memory::Array;
use super::norm::settled;
use super::{Gpu, Kind, stored};
use crate::config::Precision;
use crate::ops::blocked::Shape;
use crate::ops::tape::{GpuNetwork, Value};
use crate::ops::{Map, Node, Tape};
use candle_core::{Error, Result, bail};
use std::rc::Rc;

/// Which of the three tensors of a convolution is computed from the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    Forward,
    InputGradient,
    WeightGradient,
}

#[cfg(feature = "cudnn")]
impl Pass {
    /// For messages.
    pub fn words(self) -> &'static str {
        match self {
            Self::Forward => "forward pass",
            Self::InputGradient => "input gradient",
            Self::WeightGradient => "weight gradient",
        }
    }
}

/// The sizes of a convolution: x (n, h, w, c) and weight (k, side, side, c) to y (n, oh, ow, k).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Problem {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub k: usize,
    pub side: usize,
    pub pad: usize,
    pub stride: usize,
}

impl Problem {
    pub fn out(&self, side: usize) -> usize {
        (side + 2 * self.pad - self.side) / self.stride + 1
    }

    /// For messages: `3×3, (2, 56, 56, 64) to 64 channels`.
    #[cfg(feature = "cudnn")]
    pub fn words(&self) -> String {
        let Self { n, h, w, c, k, side, stride, .. } = self;
        let strided = if *stride > 1 { format!(" with stride {stride}") } else { String::new() };
        format!("{side}×{side}{strided}, ({n}, {h}, {w}, {c}) to {k} channels")
    }

    fn weights(&self) -> usize {
        self.k * self.side * self.side * self.c
    }
}

/// The three tensors; the one that the pass computes is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensors<'a> {
    pub x: &'a Array,
    pub weight: &'a Array,
    pub y: &'a Array,
}

/// What computes convolutions.
pub(super) enum Convolutions {
    /// NVIDIA's library.
    #[cfg(feature = "cudnn")]
    Cudnn {
        cudnn: super::cudnn::Cudnn,
        /// Whether whatever it cannot compute is an error.
        must: bool,
    },
    /// The plain sums of `convolve.cu`, and why.
    Plain(String),
}

/// Chooses what computes convolutions: `cudnn` (whatever it cannot compute is an error), or `plain`; absent, cuDNN where it is.
pub const CHOICE: &str = "UMLAUT_CONVOLUTIONS";

/// What a user may do who is content with slow convolutions.
#[cfg(feature = "cudnn")]
pub(super) const WITHOUT_CUDNN: &str = "UMLAUT_CONVOLUTIONS=plain computes without cuDNN, many times slower";

/// What is asked for by the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Best,
    Cudnn,
    Plain,
}

fn choice() -> std::result::Result<Choice, String> {
    match std::env::var_os(CHOICE).unwrap_or_default().to_string_lossy().as_ref() {
        "" => Ok(Choice::Best),
        "cudnn" => Ok(Choice::Cudnn),
        "plain" => Ok(Choice::Plain),
        other => Err(format!("{CHOICE}={other}: use cudnn or plain, or leave it unset")),
    }
}

/// Whether convolutions can be computed as the environment asks.
///
/// # Errors
/// Why not, with a remedy.
pub(super) fn ready() -> std::result::Result<(), String> {
    match choice()? {
        Choice::Plain => Ok(()),
        choice => fast_ready(choice == Choice::Cudnn).map(|_| ()),
    }
}

/// Why cuDNN is not there, if that is no error: nobody asked for it by name, and none lies where it is searched.
#[cfg(feature = "cudnn")]
fn fast_ready(must: bool) -> std::result::Result<Option<String>, String> {
    match super::library::cudnn() {
        Ok(_) => Ok(None),
        Err(why) if must => Err(format!("{CHOICE}=cudnn: {why}")),
        Err(why) if super::library::has_cudnn() => Err(format!("{why}; {WITHOUT_CUDNN}")),
        Err(why) => Ok(Some(why)),
    }
}

#[cfg(not(feature = "cudnn"))]
fn fast_ready(must: bool) -> std::result::Result<Option<String>, String> {
    let why = "this program was built without cuDNN";
    if must { Err(format!("{CHOICE}=cudnn: {why}")) } else { Ok(Some(why.into())) }
}

impl Convolutions {
    /// What the environment asks for; `Plain` with a reason where cuDNN is not there.
    pub fn new(driver: &Rc<Driver>, precision: Precision, deterministic: bool) -> Result<Self> {
        let choice = choice().map_err(Error::Msg)?;
        if choice == Choice::Plain {
            return Ok(Self::Plain(format!("{CHOICE}=plain")));
        }
        let must = choice == Choice::Cudnn;
        match fast_ready(must).map_err(Error::Msg)? {
            Some(why) => Ok(Self::Plain(why)),
            None => Self::cudnn(driver, precision, deterministic, must),
        }
    }

    #[cfg(feature = "cudnn")]
    fn cudnn(driver: &Rc<Driver>, precision: Precision, deterministic: bool, must: bool) -> Result<Self> {
        let cudnn = super::cudnn::Cudnn::new(driver, precision, deterministic);
        Ok(Self::Cudnn { cudnn: cudnn.map_err(|e| Error::Msg(format!("{e}; {WITHOUT_CUDNN}")))?, must })
    }

    #[cfg(not(feature = "cudnn"))]
    fn cudnn(_: &Rc<Driver>, _: Precision, _: bool, _: bool) -> Result<Self> {
        unreachable!("it is never ready")
    }

    pub fn name(&self) -> String {
        match self {
            #[cfg(feature = "cudnn")]
            Self::Cudnn { cudnn, .. } => cudnn.name(),
            Self::Plain(why) => format!("plain sums, many times slower than cuDNN ({why})"),
        }
    }

    /// What is to be said where cuDNN is not there and nobody asked for plain sums.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Plain(why) if choice() == Ok(Choice::Best) => {
                Some(format!("convolutions are plain sums, many times slower than cuDNN: {why}"))
            }
            _ => None,
        }
    }
}

impl Gpu {
    /// One pass of a convolution.
    pub(super) fn convolve(&self, pass: Pass, problem: Problem, tensors: Tensors) -> Result<()> {
        match &self.convolutions {
            #[cfg(feature = "cudnn")]
            Convolutions::Cudnn { cudnn, must } => match cudnn.run(self, pass, problem, tensors)? {
                Ok(()) => Ok(()),
                Err(why) if *must => bail!("{CHOICE}=cudnn: {why}; {WITHOUT_CUDNN}"),
                Err(why) => {
                    self.note("convolutions", format!("{why}; such convolutions are plain sums, many times slower"));
                    self.convolve_plainly(pass, problem, tensors)
                }
            },
            Convolutions::Plain(_) => self.convolve_plainly(pass, problem, tensors),
        }
    }

    fn convolve_plainly(&self, pass: Pass, p: Problem, Tensors { x, weight, y }: Tensors) -> Result<()> {
        let (oh, ow) = (p.out(p.h), p.out(p.w));
        let sizes = ints(&[p.n, p.h, p.w, p.c, p.k, p.side, p.side, p.pad, p.stride, oh, ow]);
        match pass {
            Pass::Forward => self.launch("conv_forward", Grid::over(y.len()), &[x.into(), weight.into(), y.into(), sizes]),
            Pass::InputGradient => {
                let grid = Grid::over(x.len() / super::CHANNELS);
                self.launch("conv_input_gradient", grid, &[y.into(), weight.into(), x.into(), sizes])
            }
            Pass::WeightGradient => {
                let (count, lines) = (p.weights(), p.n * oh);
                let parts = (1_usize << 22).div_ceil(count).min(lines).clamp(1, 64);
                let partial = self.array(Kind::F32, parts * count)?;
                let over = Grid::over(count / super::CHANNELS).blocks[0];
                let grid = Grid { blocks: [over, u32::try_from(parts).expect("at most 64"), 1], threads: THREADS };
                self.launch("conv_weight_gradient", grid, &[x.into(), y.into(), (&partial).into(), sizes])?;
                let sum = [(&partial).into(), parts.into(), super::kernels::long(count), weight.into()];
                self.launch("conv_weight_finish", Grid::over(count), &sum)
            }
        }
    }
}

/// As `ops::conv3x3`.
pub(in crate::ops) fn conv3x3(tape: &Tape, device: &GpuNetwork, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
    convolution(tape, device, sources, weight, bias, 3)
}

/// As `ops::pointwise`.
pub(in crate::ops) fn pointwise(tape: &Tape, device: &GpuNetwork, sources: &[&Map], weight: &Node, bias: &Node) -> Result<Map> {
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
pub(in crate::ops) fn conv_transpose2x2(tape: &Tape, device: &GpuNetwork, x: &Map, weight: &Node, bias: &Node) -> Result<Map> {
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
