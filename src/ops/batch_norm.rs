//! Batch normalisation (Ioffe and Szegedy 2015), alone and with the activation that follows it.
//!
//! The input alone is kept: the way back works out again which outputs were above 0, and what reads the result makes it again.

use super::blocked::normalise::{self, BackwardCoefficients, Moments, ScaleShift, Sums, Then};
use super::blocked::simd::{LANES, level};
use super::blocked::{Blocked, Shape};
use super::storage::{Stored, by_type, change, tensor, values, values_of};
use super::{Map, Node, Tape, activate};
use crate::config::Activation;
use candle_core::{Result, Tensor, Var, bail};
use std::rc::Rc;

/// Added to the variance.
pub(super) const EPSILON: f64 = 1e-5;
/// Share of the batch's statistics in the new running ones.
const MOMENTUM: f64 = 0.1;

/// Averages of the statistics of past batches, (c) each.
#[derive(Debug, Clone)]
pub struct Running {
    /// Means.
    pub mean: Var,
    /// Unbiased variances.
    pub var: Var,
}

/// With which mean and variance a channel is normalised.
#[derive(Debug, Clone, Copy)]
pub enum Statistics<'a> {
    /// The batch's own, biased variance; the running ones move towards them, unbiased, by a tenth.
    Batch(&'a Running),
    /// The running ones.
    Running(&'a Running),
}

/// `(x − mean) / √(var + 1e-5) · weight + bias`, mean and variance being each channel's, and what follows it.
///
/// # Shapes
/// x and the result (n, c, h, w); weight and bias (c).
///
/// # Errors
/// If shapes do not fit, or batch statistics are wanted of a single value.
pub fn batch_norm(
    tape: &Tape,
    x: &Map,
    weight: &Node,
    bias: &Node,
    statistics: Statistics,
    then: Option<Activation>,
) -> Result<Map> {
    on_device!(tape, device => cuda::batch_norm(tape, device, x, weight, bias, statistics, then));
    followed(tape, then, |then| by_type!(x.dtype(), E => normalise_as::<E>(tape, x, (weight, bias), statistics, then)))
}

/// A normalisation with a ReLU or nothing in the same pass, another activation in one of its own.
pub(super) fn followed(tape: &Tape, then: Option<Activation>, normalise: impl FnOnce(Then) -> Result<Map>) -> Result<Map> {
    match then {
        None => normalise(Then::Nothing),
        Some(Activation::Relu) => normalise(Then::Relu),
        Some(other) => activate(tape, &normalise(Then::Nothing)?, other),
    }
}

fn normalise_as<E: Stored>(
    tape: &Tape,
    x: &Map,
    (weight, bias): (&Node, &Node),
    statistics: Statistics,
    then: Then,
) -> Result<Map> {
    let shape = x.shape();
    let (c, count) = (shape.c, shape.n * shape.h * shape.w);
    if weight.value().dims() != [c] || bias.value().dims() != [c] {
        bail!("batch_norm of {c} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    if matches!(statistics, Statistics::Batch(_)) && count < 2 {
        bail!("batch normalisation needs more than one value a channel to train, got {shape:?}")
    }
    let moments = match statistics {
        Statistics::Batch(running) => of_batch(Blocked::<E>::new(shape, &values_of(x.value())?), running)?,
        Statistics::Running(running) => kept(running)?,
    };
    let channels = Channel::all(&moments, &values(weight.value())?, &values(bias.value())?);
    let scale_shifts: Rc<[ScaleShift]> = scale_shifts(&channels, shape).into();
    let batch = matches!(statistics, Statistics::Batch(_));
    let (kept, applied) = (x.keep(), scale_shifts.clone());
    let make = move |x: Blocked<E>| normalise::apply(level(), x, &applied, then);
    Map::made(tape, x, &[weight, bias], make, move |dy| {
        let x = kept.value()?;
        let x = values_of::<E>(&x)?;
        let x = Blocked::new(shape, &x[..]);
        let sums = normalise::gradient_sums(level(), Blocked::new(shape, &values_of(&dy)?), x, &scale_shifts, then);
        let sums = by_channel(&sums, shape);
        let share = if batch { 1.0 / count as f64 } else { 0.0 };
        let coefficients = coefficients(&channels, &sums, share, shape);
        change(&dy, |dy: &mut [E]| normalise::to_gradient(level(), dy, x, &scale_shifts, &coefficients, then))?;
        let dw: Vec<f32> = channels.iter().zip(&sums).map(|(channel, sums)| (sums[1] * channel.inverse) as f32).collect();
        let db: Vec<f32> = sums.iter().map(|sums| sums[0] as f32).collect();
        Ok(vec![Some(dy), Some(tensor(dw, c)?), Some(tensor(db, c)?)])
    })
}

/// Mean and biased variance of every channel of a batch, towards which the running ones move.
fn of_batch<E: Stored>(x: Blocked<E>, running: &Running) -> Result<Vec<(f64, f64)>> {
    let shape = x.shape();
    let planes = normalise::moments(level(), x);
    let of_channel = |c: usize| {
        let samples = (0..shape.n).map(|n| planes[n * shape.blocks() + c / LANES][c % LANES]);
        samples.fold(Moments::default(), Moments::and)
    };
    let moments: Vec<Moments> = (0..shape.c).map(of_channel).collect();
    let move_to = |var: &Var, new: &dyn Fn(&Moments) -> f64| -> Result<()> {
        let moved: Vec<f32> = values(var)?
            .iter()
            .zip(&moments)
            .map(|(old, m)| ((1.0 - MOMENTUM) * f64::from(*old) + MOMENTUM * new(m)) as f32)
            .collect();
        var.set(&Tensor::from_vec(moved, moments.len(), var.device())?)
    };
    move_to(&running.mean, &|m| m.mean)?;
    move_to(&running.var, &|m| m.squares / (m.count - 1.0))?;
    Ok(moments.iter().map(|m| (m.mean, m.variance())).collect())
}

/// The running mean and variance of every channel.
fn kept(running: &Running) -> Result<Vec<(f64, f64)>> {
    let (mean, var) = (values(&running.mean)?, values(&running.var)?);
    Ok(mean.iter().zip(&*var).map(|(mean, var)| (f64::from(*mean), f64::from(*var))).collect())
}

/// What is done to every channel with running statistics.
pub(super) fn kept_channels(running: &Running, weight: &Node, bias: &Node) -> Result<Vec<Channel>> {
    let channels = running.mean.elem_count();
    if weight.value().dims() != [channels] || bias.value().dims() != [channels] {
        bail!("batch_norm of {channels} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    Ok(Channel::all(&kept(running)?, &values(weight.value())?, &values(bias.value())?))
}

/// What is done to one channel.
pub(super) struct Channel {
    pub mean: f32,
    /// 1/√(var + ε).
    inverse: f64,
    pub slope: f32,
    pub bias: f32,
}

impl Channel {
    fn all(moments: &[(f64, f64)], weight: &[f32], bias: &[f32]) -> Vec<Self> {
        let of = |((&(mean, var), weight), bias): ((&(f64, f64), &f32), &f32)| {
            let inverse = 1.0 / (var + EPSILON).sqrt();
            Self { mean: mean as f32, inverse, slope: (inverse * f64::from(*weight)) as f32, bias: *bias }
        };
        moments.iter().zip(weight).zip(bias).map(of).collect()
    }
}

/// Scale and shift of all planes.
fn scale_shifts(channels: &[Channel], shape: Shape) -> Vec<ScaleShift> {
    let mut blocks = vec![ScaleShift::default(); shape.blocks()];
    for (c, channel) in channels.iter().enumerate() {
        let (scale_shift, lane) = (&mut blocks[c / LANES], c % LANES);
        (scale_shift.mean[lane], scale_shift.slope[lane], scale_shift.bias[lane]) = (channel.mean, channel.slope, channel.bias);
    }
    blocks.repeat(shape.n)
}

/// With batch statistics, mean and variance depend on the input too:
/// `dx = slope · (g − mean(g) − (x − mean) / (var + ε) · mean(g · (x − mean)))`.
fn coefficients(channels: &[Channel], sums: &[[f64; 2]], share: f64, shape: Shape) -> Vec<BackwardCoefficients> {
    let mut blocks = vec![BackwardCoefficients::default(); shape.blocks()];
    for (c, (channel, [sum, product])) in channels.iter().zip(sums).enumerate() {
        let (coefficient, lane, slope) = (&mut blocks[c / LANES], c % LANES, f64::from(channel.slope));
        coefficient.factor[lane] = channel.slope;
        coefficient.level[lane] = (slope * sum * share) as f32;
        coefficient.tilt[lane] = (slope * product * share * channel.inverse * channel.inverse) as f32;
    }
    blocks.repeat(shape.n)
}

/// The sums of each channel over the samples.
fn by_channel(planes: &[Sums], shape: Shape) -> Vec<[f64; 2]> {
    let sum = |c: usize, k: usize| (0..shape.n).map(|n| planes[n * shape.blocks() + c / LANES][k][c % LANES]).sum();
    (0..shape.c).map(|c| [sum(c, 0), sum(c, 1)]).collect()
}
