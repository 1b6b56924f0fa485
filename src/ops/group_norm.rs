//! Group normalisation (Wu and He 2018): statistics of some channels of one sample, so that nothing depends on the batch.

use super::batch_norm::EPSILON;
use super::storage::{tensor, values};
use super::{Node, Tape, sums};
use candle_core::{Result, bail};
use rayon::prelude::*;

/// `(x − mean) / √(var + 1e-5) · weight + bias`, mean and biased variance being those of `c / groups` channels of one sample.
///
/// # Shapes
/// x and the result (n, c, h, w); weight and bias (c).
///
/// # Errors
/// If shapes do not fit or `groups` does not divide the channels.
pub fn group_norm(tape: &Tape, x: &Node, weight: &Node, bias: &Node, groups: usize) -> Result<Node> {
    let (n, c, h, w) = x.value().dims4()?;
    if weight.value().dims() != [c] || bias.value().dims() != [c] {
        bail!("group_norm of {c} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    if groups == 0 || c % groups != 0 {
        bail!("group_norm: {groups} groups do not divide {c} channels")
    }
    let map = Map { channels: c / groups, groups, plane: h * w };
    let (y, moments) = forward(&values(x.value())?, map, &values(weight.value())?, &values(bias.value())?);
    let kept = [x, weight].map(|node| node.value().clone());
    Ok(tape.record(tensor(y, (n, c, h, w))?, &[x, weight, bias], move |dy| {
        let [x, weight] = &kept;
        let (dx, dw, db) = backward(&values(&dy)?, &values(x)?, map, &values(weight)?, &moments);
        Ok(vec![Some(tensor(dx, (n, c, h, w))?), Some(tensor(dw, c)?), Some(tensor(db, c)?)])
    }))
}

#[derive(Clone, Copy)]
struct Map {
    /// Channels of a group.
    channels: usize,
    groups: usize,
    plane: usize,
}

impl Map {
    /// Values of a group of one sample.
    fn count(&self) -> usize {
        self.channels * self.plane
    }

    /// The channels of the group at `index`, counted over all samples.
    fn channels_of(&self, index: usize) -> std::ops::Range<usize> {
        let first = index % self.groups * self.channels;
        first..first + self.channels
    }
}

/// Mean and 1/√(var + ε) of one group of one sample.
struct Moments {
    mean: f32,
    inverse: f32,
}

impl Moments {
    fn of(x: &[f32]) -> Self {
        let mean = (sums::sum(x) / x.len() as f64) as f32;
        let var = sums::sum_of(x, |x| (x - mean) * (x - mean)) / x.len() as f64;
        Self { mean, inverse: (1.0 / (var + EPSILON).sqrt()) as f32 }
    }
}

fn forward(x: &[f32], map: Map, weight: &[f32], bias: &[f32]) -> (Vec<f32>, Vec<Moments>) {
    let mut y = vec![0.0; x.len()];
    let groups = y.par_chunks_mut(map.count()).zip(x.par_chunks(map.count())).enumerate();
    let of_group = |(index, (y, x)): (usize, (&mut [f32], &[f32]))| {
        let moments = Moments::of(x);
        let planes = y.chunks_exact_mut(map.plane).zip(x.chunks_exact(map.plane));
        for (channel, (y, x)) in map.channels_of(index).zip(planes) {
            let (slope, bias) = (moments.inverse * weight[channel], bias[channel]);
            for (y, x) in y.iter_mut().zip(x) {
                *y = (x - moments.mean) * slope + bias;
            }
        }
        moments
    };
    let moments = groups.map(of_group).collect();
    (y, moments)
}

/// Gradients of input, weight and bias. With `g = weight · dy`:
/// `dx = (g − mean(g) − (x − mean) / var · mean(g · (x − mean))) / √var`.
fn backward(dy: &[f32], x: &[f32], map: Map, weight: &[f32], moments: &[Moments]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut dx = vec![0.0; x.len()];
    let of_group = |(index, dx): (usize, &mut [f32])| {
        let [dy, x] = [dy, x].map(|all| &all[index * map.count()..][..map.count()]);
        let Moments { mean, inverse } = moments[index];
        let planes = || dy.chunks_exact(map.plane).zip(x.chunks_exact(map.plane));
        let sums: Vec<(f64, f64)> =
            planes().map(|(dy, x)| (sums::sum(dy), sums::sum_of_pairs(dy, x, |dy, x| dy * (x - mean)))).collect();
        let of_channels = || map.channels_of(index).map(|c| f64::from(weight[c])).zip(&sums);
        let share = 1.0 / map.count() as f64;
        let level = (of_channels().map(|(w, s)| w * s.0).sum::<f64>() * share) as f32;
        let tilt = (of_channels().map(|(w, s)| w * s.1).sum::<f64>() * share * f64::from(inverse).powi(2)) as f32;
        for ((channel, dx), (dy, x)) in map.channels_of(index).zip(dx.chunks_exact_mut(map.plane)).zip(planes()) {
            for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                *dx = (weight[channel] * dy - level - (x - mean) * tilt) * inverse;
            }
        }
        sums.into_iter().map(|(sum, product)| (sum, product * f64::from(inverse))).collect()
    };
    let sums: Vec<Vec<(f64, f64)>> = dx.par_chunks_mut(map.count()).enumerate().map(of_group).collect();
    let (mut dw, mut db) = (vec![0.0; weight.len()], vec![0.0; weight.len()]);
    for (index, group) in sums.iter().enumerate() {
        for (channel, (sum, product)) in map.channels_of(index).zip(group) {
            dw[channel] += product;
            db[channel] += sum;
        }
    }
    let narrow = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect();
    (dx, narrow(dw), narrow(db))
}
