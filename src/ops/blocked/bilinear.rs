//! Doubling of both sides by bilinear interpolation, the corners' centres staying where they are (PyTorch's `align_corners=True`).
//!
//! Row y of the result lies at `y · (h − 1) / (2h − 1)` of the input's rows; columns likewise.

use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::strips::{Strip, Strips};
use super::{Blocked, Shape};

/// The two places that a place of the result lies between, and the weight of the second.
#[derive(Debug, Clone, Copy)]
struct Between {
    places: [usize; 2],
    weight: f32,
}

/// Where the places of an upsampled side lie on it.
fn between(side: usize) -> Vec<Between> {
    let scale = (side - 1) as f32 / (2 * side - 1) as f32;
    let of = |at: usize| {
        let exact = scale * at as f32;
        let first = (exact as usize).min(side - 1);
        Between { places: [first, (first + 1).min(side - 1)], weight: exact - first as f32 }
    };
    (0..2 * side).map(of).collect()
}

/// For each place of a side, the places of the upsampled one that read it, with their weights.
fn readers(side: usize) -> Vec<Vec<(usize, f32)>> {
    let mut readers = vec![Vec::new(); side];
    for (at, Between { places, weight }) in between(side).into_iter().enumerate() {
        readers[places[0]].push((at, 1.0 - weight));
        readers[places[1]].push((at, weight));
    }
    readers
}

/// The size of the result.
pub fn upsampled(shape: Shape) -> Shape {
    Shape { h: 2 * shape.h, w: 2 * shape.w, ..shape }
}

/// The upsampled map.
pub fn forward<E: Element>(level: Level, x: Blocked<E>) -> Vec<E> {
    let shape = upsampled(x.shape());
    let (rows, columns) = (between(x.shape().h), between(x.shape().w));
    let write = |strip: Strip, out: *mut E| level.run(Forward { x, shape, rows: &rows, columns: &columns, strip, out });
    // SAFETY: `Forward` writes every pixel of its strip.
    unsafe { Strips::of(shape).make(write) }
}

/// The gradient of the input, whose size is `small`.
pub fn gradient<E: Element>(level: Level, dy: Blocked<E>, small: Shape) -> Vec<E> {
    let (rows, columns) = (readers(small.h), readers(small.w));
    let write = |strip: Strip, out: *mut E| level.run(Gradient { dy, small, rows: &rows, columns: &columns, strip, out });
    // SAFETY: `Gradient` writes every pixel of its strip.
    unsafe { Strips::of(small).make(write) }
}

struct Forward<'a, E> {
    x: Blocked<'a, E>,
    shape: Shape,
    rows: &'a [Between],
    columns: &'a [Between],
    strip: Strip,
    out: *mut E,
}

impl<E: Element> Kernel for Forward<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (from, blocks) = (self.x.shape(), self.x.shape().blocks());
        let plane = self.x.plane(self.strip.plane / blocks, self.strip.plane % blocks);
        for y in self.strip.rows {
            let row = self.rows[y];
            for x in 0..self.shape.w {
                let column = self.columns[x];
                let mut lines = [s.zero(); 2];
                for k in 0..2 {
                    let left = &plane[from.pixel(row.places[k], column.places[0])..][..LANES];
                    let right = &plane[from.pixel(row.places[k], column.places[1])..][..LANES];
                    // SAFETY: both slices have 16 elements.
                    let (left, right) = unsafe { (E::load(s, left.as_ptr()), E::load(s, right.as_ptr())) };
                    lines[k] = s.fma(right, s.splat(column.weight), s.mul(left, s.splat(1.0 - column.weight)));
                }
                let value = s.fma(lines[1], s.splat(row.weight), s.mul(lines[0], s.splat(1.0 - row.weight)));
                // SAFETY: the pixel lies in the plane and is this task's alone.
                unsafe { E::store(s, self.out.add(self.shape.pixel(y, x)), value) };
            }
        }
    }
}

struct Gradient<'a, E> {
    dy: Blocked<'a, E>,
    small: Shape,
    rows: &'a [Vec<(usize, f32)>],
    columns: &'a [Vec<(usize, f32)>],
    strip: Strip,
    out: *mut E,
}

impl<E: Element> Kernel for Gradient<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (from, blocks) = (self.dy.shape(), self.dy.shape().blocks());
        let plane = self.dy.plane(self.strip.plane / blocks, self.strip.plane % blocks);
        for y in self.strip.rows {
            for x in 0..self.small.w {
                let mut sum = s.zero();
                for &(row, row_weight) in &self.rows[y] {
                    for &(column, weight) in &self.columns[x] {
                        let dy = &plane[from.pixel(row, column)..][..LANES];
                        // SAFETY: the slice has 16 elements.
                        sum = s.fma(unsafe { E::load(s, dy.as_ptr()) }, s.splat(row_weight * weight), sum);
                    }
                }
                // SAFETY: the pixel lies in the plane and is this task's alone.
                unsafe { E::store(s, self.out.add(self.small.pixel(y, x)), sum) };
            }
        }
    }
}
