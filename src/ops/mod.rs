//! Tensor operations with exact gradients, one file each.
//!
//! Every function takes the [`Tape`] that records it and [`Node`]s, and returns a [`Node`]. Nothing is known here of models,
//! losses as a whole or files. Layout of activations: (batch, channels, height, width), contiguous f32.

pub mod blocked;
mod tape;

pub use tape::{Gradients, Node, Tape};
