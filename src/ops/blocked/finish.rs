//! What becomes of a convolution's sums before they are stored.

use super::simd::{LANES, Simd};
use std::ops::Range;

/// `sum · slope + bias` of every pixel of an output channel, and 0 in place of what is less if there is a ReLU.
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// One an output channel, or empty for 1.
    pub slope: &'a [f32],
    /// One an output channel, or empty for 0.
    pub bias: &'a [f32],
    /// Whether a ReLU follows. NaN stays NaN.
    pub relu: bool,
}

impl<'a> Finish<'a> {
    /// Adds a bias, and no more.
    pub fn bias(bias: &'a [f32]) -> Self {
        Self { bias, ..Self::default() }
    }

    /// What becomes of a block of at most 16 channels; its other lanes become 0.
    pub(super) fn block(&self, channels: &Range<usize>) -> FinishBlock {
        let mut block = FinishBlock { slope: [0.0; LANES], bias: [0.0; LANES], relu: self.relu };
        block.slope[..channels.len()].fill(1.0);
        for (lanes, values) in [(&mut block.slope, self.slope), (&mut block.bias, self.bias)] {
            if !values.is_empty() {
                lanes[..channels.len()].copy_from_slice(&values[channels.clone()]);
            }
        }
        block
    }
}

/// The same for the 16 lanes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct FinishBlock {
    slope: [f32; LANES],
    bias: [f32; LANES],
    relu: bool,
}

impl FinishBlock {
    /// The same in registers.
    #[inline(always)]
    pub(super) fn load<S: Simd>(&self, s: S) -> FinishVectors<S::V> {
        FinishVectors { slope: s.from_array(self.slope), bias: s.from_array(self.bias), relu: self.relu }
    }
}

/// [`FinishBlock`] in registers.
#[derive(Clone, Copy)]
pub(super) struct FinishVectors<V> {
    slope: V,
    bias: V,
    relu: bool,
}

impl<V: Copy> FinishVectors<V> {
    /// What becomes of the sums of a pixel.
    #[inline(always)]
    pub(super) fn of<S: Simd<V = V>>(self, s: S, sums: V) -> V {
        let value = s.fma(sums, self.slope, self.bias);
        // The second operand is what a NaN leaves: NaN stays NaN.
        if self.relu { s.max(s.zero(), value) } else { value }
    }
}
