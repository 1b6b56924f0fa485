//! Filters in PyTorch's layout `(out, in, 3, 3)` to and from their Winograd components, block by block of 16 × 16 channels.
//!
//! They are read and written in place, with 16 × 16 transposes in registers, so that nobody keeps a second, packed copy.

use super::Resample;
use super::components::{Layout, Rows, Sink};
use super::matrices::{Filtering, Half, MAX_A};
use crate::blocked::simd::{Kernel, LANES, Simd};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Elements of the nine taps of 16 input channels.
const TAPS: usize = 9 * LANES;
/// A block of filters: `(16 inputs, 9 taps, 16 outputs)`.
type Block = [f32; TAPS * LANES];

/// Which filters form a block: at most 16 output channels by at most 16 input channels of `(out, in, 3, 3)`.
#[derive(Debug, Clone)]
pub struct FilterRange {
    pub outputs: Range<usize>,
    pub inputs: Range<usize>,
    /// Input channels of the whole convolution.
    pub in_channels: usize,
}

impl FilterRange {
    /// Where the taps of output channel `i` of the block start, and how many elements they are.
    #[inline(always)]
    fn row(&self, i: usize) -> (usize, usize) {
        (((self.outputs.start + i) * self.in_channels + self.inputs.start) * 9, self.inputs.len() * 9)
    }
}

/// `G g Gᵀ` of one block: a row of 16 resulting channels for each summed one; unused ones are zero.
pub struct FilterTiles<'a, F, L> {
    pub filtering: PhantomData<F>,
    pub weights: &'a [f32],
    pub range: FilterRange,
    /// Whether taps are turned by 180° and the sum goes over output channels: the filters of the input's gradient.
    pub turned: bool,
    pub resample: Resample,
    /// Receives the components; valid for all of them.
    pub out: L,
}

impl<F: Filtering, L: Layout> Kernel for FilterTiles<'_, F, L> {
    type Output = ();
    const BF16: bool = L::BF16;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (mut block, mut turned) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        let mut block = load_block(s, self.weights, &self.range, &mut block);
        if self.turned {
            block = turn(s, block, &mut turned);
        }
        let mut rows = FilterRows { filtering: self.filtering, block, skip: self.resample != Resample::None };
        // SAFETY: `out` is valid for every row.
        unsafe { self.out.fill(s, &mut rows, LANES) };
    }
}

/// The filters of a block, one summed channel after the other.
struct FilterRows<'a, F> {
    filtering: PhantomData<F>,
    block: &'a Block,
    /// Whether the components that vanish for an upsampled input are skipped.
    skip: bool,
}

impl<F: Filtering> Rows for FilterRows<'_, F> {
    const COMPONENTS: usize = F::A * F::A;

    #[inline(always)]
    unsafe fn transform<S: Simd, K: Sink<S>>(&mut self, s: S, row: usize, sink: &mut K) {
        // SAFETY: the caller's.
        unsafe { filter_tile::<S, F, K>(s, self.block, row, self.skip, sink) };
    }
}

/// Reads a block as `(16 inputs, 9 taps, 16 outputs)`.
#[inline(always)]
fn load_block<'a, S: Simd>(s: S, weights: &[f32], range: &FilterRange, block: &'a mut MaybeUninit<Block>) -> &'a Block {
    let mut padded = MaybeUninit::<Block>::uninit();
    let rows: *mut f32 = padded.as_mut_ptr().cast();
    if range.outputs.len() < LANES || range.inputs.len() < LANES {
        // SAFETY: zeros of all bits are f32.
        unsafe { padded.as_mut_ptr().write_bytes(0, 1) };
    }
    // Copied even where whole: rows lie far apart, often at a multiple of 4 KB, where they would evict each other.
    for i in 0..range.outputs.len() {
        let (start, len) = range.row(i);
        // SAFETY: at most sixteen rows of 144.
        unsafe { std::ptr::copy_nonoverlapping(weights[start..][..len].as_ptr(), rows.add(i * TAPS), len) };
    }
    let to: *mut f32 = block.as_mut_ptr().cast();
    for tap in 0..9 {
        // SAFETY: `padded` has sixteen rows of 144, all written, the block 144 rows of 16.
        unsafe { transpose(s, rows.add(tap * LANES), TAPS, to.add(tap * LANES * LANES), LANES) };
    }
    // SAFETY: nine times sixteen rows of 16 are all of it.
    unsafe { block.assume_init_ref() }
}

/// `(16 inputs, 9 taps, 16 outputs)` becomes `(16 outputs, 9 taps from last to first, 16 inputs)`.
#[inline(always)]
fn turn<'a, S: Simd>(s: S, block: &Block, turned: &'a mut MaybeUninit<Block>) -> &'a Block {
    let to: *mut f32 = turned.as_mut_ptr().cast();
    for tap in 0..9 {
        // SAFETY: each tap is sixteen rows of 16 at stride 144 in both blocks.
        unsafe { transpose(s, block.as_ptr().add(tap * LANES), TAPS, to.add((8 - tap) * LANES), TAPS) };
    }
    // SAFETY: the nine taps are all of it.
    unsafe { turned.assume_init_ref() }
}

#[inline(always)]
unsafe fn transpose<S: Simd>(s: S, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    let mut rows = [s.zero(); LANES];
    for i in 0..LANES {
        // SAFETY: the caller's.
        rows[i] = unsafe { s.load(from.add(i * from_stride)) };
    }
    let columns = s.transpose(rows);
    for i in 0..LANES {
        // SAFETY: the caller's.
        unsafe { s.store(to.add(i * to_stride), columns[i]) };
    }
}

#[inline(always)]
unsafe fn filter_tile<S: Simd, F: Filtering, K: Sink<S>>(s: S, block: &Block, i: usize, skip: bool, sink: &mut K) {
    // SAFETY: row `i` of the block has nine taps of 16.
    let tap = |k: usize| unsafe { block.as_ptr().add((i * 9 + k) * LANES) };
    let mut half = Half::new();
    for j in 0..3 {
        // SAFETY: as above.
        let column = unsafe { [s.load(tap(j)), s.load(tap(3 + j)), s.load(tap(6 + j))] };
        half.put(j, F::filter(s, column), F::A);
    }
    for k in 0..F::A {
        // SAFETY: all columns have been put.
        let row = F::filter(s, unsafe { half.row(k, 3, s.zero(), None) });
        for l in 0..F::A {
            if skip && F::VANISHING.is_some_and(|v| k == v || l == v) {
                continue;
            }
            // SAFETY: the caller's.
            unsafe { sink.put(s, k * F::A + l, row[l]) };
        }
    }
}

/// `Gᵀ m G` of one block of summed components, `(component, 16 inputs, 16 outputs)`, to its place in the weights' gradient.
pub struct FilterGradient<F> {
    pub filtering: PhantomData<F>,
    /// First component and the stride between them; valid for all of it.
    pub components: (*const f32, usize),
    pub resample: Resample,
    pub range: FilterRange,
    /// `(out, in, 3, 3)`; no other task may write this place of it.
    pub out: *mut f32,
}

impl<F: Filtering> Kernel for FilterGradient<F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (mut block, mut rows) = (MaybeUninit::<Block>::uninit(), MaybeUninit::<Block>::uninit());
        let (block, rows): (*mut f32, *mut f32) = (block.as_mut_ptr().cast(), rows.as_mut_ptr().cast());
        let skip = self.resample != Resample::None;
        for i in 0..LANES {
            // SAFETY: row `i` of every component is valid, and the block has sixteen of nine taps.
            unsafe {
                filter_gradient_tile::<S, F>(s, self.components.0.add(i * LANES), self.components.1, skip, block.add(i * TAPS))
            };
        }
        for tap in 0..9 {
            // SAFETY: the block has 144 rows of 16, all written, `rows` sixteen of 144.
            unsafe { transpose(s, block.add(tap * LANES * LANES), LANES, rows.add(tap * LANES), TAPS) };
        }
        for i in 0..self.range.outputs.len() {
            let (start, len) = self.range.row(i);
            // SAFETY: all rows are written; the place lies in the gradient, and only this task writes it.
            unsafe { std::ptr::copy_nonoverlapping(rows.add(i * TAPS), self.out.add(start), len) };
        }
    }
}

/// Writes nine taps of 16.
#[inline(always)]
unsafe fn filter_gradient_tile<S: Simd, F: Filtering>(s: S, m: *const f32, stride: usize, skip: bool, taps: *mut f32) {
    let mut half = Half::new();
    for l in 0..F::A {
        let mut column = [s.zero(); MAX_A];
        for k in 0..F::A {
            if !(skip && F::VANISHING.is_some_and(|v| k == v || l == v)) {
                // SAFETY: the caller's.
                column[k] = unsafe { s.load(m.add((k * F::A + l) * stride)) };
            }
        }
        half.put(l, F::filter_gradient(s, column), 3);
    }
    for k in 0..3 {
        // SAFETY: all columns have been put.
        let row = F::filter_gradient(s, unsafe { half.row(k, F::A, s.zero(), None) });
        for l in 0..3 {
            // SAFETY: the caller's.
            unsafe { s.store(taps.add((k * 3 + l) * LANES), row[l]) };
        }
    }
}
