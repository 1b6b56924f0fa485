//! UNet++ (Zhou et al. 2018): block (i, j) of level i reads blocks (i, 0) to (i, j − 1) and block (i + 1, j − 1), doubled.
//!
//! Without deep supervision, doubling by bilinear interpolation: the public PyTorch code that the reference numbers come from.

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
        let head = Conv::new(&mut params, source.pp("head"), [classes, widths[0], 1, 1], classes)?;
        Ok(Self { blocks, head, params })
    }
}

impl Network for Nested {
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> Result<Node> {
        let depth = self.blocks.len() - 1;
        // The maps of each level, from the left.
        let mut maps: Vec<Vec<Map>> = Vec::new();
        for (level, blocks) in self.blocks.iter().enumerate() {
            let x = match level {
                0 => images.clone(),
                _ => ops::max_pool2x2(tape, &maps[level - 1][0])?,
            };
            maps.push(vec![blocks[0].forward(tape, &[&x], mode)?]);
        }
        for column in 1..=depth {
            for level in 0..=depth - column {
                let below = ops::upsample_bilinear2x(tape, &maps[level + 1][column - 1])?;
                let sources: Vec<&Map> = maps[level].iter().chain([&below]).collect();
                let map = self.blocks[level][column].forward(tape, &sources, mode)?;
                maps[level].push(map);
            }
        }
        self.head.conv1x1(tape, &maps[0][depth])
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
