//! The networks: what [`config::Model`] describes, as something that runs on a [`Tape`].
//!
//! [`build`] makes a [`Network`] with drawn or loaded weights. Nothing is known here of losses, optimizers or data.
//!
//! # Names of tensors
//! Those of the PyTorch module in `scripts/unet_torch.py`, so that a checkpoint loads there with `strict=True`; `i` is a level, 0
//! the full resolution, and everything is f32:
//!
//! ```text
//! encoder.i.0  encoder.i.3      .weight (out, in, 3, 3) .bias    the two convolutions of a level; the deepest level is the bottom
//! encoder.i.1  encoder.i.4      .weight .bias                    their normalisations; with norm = "batch" also
//!                               .running_mean .running_var
//! up.i.1  up.i.2                as above                         nearest_conv: from level i + 1 to level i
//! up.i                          .weight (in, out, 2, 2) .bias    transposed: the same
//! decoder.i.0 … decoder.i.4     as encoder                       input: skip of level i, then what came up
//! head                          .weight (classes, in, 1, 1) .bias
//! gate.i.signal.0 …             .weight (out, in, 1, 1) .bias    attention: convolutions of what came up, of the skip (skip.0) and
//!                                                                of their sum (psi.0); their normalisations end in 1
//! block.i.j.0 … block.i.j.4     as encoder                       UNet++: block j of level i
//! side.k                        as head                          UNet++ with deep supervision: head of block 0.(k + 1)
//! … .shortcut.0  .shortcut.1    as a gate's                      residual blocks
//! ```
//!
//! PyTorch's `num_batches_tracked` has no meaning here: it is not written, and passed over when read.

mod blocks;
mod layers;
mod tiles;
mod unet;
mod unet_plus_plus;
mod weights;

pub use tiles::{Tiling, logits};
pub use weights::tensors;

use crate::config;
use crate::ops::{Map, Node, Tape};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use std::path::{Path, PathBuf};

/// Whether a network trains or is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch normalisation uses the batch's statistics and updates the running ones.
    Train,
    /// Batch normalisation uses the running statistics.
    Eval,
}

/// What a network consists of, in a fixed order.
#[derive(Debug, Default)]
pub struct Params {
    /// Name and value of what the optimizer changes. The position is the index in [`Gradients`](crate::ops::Gradients).
    pub trained: Vec<(String, Var)>,
    /// Name and value of the running statistics.
    pub buffers: Vec<(String, Var)>,
}

/// Something that turns images into logits.
pub trait Network {
    /// Logits of `images`, recorded on `tape`.
    ///
    /// # Shapes
    /// (n, in_channels, h, w) to (n, classes, h, w); the U-Net needs h and w divisible by 2^depth.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn forward(&self, tape: &Tape, images: &Tensor, mode: Mode) -> candle_core::Result<Node> {
        self.forward_map(tape, Map::constant(tape, images)?, mode)
    }

    /// The same of images that are a map already.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> candle_core::Result<Node>;

    /// All logits that a loss is taken of while training; those of [`forward`](Self::forward) are the last.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward), each of them.
    ///
    /// # Errors
    /// If shapes do not fit.
    fn forward_supervised(&self, tape: &Tape, images: Map) -> candle_core::Result<Vec<Node>> {
        Ok(vec![self.forward_map(tape, images, Mode::Train)?])
    }

    /// Its parameters and buffers.
    fn params(&self) -> &Params;
}

/// Where a network's weights come from.
#[derive(Debug, Clone, Copy)]
pub enum Weights<'a> {
    /// Drawn as PyTorch draws them by default; each tensor depends on the seed and its name alone.
    Seed(u64),
    /// A safetensors file that holds exactly the network's tensors, finite numbers all of them.
    File(&'a Path),
}

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read as safetensors.
    #[error("{}: cannot read the weights: {cause}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What candle says.
        cause: candle_core::Error,
    },
    /// A tensor of the network is not in the file.
    #[error("{}: the tensor `{name}` is missing; is the file of another architecture?", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the network's.
    #[error("{}: the tensor `{name}` has shape {got:?}, the network needs {want:?}", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape in the file.
        got: Vec<usize>,
        /// Its shape in the network.
        want: Vec<usize>,
    },
    /// The file has a tensor that the network has not.
    #[error("{}: the network has no tensor `{name}`; is the file of another architecture?", file.display())]
    Extra {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor of the file holds NaN or an infinite number.
    #[error(
        "{}: the tensor `{name}` holds what is no finite number, so nothing can be calculated with it; restore the file from a copy, or \
         train the run again", file.display()
    )]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The tensor.
        name: String,
    },
    /// No network can be made with these numbers.
    #[error("model: {0}")]
    Impossible(String),
    /// An operation on tensors failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Makes the network that `model` describes.
///
/// # Errors
/// If the numbers make no network, or the file cannot be read, lacks a tensor, has one too many, one of another shape or one with a number that is not finite.
pub fn build(
    model: &config::Model,
    in_channels: usize,
    classes: usize,
    weights: Weights,
    device: &Device,
) -> Result<Box<dyn Network>, Error> {
    match weights {
        Weights::Seed(seed) => {
            let source = VarBuilder::from_backend(Box::new(weights::Drawn { seed }), DType::F32, device.clone());
            network(model, in_channels, classes, source)
        }
        Weights::File(file) => {
            let tensors = weights::read(file)?;
            let source = VarBuilder::from_tensors(tensors.clone(), DType::F32, device);
            let network = network(model, in_channels, classes, source).map_err(|error| weights::blame(error, file))?;
            weights::check_nothing_left(&tensors, network.params(), file)?;
            weights::check_finite(network.params(), file)?;
            Ok(network)
        }
    }
}

/// The same network with zeros for weights, for its names and shapes.
///
/// # Errors
/// If the numbers make no network.
pub fn blank(model: &config::Model, in_channels: usize, classes: usize, device: &Device) -> Result<Box<dyn Network>, Error> {
    network(model, in_channels, classes, VarBuilder::zeros(DType::F32, device))
}

/// Input channels and classes of the network in a safetensors file.
///
/// # Errors
/// If the file cannot be read or lacks the first or the last convolution.
pub fn ends(file: &Path) -> Result<(usize, usize), Error> {
    weights::ends(file)
}

/// A word of the metadata of a safetensors file; `None` without one.
///
/// # Errors
/// If the file cannot be read.
pub fn metadata(file: &Path, key: &str) -> Result<Option<String>, Error> {
    weights::metadata(file, key)
}

/// What the sides of a network's input must be multiples of, in pixels.
pub fn step(model: &config::Model) -> usize {
    1 << (model.channels().len() - 1)
}

fn network(model: &config::Model, in_channels: usize, classes: usize, source: VarBuilder) -> Result<Box<dyn Network>, Error> {
    check(model, in_channels, classes)?;
    Ok(match model {
        config::Model::Unet(net) => Box::new(unet::UNet::new(net, false, in_channels, classes, source)?),
        config::Model::AttentionUnet(net) => Box::new(unet::UNet::new(net, true, in_channels, classes, source)?),
        config::Model::UnetPlusPlus(net) => Box::new(unet_plus_plus::Nested::new(net, in_channels, classes, source)?),
    })
}

fn check(model: &config::Model, in_channels: usize, classes: usize) -> Result<(), Error> {
    let impossible = |problem: String| Err(Error::Impossible(problem));
    let (channels, blocks) = (model.channels(), model.blocks());
    if channels.len() < 2 {
        return impossible(format!("channels = {channels:?} has no level to climb to; give two or more"));
    }
    if channels.contains(&0) || in_channels == 0 || classes == 0 {
        return impossible(format!("channels = {channels:?} from {in_channels} to {classes}: none may be 0"));
    }
    let uneven = |c: &&usize| !c.is_multiple_of(blocks.groups);
    if let (config::Norm::Group, Some(c)) = (blocks.norm, channels.iter().find(uneven)) {
        return impossible(format!("groups = {} does not divide a level's {c} channels", blocks.groups));
    }
    Ok(())
}
