//! The network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The network: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Model {
    /// U-Net (Ronneberger et al. 2015) with padded convolutions.
    Unet(Unet),
    /// Attention U-Net (Oktay et al. 2018): a U-Net whose skips pass a gate that what comes up from below opens.
    AttentionUnet(Unet),
    /// UNet++ (Zhou et al. 2018): between the levels of encoder and decoder a net of blocks, each reading all to its left and one from
    /// below, bilinearly doubled.
    UnetPlusPlus(UnetPlusPlus),
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
    /// What follows each normalisation.
    #[serde(skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// Whether each block adds its input, through a 1×1 convolution, to what its second normalisation gives (He et al. 2016).
    #[serde(skip_serializing_if = "is_default")]
    pub residual: bool,
    /// Probability with which each number after a block is left out while training (Srivastava et al. 2014), below 1.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
}

/// UNet++.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnetPlusPlus {
    /// Channels of each level, from the full resolution down; depth (number of downsamplings) is one less than their number.
    #[schemars(length(min = 2, max = 12), inner(range(min = 1, max = 65_536)))]
    pub channels: Vec<usize>,
    /// Normalisation after each 3×3 convolution.
    pub norm: Norm,
    /// With `norm = "group"`: groups of channels; divides every level's channels.
    #[schemars(range(min = 1))]
    pub groups: usize,
    /// What follows each normalisation.
    #[serde(skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// Whether each block adds its input, through a 1×1 convolution, to what its second normalisation gives (He et al. 2016).
    #[serde(skip_serializing_if = "is_default")]
    pub residual: bool,
    /// Probability with which each number after a block is left out while training (Srivastava et al. 2014), below 1.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Whether each block of the full resolution has a head of its own while training, and the loss is their mean. The last one is what
    /// predicts.
    #[serde(skip_serializing_if = "is_default")]
    pub deep_supervision: bool,
}

/// What follows each normalisation, x being a number of a feature map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// x, below 0 times 0.01 (Maas et al. 2013).
    LeakyRelu,
    /// x, below 0 eˣ − 1 (Clevert et al. 2016).
    Elu,
    /// x times its logistic function (Elfwing et al. 2018), also known as swish.
    Silu,
}

/// What all networks' blocks are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blocks {
    /// Normalisation after each 3×3 convolution.
    pub norm: Norm,
    /// Groups of channels of a group norm.
    pub groups: usize,
    /// What follows each normalisation.
    pub activation: Activation,
    /// Whether a block adds its input to its output.
    pub residual: bool,
    /// Probability of leaving a number out.
    pub dropout: f64,
}

impl Model {
    /// The keys of its channels, norm and groups.
    pub(super) fn keys(&self) -> [&'static str; 3] {
        match self {
            Self::Unet(_) => ["model.unet.channels", "model.unet.norm", "model.unet.groups"],
            Self::AttentionUnet(_) => {
                ["model.attention_unet.channels", "model.attention_unet.norm", "model.attention_unet.groups"]
            }
            Self::UnetPlusPlus(_) => {
                ["model.unet_plus_plus.channels", "model.unet_plus_plus.norm", "model.unet_plus_plus.groups"]
            }
        }
    }

    /// Heads that the loss is the mean over while training: more than 1 with deep supervision.
    pub fn heads(&self) -> usize {
        match self {
            Self::UnetPlusPlus(net) if net.deep_supervision => net.channels.len() - 1,
            _ => 1,
        }
    }

    /// Channels of each level.
    pub fn channels(&self) -> &[usize] {
        match self {
            Self::Unet(net) | Self::AttentionUnet(net) => &net.channels,
            Self::UnetPlusPlus(net) => &net.channels,
        }
    }

    /// The same, to be changed.
    pub fn channels_mut(&mut self) -> &mut Vec<usize> {
        match self {
            Self::Unet(net) | Self::AttentionUnet(net) => &mut net.channels,
            Self::UnetPlusPlus(net) => &mut net.channels,
        }
    }

    /// What its blocks are made of.
    pub fn blocks(&self) -> Blocks {
        match self {
            Self::Unet(net) | Self::AttentionUnet(net) => net.blocks(),
            Self::UnetPlusPlus(net) => {
                let &UnetPlusPlus { norm, groups, activation, residual, dropout, .. } = net;
                Blocks { norm, groups, activation, residual, dropout }
            }
        }
    }
}

impl Unet {
    /// What its blocks are made of.
    pub fn blocks(&self) -> Blocks {
        let &Self { norm, groups, activation, residual, dropout, .. } = self;
        Blocks { norm, groups, activation, residual, dropout }
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
    /// Instance normalisation (Ulyanov et al. 2016) with weight and bias, ε 1e-5: group normalisation with a group a channel.
    Instance,
    /// None.
    None,
}

impl Default for Model {
    fn default() -> Self {
        Self::Unet(Unet::default())
    }
}

impl Default for Unet {
    fn default() -> Self {
        let UnetPlusPlus { channels, norm, groups, activation, residual, dropout, .. } = UnetPlusPlus::default();
        Self { channels, up: Up::NearestConv, norm, groups, activation, residual, dropout }
    }
}

impl Default for UnetPlusPlus {
    fn default() -> Self {
        Self {
            channels: vec![64, 128, 256, 512, 1024],
            norm: Norm::Batch,
            groups: 8,
            activation: Activation::Relu,
            residual: false,
            dropout: 0.0,
            deep_supervision: false,
        }
    }
}
