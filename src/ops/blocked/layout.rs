//! Where a pixel of a blocked map lies, how maps are made, and the way to and from `(n, c, h, w)`.

use super::scratch::{Shared, assume_initialised, uninitialised};
use super::simd::{Element, LANES};
use super::strips::Strips;
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Size of a map: batch, channels, height and width of the interior, each at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Samples.
    pub n: usize,
    /// Channels that mean something; the lanes up to the next multiple of 16 are zero.
    pub c: usize,
    /// Rows, without the border.
    pub h: usize,
    /// Columns, without the border.
    pub w: usize,
}

impl Shape {
    /// Blocks of 16 channels a sample.
    pub fn blocks(&self) -> usize {
        self.c.div_ceil(LANES)
    }

    /// Elements of a row of a plane, border included.
    pub fn row(&self) -> usize {
        (self.w + 2) * LANES
    }

    /// Elements of a plane: one block of one sample, border included.
    pub fn plane(&self) -> usize {
        (self.h + 2) * self.row()
    }

    /// Elements of the map.
    pub fn len(&self) -> usize {
        self.n * self.blocks() * self.plane()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the 16 channels of interior pixel `(y, x)` start within a plane.
    #[inline(always)]
    pub fn pixel(&self, y: usize, x: usize) -> usize {
        (y + 1) * self.row() + (x + 1) * LANES
    }
}

/// A map to read.
#[derive(Debug, Clone, Copy)]
pub struct Blocked<'a, E = f32> {
    shape: Shape,
    data: &'a [E],
}

impl<'a, E> Blocked<'a, E> {
    /// A view of `data`, whose border and unused lanes must be zero for results to be right.
    ///
    /// # Panics
    /// If `data` has not [`Shape::len`] elements, or none.
    pub fn new(shape: Shape, data: &'a [E]) -> Self {
        assert!(!shape.is_empty(), "a map of {shape:?} has no element");
        assert_eq!(data.len(), shape.len(), "elements of a blocked map of {shape:?}");
        Self { shape, data }
    }

    /// Its size.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Every element, in memory order.
    pub fn data(&self) -> &'a [E] {
        self.data
    }

    /// The plane of one block of one sample.
    pub fn plane(&self, sample: usize, block: usize) -> &'a [E] {
        let len = self.shape.plane();
        &self.data[(sample * self.shape.blocks() + block) * len..][..len]
    }
}

/// Elements of a map whose border is worth more than one thread.
const LARGE: usize = 1 << 16;

/// Zeroes the border left and right of some rows of the interior of a plane; with the first row also what is above, with the last what is below.
///
/// # Safety
/// `plane` must point to a whole plane of a map of this size, in which no other task writes the same border.
pub unsafe fn zero_border<E: Element>(shape: Shape, rows: Range<usize>, plane: *mut E) {
    // SAFETY: the caller's; zeros of all bits are the number 0.
    let zero = |at: usize, len: usize| unsafe { plane.add(at).write_bytes(0, len) };
    if rows.start == 0 {
        zero(0, shape.row());
    }
    for y in rows.clone() {
        zero(shape.pixel(y, 0) - LANES, LANES);
        zero(shape.pixel(y, shape.w), LANES);
    }
    if rows.end == shape.h {
        zero(shape.pixel(shape.h, 0) - LANES, shape.row());
    }
}

/// A map whose border is zero and whose interior is yet to be written.
///
/// The interior is left as the allocator gave it, which saves a pass over memory.
pub struct Unwritten<E = f32> {
    shape: Shape,
    data: Vec<MaybeUninit<E>>,
}

impl<E: Element> Unwritten<E> {
    /// Allocates a map and zeroes its border, at the same time in many places if it is large: whoever touches a page of memory first waits for
    /// the system to clear it.
    pub fn new(shape: Shape) -> Self {
        let mut map = Self::bare(shape);
        let target: Shared<E> = map.shared();
        // SAFETY: the plane lies in the map, and each task has rows of its own.
        let zero = |plane: usize, rows| unsafe { zero_border(shape, rows, target.at(plane * shape.plane())) };
        if shape.len() < LARGE {
            (0..shape.n * shape.blocks()).for_each(|plane| zero(plane, 0..shape.h));
        } else {
            Strips::of(shape).map(|strip| zero(strip.plane, strip.rows));
        }
        map
    }

    /// A map whose border is yet to be zeroed too.
    pub fn bare(shape: Shape) -> Self {
        Self { shape, data: uninitialised(shape.len()) }
    }

    /// Its size.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where its first element lies, for kernels to write to.
    pub fn as_mut_ptr(&mut self) -> *mut E {
        self.data.as_mut_ptr().cast()
    }

    /// The pointer for tasks that write different parts at the same time.
    pub fn shared(&mut self) -> Shared<E> {
        Shared(self.as_mut_ptr())
    }

    /// The finished map.
    ///
    /// # Safety
    /// All 16 lanes of every interior pixel must have been written; of a [bare](Self::bare) map also the border.
    pub unsafe fn assume_written(self) -> Vec<E> {
        // SAFETY: `new` has zeroed the border, and the caller says that the rest was written.
        unsafe { assume_initialised(self.data) }
    }
}

/// Puts `(n, c, h, w)` into blocks.
///
/// # Panics
/// If `nchw` has not n·c·h·w elements.
pub fn pack<E: Element>(nchw: &[f32], shape: Shape) -> Vec<E> {
    assert_eq!(nchw.len(), shape.n * shape.c * shape.h * shape.w, "elements of {shape:?}");
    let mut out = vec![E::ZERO; shape.len()];
    out.par_chunks_exact_mut(shape.plane()).enumerate().for_each(|(plane, out)| {
        for (lane, channel) in channels_of(plane, shape).enumerate() {
            let rows = nchw[channel * shape.h * shape.w..].chunks_exact(shape.w).take(shape.h);
            for (y, row) in rows.enumerate() {
                let pixels = out[shape.pixel(y, 0)..].chunks_exact_mut(LANES);
                pixels.zip(row).for_each(|(pixel, value)| pixel[lane] = E::of(*value));
            }
        }
    });
    out
}

/// Takes a map out of its blocks, as `(n, c, h, w)`.
pub fn unpack<E: Element>(map: Blocked<E>) -> Vec<f32> {
    let shape = map.shape;
    let mut out = vec![0.0; shape.n * shape.c * shape.h * shape.w];
    out.par_chunks_exact_mut(shape.h * shape.w).enumerate().for_each(|(channel, out)| {
        let (sample, channel) = (channel / shape.c, channel % shape.c);
        let plane = map.plane(sample, channel / LANES);
        for (y, row) in out.chunks_exact_mut(shape.w).enumerate() {
            let pixels = plane[shape.pixel(y, 0)..].chunks_exact(LANES);
            row.iter_mut().zip(pixels).for_each(|(value, pixel)| *value = pixel[channel % LANES].wide());
        }
    });
    out
}

/// The channels of a plane, as numbers within all samples' channels, in the order of their lanes.
fn channels_of(plane: usize, shape: Shape) -> std::ops::Range<usize> {
    let (sample, block) = (plane / shape.blocks(), plane % shape.blocks());
    let first = sample * shape.c;
    first + block * LANES..first + shape.c.min((block + 1) * LANES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_puts_each_pixel_in_its_lane_and_unpack_takes_it_back() {
        let shape = Shape { n: 2, c: 17, h: 3, w: 5 };
        let nchw: Vec<f32> = (1..=2 * 17 * 3 * 5).map(|i| i as f32).collect();
        let packed: Vec<f32> = pack(&nchw, shape);
        let map = Blocked::new(shape, &packed);
        assert_eq!(map.plane(1, 1)[shape.pixel(2, 4)], nchw[((17 + 16) * 3 + 2) * 5 + 4]);
        assert_eq!(packed.iter().filter(|x| **x != 0.0).count(), nchw.len());
        assert_eq!(unpack(map), nchw);
    }

    #[test]
    fn an_unwritten_map_has_a_zero_border() {
        let shape = Shape { n: 2, c: 20, h: 4, w: 3 };
        let mut map = Unwritten::<f32>::new(shape);
        for plane in 0..4 {
            for (y, x) in (0..4).flat_map(|y| (0..3).map(move |x| (y, x))) {
                let at = plane * shape.plane() + shape.pixel(y, x);
                map.data[at..at + LANES].fill(MaybeUninit::new(1.0));
            }
        }
        // SAFETY: every interior pixel has just been written.
        let data = unsafe { map.assume_written() };
        let ones = data.iter().filter(|v| **v == 1.0).count();
        let zeros = data.iter().filter(|v| **v == 0.0).count();
        assert_eq!((ones, zeros), (4 * 12 * LANES, shape.len() - 4 * 12 * LANES));
    }
}
