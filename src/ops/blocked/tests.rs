//! Every kernel at every level and for both types of numbers, against its formula in f64 on the very numbers that it reads.
//!
//! Errors are the larger of `‖value − formula‖ / ‖formula‖` and `max |value − formula| / max |formula|` over a whole result:
//! ≤ 2e-6 for results in f32, ≤ 4e-3 for those stored as bf16, one rounding by up to 2⁻⁸.

mod convolutions;
mod element_wise;

use super::simd::{Element, LANES, Level};
use super::{Blocked, Shape, pack, unpack};

/// The bound for results in f32, whatever they are made of.
const F32: f64 = 2e-6;

/// Samples, channels, rows and columns: blocks with and without unused lanes, maps of one strip and of several.
const SHAPES: [[usize; 4]; 12] = [
    [1, 1, 1, 1],
    [3, 17, 1, 1],
    [1, 17, 2, 3],
    [3, 64, 2, 3],
    [3, 1, 5, 7],
    [1, 3, 5, 7],
    [1, 64, 5, 7],
    [3, 17, 5, 7],
    [1, 3, 33, 17],
    [3, 17, 33, 17],
    [1, 1, 65, 63],
    [3, 3, 65, 63],
];

fn shapes() -> impl Iterator<Item = Shape> {
    SHAPES.into_iter().map(|[n, c, h, w]| Shape { n, c, h, w })
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_supported())
}

/// The bound for maps of this type.
fn bound<E: Element>() -> f64 {
    if E::NARROW { 4e-3 } else { F32 }
}

/// Even numbers in [−1, 1) that differ with `seed`, by splitmix64.
pub fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 40
    };
    (0..len).map(|_| next() as f32 / (1u64 << 23) as f32 - 1.0).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

/// A map as kernels read it.
struct Map<E> {
    shape: Shape,
    packed: Vec<E>,
    /// The same numbers, `(n, c, h, w)`.
    values: Vec<f64>,
}

impl<E: Element> Map<E> {
    fn new(shape: Shape, nchw: &[f32]) -> Self {
        let packed = pack::<E>(nchw, shape);
        let values = wide(&unpack(Blocked::new(shape, &packed)));
        Self { shape, packed, values }
    }

    fn draw(shape: Shape, seed: u64) -> Self {
        Self::new(shape, &numbers(elements(shape), seed))
    }

    fn view(&self) -> Blocked<'_, E> {
        Blocked::new(self.shape, &self.packed)
    }

    fn at(&self, [n, c, y, x]: [usize; 4]) -> f64 {
        let Shape { c: channels, h, w, .. } = self.shape;
        self.values[((n * channels + c) * h + y) * w + x]
    }
}

/// Numbers of a map, without border and unused lanes.
fn elements(shape: Shape) -> usize {
    shape.n * shape.c * shape.h * shape.w
}

/// A formula's value at `[sample, channel, row, column]` for all of a map, `(n, c, h, w)`.
fn tabulate(shape: Shape, of: impl Fn([usize; 4]) -> f64) -> Vec<f64> {
    let Shape { c, h, w, .. } = shape;
    (0..elements(shape)).map(|i| of([i / (c * h * w), i / (h * w) % c, i / w % h, i % w])).collect()
}

/// A map that a kernel wrote: its numbers within `bound` of the formula's, its border and unused lanes zero.
fn assert_map<E: Element>(what: &str, shape: Shape, got: &[E], want: &[f64], bound: f64) {
    assert_eq!(got.len(), shape.len(), "{what}");
    let unpacked = unpack(Blocked::new(shape, got));
    let used = pack::<f32>(&vec![1.0; unpacked.len()], shape);
    let padding = got.iter().zip(&used).filter(|(_, used)| **used == 0.0);
    let stray = padding.filter(|(x, _)| x.wide() != 0.0).count();
    assert_eq!(stray, 0, "{what}: numbers in the border or in unused lanes of {shape:?}");
    assert_close(&format!("{what} {shape:?}"), &wide(&unpacked), want, bound);
}

fn assert_close(what: &str, got: &[f64], want: &[f64], bound: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    let differences: Vec<f64> = got.iter().zip(want).map(|(a, b)| a - b).collect();
    let norm = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>().sqrt();
    // Unlike f64::max, this lets a NaN through.
    let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, b| if b.abs() <= a { a } else { b.abs() });
    for (name, error, scale) in [("norm", norm(&differences), norm(want)), ("largest", largest(&differences), largest(want))] {
        assert!(error <= bound * scale, "{what}: {name} of the errors {error:e}, of the result {scale:e}");
    }
}
