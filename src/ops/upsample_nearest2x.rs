//! Nearest-neighbour doubling of both sides.

use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::Result;
use rayon::prelude::*;

/// Every pixel four times; its gradient is the sum of the four.
///
/// # Shapes
/// (n, c, h, w) to (n, c, 2h, 2w).
///
/// # Errors
/// If `x` has not four dimensions.
pub fn upsample_nearest2x(tape: &Tape, x: &Node) -> Result<Node> {
    let (n, c, h, w) = x.value().dims4()?;
    let y = double(&values(x.value())?, n * c, (h, w));
    Ok(tape.record(tensor(y, (n, c, 2 * h, 2 * w))?, &[x], move |dy| {
        Ok(vec![Some(tensor(sum_squares(&values(&dy)?, n * c, (h, w)), (n, c, h, w))?)])
    }))
}

fn double(x: &[f32], planes: usize, (h, w): (usize, usize)) -> Vec<f32> {
    let mut y = vec![0.0; planes * 4 * h * w];
    y.par_chunks_mut(4 * h * w).zip(x.par_chunks(h * w)).for_each(|(y, x)| {
        for (y, x) in y.chunks_exact_mut(4 * w).zip(x.chunks_exact(w)) {
            let (upper, lower) = y.split_at_mut(2 * w);
            for (pair, x) in upper.chunks_exact_mut(2).zip(x) {
                pair.fill(*x);
            }
            lower.copy_from_slice(upper);
        }
    });
    y
}

fn sum_squares(dy: &[f32], planes: usize, (h, w): (usize, usize)) -> Vec<f32> {
    let mut dx = vec![0.0; planes * h * w];
    dx.par_chunks_mut(h * w).zip(dy.par_chunks(4 * h * w)).for_each(|(dx, dy)| {
        for (dx, dy) in dx.chunks_exact_mut(w).zip(dy.chunks_exact(4 * w)) {
            let (upper, lower) = dy.split_at(2 * w);
            for ((dx, a), b) in dx.iter_mut().zip(upper.chunks_exact(2)).zip(lower.chunks_exact(2)) {
                *dx = (a[0] + a[1]) + (b[0] + b[1]);
            }
        }
    });
    dx
}
