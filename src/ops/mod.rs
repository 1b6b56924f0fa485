//! Tensor operations with exact gradients, one file each.
//!
//! Every function takes the [`Tape`] that records it and [`Node`]s, and returns a [`Node`]. Nothing is known here of models or
//! files. Layout of activations: (batch, channels, height, width), contiguous f32 on the CPU; weights have PyTorch's shapes.
//! Every loop is cut, and every sum ordered, by shapes alone: results are the same on any number of threads.

mod batch_norm;
mod bce;
pub mod blocked;
mod concat;
mod conv1x1;
mod conv3x3;
mod conv_transpose2x2;
mod dice;
mod group_norm;
mod matmul;
mod max_pool2x2;
mod pointwise;
mod relu;
mod storage;
mod sums;
mod tape;
mod upsample_nearest2x;
mod weighted_sum;

pub use batch_norm::{Running, Statistics, batch_norm, batch_norm_relu};
pub use bce::bce_with_logits;
pub use concat::concat;
pub use conv_transpose2x2::conv_transpose2x2;
pub use conv1x1::conv1x1;
pub use conv3x3::conv3x3;
pub use dice::soft_dice_loss;
pub use group_norm::group_norm;
pub use max_pool2x2::max_pool2x2;
pub use relu::relu;
pub use tape::{Gradients, Node, Tape};
pub use upsample_nearest2x::upsample_nearest2x;
pub use weighted_sum::weighted_sum;
