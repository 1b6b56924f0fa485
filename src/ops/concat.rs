//! Concatenation of channels.

use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

/// The channels of `a`, then those of `b`.
///
/// # Shapes
/// (n, c, h, w) and (n, d, h, w) to (n, c + d, h, w).
///
/// # Errors
/// If samples, heights or widths differ.
pub fn concat(tape: &Tape, a: &Node, b: &Node) -> Result<Node> {
    let (n, c, h, w) = a.value().dims4()?;
    let (n_b, d, h_b, w_b) = b.value().dims4()?;
    if (n, h, w) != (n_b, h_b, w_b) {
        bail!("cannot concatenate the channels of {:?} and {:?}", a.value().shape(), b.value().shape())
    }
    let (len_a, len_b) = (c * h * w, d * h * w);
    let y = join(&values(a.value())?, len_a, &values(b.value())?, len_b);
    let (wants_a, wants_b) = (a.needs_grad(), b.needs_grad());
    Ok(tape.record(tensor(y, (n, c + d, h, w))?, &[a, b], move |dy| {
        let dy = values(&dy)?;
        let part = |wanted: bool, start: usize, channels: usize| -> Result<Option<Tensor>> {
            if !wanted {
                return Ok(None);
            }
            let part = cut(&dy, len_a + len_b, start, channels * h * w);
            tensor(part, (n, channels, h, w)).map(Some)
        };
        Ok(vec![part(wants_a, 0, c)?, part(wants_b, len_a, d)?])
    }))
}

fn join(a: &[f32], len_a: usize, b: &[f32], len_b: usize) -> Vec<f32> {
    let mut y = vec![0.0; a.len() + b.len()];
    let samples = y.par_chunks_mut(len_a + len_b).zip(a.par_chunks(len_a)).zip(b.par_chunks(len_b));
    samples.for_each(|((y, a), b)| {
        y[..len_a].copy_from_slice(a);
        y[len_a..].copy_from_slice(b);
    });
    y
}

/// `len` elements from `start` of every sample of `stride` elements.
fn cut(y: &[f32], stride: usize, start: usize, len: usize) -> Vec<f32> {
    let mut part = vec![0.0; y.len() / stride * len];
    part.par_chunks_mut(len).zip(y.par_chunks(stride)).for_each(|(part, y)| part.copy_from_slice(&y[start..start + len]));
    part
}
