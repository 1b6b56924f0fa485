//! How element-wise kernels cut a map: into strips of whole rows of one plane, about as long as a level-1 cache.

use super::layout::Shape;
use super::simd::LANES;
use rayon::prelude::*;
use std::ops::Range;

/// Elements of a strip, about: 32 KiB in f32.
const LENGTH: usize = 1 << 13;

/// Some rows of one plane.
#[derive(Debug, Clone)]
pub struct Strip {
    /// Sample · blocks + block.
    pub plane: usize,
    /// Rows of the interior.
    pub rows: Range<usize>,
}

/// A partition of a map that depends on its size alone.
#[derive(Debug, Clone, Copy)]
pub struct Strips {
    shape: Shape,
    rows: usize,
}

impl Strips {
    /// The strips of a map.
    pub fn of(shape: Shape) -> Self {
        Self { shape, rows: (LENGTH / (shape.w * LANES)).clamp(1, shape.h) }
    }

    /// The size of the map.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Strips of a plane.
    pub fn a_plane(&self) -> usize {
        self.shape.h.div_ceil(self.rows)
    }

    /// Does `work` for every strip, at the same time where it can, and returns what it gave in the strips' order: plane by plane,
    /// from top to bottom.
    pub fn map<R: Send>(&self, work: impl Fn(Strip) -> R + Sync) -> Vec<R> {
        let parts = self.a_plane();
        let strip = |index: usize| {
            let first = index % parts * self.rows;
            Strip { plane: index / parts, rows: first..self.shape.h.min(first + self.rows) }
        };
        let all = self.shape.n * self.shape.blocks() * parts;
        (0..all).into_par_iter().with_min_len(all.div_ceil(64)).map(|index| work(strip(index))).collect()
    }
}
