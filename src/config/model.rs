//! The network and what it minimises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// U-Net (Ronneberger et al. 2015) with padded convolutions.
    Unet(Unet),
}

/// U-Net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Unet {
    /// Channels of each level, from the full resolution down; depth (number of downsamplings) is one less than their number.
    #[schemars(length(min = 2, max = 12), inner(range(min = 1, max = 65_536)))]
    pub channels: Vec<usize>,
    /// How the decoder doubles the resolution.
    pub up: Up,
    /// Normalisation after each 3×3 convolution.
    pub norm: Norm,
    /// With `norm = "group"`: groups of channels; divides every level's channels.
    #[schemars(range(min = 1))]
    pub groups: usize,
}

/// How the decoder doubles the resolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Up {
    /// Nearest neighbour, then convolution 3×3, normalisation, ReLU.
    #[default]
    NearestConv,
    /// Transposed convolution 2×2 of stride 2.
    Transposed,
}

/// Normalisation after each 3×3 convolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Batch normalisation (Ioffe and Szegedy 2015), momentum 0.1, ε 1e-5.
    #[default]
    Batch,
    /// Group normalisation (Wu and He 2018), ε 1e-5.
    Group,
    /// None.
    None,
}

/// What is minimised: a weighted sum of terms. A term of weight 0 is reported and does not train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    /// Weight of binary cross-entropy, 0 or more.
    #[schemars(range(min = 0))]
    pub bce: f64,
    /// Weight of the soft Dice loss, 0 or more.
    #[schemars(range(min = 0))]
    pub dice: f64,
    /// Weight of each class within every term, 0 or more; empty means 1 for each.
    #[schemars(inner(range(min = 0)))]
    pub class_weights: Vec<f64>,
}

impl Default for Model {
    fn default() -> Self {
        Self::Unet(Unet::default())
    }
}

impl Default for Unet {
    fn default() -> Self {
        Self { channels: vec![64, 128, 256, 512, 1024], up: Up::NearestConv, norm: Norm::Batch, groups: 8 }
    }
}

impl Default for Loss {
    fn default() -> Self {
        Self { bce: 0.5, dice: 0.5, class_weights: Vec::new() }
    }
}
