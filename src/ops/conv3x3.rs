//! Convolution 3×3 with a border of one zero and stride 1 (cross-correlation, as everywhere in deep learning).
//!
//! Rows of an image are unfolded into a matrix (every pixel's 3×3×channels neighbourhood a column) that stays in the cache and
//! is multiplied with the weights. The gradient of the input is the same convolution with weights turned by 180°.

use super::matmul::{Matrix, Target, multiply};
use super::storage::{Shared, tensor, values, with_scratch};
use super::{Node, Tape, sums};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;
use std::ops::Range;

/// Positions of the window.
const TAPS: usize = 9;
/// Floats of an unfolded strip, to stay in a core's second-level cache.
const STRIP_FLOATS: usize = 1 << 16;
/// Pixels of a strip at least, or reading the weights for each strip costs more than multiplying.
const STRIP_PIXELS: usize = 192;
/// Input channels that one task of the weights' gradient handles.
const CHANNELS_A_TASK: usize = 16;
/// Tasks of the weights' gradient at least, where the image allows.
const TASKS: usize = 32;

/// `y[n,o] = Σᵢ x[n,i] ⋆ weight[o,i] + bias[o]`.
///
/// # Shapes
/// x (n, in, h, w), weight (out, in, 3, 3), bias (out); the result is (n, out, h, w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv3x3(tape: &Tape, x: &Node, weight: &Node, bias: Option<&Node>) -> Result<Node> {
    let (n, inputs, h, w) = x.value().dims4()?;
    let outputs = weight.value().dim(0)?;
    if weight.value().dims() != [outputs, inputs, 3, 3] || bias.is_some_and(|b| b.value().dims() != [outputs]) {
        bail!("conv3x3 of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.map(|b| b.value().shape()))
    }
    let map = Map { n, c: inputs, h, w };
    let y = {
        let bias = bias.map(|b| values(b.value())).transpose()?;
        convolve(&values(x.value())?, map, &values(weight.value())?, bias.as_deref(), outputs)
    };
    let kept_x = weight.needs_grad().then(|| x.value().clone());
    let kept_weight = x.needs_grad().then(|| weight.value().clone());
    let wants_bias = bias.is_some_and(Node::needs_grad);
    let nodes: Vec<&Node> = [x, weight].into_iter().chain(bias).collect();
    let with_bias = bias.is_some();
    Ok(tape.record(tensor(y, (n, outputs, h, w))?, &nodes, move |dy| {
        let dy_values = values(&dy)?;
        let dx = kept_weight.map(|weight| gradient_of_input(&dy_values, map, &weight)).transpose()?;
        let dw = kept_x.map(|x| gradient_of_weight(&dy_values, map, &x, outputs)).transpose()?;
        let db = wants_bias.then(|| sums_by_channel(&dy_values, outputs, h * w)).map(|b| tensor(b, outputs)).transpose()?;
        Ok(if with_bias { vec![dx, dw, db] } else { vec![dx, dw] })
    }))
}

/// The shape of what goes into a convolution.
#[derive(Clone, Copy)]
struct Map {
    n: usize,
    c: usize,
    h: usize,
    w: usize,
}

impl Map {
    /// Rows that are unfolded together when `channels` of them are.
    fn strip(&self, channels: usize) -> usize {
        let pixels = (STRIP_FLOATS / (TAPS * channels)).max(STRIP_PIXELS);
        (pixels / self.w).clamp(1, self.h)
    }

    /// Sample and rows of the strip at `index`.
    fn rows(&self, strip: usize, index: usize) -> (usize, Range<usize>) {
        let strips = self.h.div_ceil(strip);
        let first = index % strips * strip;
        (index / strips, first..(first + strip).min(self.h))
    }

    fn plane(&self) -> usize {
        self.h * self.w
    }
}

/// The convolution itself; `weight` is (outputs, c · 9).
fn convolve(x: &[f32], map: Map, weight: &[f32], bias: Option<&[f32]>, outputs: usize) -> Vec<f32> {
    let depth = map.c * TAPS;
    let strip = map.strip(map.c);
    let mut y = vec![0.0; map.n * outputs * map.plane()];
    let out = Shared::new(&mut y);
    (0..map.n * map.h.div_ceil(strip)).into_par_iter().for_each(|index| {
        let (sample, rows) = map.rows(strip, index);
        let pixels = rows.len() * map.w;
        let offset = sample * outputs * map.plane() + rows.start * map.w;
        for (o, bias) in bias.into_iter().flatten().enumerate() {
            let start = offset + o * map.plane();
            // SAFETY: these pixels of this sample are this task's alone.
            unsafe { out.slice(start..start + pixels) }.fill(*bias);
        }
        with_scratch(depth * pixels, |columns| {
            unfold(&x[sample * map.c * map.plane()..], map, 0..map.c, rows, columns);
            let target = Target { out: &out, offset, row_stride: map.plane() };
            let (weight, columns) = (Matrix::rows(weight, depth), Matrix::rows(columns, pixels));
            // SAFETY: these pixels of this sample are this task's alone.
            unsafe { multiply(target, bias.is_some(), (outputs, pixels, depth), weight, columns) };
        });
    });
    y
}

/// Writes row `(channel, ky, kx)` of `columns`: the pixels of `rows`, shifted by (ky − 1, kx − 1), zero outside.
fn unfold(sample: &[f32], map: Map, channels: Range<usize>, rows: Range<usize>, columns: &mut [f32]) {
    let w = map.w;
    for (channel, block) in channels.zip(columns.chunks_exact_mut(TAPS * rows.len() * w)) {
        let plane = &sample[channel * map.plane()..][..map.plane()];
        for (tap, row) in block.chunks_exact_mut(rows.len() * w).enumerate() {
            for (y, out) in rows.clone().zip(row.chunks_exact_mut(w)) {
                match (y + tap / 3).checked_sub(1).filter(|y| *y < map.h) {
                    Some(y) => shift(&plane[y * w..][..w], tap % 3, out),
                    None => out.fill(0.0),
                }
            }
        }
    }
}

/// `out[i] = row[i + kx − 1]`, zero outside.
fn shift(row: &[f32], kx: usize, out: &mut [f32]) {
    let w = row.len();
    match kx {
        0 => {
            out[0] = 0.0;
            out[1..].copy_from_slice(&row[..w - 1]);
        }
        1 => out.copy_from_slice(row),
        _ => {
            out[..w - 1].copy_from_slice(&row[1..]);
            out[w - 1] = 0.0;
        }
    }
}

fn gradient_of_input(dy: &[f32], map: Map, weight: &Tensor) -> Result<Tensor> {
    let outputs = weight.dim(0)?;
    let turned = turn(&values(weight)?, outputs, map.c);
    let dx = convolve(dy, Map { c: outputs, ..map }, &turned, None, map.c);
    tensor(dx, (map.n, map.c, map.h, map.w))
}

/// (out, in, 3, 3) to (in, out, 3, 3), each window turned by 180°.
fn turn(weight: &[f32], outputs: usize, inputs: usize) -> Vec<f32> {
    let mut turned = vec![0.0; weight.len()];
    turned.par_chunks_mut(outputs * TAPS).enumerate().for_each(|(i, row)| {
        for (o, window) in row.chunks_exact_mut(TAPS).enumerate() {
            window.copy_from_slice(&weight[(o * inputs + i) * TAPS..][..TAPS]);
            window.reverse();
        }
    });
    turned
}

/// `dw[o, i, tap] = Σ dy[o] · (x[i] shifted by the tap)`. A task handles some input channels and some strips; the strips' shares
/// are added in their order.
fn gradient_of_weight(dy: &[f32], map: Map, x: &Tensor, outputs: usize) -> Result<Tensor> {
    let x = values(x)?;
    let depth = map.c * TAPS;
    let blocks = map.c.div_ceil(CHANNELS_A_TASK);
    let strip = map.strip(map.c.min(CHANNELS_A_TASK));
    let strips = map.n * map.h.div_ceil(strip);
    let groups = TASKS.div_ceil(blocks).min(strips);
    let mut shares = vec![0.0; groups * outputs * depth];
    let out = Shared::new(&mut shares);
    (0..groups * blocks).into_par_iter().for_each(|task| {
        let (group, block) = (task / blocks, task % blocks);
        let channels = block * CHANNELS_A_TASK..((block + 1) * CHANNELS_A_TASK).min(map.c);
        for index in group * strips / groups..(group + 1) * strips / groups {
            let (sample, rows) = map.rows(strip, index);
            let pixels = rows.len() * map.w;
            let width = channels.len() * TAPS;
            let dy = &dy[sample * outputs * map.plane() + rows.start * map.w..];
            with_scratch(width * pixels, |columns| {
                unfold(&x[sample * map.c * map.plane()..], map, channels.clone(), rows, columns);
                let offset = group * outputs * depth + channels.start * TAPS;
                let target = Target { out: &out, offset, row_stride: depth };
                let (dy, columns) = (Matrix::rows(dy, map.plane()), Matrix::rows(columns, pixels));
                // SAFETY: the block's columns of the group's share are this task's alone.
                unsafe { multiply(target, true, (outputs, width, pixels), dy, columns.transposed()) };
            });
        }
    });
    tensor(add_shares(shares, outputs * depth), (outputs, map.c, 3, 3))
}

/// The sum of several arrays of `len` elements that lie one behind the other, added in their order.
pub(super) fn add_shares(mut shares: Vec<f32>, len: usize) -> Vec<f32> {
    const PART: usize = 1 << 12;
    let (sum, others) = shares.split_at_mut(len);
    sum.par_chunks_mut(PART).enumerate().for_each(|(part, sum)| {
        for share in others.chunks_exact(len) {
            for (sum, x) in sum.iter_mut().zip(&share[part * PART..]) {
                *sum += x;
            }
        }
    });
    shares.truncate(len);
    shares
}

/// The sum of each channel over samples and pixels: the gradient of a bias.
pub(super) fn sums_by_channel(dy: &[f32], channels: usize, plane: usize) -> Vec<f32> {
    let of_channel = |c: usize| dy.chunks_exact(plane).skip(c).step_by(channels).map(sums::sum).sum::<f64>() as f32;
    (0..channels).into_par_iter().map(of_channel).collect()
}
