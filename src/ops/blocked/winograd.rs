//! 3×3 convolutions by nested minimal filtering, Lavin & Gray 2015: transform tiles of the input, multiply component by
//! component as matrices, transform back.
//!
//! The tiles of all samples form one list, so that small maps deep in a net still give the products enough rows.

mod components;
mod filters;
mod forward;
mod matrices;
mod tiles;
mod weight_gradient;

pub use components::Component;
pub use forward::Convolution;
pub use matrices::{F2, F4, Filtering};
pub use tiles::Target;
pub use weight_gradient::WeightGradient;

/// What lies between the map that a convolution reads and the one that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// Nothing: both have one size.
    None,
    /// The input is read as if upsampled to twice its sides (nearest).
    Upsampled,
    /// Every 2×2 of the output is summed: the gradient of `Upsampled`.
    Pooled,
}

impl Resample {
    /// Components, of a·a in row-major order, that are not always zero.
    fn components<F: Filtering>(self) -> impl Iterator<Item = usize> {
        (0..F::A * F::A).filter(move |p| self == Resample::None || F::VANISHING.is_none_or(|v| p / F::A != v && p % F::A != v))
    }
}
