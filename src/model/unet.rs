//! The U-Net (Ronneberger et al. 2015, figure 1), with padded convolutions: down the left side, up the right, level by level.

use super::layers::{Conv, Unit};
use super::{Error, Mode, Network, Params};
use crate::config::{Norm, Unet, Up};
use crate::ops::{self, Map, Node, Tape};
use candle_core::Result;
use candle_nn::VarBuilder;

/// U-Net.
pub(super) struct UNet {
    /// One block a level, from the full resolution to the bottom.
    encoder: Vec<Block>,
    /// From level i + 1 to level i.
    up: Vec<Climb>,
    /// One block a level but the bottom.
    decoder: Vec<Block>,
    head: Conv,
    params: Params,
}

impl UNet {
    pub(super) fn new(unet: &Unet, in_channels: usize, classes: usize, source: VarBuilder) -> std::result::Result<Self, Error> {
        check(unet, in_channels, classes)?;
        let mut params = Params::default();
        let p = &mut params;
        let widths = &unet.channels;
        let inputs = [&[in_channels], &widths[..]].concat();
        let depth = widths.len() - 1;

        let encoder: Result<_> =
            (0..=depth).map(|i| Block::new(p, source.pp("encoder").pp(i), unet, inputs[i], widths[i])).collect();
        let up: Result<_> = (0..depth).map(|i| Climb::new(p, source.pp("up").pp(i), unet, widths[i + 1], widths[i])).collect();
        let decoder: Result<_> =
            (0..depth).map(|i| Block::new(p, source.pp("decoder").pp(i), unet, 2 * widths[i], widths[i])).collect();
        let head = Conv::new(p, source.pp("head"), [classes, widths[0], 1, 1], classes)?;
        Ok(Self { encoder: encoder?, up: up?, decoder: decoder?, head, params })
    }
}

impl Network for UNet {
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> Result<Node> {
        let depth = self.decoder.len();
        let mut skips = Vec::new();
        let mut x = images;
        for block in &self.encoder[..depth] {
            let skip = block.forward(tape, &[&x], mode)?;
            x = ops::max_pool2x2(tape, &skip)?;
            skips.push(skip);
        }
        x = self.encoder[depth].forward(tape, &[&x], mode)?;
        for ((up, block), skip) in self.up.iter().zip(&self.decoder).zip(skips).rev() {
            x = up.forward(tape, &x, mode)?;
            x = block.forward(tape, &[&skip, &x], mode)?;
        }
        self.head.conv1x1(tape, &x)
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// (Convolution 3×3, normalisation, ReLU) twice.
struct Block {
    first: Unit,
    second: Unit,
}

impl Block {
    fn new(params: &mut Params, source: VarBuilder, unet: &Unet, inputs: usize, outputs: usize) -> Result<Self> {
        let first = Unit::new(params, &source, 0, unet, inputs, outputs)?;
        Ok(Self { first, second: Unit::new(params, &source, 3, unet, outputs, outputs)? })
    }

    /// Reads `sources` as one map, their channels one after the other.
    fn forward(&self, tape: &Tape, sources: &[&Map], mode: Mode) -> Result<Map> {
        let x = self.first.forward(tape, sources, mode)?;
        self.second.forward(tape, &[&x], mode)
    }
}

/// Doubles the resolution.
enum Climb {
    NearestConv(Unit),
    Transposed(Conv),
}

impl Climb {
    fn new(params: &mut Params, source: VarBuilder, unet: &Unet, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(match unet.up {
            Up::NearestConv => Self::NearestConv(Unit::new(params, &source, 1, unet, inputs, outputs)?),
            Up::Transposed => Self::Transposed(Conv::new(params, source, [inputs, outputs, 2, 2], outputs)?),
        })
    }

    fn forward(&self, tape: &Tape, x: &Map, mode: Mode) -> Result<Map> {
        match self {
            Self::NearestConv(unit) => unit.forward_doubled(tape, x, mode),
            Self::Transposed(conv) => conv.transposed2x2(tape, x),
        }
    }
}

fn check(unet: &Unet, in_channels: usize, classes: usize) -> std::result::Result<(), Error> {
    let impossible = |problem: String| Err(Error::Impossible(problem));
    if unet.channels.len() < 2 {
        return impossible(format!("channels = {:?} has no level to climb to; give two or more", unet.channels));
    }
    if unet.channels.contains(&0) || in_channels == 0 || classes == 0 {
        return impossible(format!("channels = {:?} from {in_channels} to {classes}: none may be 0", unet.channels));
    }
    let uneven = |c: &&usize| !c.is_multiple_of(unet.groups);
    if let (Norm::Group, Some(c)) = (unet.norm, unet.channels.iter().find(uneven)) {
        return impossible(format!("groups = {} does not divide a level's {c} channels", unet.groups));
    }
    Ok(())
}
