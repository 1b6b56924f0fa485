//! What the networks are made of: blocks of two convolutions, and gates.

use super::layers::{Conv, Normalise, Unit};
use super::{Mode, Params};
use crate::config::Blocks;
use crate::ops::{self, Map, Tape};
use candle_core::Result;
use candle_nn::VarBuilder;

/// (Convolution 3×3, normalisation, activation) twice; residual: the input, through a 1×1 convolution and a normalisation, is added
/// before the second activation. Then dropout.
pub(super) struct Block {
    first: Unit,
    second: Unit,
    shortcut: Option<(Conv, Normalise)>,
    dropout: f64,
}

impl Block {
    pub(super) fn new(params: &mut Params, source: VarBuilder, blocks: Blocks, inputs: usize, outputs: usize) -> Result<Self> {
        let first = Unit::new(params, &source, 0, blocks, inputs, outputs)?;
        let second = Unit::new(params, &source, 3, blocks, outputs, outputs)?;
        let shortcut = || -> Result<_> {
            let conv = Conv::new(params, source.pp("shortcut").pp(0), [outputs, inputs, 1, 1], outputs)?;
            Ok((conv, Normalise::new(params, source.pp("shortcut").pp(1), blocks, outputs)?))
        };
        let shortcut = blocks.residual.then(shortcut).transpose()?;
        Ok(Self { first, second, shortcut, dropout: blocks.dropout })
    }

    /// Reads `sources` as one map, their channels one after the other, and lets go of each map as soon as it is read.
    pub(super) fn forward(&self, tape: &Tape, sources: Vec<Map>, mode: Mode) -> Result<Map> {
        let y = match &self.shortcut {
            None => {
                let x = self.first.forward(tape, sources, mode)?;
                self.second.forward(tape, vec![x], mode)?
            }
            Some((conv, norm)) => {
                let x = self.first.forward(tape, sources.clone(), mode)?;
                let shortcut = conv.pointwise(tape, &sources.iter().collect::<Vec<_>>())?;
                drop(sources);
                let shortcut = norm.apply(tape, shortcut, mode, None)?;
                self.second.forward_adding(tape, x, &shortcut, mode)?
            }
        };
        ops::dropout(tape, y, self.dropout)
    }
}

/// An additive attention gate (Oktay et al. 2018), as in the public PyTorch code that the reference numbers come from: skip and signal have the same
/// size; the skip is multiplied by one number a pixel, the logistic function of ψ(ReLU(W_g · signal + W_x · skip)), each followed by a
/// normalisation.
pub(super) struct Gate {
    signal: (Conv, Normalise),
    skip: (Conv, Normalise),
    psi: (Conv, Normalise),
}

impl Gate {
    /// Of maps of so many channels, with half as many inside.
    pub(super) fn new(params: &mut Params, source: VarBuilder, blocks: Blocks, channels: usize) -> Result<Self> {
        let inside = (channels / 2).max(1);
        let mut part = |name: &str, inputs: usize, outputs: usize| -> Result<_> {
            let conv = Conv::new(params, source.pp(name).pp(0), [outputs, inputs, 1, 1], outputs)?;
            Ok((conv, Normalise::new(params, source.pp(name).pp(1), blocks, outputs)?))
        };
        let (signal, skip) = (part("signal", channels, inside)?, part("skip", channels, inside)?);
        Ok(Self { signal, skip, psi: part("psi", inside, 1)? })
    }

    /// What of the skip passes.
    pub(super) fn forward(&self, tape: &Tape, signal: &Map, skip: &Map, mode: Mode) -> Result<Map> {
        let projected = |(conv, norm): &(Conv, Normalise), x: &Map| norm.apply(tape, conv.pointwise(tape, &[x])?, mode, None);
        let sum = ops::add(tape, &projected(&self.signal, signal)?, &projected(&self.skip, skip)?)?;
        let psi = projected(&self.psi, &ops::relu(tape, &sum)?)?;
        ops::gate(tape, skip, &psi)
    }
}
