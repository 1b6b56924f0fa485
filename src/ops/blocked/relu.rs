//! Rectified linear unit.

use super::Blocked;
use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::strips::{Strip, Strips};

/// `max(x, 0)`; NaN stays NaN.
pub fn forward<E: Element>(level: Level, x: Blocked<E>) -> Vec<E> {
    run(level, x, x)
}

/// `dy` where x is above 0 or NaN.
pub fn gradient<E: Element>(level: Level, dy: Blocked<E>, x: Blocked<E>) -> Vec<E> {
    run(level, dy, x)
}

fn run<E: Element>(level: Level, value: Blocked<E>, x: Blocked<E>) -> Vec<E> {
    let write = |strip: Strip, out: *mut E| level.run(Gate { value, x, strip, out });
    // SAFETY: `Gate` writes every pixel of its strip.
    unsafe { Strips::of(x.shape()).make(write) }
}

/// `value` where x is not 0 or less.
struct Gate<'a, E> {
    value: Blocked<'a, E>,
    x: Blocked<'a, E>,
    strip: Strip,
    out: *mut E,
}

impl<E: Element> Kernel for Gate<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, blocks) = (self.x.shape(), self.x.shape().blocks());
        let (sample, block) = (self.strip.plane / blocks, self.strip.plane % blocks);
        let (values, x_plane) = (self.value.plane(sample, block), self.x.plane(sample, block));
        for y in self.strip.rows {
            let place = shape.pixel(y, 0);
            let pixels = values[place..][..shape.w * LANES].chunks_exact(LANES).zip(x_plane[place..].chunks_exact(LANES));
            for (i, (value, x)) in pixels.enumerate() {
                // SAFETY: chunks have 16 elements; the pixel of the output lies in the plane and is this task's alone.
                unsafe {
                    let x = E::load(s, x.as_ptr());
                    let passes = s.and_not(s.and_not(s.all(), s.gt(s.zero(), x)), s.eq(s.zero(), x));
                    E::store(s, self.out.add(place + i * LANES), s.select(passes, E::load(s, value.as_ptr()), s.zero()));
                }
            }
        }
    }
}
