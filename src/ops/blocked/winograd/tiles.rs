//! Tiles of a map to and from their Winograd components.
//!
//! A component is a pair of points, a·a of them in row-major order; each tile of a block of 16 channels is a row of every
//! component.

use super::Resample;
use super::components::{Layout, Rows, Sink};
use super::matrices::{Filtering, Half, MAX_A, MAX_M};
use crate::blocked::finish::FinishBlock;
use crate::blocked::scratch::Shared;
use crate::blocked::simd::{Element, Kernel, LANES, Simd};
use crate::blocked::{Blocked, Shape};
use std::marker::PhantomData;
use std::ops::Range;

/// One block of 16 channels of a map that a convolution writes.
#[derive(Debug, Clone, Copy)]
pub struct Target<P> {
    /// First element of the map, valid for the whole of `shape`.
    pub map: Shared<P>,
    /// Size of the map.
    pub shape: Shape,
    /// The block.
    pub block: usize,
}

impl<P> Target<P> {
    /// Address of an interior pixel's 16 channels.
    ///
    /// # Safety
    /// Sample and pixel must lie in the map.
    #[inline(always)]
    pub unsafe fn pixel(&self, sample: usize, y: usize, x: usize) -> *mut P {
        let plane = (sample * self.shape.blocks() + self.block) * self.shape.plane();
        // SAFETY: the caller's.
        unsafe { self.map.at(plane + self.shape.pixel(y, x)) }
    }
}

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
pub struct InputTiles<'a, P, F, L> {
    pub filtering: PhantomData<F>,
    pub map: Blocked<'a, P>,
    pub block: usize,
    pub resample: Resample,
    pub grid: Grid,
    pub tiles: Range<usize>,
    /// Receives the components, a row a tile; valid for all of them.
    pub out: L,
}

impl<P: Element, F: Filtering, L: Layout> Kernel for InputTiles<'_, P, F, L> {
    type Output = ();
    const BF16: bool = L::BF16;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (out, count) = (self.out, self.tiles.len());
        let patch = [P::ZERO; PATCH];
        // SAFETY: `out` is valid for a row of every tile.
        unsafe {
            match self.resample {
                Resample::Upsampled => out.fill(simd, &mut InputRows::<_, _, _, true> { work: self, patch }, count),
                _ => out.fill(simd, &mut InputRows::<_, _, _, false> { work: self, patch }, count),
            }
        }
    }
}

/// The tiles of [`InputTiles`] one by one.
struct InputRows<'a, P, F, L, const UPSAMPLED: bool> {
    work: InputTiles<'a, P, F, L>,
    patch: Patch<P>,
}

impl<P: Element, F: Filtering, L: Layout, const UPSAMPLED: bool> Rows for InputRows<'_, P, F, L, UPSAMPLED> {
    const COMPONENTS: usize = F::A * F::A;

    #[inline(always)]
    unsafe fn transform<S: Simd, K: Sink<S>>(&mut self, s: S, row: usize, sink: &mut K) {
        let InputTiles { map, block, grid, tiles, .. } = &self.work;
        let side = if UPSAMPLED { F::A / 2 + 1 } else { F::A };
        let scale = if UPSAMPLED { 2 } else { 1 };
        let (h, w, stride) = (map.shape().h + 2, map.shape().w + 2, map.shape().row());
        let (sample, y, x) = grid.corner(tiles.start + row);
        let (y, x) = (y / scale, x / scale);
        let plane = map.plane(sample, *block);
        let source = if y + side <= h && x + side <= w {
            (&plane[y * stride + x * LANES..], stride)
        } else {
            copy_patch(&mut self.patch, side, plane, (y, x), (h, w));
            (&self.patch[..], MAX_A * LANES)
        };
        // SAFETY: `side` rows and columns of the source lie in its slice; the sink is the caller's.
        unsafe { input_tile::<S, P, F, K, UPSAMPLED>(s, source.0.as_ptr(), source.1, sink) };
    }
}

/// Elements of a patch.
const PATCH: usize = MAX_A * MAX_A * LANES;
/// The pixels that a tile at the edge reads, zero beyond the map.
type Patch<P> = [P; PATCH];

/// Copies what lies in the plane of the `side` × `side` pixels from `(y, x)`; the rest is zero.
#[inline(always)]
fn copy_patch<P: Element>(patch: &mut Patch<P>, side: usize, plane: &[P], (y, x): (usize, usize), (h, w): (usize, usize)) {
    patch.fill(P::ZERO);
    let columns = side.min(w - x) * LANES;
    for i in 0..side.min(h - y) {
        patch[i * MAX_A * LANES..][..columns].copy_from_slice(&plane[((y + i) * w + x) * LANES..][..columns]);
    }
}

#[inline(always)]
unsafe fn input_tile<S: Simd, P: Element, F: Filtering, K: Sink<S>, const UPSAMPLED: bool>(
    s: S,
    d: *const P,
    row: usize,
    sink: &mut K,
) {
    let from = if UPSAMPLED { [0, 1, 1, 2, 2, 3] } else { [0, 1, 2, 3, 4, 5] };
    let mut half = Half::new();
    for j in 0..F::A {
        let mut column = [s.zero(); MAX_A];
        for i in 0..F::A {
            // SAFETY: the caller's.
            column[i] = unsafe { P::load(s, d.add(from[i] * row + from[j] * LANES)) };
        }
        half.put(j, F::input(s, column), F::A);
    }
    for i in 0..F::A {
        // SAFETY: all columns have been put.
        let row = F::input(s, unsafe { half.row(i, F::A, s.zero(), None) });
        for j in 0..F::A {
            if UPSAMPLED && F::VANISHING.is_some_and(|v| i == v || j == v) {
                continue;
            }
            // SAFETY: the caller's.
            unsafe { sink.put(s, i * F::A + j, row[j]) };
        }
    }
}

/// `A dy Aᵀ` of the m × m pixels of some tiles of one block of an output's gradient.
pub struct GradientTiles<'a, P, F, L> {
    pub filtering: PhantomData<F>,
    pub map: Blocked<'a, P>,
    pub block: usize,
    /// Whether the components that vanish for an upsampled input are skipped.
    pub skip: bool,
    pub grid: Grid,
    pub tiles: Range<usize>,
    /// Receives the components, a row a tile; valid for all of them.
    pub out: L,
}

impl<P: Element, F: Filtering, L: Layout> Kernel for GradientTiles<'_, P, F, L> {
    type Output = ();
    const BF16: bool = L::BF16;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (out, count) = (self.out, self.tiles.len());
        // SAFETY: `out` is valid for a row of every tile.
        unsafe { out.fill(simd, &mut GradientRows { work: self, patch: [P::ZERO; PATCH] }, count) };
    }
}

/// The tiles of [`GradientTiles`] one by one.
struct GradientRows<'a, P, F, L> {
    work: GradientTiles<'a, P, F, L>,
    patch: Patch<P>,
}

impl<P: Element, F: Filtering, L: Layout> Rows for GradientRows<'_, P, F, L> {
    const COMPONENTS: usize = F::A * F::A;

    #[inline(always)]
    unsafe fn transform<S: Simd, K: Sink<S>>(&mut self, s: S, row: usize, sink: &mut K) {
        let GradientTiles { map, block, grid, tiles, skip, .. } = &self.work;
        let shape = map.shape();
        let (sample, y, x) = grid.corner(tiles.start + row);
        let plane = map.plane(sample, *block);
        let source = if y + F::M <= shape.h && x + F::M <= shape.w {
            (&plane[shape.pixel(y, x)..], shape.row())
        } else {
            copy_patch(&mut self.patch, F::M, plane, (y + 1, x + 1), (shape.h + 2, shape.w + 2));
            (&self.patch[..], MAX_A * LANES)
        };
        // SAFETY: m rows and columns of the source lie in its slice; the sink is the caller's.
        unsafe { gradient_tile::<S, P, F, K>(s, source.0.as_ptr(), source.1, *skip, sink) };
    }
}

#[inline(always)]
unsafe fn gradient_tile<S: Simd, P: Element, F: Filtering, K: Sink<S>>(s: S, y: *const P, row: usize, skip: bool, sink: &mut K) {
    let mut half = Half::new();
    for j in 0..F::M {
        let mut column = [s.zero(); MAX_M];
        for i in 0..F::M {
            // SAFETY: the caller's.
            column[i] = unsafe { P::load(s, y.add(i * row + j * LANES)) };
        }
        half.put(j, F::output_gradient(s, column), F::A);
    }
    for i in 0..F::A {
        // SAFETY: all columns have been put.
        let row = F::output_gradient(s, unsafe { half.row(i, F::M, s.zero(), None) });
        for j in 0..F::A {
            if skip && F::VANISHING.is_some_and(|v| i == v || j == v) {
                continue;
            }
            // SAFETY: the caller's.
            unsafe { sink.put(s, i * F::A + j, row[j]) };
        }
    }
}

/// `Aᵀ m A`, finished: from components to the m × m outputs of some tiles of one block, or to the sums of their 2×2.
pub struct OutputTiles<'a, P, F> {
    pub filtering: PhantomData<F>,
    /// (component, tile, 16), and the stride between components; valid for all of it.
    pub components: (*const f32, usize),
    pub resample: Resample,
    pub grid: Grid,
    pub tiles: Range<usize>,
    pub finish: FinishBlock,
    /// No other task may write these tiles of it.
    pub target: &'a Target<P>,
}

impl<P: Element, F: Filtering> Kernel for OutputTiles<'_, P, F> {
    type Output = ();
    const BF16: bool = P::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.resample {
            Resample::None => self.transform::<S, false, false>(simd),
            Resample::Upsampled => self.transform::<S, true, false>(simd),
            Resample::Pooled => self.transform::<S, true, true>(simd),
        }
    }
}

impl<P: Element, F: Filtering> OutputTiles<'_, P, F> {
    #[inline(always)]
    fn transform<S: Simd, const SKIP: bool, const POOLED: bool>(self, s: S) {
        let (side, scale) = if POOLED { (F::M / 2, 2) } else { (F::M, 1) };
        let shape = self.target.shape;
        let finish = self.finish.load(s);
        for (i, tile) in self.tiles.clone().enumerate() {
            let (sample, y, x) = self.grid.corner(tile);
            let (y, x) = (y / scale, x / scale);
            // SAFETY: the components of tile `i` are valid.
            let half = unsafe { output_columns::<S, F, SKIP, POOLED>(s, self.components.0.add(i * LANES), self.components.1) };
            let (rows, columns) = (side.min(shape.h - y), side.min(shape.w - x));
            for r in 0..side {
                // SAFETY: the columns have been put.
                let row = unsafe { half.row(r, F::A, s.zero(), vanishing::<F, SKIP>()) };
                let row = if POOLED { F::pooled_output(s, row) } else { F::output(s, row) };
                for c in 0..side {
                    if r < rows && c < columns {
                        let value = finish.of(s, row[c]);
                        // SAFETY: the pixel is within the map, and only this task writes it.
                        unsafe { P::store(s, self.target.pixel(sample, y + r, x + c), value) };
                    }
                }
            }
        }
    }
}

/// The component that is not there.
#[inline(always)]
fn vanishing<F: Filtering, const SKIP: bool>() -> Option<usize> {
    if SKIP { F::VANISHING } else { None }
}

/// The columns of `Aᵀ m A`, but for one that vanishes.
#[inline(always)]
unsafe fn output_columns<S: Simd, F: Filtering, const SKIP: bool, const POOLED: bool>(
    s: S,
    m: *const f32,
    stride: usize,
) -> Half<S::V> {
    let mut half = Half::new();
    for j in 0..F::A {
        if vanishing::<F, SKIP>() == Some(j) {
            continue;
        }
        let mut column = [s.zero(); MAX_A];
        for i in 0..F::A {
            if vanishing::<F, SKIP>() != Some(i) {
                // SAFETY: the caller's.
                column[i] = unsafe { s.load(m.add((i * F::A + j) * stride)) };
            }
        }
        let column = if POOLED { F::pooled_output(s, column) } else { F::output(s, column) };
        half.put(j, column, if POOLED { F::M / 2 } else { F::M });
    }
    half
}
