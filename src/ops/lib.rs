//! Tensor operations with exact gradients, one file each.
//!
//! Every function takes the [`Tape`] that records it, feature [`Map`]s and [`Node`]s. Nothing is known here of models or files.
//! Feature maps lie in blocks of 16 channels, as [`blocked`]'s kernels want them; images, logits and everything else are
//! (batch, channels, height, width), contiguous f32; weights have PyTorch's shapes.
//! Every loop is cut, and every sum ordered, by shapes alone: results are the same on any number of threads.
#![doc = include_str!("design.md")]
#![warn(missing_docs)]

/// Answers with what a GPU's operation gives, if the tape runs on one.
macro_rules! on_device {
    ($tape:expr, $device:ident => $call:expr) => {
        #[cfg(feature = "cuda")]
        {
            use $crate::cuda;
            if let Some($device) = $tape.device() {
                return $call;
            }
        }
    };
}

use umlaut_base::config;
#[cfg(feature = "cuda")]
use umlaut_base::system;

/// How a message begins when the memory of a GPU is too small.
pub const OUT_OF_DEVICE_MEMORY: &str = "out of device memory";

mod activate;
mod add;
mod batch_norm;
mod bce;
pub mod blocked;
mod conv1x1;
mod conv3x3;
mod conv_transpose2x2;
#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(not(feature = "cuda"))]
#[path = "no_cuda.rs"]
pub mod cuda;
mod dice;
mod dropout;
mod gate;
mod gradients;
mod group_norm;
mod hide;
mod kernels;
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "some of it is asked for by GPUs alone"))]
mod map;
mod max_pool2x2;
mod one_vs_rest;
mod pointwise;
mod relu;
mod rule;
mod storage;
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "some of it is asked for by GPUs alone"))]
mod tape;
mod term;
mod update;
mod upsample_bilinear2x;
mod weighted_sum;

pub use activate::activate;
pub use add::add;
pub use batch_norm::{Running, Statistics, batch_norm};
pub use bce::bce_with_logits;
pub use conv_transpose2x2::conv_transpose2x2;
pub use conv1x1::conv1x1;
pub use conv3x3::{KeptNorm, conv3x3, conv3x3_normalised, conv3x3_of_upsampled};
pub use dice::soft_dice_loss;
pub use dropout::dropout;
pub use gate::gate;
pub use gradients::Gradients;
pub use group_norm::group_norm;
pub use hide::{hide_ignored, is_ignored};
pub use kernels::kernels;
pub use map::Map;
pub use max_pool2x2::max_pool2x2;
pub use one_vs_rest::one_vs_rest;
pub use pointwise::pointwise;
pub use relu::relu;
pub use rule::{Adam, Moments, Rule, Sgd, move_towards, sum_of_squares};
pub use tape::{GpuNetwork, Node, Tape};
pub use term::boundary_weights;
pub use term::{TermLoss, term};
pub use update::Update;
pub use upsample_bilinear2x::upsample_bilinear2x;
pub use weighted_sum::weighted_sum;
