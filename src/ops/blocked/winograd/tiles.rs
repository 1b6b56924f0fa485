//! Tiles of a map to and from their Winograd components.
//!
//! A transformed block of 16 channels is `(component, tile, 16)` with a stride between components; a component is a pair of
//! points, a·a of them in row-major order.

use super::matrices::{Filtering, MAX_A, MAX_M, VANISHING};
use super::{Resample, Target};
use crate::ops::blocked::Blocked;
use crate::ops::blocked::simd::{Element, Kernel, LANES, Simd};
use std::marker::PhantomData;
use std::ops::Range;

/// How the full-size maps of a batch are cut into tiles of m × m outputs: row by row, sample after sample; the last of a row or
/// column may reach over the edge.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    tile: usize,
    rows: usize,
    columns: usize,
    samples: usize,
}

impl Grid {
    /// The tiles of `samples` maps of `h` × `w`.
    pub fn new<F: Filtering>(samples: usize, h: usize, w: usize) -> Self {
        Self { tile: F::M, rows: h.div_ceil(F::M), columns: w.div_ceil(F::M), samples }
    }

    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.samples * self.rows * self.columns
    }

    /// Sample, first row and first column of a tile's outputs.
    #[inline(always)]
    fn corner(&self, tile: usize) -> (usize, usize, usize) {
        let (row, column) = (tile / self.columns, tile % self.columns);
        (row / self.rows, row % self.rows * self.tile, column * self.tile)
    }
}

/// `Bᵀ d B` of the inputs of some tiles of one block: (m+2) × (m+2) pixels each, one row and column before the outputs.
pub struct InputTiles<'a, E, F> {
    pub filtering: PhantomData<F>,
    pub map: Blocked<'a, E>,
    pub block: usize,
    pub resample: Resample,
    pub grid: Grid,
    pub tiles: Range<usize>,
    /// Receives (component, tile, 16), and the stride between components; valid for all of it.
    pub out: (*mut f32, usize),
}

impl<E: Element, F: Filtering> Kernel for InputTiles<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.resample {
            Resample::Doubled => self.transform::<S, true>(simd),
            _ => self.transform::<S, false>(simd),
        }
    }
}

impl<E: Element, F: Filtering> InputTiles<'_, E, F> {
    #[inline(always)]
    fn transform<S: Simd, const DOUBLED: bool>(self, s: S) {
        let side = if DOUBLED { F::A / 2 + 1 } else { F::A };
        let scale = if DOUBLED { 2 } else { 1 };
        let (h, w, row) = (self.map.shape().h + 2, self.map.shape().w + 2, self.map.shape().row());
        let mut patch = [E::ZERO; MAX_A * MAX_A * LANES];
        for (i, tile) in self.tiles.clone().enumerate() {
            let (sample, y, x) = self.grid.corner(tile);
            let (y, x) = (y / scale, x / scale);
            let plane = self.map.plane(sample, self.block);
            let source = if y + side <= h && x + side <= w {
                (&plane[y * row + x * LANES..], row)
            } else {
                copy_patch(&mut patch, side, plane, (y, x), (h, w));
                (&patch[..], MAX_A * LANES)
            };
            // SAFETY: `side` rows and columns of the source lie in its slice; `out` has room for tile `i`.
            unsafe { input_tile::<S, E, F, DOUBLED>(s, source.0.as_ptr(), source.1, self.out.0.add(i * LANES), self.out.1) };
        }
    }
}

/// Copies what lies in the plane of the `side` × `side` pixels from `(y, x)`; the rest is zero.
#[inline(always)]
fn copy_patch<E: Element>(
    patch: &mut [E; MAX_A * MAX_A * LANES],
    side: usize,
    plane: &[E],
    (y, x): (usize, usize),
    (h, w): (usize, usize),
) {
    patch.fill(E::ZERO);
    let columns = side.min(w - x) * LANES;
    for i in 0..side.min(h - y) {
        patch[i * MAX_A * LANES..][..columns].copy_from_slice(&plane[((y + i) * w + x) * LANES..][..columns]);
    }
}

#[inline(always)]
unsafe fn input_tile<S: Simd, E: Element, F: Filtering, const DOUBLED: bool>(
    s: S,
    d: *const E,
    row: usize,
    out: *mut f32,
    stride: usize,
) {
    let from = if DOUBLED { [0, 1, 1, 2, 2, 3] } else { [0, 1, 2, 3, 4, 5] };
    let mut half = [[s.zero(); MAX_A]; MAX_A];
    for j in 0..F::A {
        let mut column = [s.zero(); MAX_A];
        for i in 0..F::A {
            // SAFETY: the caller's.
            column[i] = unsafe { E::load(s, d.add(from[i] * row + from[j] * LANES)) };
        }
        let column = F::input(s, column);
        for i in 0..F::A {
            half[i][j] = column[i];
        }
    }
    for i in 0..F::A {
        let row = F::input(s, half[i]);
        for j in 0..F::A {
            if DOUBLED && (i == VANISHING || j == VANISHING) {
                continue;
            }
            // SAFETY: the caller's.
            unsafe { s.store(out.add((i * F::A + j) * stride), row[j]) };
        }
    }
}

/// `A dy Aᵀ` of the m × m pixels of some tiles of one block of an output's gradient.
pub struct GradientTiles<'a, E, F> {
    pub filtering: PhantomData<F>,
    pub map: Blocked<'a, E>,
    pub block: usize,
    /// Whether the components that vanish for a doubled input are left out.
    pub skip: bool,
    pub grid: Grid,
    pub tiles: Range<usize>,
    /// Receives (component, tile, 16), and the stride between components; valid for all of it.
    pub out: (*mut f32, usize),
}

impl<E: Element, F: Filtering> Kernel for GradientTiles<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let shape = self.map.shape();
        let mut patch = [E::ZERO; MAX_A * MAX_A * LANES];
        for (i, tile) in self.tiles.clone().enumerate() {
            let (sample, y, x) = self.grid.corner(tile);
            let plane = self.map.plane(sample, self.block);
            let source = if y + F::M <= shape.h && x + F::M <= shape.w {
                (&plane[shape.pixel(y, x)..], shape.row())
            } else {
                copy_patch(&mut patch, F::M, plane, (y + 1, x + 1), (shape.h + 2, shape.w + 2));
                (&patch[..], MAX_A * LANES)
            };
            // SAFETY: m rows and columns of the source lie in its slice; `out` has room for tile `i`.
            unsafe { gradient_tile::<S, E, F>(s, source.0.as_ptr(), source.1, self.skip, self.out.0.add(i * LANES), self.out.1) };
        }
    }
}

#[inline(always)]
unsafe fn gradient_tile<S: Simd, E: Element, F: Filtering>(
    s: S,
    y: *const E,
    row: usize,
    skip: bool,
    out: *mut f32,
    stride: usize,
) {
    let mut half = [[s.zero(); MAX_M]; MAX_A];
    for j in 0..F::M {
        let mut column = [s.zero(); MAX_M];
        for i in 0..F::M {
            // SAFETY: the caller's.
            column[i] = unsafe { E::load(s, y.add(i * row + j * LANES)) };
        }
        let column = F::output_gradient(s, column);
        for i in 0..F::A {
            half[i][j] = column[i];
        }
    }
    for i in 0..F::A {
        let row = F::output_gradient(s, half[i]);
        for j in 0..F::A {
            if skip && (i == VANISHING || j == VANISHING) {
                continue;
            }
            // SAFETY: the caller's.
            unsafe { s.store(out.add((i * F::A + j) * stride), row[j]) };
        }
    }
}

/// `Aᵀ m A` plus a bias: from components to the m × m outputs of some tiles of one block, or to the sums of their 2×2.
pub struct OutputTiles<'a, E, F> {
    pub filtering: PhantomData<F>,
    /// (component, tile, 16), and the stride between components; valid for all of it.
    pub components: (*const f32, usize),
    pub resample: Resample,
    pub grid: Grid,
    pub tiles: Range<usize>,
    pub bias: [f32; LANES],
    /// No other task may write these tiles of it.
    pub target: &'a Target<E>,
}

impl<E: Element, F: Filtering> Kernel for OutputTiles<'_, E, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.resample {
            Resample::None => self.transform::<S, false, false>(simd),
            Resample::Doubled => self.transform::<S, true, false>(simd),
            Resample::Pooled => self.transform::<S, true, true>(simd),
        }
    }
}

impl<E: Element, F: Filtering> OutputTiles<'_, E, F> {
    #[inline(always)]
    fn transform<S: Simd, const SKIP: bool, const POOLED: bool>(self, s: S) {
        let (side, scale) = if POOLED { (F::M / 2, 2) } else { (F::M, 1) };
        let shape = self.target.shape;
        let bias = s.from_array(self.bias);
        for (i, tile) in self.tiles.clone().enumerate() {
            let (sample, y, x) = self.grid.corner(tile);
            let (y, x) = (y / scale, x / scale);
            // SAFETY: the components of tile `i` are valid.
            let outputs = unsafe { output_tile::<S, F, SKIP, POOLED>(s, self.components.0.add(i * LANES), self.components.1) };
            let (rows, columns) = (side.min(shape.h - y), side.min(shape.w - x));
            for r in 0..side {
                for c in 0..side {
                    if r < rows && c < columns {
                        // SAFETY: the pixel is within the map, and only this task writes it.
                        unsafe { E::store(s, self.target.pixel(sample, y + r, x + c), s.add(outputs[r][c], bias)) };
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn output_tile<S: Simd, F: Filtering, const SKIP: bool, const POOLED: bool>(
    s: S,
    m: *const f32,
    stride: usize,
) -> [[S::V; MAX_M]; MAX_M] {
    let mut half = [[s.zero(); MAX_A]; MAX_M];
    for j in 0..F::A {
        if SKIP && j == VANISHING {
            continue;
        }
        let mut column = [s.zero(); MAX_A];
        for i in 0..F::A {
            if !(SKIP && i == VANISHING) {
                // SAFETY: the caller's.
                column[i] = unsafe { s.load(m.add((i * F::A + j) * stride)) };
            }
        }
        let column = if POOLED { F::pooled_output(s, column) } else { F::output(s, column) };
        for i in 0..MAX_M {
            half[i][j] = column[i];
        }
    }
    let mut outputs = [[s.zero(); MAX_M]; MAX_M];
    for i in 0..F::M {
        outputs[i] = if POOLED { F::pooled_output(s, half[i]) } else { F::output(s, half[i]) };
    }
    outputs
}
