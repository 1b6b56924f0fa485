//! A convolution with the normalisation after it folded in: its weight and its bias; see `folded.cu`.

use super::driver::Grid;
use super::kernels::Argument;
use super::{Array, Gpu};
use candle_core::Result;

/// Weight and bias of the one convolution, in a place of their own, and how they are made.
pub(super) struct Folded {
    pub weight: Array,
    pub bias: Array,
    /// Weight and bias of the convolution, factor of the normalisation and what it adds last, running mean and variance.
    pub numbers: [Array; 6],
    /// It makes them, a block a filter.
    pub kernel: &'static str,
    pub filters: usize,
    /// What the kernel wants to know last.
    pub sizes: Vec<Argument>,
}

impl Folded {
    /// Makes them, of the numbers as they are.
    pub fn fold(&self, gpu: &Gpu) -> Result<()> {
        let arrays = self.numbers.iter().chain([&self.weight, &self.bias]).map(Argument::from);
        let arguments: Vec<Argument> = arrays.chain(self.sizes.iter().copied()).collect();
        gpu.launch(self.kernel, Grid::blocks(self.filters), &arguments)
    }
}
