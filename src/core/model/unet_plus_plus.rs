//! UNet++ (Zhou et al. 2018): block (i, j) of level i reads blocks (i, 0) to (i, j − 1) and block (i + 1, j − 1), upsampled.
//!
//! Doubling is by bilinear interpolation, as in the public PyTorch code that the reference numbers come from. With deep supervision
//! every block (0, j) has a head while training; the last one's logits are the network's.

use super::blocks::Block;
use super::layers::Conv;
use super::{Error, Mode, Network, Params};
use crate::config::{Model, UnetPlusPlus};
use crate::ops::{self, Map, Node, Tape};
use candle_core::Result;
use candle_nn::VarBuilder;

/// UNet++.
pub(super) struct Nested {
    /// `blocks[i][j]`: column 0 is the encoder; level i has depth − i more.
    blocks: Vec<Vec<Block>>,
    /// Of the blocks (0, 1) to (0, depth − 1); none without deep supervision.
    side: Vec<Conv>,
    head: Conv,
    params: Params,
}

impl Nested {
    pub(super) fn new(
        net: &UnetPlusPlus,
        in_channels: usize,
        classes: usize,
        source: VarBuilder,
    ) -> std::result::Result<Self, Error> {
        let (kind, mut params) = (Model::UnetPlusPlus(net.clone()).blocks(), Params::default());
        let (widths, depth) = (&net.channels, net.channels.len() - 1);
        let mut block = |level: usize, column: usize| {
            let inputs = match (level, column) {
                (0, 0) => in_channels,
                (_, 0) => widths[level - 1],
                _ => column * widths[level] + widths[level + 1],
            };
            Block::new(&mut params, source.pp("block").pp(level).pp(column), kind, inputs, widths[level])
        };
        let blocks: Result<Vec<Vec<Block>>> =
            (0..=depth).map(|level| (0..=depth - level).map(|column| block(level, column)).collect()).collect();
        let blocks = blocks?;
        let mut head = |source: VarBuilder| Conv::new(&mut params, source, [classes, widths[0], 1, 1], classes);
        let sides = if net.deep_supervision { depth - 1 } else { 0 };
        let side = (0..sides).map(|column| head(source.pp("side").pp(column))).collect::<Result<_>>()?;
        let head = head(source.pp("head"))?;
        Ok(Self { blocks, side, head, params })
    }

    /// The maps of the full resolution, from the left.
    fn maps(&self, tape: &Tape, images: &Map, mode: Mode) -> Result<Vec<Map>> {
        let depth = self.blocks.len() - 1;
        // The maps of each level, from the left.
        let mut maps: Vec<Vec<Map>> = Vec::new();
        for (level, blocks) in self.blocks.iter().enumerate() {
            let x = match level {
                0 => images.clone(),
                _ => ops::max_pool2x2(tape, &maps[level - 1][0])?,
            };
            maps.push(vec![blocks[0].forward(tape, vec![x], mode)?]);
        }
        for column in 1..=depth {
            for level in 0..=depth - column {
                let below = ops::upsample_bilinear2x(tape, &maps[level + 1][column - 1])?;
                let sources = maps[level].iter().cloned().chain([below]).collect();
                let map = self.blocks[level][column].forward(tape, sources, mode)?;
                maps[level].push(map);
            }
        }
        Ok(maps.swap_remove(0))
    }
}

impl Network for Nested {
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> Result<Node> {
        self.head.conv1x1(tape, &self.maps(tape, &images, mode)?[self.blocks.len() - 1])
    }

    fn forward_supervised(&self, tape: &Tape, images: Map) -> Result<Vec<Node>> {
        let maps = self.maps(tape, &images, Mode::Train)?;
        let heads = self.side.iter().chain([&self.head]);
        heads.zip(&maps[maps.len() - self.side.len() - 1..]).map(|(head, map)| head.conv1x1(tape, map)).collect()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
