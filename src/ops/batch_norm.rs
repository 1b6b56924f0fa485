//! Batch normalisation (Ioffe and Szegedy 2015), alone or with the ReLU that follows it.
//!
//! One task handles one channel from its statistics to its output, while the channel lies in the cache. The fused form keeps
//! nothing for the ReLU: its backward works out again which outputs were above 0.

use super::relu::{gate, rectify};
use super::storage::{Shared, Values, tensor, values};
use super::{Node, Tape, sums};
use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;

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

/// `(x − mean) / √(var + 1e-5) · weight + bias`, mean and variance being each channel's.
///
/// # Shapes
/// x and the result (n, c, h, w); weight and bias (c).
///
/// # Errors
/// If shapes do not fit, or batch statistics are wanted of a single value.
pub fn batch_norm(tape: &Tape, x: &Node, weight: &Node, bias: &Node, statistics: Statistics) -> Result<Node> {
    normalise::<false>(tape, x, weight, bias, statistics)
}

/// [`batch_norm`], then ReLU, as one operation.
///
/// # Errors
/// As [`batch_norm`].
pub fn batch_norm_relu(tape: &Tape, x: &Node, weight: &Node, bias: &Node, statistics: Statistics) -> Result<Node> {
    normalise::<true>(tape, x, weight, bias, statistics)
}

fn normalise<const RELU: bool>(tape: &Tape, x: &Node, weight: &Node, bias: &Node, statistics: Statistics) -> Result<Node> {
    let (n, c, h, w) = x.value().dims4()?;
    let map = Map { n, c, plane: h * w };
    if weight.value().dims() != [c] || bias.value().dims() != [c] {
        bail!("batch_norm of {c} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    if matches!(statistics, Statistics::Batch(_)) && map.count() < 2 {
        bail!("batch normalisation needs more than one value a channel to train, got {:?}", x.value().shape())
    }
    let (y, moments) = {
        let (weight, bias) = (values(weight.value())?, values(bias.value())?);
        let known = match statistics {
            Statistics::Batch(_) => None,
            Statistics::Running(running) => Some((values(&running.mean)?, values(&running.var)?)),
        };
        forward::<RELU>(&values(x.value())?, map, &weight, &bias, known)
    };
    if let Statistics::Batch(running) = statistics {
        update(running, &moments, map.count() as f64)?;
    }
    let batch = matches!(statistics, Statistics::Batch(_));
    let kept = [x, weight, bias].map(|node| node.value().clone());
    Ok(tape.record(tensor(y, (n, c, h, w))?, &[x, weight, bias], move |dy| {
        let [x, weight, bias] = &kept;
        let (weight, bias) = (values(weight)?, values(bias)?);
        let (dx, dw, db) = backward::<RELU>(&values(&dy)?, &values(x)?, map, (&weight, &bias), &moments, batch);
        Ok(vec![Some(tensor(dx, (n, c, h, w))?), Some(tensor(dw, c)?), Some(tensor(db, c)?)])
    }))
}

#[derive(Clone, Copy)]
struct Map {
    n: usize,
    c: usize,
    plane: usize,
}

impl Map {
    /// Values of a channel.
    fn count(&self) -> usize {
        self.n * self.plane
    }

    /// The places of a channel's planes.
    fn planes(self, channel: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (0..self.n).map(move |n| (n * self.c + channel) * self.plane..(n * self.c + channel + 1) * self.plane)
    }
}

/// Mean and biased variance of one channel.
struct Moments {
    mean: f64,
    var: f64,
}

impl Moments {
    fn inverse_deviation(&self) -> f64 {
        1.0 / (self.var + EPSILON).sqrt()
    }
}

/// Two passes: a variance as difference of squares would lose its digits where the mean is large.
fn moments(x: &[f32], map: Map, channel: usize) -> Moments {
    let mean = map.planes(channel).map(|p| sums::sum(&x[p])).sum::<f64>() / map.count() as f64;
    let centre = mean as f32;
    let squares = |p: std::ops::Range<usize>| sums::sum_of(&x[p], |x| (x - centre) * (x - centre));
    Moments { mean, var: map.planes(channel).map(squares).sum::<f64>() / map.count() as f64 }
}

fn forward<const RELU: bool>(
    x: &[f32],
    map: Map,
    weight: &[f32],
    bias: &[f32],
    known: Option<(Values, Values)>,
) -> (Vec<f32>, Vec<Moments>) {
    let known = known.as_ref().map(|(mean, var)| (&**mean, &**var));
    let mut y = vec![0.0; x.len()];
    let out = Shared::new(&mut y);
    let of_channel = |channel: usize| {
        let moments = match known {
            Some((mean, var)) => Moments { mean: f64::from(mean[channel]), var: f64::from(var[channel]) },
            None => moments(x, map, channel),
        };
        let line = Line::new(&moments, weight[channel], bias[channel]);
        for plane in map.planes(channel) {
            // SAFETY: a channel's planes are one task's alone.
            let y = unsafe { out.slice(plane.clone()) };
            for (y, x) in y.iter_mut().zip(&x[plane]) {
                let value = line.at(*x);
                *y = if RELU { rectify(value) } else { value };
            }
        }
        moments
    };
    let moments = (0..map.c).into_par_iter().map(of_channel).collect();
    (y, moments)
}

/// `(x − mean) · slope + bias`: forward and backward must round alike, or the ReLU's gate would differ.
#[derive(Clone, Copy)]
struct Line {
    mean: f32,
    slope: f32,
    bias: f32,
}

impl Line {
    fn new(moments: &Moments, weight: f32, bias: f32) -> Self {
        let slope = (f64::from(weight) * moments.inverse_deviation()) as f32;
        Self { mean: moments.mean as f32, slope, bias }
    }

    #[inline(always)]
    fn at(self, x: f32) -> f32 {
        (x - self.mean) * self.slope + self.bias
    }

    /// The gradient that passes the ReLU.
    #[inline(always)]
    fn pass<const RELU: bool>(self, dy: f32, x: f32) -> f32 {
        if RELU { gate(dy, self.at(x)) } else { dy }
    }
}

/// Moves the running statistics towards the batch's.
fn update(running: &Running, moments: &[Moments], count: f64) -> Result<()> {
    let move_to = |var: &Var, new: &dyn Fn(&Moments) -> f64| -> Result<()> {
        let moved: Vec<f32> = values(var)?
            .iter()
            .zip(moments)
            .map(|(old, m)| ((1.0 - MOMENTUM) * f64::from(*old) + MOMENTUM * new(m)) as f32)
            .collect();
        var.set(&Tensor::from_vec(moved, moments.len(), var.device())?)
    };
    move_to(&running.mean, &|m| m.mean)?;
    move_to(&running.var, &|m| m.var * count / (count - 1.0))
}

/// Gradients of input, weight and bias. With batch statistics (`batch`), mean and variance depend on the input too:
/// `dx = slope · (dy − mean(dy) − (x − mean) / var · mean(dy · (x − mean)))`.
fn backward<const RELU: bool>(
    dy: &[f32],
    x: &[f32],
    map: Map,
    (weight, bias): (&[f32], &[f32]),
    moments: &[Moments],
    batch: bool,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut dx = vec![0.0; x.len()];
    let out = Shared::new(&mut dx);
    let of_channel = |channel: usize| {
        let inverse = moments[channel].inverse_deviation();
        let line = Line::new(&moments[channel], weight[channel], bias[channel]);
        let planes = || map.planes(channel).map(|p| (&dy[p.clone()], &x[p]));
        let sum: f64 = planes().map(|(dy, x)| sums::sum_of_pairs(dy, x, |dy, x| line.pass::<RELU>(dy, x))).sum();
        let with_x = |dy: f32, x: f32| line.pass::<RELU>(dy, x) * (x - line.mean);
        let product: f64 = planes().map(|(dy, x)| sums::sum_of_pairs(dy, x, with_x)).sum();
        let share = if batch { 1.0 / map.count() as f64 } else { 0.0 };
        let (level, tilt) = ((sum * share) as f32, (product * share * inverse * inverse) as f32);
        for (plane, (dy, x)) in map.planes(channel).zip(planes()) {
            // SAFETY: a channel's planes are one task's alone.
            let dx = unsafe { out.slice(plane) };
            for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                *dx = (line.pass::<RELU>(*dy, *x) - level - (x - line.mean) * tilt) * line.slope;
            }
        }
        ((product * inverse) as f32, sum as f32)
    };
    let (dw, db) = (0..map.c).into_par_iter().map(of_channel).unzip();
    (dx, dw, db)
}
