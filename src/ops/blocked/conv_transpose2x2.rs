//! Transposed 2×2 convolution of stride 2: for each of the four places in a square a product of matrices, pixels by channels.
//!
//! Weights are PyTorch's `(in, out, 2, 2)`: `y[o, 2i + k, 2j + l] = bias[o] + Σ_c x[c, i, j] · w[c, o, k, l]`.

use super::gemm::Product;
use super::scratch::{Shared, scratch};
use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::{Blocked, Shape, Unwritten};
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a 16 × 16 block.
pub(super) const BLOCK: usize = LANES * LANES;
/// Pixels of a strip, about; their products are summed in f32, the strips' sums in f64.
const PIXELS: usize = 256;
/// Blocks of a chunk of weights whose gradient is one task.
pub(super) const CHUNK: usize = 4;

/// Some rows of a sample of the small map.
#[derive(Clone)]
pub(super) struct Strip {
    sample: usize,
    rows: Range<usize>,
}

impl Strip {
    pub(super) fn all(small: Shape) -> Vec<Strip> {
        let rows = (PIXELS / small.w).clamp(1, small.h);
        let cut = |sample| (0..small.h).step_by(rows).map(move |y| Strip { sample, rows: y..small.h.min(y + rows) });
        (0..small.n).flat_map(cut).collect()
    }

    pub(super) fn pixels(&self, small: Shape) -> usize {
        self.rows.len() * small.w
    }
}

/// Which pixels of a map stand for those of a strip of the small one: `(scale · y + dy, scale · x + dx)`.
#[derive(Clone, Copy)]
pub(super) struct Offset {
    scale: usize,
    dy: usize,
    dx: usize,
}

impl Offset {
    /// The small map's own pixels.
    pub(super) const SAME: Self = Self { scale: 1, dy: 0, dx: 0 };

    /// One of the four in each square of the large map.
    fn of_square(index: usize) -> Self {
        Self { scale: 2, dy: index / 2, dx: index % 2 }
    }
}

/// The result, twice the sides of `x`.
///
/// # Panics
/// If weights and bias do not fit.
pub fn forward<E: Element>(level: Level, x: Blocked<E>, weights: &[f32], bias: &[f32]) -> (Vec<E>, Shape) {
    let small = x.shape();
    let large = Shape { c: bias.len(), h: 2 * small.h, w: 2 * small.w, ..small };
    assert_eq!(weights.len(), small.c * large.c * 4, "weights of {} inputs and {} outputs", small.c, large.c);
    let packed = pack_weights(weights, (small.c, large.c), false);
    let mut y = Unwritten::<E>::new(large);
    let target = y.shared();
    let biases: Vec<[f32; LANES]> = bias.chunks(LANES).map(padded).collect();
    Strip::all(small).into_par_iter().for_each(|strip| {
        let pixels = strip.pixels(small);
        scratch(pixels * LANES * (small.blocks() + large.blocks()), |buffer| {
            let (from, to) = buffer.split_at_mut(pixels * LANES * small.blocks());
            level.run(Gather { map: x, strip: &strip, small, blocks: 0..small.blocks(), offset: Offset::SAME, out: from });
            for (index, matrix) in packed.iter().enumerate() {
                product(level, from, matrix, to, (pixels, small.blocks(), large.blocks()), false);
                let offset = Offset::of_square(index);
                level.run(Scatter { values: to, strip: &strip, small, shape: large, offset, bias: &biases, map: target });
            }
        });
    });
    // SAFETY: the four places of all strips are every pixel.
    (unsafe { y.assume_written() }, large)
}

/// The gradient of the input, of size `small`.
pub fn input_gradient<E: Element>(level: Level, dy: Blocked<E>, weights: &[f32], small: Shape) -> Vec<E> {
    let large = dy.shape();
    let packed = pack_weights(weights, (small.c, large.c), true);
    let mut dx = Unwritten::<E>::new(small);
    let target = dx.shared();
    let zero = vec![[0.0; LANES]; small.blocks()];
    Strip::all(small).into_par_iter().for_each(|strip| {
        let pixels = strip.pixels(small);
        scratch(pixels * LANES * (small.blocks() + large.blocks()), |buffer| {
            let (from, to) = buffer.split_at_mut(pixels * LANES * large.blocks());
            for (index, matrix) in packed.iter().enumerate() {
                let offset = Offset::of_square(index);
                level.run(Gather { map: dy, strip: &strip, small, blocks: 0..large.blocks(), offset, out: from });
                product(level, from, matrix, to, (pixels, large.blocks(), small.blocks()), index > 0);
            }
            level.run(Scatter { values: to, strip: &strip, small, shape: small, offset: Offset::SAME, bias: &zero, map: target });
        });
    });
    // SAFETY: the strips are every pixel.
    unsafe { dx.assume_written() }
}

/// The gradient of the weights, (in, out, 2, 2).
pub fn weight_gradient<E: Element>(level: Level, x: Blocked<E>, dy: Blocked<E>) -> Vec<f32> {
    let (small, large) = (x.shape(), dy.shape());
    let mut gradient = vec![0.0; small.c * large.c * 4];
    let out = Shared(gradient.as_mut_ptr());
    let strips = Strip::all(small);
    let cut = |blocks: usize| (0..blocks).step_by(CHUNK).map(move |first| first..blocks.min(first + CHUNK));
    let tasks: Vec<_> = cut(small.blocks())
        .flat_map(|i| {
            cut(large.blocks()).flat_map(move |o| {
                (0..4).map({
                    let i = i.clone();
                    move |k| (i.clone(), o.clone(), k)
                })
            })
        })
        .collect();
    tasks.into_par_iter().for_each(|(inputs, outputs, index)| {
        let totals = chunk_gradient(level, (x, inputs.clone()), (dy, outputs.clone()), Offset::of_square(index), &strips);
        for (pair, total) in totals.chunks_exact(BLOCK).enumerate() {
            let (i, o) = (inputs.start + pair / outputs.len(), outputs.start + pair % outputs.len());
            for (place, value) in total.iter().enumerate() {
                let (i, o) = (i * LANES + place / LANES, o * LANES + place % LANES);
                if i < small.c && o < large.c {
                    // SAFETY: the place lies in the gradient and is this task's alone.
                    unsafe { *out.at((i * large.c + o) * 4 + index) = *value as f32 };
                }
            }
        }
    });
    gradient
}

/// `(input block, output block, 16, 16)` of one place of the output's map.
pub(super) fn chunk_gradient<E: Element>(
    level: Level,
    (x, inputs): (Blocked<E>, Range<usize>),
    (dy, outputs): (Blocked<E>, Range<usize>),
    offset: Offset,
    strips: &[Strip],
) -> Vec<f64> {
    let small = x.shape();
    let mut totals = vec![0.0; inputs.len() * outputs.len() * BLOCK];
    let mut sums = vec![0.0; outputs.len() * BLOCK];
    for strip in strips {
        let pixels = strip.pixels(small);
        scratch(pixels * LANES * (inputs.len() + outputs.len()), |buffer| {
            let (a, b) = buffer.split_at_mut(pixels * LANES * inputs.len());
            level.run(Gather { map: x, strip, small, blocks: inputs.clone(), offset: Offset::SAME, out: a });
            level.run(Gather { map: dy, strip, small, blocks: outputs.clone(), offset, out: b });
            for (input, total) in totals.chunks_exact_mut(outputs.len() * BLOCK).enumerate() {
                level.run(&Product {
                    a: (a[input * pixels * LANES..].as_ptr(), 0),
                    b: (b.as_ptr(), pixels * LANES, 0),
                    c: (sums.as_mut_ptr(), BLOCK),
                    rows: LANES,
                    panels: outputs.len(),
                    blocks: 1,
                    depth: pixels,
                    transposed: true,
                    accumulate: false,
                });
                total.iter_mut().zip(&sums).for_each(|(total, sum)| *total += f64::from(*sum));
            }
        });
    }
    totals
}

/// For each place in a square `(result block, summed block, 16, 16)`; `turned`: the outputs are summed.
fn pack_weights(weights: &[f32], (inputs, outputs): (usize, usize), turned: bool) -> [Vec<f32>; 4] {
    let (results, summed) = if turned { (inputs, outputs) } else { (outputs, inputs) };
    let blocks = summed.div_ceil(LANES);
    std::array::from_fn(|k| {
        let mut packed = vec![0.0; results.div_ceil(LANES) * blocks * BLOCK];
        packed.par_chunks_exact_mut(BLOCK).enumerate().for_each(|(pair, block)| {
            for (place, value) in block.iter_mut().enumerate() {
                let (r, s) = (pair / blocks * LANES + place % LANES, pair % blocks * LANES + place / LANES);
                if r < results && s < summed {
                    let (i, o) = if turned { (r, s) } else { (s, r) };
                    *value = weights[(i * outputs + o) * 4 + k];
                }
            }
        });
        packed
    })
}

pub(super) fn padded(chunk: &[f32]) -> [f32; LANES] {
    std::array::from_fn(|lane| chunk.get(lane).copied().unwrap_or(0.0))
}

/// `to = from · matrix`: (summed block, pixel, 16) to (result block, pixel, 16).
pub(super) fn product(
    level: Level,
    from: &[f32],
    matrix: &[f32],
    to: &mut [f32],
    (pixels, summed, results): (usize, usize, usize),
    accumulate: bool,
) {
    level.run(&Product {
        a: (from.as_ptr(), pixels * LANES),
        b: (matrix.as_ptr(), summed * BLOCK, BLOCK),
        c: (to.as_mut_ptr(), pixels * LANES),
        rows: pixels,
        panels: results,
        blocks: summed,
        depth: LANES,
        transposed: false,
        accumulate,
    });
}

/// Copies a strip's pixels, at a place, as `(block, pixel, 16)`.
pub(super) struct Gather<'a, E> {
    pub map: Blocked<'a, E>,
    pub strip: &'a Strip,
    pub small: Shape,
    pub blocks: Range<usize>,
    pub offset: Offset,
    pub out: &'a mut [f32],
}

impl<E: Element> Kernel for Gather<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, Offset { scale, dy, dx }) = (self.map.shape(), self.offset);
        let mut pixels = self.out.chunks_exact_mut(LANES);
        for block in self.blocks {
            let plane = self.map.plane(self.strip.sample, block);
            for y in self.strip.rows.clone() {
                for x in 0..self.small.w {
                    let from = &plane[shape.pixel(scale * y + dy, scale * x + dx)..][..LANES];
                    let Some(to) = pixels.next() else { return };
                    // SAFETY: both have 16 elements.
                    unsafe { s.store(to.as_mut_ptr(), E::load(s, from.as_ptr())) };
                }
            }
        }
    }
}

/// The reverse of [`Gather`], for all blocks, plus a bias.
pub(super) struct Scatter<'a, E> {
    pub values: &'a [f32],
    pub strip: &'a Strip,
    pub small: Shape,
    pub shape: Shape,
    pub offset: Offset,
    pub bias: &'a [[f32; LANES]],
    pub map: Shared<E>,
}

impl<E: Element> Kernel for Scatter<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, Offset { scale, dy, dx }) = (self.shape, self.offset);
        let mut pixels = self.values.chunks_exact(LANES);
        for block in 0..shape.blocks() {
            let plane = (self.strip.sample * shape.blocks() + block) * shape.plane();
            let bias = s.from_array(self.bias[block]);
            for y in self.strip.rows.clone() {
                for x in 0..self.small.w {
                    let Some(from) = pixels.next() else { return };
                    let to = plane + shape.pixel(scale * y + dy, scale * x + dx);
                    // SAFETY: the chunk has 16 elements; the pixel lies in the map and is this task's alone.
                    unsafe { E::store(s, self.map.at(to), s.add(s.load(from.as_ptr()), bias)) };
                }
            }
        }
    }
}
