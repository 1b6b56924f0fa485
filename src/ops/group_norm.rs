//! Group normalisation (Wu and He 2018), alone and with the activation that follows it: statistics of some channels of one sample, so that
//! nothing depends on the batch.

use super::batch_norm::{EPSILON, followed};
use super::blocked::normalise::{self, BackwardCoefficients, Moments, ScaleShift, Then};
use super::blocked::simd::{LANES, level};
use super::blocked::{Blocked, Shape};
use super::storage::{Stored, by_type, change, tensor, values, values_of};
use super::{Map, Node, Tape};
use crate::config::Activation;
use candle_core::{Result, bail};
use std::rc::Rc;

/// `(x − mean) / √(var + 1e-5) · weight + bias`, mean and biased variance being those of `c / groups` channels of one sample, and what
/// follows it.
///
/// # Shapes
/// x and the result (n, c, h, w); weight and bias (c).
///
/// # Errors
/// If shapes do not fit or `groups` does not divide the channels.
pub fn group_norm(tape: &Tape, x: &Map, weight: &Node, bias: &Node, groups: usize, then: Option<Activation>) -> Result<Map> {
    let c = x.shape().c;
    if groups == 0 || !c.is_multiple_of(groups) {
        bail!("group_norm: {groups} groups do not divide {c} channels")
    }
    on_device!(tape, device => cuda::group_norm(tape, device, x, weight, bias, groups, then));
    if weight.value().dims() != [c] || bias.value().dims() != [c] {
        bail!("group_norm of {c} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    followed(tape, then, |then| by_type!(x.dtype(), E => normalise_as::<E>(tape, x, (weight, bias), c / groups, then)))
}

fn normalise_as<E: Stored>(tape: &Tape, x: &Map, (weight, bias): (&Node, &Node), size: usize, then: Then) -> Result<Map> {
    let shape = x.shape();
    let groups = Groups::of(Blocked::<E>::new(shape, &values_of(x.value())?), size);
    let scale_shifts: Rc<[ScaleShift]> = groups.scale_shifts(&values(weight.value())?, &values(bias.value())?).into();
    let (kept, slopes, applied) = (x.keep(), weight.value().clone(), scale_shifts.clone());
    let make = move |x: Blocked<E>| normalise::apply(level(), x, &applied, then);
    Map::made(tape, x, &[weight, bias], make, move |dy| {
        let (x, weight) = (kept.value()?, values(&slopes)?);
        let x = values_of::<E>(&x)?;
        let x = Blocked::new(shape, &x[..]);
        let planes = normalise::gradient_sums(level(), Blocked::new(shape, &values_of(&dy)?), x, &scale_shifts, then);
        let sums = |n: usize, c: usize, k: usize| planes[n * shape.blocks() + c / LANES][k][c % LANES];
        let coefficients = groups.coefficients(&weight, &sums);
        change(&dy, |dy: &mut [E]| normalise::to_gradient(level(), dy, x, &scale_shifts, &coefficients, then))?;
        let samples = |of: &dyn Fn(usize) -> f64| (0..shape.n).map(of).sum::<f64>() as f32;
        let dw: Vec<f32> = (0..shape.c).map(|c| samples(&|n| sums(n, c, 1) * groups.at(n, c).1)).collect();
        let db: Vec<f32> = (0..shape.c).map(|c| samples(&|n| sums(n, c, 0))).collect();
        Ok(vec![Some(dy), Some(tensor(dw, shape.c)?), Some(tensor(db, shape.c)?)])
    })
}

/// Mean and 1/√(var + ε) of every group of every sample.
struct Groups {
    shape: Shape,
    /// Channels of a group.
    size: usize,
    /// (n · groups).
    moments: Vec<(f64, f64)>,
}

impl Groups {
    fn of<E: Stored>(x: Blocked<E>, size: usize) -> Self {
        let shape = x.shape();
        let planes = normalise::moments(level(), x);
        let channel = |i: usize| planes[i / shape.c * shape.blocks() + i % shape.c / LANES][i % shape.c % LANES];
        let of_group = |first: usize| {
            let all = (first..first + size).map(channel).fold(Moments::default(), Moments::and);
            (all.mean, 1.0 / (all.variance() + EPSILON).sqrt())
        };
        Self { shape, size, moments: (0..shape.n * shape.c).step_by(size).map(of_group).collect() }
    }

    /// Those of a channel of a sample.
    fn at(&self, n: usize, c: usize) -> (f64, f64) {
        self.moments[(n * self.shape.c + c) / self.size]
    }

    /// Fills what every plane has by calling `set` for each channel of each sample with its lane.
    fn planes<T: Clone + Default>(&self, set: impl Fn(usize, usize, &mut T, usize)) -> Vec<T> {
        let mut planes = vec![T::default(); self.shape.n * self.shape.blocks()];
        for (n, c) in (0..self.shape.n).flat_map(|n| (0..self.shape.c).map(move |c| (n, c))) {
            set(n, c, &mut planes[n * self.shape.blocks() + c / LANES], c % LANES);
        }
        planes
    }

    fn scale_shifts(&self, weight: &[f32], bias: &[f32]) -> Vec<ScaleShift> {
        self.planes(|n, c, scale_shift: &mut ScaleShift, lane| {
            let (mean, inverse) = self.at(n, c);
            scale_shift.mean[lane] = mean as f32;
            scale_shift.slope[lane] = (inverse * f64::from(weight[c])) as f32;
            scale_shift.bias[lane] = bias[c];
        })
    }

    /// With `g` the gradient that passes the ReLU, times the weight:
    /// `dx = (g − mean(g) − (x − mean) / (var + ε) · mean(g · (x − mean))) / √(var + ε)`, means being the group's.
    fn coefficients(&self, weight: &[f32], sums: &dyn Fn(usize, usize, usize) -> f64) -> Vec<BackwardCoefficients> {
        let share = 1.0 / (self.size * self.shape.h * self.shape.w) as f64;
        let mean = |n: usize, c: usize, k: usize| {
            let first = c / self.size * self.size;
            (first..first + self.size).map(|c| f64::from(weight[c]) * sums(n, c, k)).sum::<f64>() * share
        };
        self.planes(|n, c, coefficient: &mut BackwardCoefficients, lane| {
            let inverse = self.at(n, c).1;
            coefficient.factor[lane] = (inverse * f64::from(weight[c])) as f32;
            coefficient.level[lane] = (inverse * mean(n, c, 0)) as f32;
            coefficient.tilt[lane] = (inverse * inverse * inverse * mean(n, c, 1)) as f32;
        })
    }
}
