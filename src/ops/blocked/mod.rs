//! CPU kernels on activations kept in blocks of 16 channels, as plain functions over slices.
//!
//! A map is `(n, ⌈c/16⌉, h+2, w+2, 16)` f32: a border of one zero pixel surrounds every plane, and the lanes of the last block
//! that belong to no channel are zero. Every producer keeps it so. Nothing is known here of tensors, the tape or the model.
#![expect(clippy::needless_range_loop, reason = "loops over registers run along several arrays at once, with constant bounds")]

pub mod bilinear;
pub mod conv1x1;
pub mod conv3x3;
pub mod conv_transpose2x2;
mod direct;
pub mod elementwise;
mod finish;
pub mod gate;
mod gemm;
mod layout;
pub mod logistic;
pub mod normalise;
pub mod pointwise;
pub mod pool;
pub mod relu;
mod scratch;
pub mod simd;
mod strips;
mod unwritten;
mod winograd;

pub use finish::Finish;
pub use layout::{Blocked, Shape, pack, unpack};
pub use unwritten::Unwritten;

#[cfg(test)]
pub(crate) mod tests;
