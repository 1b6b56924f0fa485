//! 1×1 convolution from a blocked map to a plain one of few channels: a net's head.

use super::scratch::Shared;
use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::{Blocked, Shape, Unwritten};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of one task, about 4096 pixels.
fn rows_a_task(shape: Shape) -> usize {
    (4096 / shape.w).clamp(1, shape.h)
}

/// The tasks of a map: sample and rows.
fn tasks(shape: Shape) -> Vec<(usize, Range<usize>)> {
    let rows = rows_a_task(shape);
    let cut = |n: usize| (0..shape.h).step_by(rows).map(move |first| (n, first..shape.h.min(first + rows)));
    (0..shape.n).flat_map(cut).collect()
}

/// `(class, block, 16)` from `(class, in)`.
fn pack_weights(weights: &[f32], shape: Shape) -> Vec<[f32; LANES]> {
    let of_class = |row: &[f32]| {
        row.chunks(LANES).map(|chunk| std::array::from_fn(|l| chunk.get(l).copied().unwrap_or(0.0))).collect::<Vec<_>>()
    };
    weights.chunks_exact(shape.c).flat_map(of_class).collect()
}

/// `(n, classes, h, w)`: `y[k] = bias[k] + Σ_i weights[k, i] · x[i]` at every pixel.
///
/// # Panics
/// If the weights are not (classes, in).
pub fn forward<E: Element>(level: Level, x: Blocked<E>, weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let shape = x.shape();
    assert_eq!(weights.len(), bias.len() * shape.c, "weights of {} classes", bias.len());
    let packed = pack_weights(weights, shape);
    let mut out = vec![0.0; shape.n * bias.len() * shape.h * shape.w];
    let target = Shared(out.as_mut_ptr());
    tasks(shape).into_par_iter().for_each(|(sample, rows)| {
        level.run(Forward { x, sample, rows, weights: &packed, bias, out: target });
    });
    out
}

struct Forward<'a, E> {
    x: Blocked<'a, E>,
    sample: usize,
    rows: Range<usize>,
    weights: &'a [[f32; LANES]],
    bias: &'a [f32],
    out: Shared,
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let shape = self.x.shape();
        for class in 0..self.bias.len() {
            for y in self.rows.clone() {
                let row = ((self.sample * self.bias.len() + class) * shape.h + y) * shape.w;
                for first in (0..shape.w).step_by(LANES) {
                    let count = LANES.min(shape.w - first);
                    let mut sums = [s.zero(); LANES];
                    for i in 0..count {
                        for block in 0..shape.blocks() {
                            let pixel = &self.x.plane(self.sample, block)[shape.pixel(y, first + i)..][..LANES];
                            let weights = s.from_array(self.weights[class * shape.blocks() + block]);
                            // SAFETY: the slice has 16 elements.
                            sums[i] = s.fma(unsafe { E::load(s, pixel.as_ptr()) }, weights, sums[i]);
                        }
                    }
                    let columns = s.transpose(sums);
                    let mut total = s.splat(self.bias[class]);
                    for lane in 0..LANES {
                        total = s.add(total, columns[lane]);
                    }
                    let total = s.to_array(total);
                    // SAFETY: these pixels lie in the output and are this task's alone.
                    unsafe { std::ptr::copy_nonoverlapping(total.as_ptr(), self.out.at(row + first), count) };
                }
            }
        }
    }
}

/// Gradients from `dy`, (n, classes, h, w): of the map; of the weights, (classes, in); of the bias, (classes).
pub fn gradients<E: Element>(level: Level, dy: &[f32], x: Blocked<E>, weights: &[f32]) -> (Vec<E>, Vec<f32>, Vec<f32>) {
    let shape = x.shape();
    let classes = dy.len() / (shape.n * shape.h * shape.w);
    let packed = pack_weights(weights, shape);
    let mut dx = Unwritten::<E>::new(shape);
    let target = dx.shared();
    let parts: Vec<Sums> = tasks(shape)
        .into_par_iter()
        .map(|(sample, rows)| level.run(Gradients { dy, x, sample, rows, weights: &packed, classes, dx: target }))
        .collect();
    let total = |of: &dyn Fn(&Sums) -> f64| parts.iter().map(of).sum::<f64>() as f32;
    let places = (0..classes * shape.c).map(|i| (i / shape.c, i % shape.c));
    let dw = places.map(|(k, i)| total(&|part| part.weights[k * shape.blocks() + i / LANES][i % LANES])).collect();
    let db = (0..classes).map(|k| total(&|part| part.bias[k])).collect();
    // SAFETY: the tasks are all rows, and each writes all blocks of its pixels.
    (unsafe { dx.assume_written() }, dw, db)
}

/// A task's share of the gradients of weights, (class · blocks, 16), and bias.
struct Sums {
    weights: Vec<[f64; LANES]>,
    bias: Vec<f64>,
}

struct Gradients<'a, E> {
    dy: &'a [f32],
    x: Blocked<'a, E>,
    sample: usize,
    rows: Range<usize>,
    weights: &'a [[f32; LANES]],
    classes: usize,
    dx: Shared<E>,
}

impl<E: Element> Gradients<'_, E> {
    #[inline(always)]
    fn dy_row(&self, class: usize, y: usize) -> &[f32] {
        let shape = self.x.shape();
        &self.dy[((self.sample * self.classes + class) * shape.h + y) * shape.w..][..shape.w]
    }
}

impl<E: Element> Kernel for Gradients<'_, E> {
    type Output = Sums;
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Sums {
        let (shape, blocks) = (self.x.shape(), self.x.shape().blocks());
        let mut sums = Sums { weights: vec![[0.0; LANES]; self.classes * blocks], bias: vec![0.0; self.classes] };
        for y in self.rows.clone() {
            for class in 0..self.classes {
                for x in self.dy_row(class, y) {
                    sums.bias[class] += f64::from(*x);
                }
            }
            for block in 0..blocks {
                let row = &self.x.plane(self.sample, block)[shape.pixel(y, 0)..][..shape.w * LANES];
                for class in 0..self.classes {
                    let mut sum = s.zero();
                    for (pixel, dy) in row.chunks_exact(LANES).zip(self.dy_row(class, y)) {
                        // SAFETY: a chunk has 16 elements.
                        sum = s.fma(s.splat(*dy), unsafe { E::load(s, pixel.as_ptr()) }, sum);
                    }
                    let sum = s.to_array(sum);
                    let total = &mut sums.weights[class * blocks + block];
                    for lane in 0..LANES {
                        total[lane] += f64::from(sum[lane]);
                    }
                }
                let plane = (self.sample * blocks + block) * shape.plane();
                for x in 0..shape.w {
                    let mut dx = s.zero();
                    for class in 0..self.classes {
                        let weights = s.from_array(self.weights[class * blocks + block]);
                        dx = s.fma(s.splat(self.dy_row(class, y)[x]), weights, dx);
                    }
                    // SAFETY: the pixel lies in the map and is this task's alone.
                    unsafe { E::store(s, self.dx.at(plane + shape.pixel(y, x)), dx) };
                }
            }
        }
        sums
    }
}
