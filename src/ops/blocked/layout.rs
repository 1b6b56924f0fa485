//! Where a pixel of a blocked map lies, and the way to and from `(n, c, h, w)`.

use super::simd::{Element, LANES};
use rayon::prelude::*;

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
}
