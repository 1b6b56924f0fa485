//! 3×3 convolutions of maps with very few channels, an image: plain sums over taps, as Winograd's transforms would mostly treat
//! empty lanes.
//!
//! A row of outputs is a product of matrices as it stands: pixels by the channels of one tap, times that tap's filters.

use super::conv3x3::Finish;
use super::gemm::Product;
use super::scratch::{Shared, spread};
use super::simd::{Kernel, LANES, Level, Simd};
use super::{Blocked, Shape, Unwritten};
use rayon::prelude::*;

/// Rows of a map in a task; also how many are summed in f32 before the sum goes on in f64.
const ROWS: usize = 8;

/// Up to this many channels the direct sums take less than Winograd's products of 16 lanes.
pub const FEW: usize = 4;

/// The convolution of one map with [`FEW`] or fewer channels; `weights` are `(out, in, 3, 3)`.
pub fn forward(level: Level, map: Blocked, weights: &[f32], finish: Finish) -> Unwritten {
    let shape = map.shape();
    let mut out = Unwritten::new(Shape { c: weights.len() / (9 * shape.c), ..shape });
    let (target, out_shape) = (out.shared(), out.shape());
    let filters = pack_filters(weights, shape.c, out_shape.blocks());
    (0..shape.n * shape.h.div_ceil(ROWS)).into_par_iter().for_each(|task| {
        let (sample, first) = (task / shape.h.div_ceil(ROWS), task % shape.h.div_ceil(ROWS) * ROWS);
        for y in first..shape.h.min(first + ROWS) {
            for ky in 0..3 {
                add_row(level, map, &filters, (sample, y, ky), (target, out_shape));
            }
            for block in 0..out_shape.blocks() {
                let [slope, bias] = finish.lanes(&(block * LANES..out_shape.c.min((block + 1) * LANES)));
                let at = (sample * out_shape.blocks() + block) * out_shape.plane() + out_shape.pixel(y, 0);
                // SAFETY: the row lies in the map, its sums are written, and only this task writes them.
                let row = unsafe { std::slice::from_raw_parts_mut(target.at(at), out_shape.w * LANES) };
                level.run(FinishRow { row, slope, bias, relu: finish.relu });
            }
        }
    });
    out
}

/// `(block, 9 taps, in, 16)` from `(out, in, 3, 3)`.
fn pack_filters(weights: &[f32], inputs: usize, blocks: usize) -> Vec<f32> {
    let mut packed = vec![0.0; blocks * 9 * inputs * LANES];
    for (output, taps) in weights.chunks_exact(inputs * 9).enumerate() {
        for (i, weight) in taps.iter().enumerate() {
            let (input, tap) = (i / 9, i % 9);
            packed[((output / LANES * 9 + tap) * inputs + input) * LANES + output % LANES] = *weight;
        }
    }
    packed
}

/// Adds what the taps of filter row `ky` give to row `y` of every block.
fn add_row(level: Level, map: Blocked, filters: &[f32], (sample, y, ky): (usize, usize, usize), (target, out): (Shared, Shape)) {
    let (shape, panel) = (map.shape(), map.shape().c * LANES);
    let row = &map.plane(sample, 0)[(y + ky) * shape.row()..];
    // SAFETY: the row lies in the map.
    let c = unsafe { target.at(sample * out.blocks() * out.plane() + out.pixel(y, 0)) };
    level.run(&Product {
        a: (row.as_ptr(), LANES),
        b: (filters[3 * ky * panel..].as_ptr(), 9 * panel, panel),
        c: (c, out.plane()),
        rows: shape.w,
        panels: out.blocks(),
        blocks: 3,
        depth: shape.c,
        transposed: false,
        accumulate: ky > 0,
    });
}

/// Finishes the sums of a row of a block.
struct FinishRow<'a> {
    row: &'a mut [f32],
    slope: [f32; LANES],
    bias: [f32; LANES],
    relu: bool,
}

impl Kernel for FinishRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (slope, bias) = (s.from_array(self.slope), s.from_array(self.bias));
        for pixel in self.row.chunks_exact_mut(LANES) {
            // SAFETY: a chunk has 16 elements.
            unsafe {
                let value = s.fma(s.load(pixel.as_ptr()), slope, bias);
                // The second operand is what a NaN leaves: NaN stays NaN.
                s.store(pixel.as_mut_ptr(), if self.relu { s.max(s.zero(), value) } else { value });
            }
        }
    }
}

/// The gradient of the weights, `(out, in, 3, 3)`, of the convolution of a map with [`FEW`] or fewer channels.
pub fn weight_gradient(level: Level, map: Blocked, dy: Blocked) -> Vec<f32> {
    let (shape, out) = (map.shape(), dy.shape());
    let (blocks, groups) = (out.blocks(), shape.h.div_ceil(ROWS));
    // One task's sums: (9 taps, block, in, 16).
    let tap = blocks * shape.c * LANES;
    let stride = spread::<f32>(tap * 9);
    let mut parts = vec![0.0; shape.n * groups * stride];
    parts.par_chunks_exact_mut(stride).enumerate().for_each(|(task, sums)| {
        let (sample, first) = (task / groups, task % groups * ROWS);
        for y in first..shape.h.min(first + ROWS) {
            for k in 0..9 {
                level.run(&Product {
                    a: (map.plane(sample, 0)[(y + k / 3) * shape.row() + k % 3 * LANES..].as_ptr(), 0),
                    b: (dy.plane(sample, 0)[out.pixel(y, 0)..].as_ptr(), out.plane(), 0),
                    c: (sums[k * tap..].as_mut_ptr(), shape.c * LANES),
                    rows: shape.c,
                    panels: blocks,
                    blocks: 1,
                    depth: shape.w,
                    transposed: true,
                    accumulate: true,
                });
            }
        }
    });
    let at = |o: usize, i: usize, k: usize| k * tap + ((o / LANES) * shape.c + i) * LANES + o % LANES;
    let total = |at: usize| parts.chunks_exact(stride).map(|part| f64::from(part[at])).sum::<f64>() as f32;
    let places = (0..out.c).flat_map(|o| (0..shape.c).flat_map(move |i| (0..9).map(move |k| (o, i, k))));
    places.map(|(o, i, k)| total(at(o, i, k))).collect()
}
