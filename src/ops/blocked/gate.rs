//! A map times one number a pixel, and its gradients.

use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::strips::{Strip, Strips};
use super::{Blocked, Shape};
use rayon::prelude::*;

/// `x · factors`, the factors being (n, h, w): every channel of a pixel times the pixel's factor.
///
/// # Panics
/// If there is not one factor a pixel.
pub fn forward<E: Element>(level: Level, x: Blocked<E>, factors: &[f32]) -> Vec<E> {
    let shape = x.shape();
    assert_eq!(factors.len(), shape.n * shape.h * shape.w, "factors of {shape:?}");
    let write = |strip: Strip, out: *mut E| level.run(Scale { x, factors, strip, out });
    // SAFETY: `Scale` writes every pixel of its strip.
    unsafe { Strips::of(shape).make(write) }
}

/// The gradient of the factors, (n, h, w): `Σ dy · x` over the channels of a pixel.
pub fn factor_gradient<E: Element>(level: Level, dy: Blocked<E>, x: Blocked<E>) -> Vec<f32> {
    let shape = x.shape();
    let mut gradient = vec![0.0; shape.n * shape.h * shape.w];
    gradient.par_chunks_mut(shape.w).enumerate().for_each(|(row, out)| {
        level.run(Sums { dy, x, sample: row / shape.h, y: row % shape.h, out });
    });
    gradient
}

struct Scale<'a, E> {
    x: Blocked<'a, E>,
    factors: &'a [f32],
    strip: Strip,
    out: *mut E,
}

impl<E: Element> Kernel for Scale<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, blocks): (Shape, usize) = (self.x.shape(), self.x.shape().blocks());
        let (sample, block) = (self.strip.plane / blocks, self.strip.plane % blocks);
        let plane = self.x.plane(sample, block);
        for y in self.strip.rows {
            let factors = &self.factors[(sample * shape.h + y) * shape.w..][..shape.w];
            for (x, factor) in factors.iter().enumerate() {
                let place = shape.pixel(y, x);
                let pixel = &plane[place..][..LANES];
                // SAFETY: the slice has 16 elements; the pixel of the output lies in the plane and is this task's alone.
                unsafe { E::store(s, self.out.add(place), s.mul(E::load(s, pixel.as_ptr()), s.splat(*factor))) };
            }
        }
    }
}

struct Sums<'a, E> {
    dy: Blocked<'a, E>,
    x: Blocked<'a, E>,
    sample: usize,
    y: usize,
    out: &'a mut [f32],
}

impl<E: Element> Kernel for Sums<'_, E> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let shape = self.x.shape();
        for (x, out) in self.out.iter_mut().enumerate() {
            let mut sum = s.zero();
            let place = shape.pixel(self.y, x);
            for block in 0..shape.blocks() {
                let (a, b) = (self.dy.plane(self.sample, block), self.x.plane(self.sample, block));
                let (a, b) = (&a[place..][..LANES], &b[place..][..LANES]);
                // SAFETY: both slices have 16 elements.
                unsafe { sum = s.fma(E::load(s, a.as_ptr()), E::load(s, b.as_ptr()), sum) };
            }
            *out = s.sum(sum);
        }
    }
}
