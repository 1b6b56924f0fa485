//! Maps that are yet to be written: the border is zeroed, the interior is as the allocator gave it.

use super::layout::Shape;
use super::scratch::{Shared, assume_initialised, uninitialised};
use super::simd::{Element, LANES};
use super::strips::{Strip, Strips};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Elements of a map whose border is worth more than one thread.
const LARGE: usize = 1 << 16;

/// Zeroes the border left and right of some rows of the interior of a plane; with the first row also what is above, with the last what is below.
///
/// # Safety
/// `plane` must point to a whole plane of a map of this size, in which no other task writes the same border.
unsafe fn zero_border<E: Element>(shape: Shape, rows: Range<usize>, plane: *mut E) {
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
    fn bare(shape: Shape) -> Self {
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
    /// All 16 lanes of every interior pixel must have been written; of a bare map also the border.
    pub unsafe fn assume_written(self) -> Vec<E> {
        // SAFETY: `new` has zeroed the border, and the caller says that the rest was written.
        unsafe { assume_initialised(self.data) }
    }
}

impl Strips {
    /// Makes a map of the size by calling `write` with the row before which the first of each strip's rows goes: a pointer to
    /// the plane.
    ///
    /// # Safety
    /// `write` must write all 16 lanes of every interior pixel of its strip, and nothing else.
    pub unsafe fn make<E: Element>(&self, write: impl Fn(Strip, *mut E) + Sync) -> Vec<E> {
        let mut out = Unwritten::<E>::bare(self.shape());
        let target: Shared<E> = out.shared();
        self.map(|strip| {
            // SAFETY: the plane lies in the map; the border beside the strip is this task's alone.
            let plane = unsafe {
                let plane = target.at(strip.plane * self.shape().plane());
                zero_border(self.shape(), strip.rows.clone(), plane);
                plane
            };
            write(strip, plane);
        });
        // SAFETY: the strips are the whole interior and have the whole border, and the caller's closure writes the interior.
        unsafe { out.assume_written() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_is_zeroed_and_nothing_else() {
        let shape = Shape { n: 1, c: 9, h: 5, w: 3 };
        let mut plane = vec![1f32; shape.len()];
        for rows in [0..2, 2..4, 4..5] {
            // SAFETY: it is a whole plane.
            unsafe { zero_border(shape, rows, plane.as_mut_ptr()) };
        }
        for (at, value) in plane.iter().enumerate() {
            let (y, x) = (at / shape.row(), at % shape.row() / LANES);
            let inside = (1..=shape.h).contains(&y) && (1..=shape.w).contains(&x);
            assert_eq!(*value, if inside { 1.0 } else { 0.0 }, "row {y}, column {x}");
        }
    }

    #[test]
    fn an_unwritten_map_has_a_zero_border() {
        let large = Shape { n: 2, c: 20, h: 40, w: 30 };
        assert!(large.len() > LARGE);
        for shape in [Shape { n: 2, c: 20, h: 4, w: 3 }, large] {
            let mut map = Unwritten::<f32>::new(shape);
            for plane in 0..4 {
                for (y, x) in (0..shape.h).flat_map(|y| (0..shape.w).map(move |x| (y, x))) {
                    let at = plane * shape.plane() + shape.pixel(y, x);
                    map.data[at..at + LANES].fill(MaybeUninit::new(1.0));
                }
            }
            // SAFETY: every interior pixel has just been written.
            let data = unsafe { map.assume_written() };
            let interior = 4 * shape.h * shape.w * LANES;
            let ones = data.iter().filter(|v| **v == 1.0).count();
            let zeros = data.iter().filter(|v| **v == 0.0).count();
            assert_eq!((ones, zeros), (interior, shape.len() - interior));
        }
    }
}
