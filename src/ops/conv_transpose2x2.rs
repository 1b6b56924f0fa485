//! Transposed convolution 2×2 of stride 2: every pixel becomes a square of four that overlaps no other.

use super::conv3x3::sums_by_channel;
use super::matmul::Matrix;
use super::pointwise::{Pixels, correlate, mix};
use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::{Result, bail};
use rayon::prelude::*;

/// `y[n, o, 2i + k, 2j + l] = Σ_c x[n, c, i, j] · weight[c, o, k, l] + bias[o]`.
///
/// # Shapes
/// x (n, in, h, w), weight (in, out, 2, 2), bias (out); the result is (n, out, 2h, 2w).
///
/// # Errors
/// If shapes do not fit.
pub fn conv_transpose2x2(tape: &Tape, x: &Node, weight: &Node, bias: &Node) -> Result<Node> {
    let (n, inputs, h, w) = x.value().dims4()?;
    let outputs = weight.value().dim(1)?;
    if weight.value().dims() != [inputs, outputs, 2, 2] || bias.value().dims() != [outputs] {
        bail!("conv_transpose2x2 of {inputs} channels: weight {:?}, bias {:?}", weight.value().shape(), bias.value().shape())
    }
    let pixels = Pixels { samples: n, plane: h * w };
    let y = {
        let weight = values(weight.value())?;
        let matrix = Matrix::rows(&weight, outputs * 4).transposed();
        let squares = mix(&values(x.value())?, pixels, matrix, outputs * 4, inputs, None);
        spread(&squares, (h, w), &values(bias.value())?)
    };
    let kept_x = weight.needs_grad().then(|| x.value().clone());
    let kept_weight = x.needs_grad().then(|| weight.value().clone());
    let wants_bias = bias.needs_grad();
    Ok(tape.record(tensor(y, (n, outputs, 2 * h, 2 * w))?, &[x, weight, bias], move |dy| {
        let dy = values(&dy)?;
        let squares = gather(&dy, (h, w));
        let dx = match kept_weight {
            Some(weight) => {
                let weight = values(&weight)?;
                let matrix = Matrix::rows(&weight, outputs * 4);
                Some(tensor(mix(&squares, pixels, matrix, inputs, outputs * 4, None), (n, inputs, h, w))?)
            }
            None => None,
        };
        let dw = match kept_x {
            Some(x) => {
                let dw = correlate(&values(&x)?, inputs, &squares, outputs * 4, pixels);
                Some(tensor(dw, (inputs, outputs, 2, 2))?)
            }
            None => None,
        };
        let db = if wants_bias { Some(tensor(sums_by_channel(&dy, outputs, 4 * h * w), outputs)?) } else { None };
        Ok(vec![dx, dw, db])
    }))
}

/// Four maps of (h, w) for each channel to one of (2h, 2w), plus the bias.
fn spread(squares: &[f32], (h, w): (usize, usize), bias: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; squares.len()];
    y.par_chunks_mut(4 * h * w).zip(squares.par_chunks(4 * h * w)).enumerate().for_each(|(index, (y, maps))| {
        let bias = bias[index % bias.len()];
        for (row, y) in y.chunks_exact_mut(2 * w).enumerate() {
            let (left, right) = pair_of_rows(maps, row, (h, w));
            for ((y, left), right) in y.chunks_exact_mut(2).zip(left).zip(right) {
                y[0] = left + bias;
                y[1] = right + bias;
            }
        }
    });
    y
}

/// The reverse of [`spread`] without a bias.
fn gather(dy: &[f32], (h, w): (usize, usize)) -> Vec<f32> {
    let mut squares = vec![0.0; dy.len()];
    squares.par_chunks_mut(4 * h * w).zip(dy.par_chunks(4 * h * w)).for_each(|(maps, dy)| {
        for (position, map) in maps.chunks_exact_mut(h * w).enumerate() {
            for (i, row) in map.chunks_exact_mut(w).enumerate() {
                let dy = &dy[(2 * i + position / 2) * 2 * w..][..2 * w];
                for (out, pair) in row.iter_mut().zip(dy.chunks_exact(2)) {
                    *out = pair[position % 2];
                }
            }
        }
    });
    squares
}

/// The rows of the left and of the right positions that make up output row `row`.
fn pair_of_rows(maps: &[f32], row: usize, (h, w): (usize, usize)) -> (&[f32], &[f32]) {
    let start = (row % 2) * 2 * h * w + row / 2 * w;
    (&maps[start..][..w], &maps[start + h * w..][..w])
}
