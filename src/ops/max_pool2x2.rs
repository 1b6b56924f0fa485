//! Max pooling 2×2 of stride 2.

use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::{Result, bail};
use rayon::prelude::*;

/// The largest of every 2×2 square; a last odd row or column is left out. The gradient goes to the first largest in reading
/// order, and a NaN counts as largest, as in PyTorch.
///
/// # Shapes
/// (n, c, h, w) to (n, c, ⌊h/2⌋, ⌊w/2⌋).
///
/// # Errors
/// If a side is shorter than 2.
pub fn max_pool2x2(tape: &Tape, x: &Node) -> Result<Node> {
    let (n, c, h, w) = x.value().dims4()?;
    if h < 2 || w < 2 {
        bail!("max_pool2x2 needs sides of 2 or more, got {h}x{w}")
    }
    let (pooled_h, pooled_w) = (h / 2, w / 2);
    let keep = tape.is_recording() && x.needs_grad();
    let (y, places) = pool(&values(x.value())?, n * c, (h, w), keep);
    Ok(tape.record(tensor(y, (n, c, pooled_h, pooled_w))?, &[x], move |dy| {
        Ok(vec![Some(tensor(scatter(&values(&dy)?, &places, n * c, (h, w)), (n, c, h, w))?)])
    }))
}

/// The largest values and, with `keep`, where each lies in its square: 0 to 3 in reading order.
fn pool(x: &[f32], planes: usize, (h, w): (usize, usize), keep: bool) -> (Vec<f32>, Vec<u8>) {
    let len = (h / 2) * (w / 2);
    let mut y = vec![0.0; planes * len];
    let mut places = vec![0; if keep { planes * len } else { 0 }];
    let planes_of = |x: &[f32], y: &mut [f32], places: &mut [u8]| {
        for (i, y) in y.chunks_exact_mut(w / 2).enumerate() {
            let (upper, lower) = x[2 * i * w..][..2 * w].split_at(w);
            let squares = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            if keep {
                let places = &mut places[i * (w / 2)..][..w / 2];
                for (((a, b), y), place) in squares.zip(y).zip(places) {
                    (*y, *place) = largest([a[0], a[1], b[0], b[1]]);
                }
            } else {
                for ((a, b), y) in squares.zip(y) {
                    *y = largest([a[0], a[1], b[0], b[1]]).0;
                }
            }
        }
    };
    if keep {
        let out = y.par_chunks_mut(len).zip(places.par_chunks_mut(len));
        out.zip(x.par_chunks(h * w)).for_each(|((y, places), x)| planes_of(x, y, places));
    } else {
        y.par_chunks_mut(len).zip(x.par_chunks(h * w)).for_each(|(y, x)| planes_of(x, y, &mut []));
    }
    (y, places)
}

#[inline(always)]
fn largest(square: [f32; 4]) -> (f32, u8) {
    let (mut max, mut place) = (square[0], 0);
    for (i, x) in square.into_iter().enumerate().skip(1) {
        let better = x > max || x.is_nan();
        max = if better { x } else { max };
        place = if better { i as u8 } else { place };
    }
    (max, place)
}

fn scatter(dy: &[f32], places: &[u8], planes: usize, (h, w): (usize, usize)) -> Vec<f32> {
    let len = (h / 2) * (w / 2);
    let mut dx = vec![0.0; planes * h * w];
    dx.par_chunks_mut(h * w).zip(dy.par_chunks(len)).zip(places.par_chunks(len)).for_each(|((dx, dy), places)| {
        let rows = dy.chunks_exact(w / 2).zip(places.chunks_exact(w / 2));
        for (dx, (dy, places)) in dx.chunks_exact_mut(2 * w).zip(rows) {
            let (upper, lower) = dx.split_at_mut(w);
            let squares = upper.chunks_exact_mut(2).zip(lower.chunks_exact_mut(2));
            for ((a, b), (dy, place)) in squares.zip(dy.iter().zip(places)) {
                a[0] = if *place == 0 { *dy } else { 0.0 };
                a[1] = if *place == 1 { *dy } else { 0.0 };
                b[0] = if *place == 2 { *dy } else { 0.0 };
                b[1] = if *place == 3 { *dy } else { 0.0 };
            }
        }
    });
    dx
}
