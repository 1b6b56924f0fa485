//! Max pooling 2×2 of stride 2, and its gradient added to one that is there already.

use super::scratch::Shared;
use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::strips::{Strip, Strips};
use super::{Blocked, Shape};

/// The largest of every 2×2 square; a NaN counts as largest. A last odd row or column is left out.
///
/// # Panics
/// If a side is shorter than 2.
pub fn max<E: Element>(level: Level, x: Blocked<E>) -> (Vec<E>, Shape) {
    let from = x.shape();
    let shape = Shape { h: from.h / 2, w: from.w / 2, ..from };
    let write = |strip: Strip, out: *mut E| level.run(Max { x, shape, strip, out });
    // SAFETY: `Max` writes every pixel of its strip.
    (unsafe { Strips::of(shape).make(write) }, shape)
}

/// Adds each `dy` to the place in `dx` of the first largest number of its square, in reading order.
///
/// # Panics
/// If `dx` is not as long as `x`.
pub fn add_gradient<E: Element>(level: Level, dy: Blocked<E>, x: Blocked<E>, y: Blocked<E>, dx: &mut [E]) {
    assert_eq!(dx.len(), x.data().len(), "elements of the gradient");
    let dx = Shared(dx.as_mut_ptr());
    // Strips of the pooled map: the squares below them overlap nobody else's.
    Strips::of(y.shape()).map(|strip| level.run(AddGradient { dy, x, y, dx, strip }));
}

struct Max<'a, E> {
    x: Blocked<'a, E>,
    shape: Shape,
    strip: Strip,
    out: *mut E,
}

/// Places of the four pixels of a square within the plane of the unpooled map.
#[inline(always)]
fn square(from: Shape, y: usize, x: usize) -> [usize; 4] {
    let upper = from.pixel(2 * y, 2 * x);
    [upper, upper + LANES, upper + from.row(), upper + from.row() + LANES]
}

impl<E: Element> Kernel for Max<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (from, blocks) = (self.x.shape(), self.x.shape().blocks());
        let plane = self.x.plane(self.strip.plane / blocks, self.strip.plane % blocks);
        for y in self.strip.rows {
            for x in 0..self.shape.w {
                let places = square(from, y, x);
                // SAFETY: the slice has 16 elements.
                let mut largest = unsafe { E::load(s, plane[places[0]..][..LANES].as_ptr()) };
                for k in 1..4 {
                    // SAFETY: the slice has 16 elements.
                    let next = unsafe { E::load(s, plane[places[k]..][..LANES].as_ptr()) };
                    // A number that is not greater leaves what is there.
                    let stays = s.and_not(s.eq(next, next), s.gt(next, largest));
                    largest = s.select(stays, largest, next);
                }
                // SAFETY: the pixel lies in the plane and is this task's alone.
                unsafe { E::store(s, self.out.add(self.shape.pixel(y, x)), largest) };
            }
        }
    }
}

struct AddGradient<'a, E> {
    dy: Blocked<'a, E>,
    x: Blocked<'a, E>,
    y: Blocked<'a, E>,
    dx: Shared<E>,
    strip: Strip,
}

impl<E: Element> Kernel for AddGradient<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (from, shape, blocks) = (self.x.shape(), self.y.shape(), self.y.shape().blocks());
        let (sample, block) = (self.strip.plane / blocks, self.strip.plane % blocks);
        let (x_plane, y_plane, dy_plane) =
            (self.x.plane(sample, block), self.y.plane(sample, block), self.dy.plane(sample, block));
        // SAFETY: the plane lies in the gradient, which is as large as x.
        let dx_plane = unsafe { self.dx.at(self.strip.plane * from.plane()) };
        for y in self.strip.rows {
            for x in 0..shape.w {
                let (place, places) = (shape.pixel(y, x), square(from, y, x));
                // SAFETY: both slices have 16 elements.
                let (largest, dy) =
                    unsafe { (E::load(s, y_plane[place..][..LANES].as_ptr()), E::load(s, dy_plane[place..][..LANES].as_ptr())) };
                let mut open = s.all();
                for k in 0..4 {
                    // SAFETY: the slice has 16 elements, and the same place of the gradient is this task's alone.
                    unsafe {
                        let x = E::load(s, x_plane[places[k]..][..LANES].as_ptr());
                        // A number that differs from the largest is passed over; a NaN is not.
                        let passed = s.and_not(s.eq(x, x), s.eq(x, largest));
                        let share = s.select(s.and_not(open, passed), dy, s.zero());
                        open = s.and(open, passed);
                        let dx = dx_plane.add(places[k]);
                        E::store(s, dx, s.add(E::load(s, dx), share));
                    }
                }
            }
        }
    }
}
