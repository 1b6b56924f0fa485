//! Layers with parameters: each takes its tensors from a [`VarBuilder`] by PyTorch's names and applies an operation.

use super::{Mode, Params};
use crate::config::{Activation, Blocks, Norm};
use crate::ops::{self, KeptNorm, Map, Node, Running, Statistics, Tape};
use candle_core::{Result, Var};
use candle_nn::{Init, VarBuilder};

/// A tensor that is trained, with its position in the list of parameters.
pub(super) struct Param {
    index: usize,
    var: Var,
}

impl Param {
    fn new(params: &mut Params, source: &VarBuilder, name: &str, shape: &[usize], init: Init) -> Result<Self> {
        let var = Var::from_tensor(&source.get_with_hints(shape, name, init)?)?;
        params.trained.push((full_name(source, name), var.clone()));
        Ok(Self { index: params.trained.len() - 1, var })
    }

    fn on(&self, tape: &Tape) -> Node {
        tape.param(self.index, &self.var)
    }
}

fn full_name(source: &VarBuilder, name: &str) -> String {
    format!("{}.{name}", source.prefix())
}

/// Weight and bias of a convolution.
pub(super) struct Conv {
    weight: Param,
    bias: Param,
}

impl Conv {
    /// `shape` is the weight's, as PyTorch has it. PyTorch's default draw: both from U(−b, b), b = 1/√(fan in) (Kaiming-uniform
    /// with a = √5), the fan in being all dimensions but the first.
    pub(super) fn new(params: &mut Params, source: VarBuilder, shape: [usize; 4], outputs: usize) -> Result<Self> {
        let bound = 1.0 / (shape[1..].iter().product::<usize>() as f64).sqrt();
        let init = Init::Uniform { lo: -bound, up: bound };
        let weight = Param::new(params, &source, "weight", &shape, init)?;
        Ok(Self { weight, bias: Param::new(params, &source, "bias", &[outputs], init)? })
    }

    pub(super) fn conv3x3(&self, tape: &Tape, sources: &[&Map]) -> Result<Map> {
        ops::conv3x3(tape, sources, &self.weight.on(tape), &self.bias.on(tape))
    }

    pub(super) fn conv3x3_of_upsampled(&self, tape: &Tape, x: &Map) -> Result<Map> {
        ops::conv3x3_of_upsampled(tape, x, &self.weight.on(tape), &self.bias.on(tape))
    }

    /// 1×1, from maps to a map.
    pub(super) fn pointwise(&self, tape: &Tape, sources: &[&Map]) -> Result<Map> {
        ops::pointwise(tape, sources, &self.weight.on(tape), &self.bias.on(tape))
    }

    /// 1×1, to plain numbers.
    pub(super) fn conv1x1(&self, tape: &Tape, x: &Map) -> Result<Node> {
        ops::conv1x1(tape, x, &self.weight.on(tape), &self.bias.on(tape))
    }

    pub(super) fn transposed2x2(&self, tape: &Tape, x: &Map) -> Result<Map> {
        ops::conv_transpose2x2(tape, x, &self.weight.on(tape), &self.bias.on(tape))
    }
}

/// Normalisation, or none.
pub(super) enum Normalise {
    Batch { weight: Param, bias: Param, running: Running },
    Group { weight: Param, bias: Param, groups: usize },
    None,
}

impl Normalise {
    pub(super) fn new(params: &mut Params, source: VarBuilder, blocks: Blocks, channels: usize) -> Result<Self> {
        if blocks.norm == Norm::None {
            return Ok(Self::None);
        }
        let weight = Param::new(params, &source, "weight", &[channels], Init::Const(1.0))?;
        let bias = Param::new(params, &source, "bias", &[channels], Init::Const(0.0))?;
        match blocks.norm {
            Norm::Group => return Ok(Self::Group { weight, bias, groups: common(blocks.groups, channels) }),
            Norm::Instance => return Ok(Self::Group { weight, bias, groups: channels }),
            Norm::Batch | Norm::None => {}
        }
        let mut buffer = |name: &str, value: f64| -> Result<Var> {
            let var = Var::from_tensor(&source.get_with_hints(channels, name, Init::Const(value))?)?;
            params.buffers.push((full_name(&source, name), var.clone()));
            Ok(var)
        };
        let running = Running { mean: buffer("running_mean", 0.0)?, var: buffer("running_var", 1.0)? };
        Ok(Self::Batch { weight, bias, running })
    }

    /// Normalisation, and the activation after it if there is one.
    pub(super) fn apply(&self, tape: &Tape, x: Map, mode: Mode, then: Option<Activation>) -> Result<Map> {
        match self {
            Self::Batch { weight, bias, running } => {
                ops::batch_norm(tape, &x, &weight.on(tape), &bias.on(tape), statistics(running, mode), then)
            }
            Self::Group { weight, bias, groups } => ops::group_norm(tape, &x, &weight.on(tape), &bias.on(tape), *groups, then),
            Self::None => match then {
                Some(activation) => ops::activate(tape, &x, activation),
                None => Ok(x),
            },
        }
    }
}

fn statistics(running: &Running, mode: Mode) -> Statistics<'_> {
    match mode {
        Mode::Train => Statistics::Batch(running),
        Mode::Eval => Statistics::Running(running),
    }
}

/// The greatest common divisor: of the maps inside a gate, whose channels are not the user's, groups may not divide all.
fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}

/// Convolution 3×3, normalisation, activation.
pub(super) struct Unit {
    conv: Conv,
    norm: Normalise,
    activation: Activation,
}

impl Unit {
    /// The convolution's name ends in `position`, the normalisation's in the number after it.
    pub(super) fn new(
        params: &mut Params,
        source: &VarBuilder,
        position: usize,
        blocks: Blocks,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self> {
        let conv = Conv::new(params, source.pp(position), [outputs, inputs, 3, 3], outputs)?;
        let norm = Normalise::new(params, source.pp(position + 1), blocks, outputs)?;
        Ok(Self { conv, norm, activation: blocks.activation })
    }

    /// Reads `sources` as one map, their channels one after the other.
    pub(super) fn forward(&self, tape: &Tape, sources: Vec<Map>, mode: Mode) -> Result<Map> {
        self.normalised(tape, sources, false, mode, Some(self.activation))
    }

    /// The convolution with its normalisation, and the activation if there is one. What is read is gone before the normalisation: a network's largest
    /// maps need not be there at once.
    fn normalised(&self, tape: &Tape, sources: Vec<Map>, upsampled: bool, mode: Mode, then: Option<Activation>) -> Result<Map> {
        let read: Vec<&Map> = sources.iter().collect();
        if let (Normalise::Batch { weight, bias, running }, Mode::Eval) = (&self.norm, mode) {
            let (own, weight, bias) = ((self.conv.weight.on(tape), self.conv.bias.on(tape)), weight.on(tape), bias.on(tape));
            let norm = KeptNorm { weight: &weight, bias: &bias, running };
            return ops::conv3x3_normalised(tape, &read, upsampled, (&own.0, &own.1), norm, then);
        }
        let x = if upsampled { self.conv.conv3x3_of_upsampled(tape, read[0])? } else { self.conv.conv3x3(tape, &read)? };
        drop(sources);
        self.norm.apply(tape, x, mode, then)
    }

    /// The same with `more` added before the activation.
    pub(super) fn forward_adding(&self, tape: &Tape, x: Map, more: &Map, mode: Mode) -> Result<Map> {
        let x = self.normalised(tape, vec![x], false, mode, None)?;
        ops::activate(tape, &ops::add(tape, &x, more)?, self.activation)
    }

    /// Reads a map with its sides upsampled (nearest).
    pub(super) fn forward_upsampled(&self, tape: &Tape, x: Map, mode: Mode) -> Result<Map> {
        self.normalised(tape, vec![x], true, mode, Some(self.activation))
    }
}
