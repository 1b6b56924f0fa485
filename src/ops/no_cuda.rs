//! What stands in the place of [`cuda`](super::cuda) in a program without CUDA: a GPU, of which there is none, so that the tape is written once.

use super::{GpuNetwork, Map, Node, Tape};
use crate::config::Precision;
use candle_core::{Result, Tensor, Var, bail};

const WITHOUT: &str = "this program was built without CUDA";

/// Says that there is none.
///
/// # Errors
/// Always.
pub fn ready() -> std::result::Result<(), String> {
    Err(WITHOUT.to_owned())
}

/// Kernels that are made ready while something else is done.
#[must_use]
pub struct Compiling(());

/// Does nothing.
pub fn begin_compiling(_: usize, _: Precision) -> Compiling {
    Compiling(())
}

/// Numbers on a GPU.
#[derive(Debug, Clone)]
pub enum Array {}

/// A GPU.
#[derive(Debug)]
pub enum Gpu {}

/// Parameters on a GPU.
#[derive(Debug)]
pub enum Store {}

/// Adds one array to another.
///
/// # Errors
/// Never, since there is no array.
pub fn add_to(gpu: &Gpu, _: &Array, _: &Array) -> Result<()> {
    match *gpu {}
}

impl GpuNetwork {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: usize, _: Precision, _: &[(String, Var)], _: &[(String, Var)]) -> Result<Self> {
        bail!("{WITHOUT}")
    }

    /// Logits of images, with the weights on the device.
    ///
    /// # Errors
    /// Never, since there is no device.
    pub fn logits(&self, _: &Tensor, _: Precision, _: impl FnOnce(&Tape, Map) -> Result<Node>) -> Result<Tensor> {
        match *self.gpu {}
    }
}
