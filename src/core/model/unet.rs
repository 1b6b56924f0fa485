//! The U-Net (Ronneberger et al. 2015, figure 1), with padded convolutions: down the left side, up the right, level by level; and the
//! attention U-Net (Oktay et al. 2018), whose skips pass gates.

use super::blocks::{Block, Gate};
use super::layers::{Conv, Unit};
use super::{Error, Mode, Network, Params};
use crate::config::{Unet, Up};
use crate::ops::{self, Map, Node, Tape};
use candle_nn::VarBuilder;

/// U-Net, with attention gates or without.
pub(super) struct UNet {
    /// One block a level, from the full resolution to the bottom.
    encoder: Vec<Block>,
    /// From level i + 1 to level i.
    up: Vec<UpBlock>,
    /// One a level but the bottom, or none at all.
    gates: Vec<Gate>,
    /// One block a level but the bottom.
    decoder: Vec<Block>,
    head: Conv,
    params: Params,
}

impl UNet {
    /// `gated`: an attention U-Net.
    pub(super) fn new(unet: &Unet, gated: bool, in_channels: usize, classes: usize, source: VarBuilder) -> Result<Self, Error> {
        let (blocks, mut params) = (unet.blocks(), Params::default());
        let p = &mut params;
        let widths = &unet.channels;
        let inputs = [&[in_channels], &widths[..]].concat();
        let depth = widths.len() - 1;

        let encoder: candle_core::Result<_> =
            (0..=depth).map(|i| Block::new(p, source.pp("encoder").pp(i), blocks, inputs[i], widths[i])).collect();
        let up: candle_core::Result<_> =
            (0..depth).map(|i| UpBlock::new(p, source.pp("up").pp(i), unet, widths[i + 1], widths[i])).collect();
        let gated = if gated { depth } else { 0 };
        let gates: candle_core::Result<_> =
            (0..gated).map(|i| Gate::new(p, source.pp("gate").pp(i), blocks, widths[i])).collect();
        let decoder: candle_core::Result<_> =
            (0..depth).map(|i| Block::new(p, source.pp("decoder").pp(i), blocks, 2 * widths[i], widths[i])).collect();
        let head = Conv::new(p, source.pp("head"), [classes, widths[0], 1, 1], classes)?;
        Ok(Self { encoder: encoder?, up: up?, gates: gates?, decoder: decoder?, head, params })
    }
}

impl Network for UNet {
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> candle_core::Result<Node> {
        let depth = self.decoder.len();
        let mut skips = Vec::new();
        let mut x = images;
        for block in &self.encoder[..depth] {
            let skip = block.forward(tape, vec![x], mode)?;
            x = ops::max_pool2x2(tape, &skip)?;
            skips.push(skip);
        }
        x = self.encoder[depth].forward(tape, vec![x], mode)?;
        for (level, skip) in skips.into_iter().enumerate().rev() {
            x = self.up[level].forward(tape, x, mode)?;
            let skip = match self.gates.get(level) {
                Some(gate) => gate.forward(tape, &x, &skip, mode)?,
                None => skip,
            };
            x = self.decoder[level].forward(tape, vec![skip, x], mode)?;
        }
        self.head.conv1x1(tape, &x)
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Doubles the resolution.
enum UpBlock {
    NearestConv(Unit),
    Transposed(Conv),
}

impl UpBlock {
    fn new(params: &mut Params, source: VarBuilder, unet: &Unet, inputs: usize, outputs: usize) -> candle_core::Result<Self> {
        Ok(match unet.up {
            Up::NearestConv => Self::NearestConv(Unit::new(params, &source, 1, unet.blocks(), inputs, outputs)?),
            Up::Transposed => Self::Transposed(Conv::new(params, source, [inputs, outputs, 2, 2], outputs)?),
        })
    }

    fn forward(&self, tape: &Tape, x: Map, mode: Mode) -> candle_core::Result<Map> {
        match self {
            Self::NearestConv(unit) => unit.forward_upsampled(tape, x, mode),
            Self::Transposed(conv) => conv.transposed2x2(tape, &x),
        }
    }
}
