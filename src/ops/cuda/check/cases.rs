//! What is compared: every operation, with sizes that are awkward where that is allowed.

use super::{Case, Output};
use crate::blocked::Shape;
use crate::config::Activation;
use crate::{KeptNorm, Map, Node, Running, Statistics, Tape};
use candle_core::Result;

type Run = fn(&Tape, &[&Map], &[Node], &Running) -> Result<Output>;

const SMALL: Shape = Shape { n: 2, c: 24, h: 6, w: 10 };
const ODD: Shape = Shape { n: 2, c: 5, h: 7, w: 9 };

/// An operation that nothing is chosen in.
fn smooth(name: &'static str, inputs: &[Shape], params: Vec<Vec<usize>>, run: Run) -> Case {
    Case { name, inputs: inputs.to_vec(), params, run, chooses: false }
}

/// One with a maximum, or a slope that jumps.
fn choosing(name: &'static str, inputs: &[Shape], params: Vec<Vec<usize>>, run: Run) -> Case {
    Case { chooses: true, ..smooth(name, inputs, params, run) }
}

/// Weight and bias of a convolution.
fn conv(outputs: usize, inputs: usize, side: usize) -> Vec<Vec<usize>> {
    vec![vec![outputs, inputs, side, side], vec![outputs]]
}

/// Weight and bias of a normalisation.
fn norm(channels: usize) -> Vec<Vec<usize>> {
    vec![vec![channels], vec![channels]]
}

/// All of them, at sizes that take a moment on any device.
pub(super) fn all() -> Vec<Case> {
    [convolutions(), normalisations(), activations(), maps()].into_iter().flatten().collect()
}

/// The name of the first of those in [`as_trained`].
pub(super) const ONE_AS_TRAINED: &str = "conv3x3, 64 to 64 at 56×56";

/// Convolutions of the sizes that networks train at: for them libraries choose other engines than for small maps.
pub(super) fn as_trained() -> Vec<Case> {
    const LARGE: Shape = Shape { n: 2, c: 64, h: 56, w: 56 };
    const HALF: Shape = Shape { n: 2, c: 128, h: 28, w: 28 };
    vec![
        choosing(ONE_AS_TRAINED, &[LARGE], conv(64, 64, 3), |t, x, p, _| relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)),
        choosing("conv3x3 of two maps, 128 to 64 at 56×56", &[LARGE, LARGE], conv(64, 128, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)
        }),
        choosing("conv3x3 of an upsampled map, 128 to 64 at 56×56", &[HALF], conv(64, 128, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3_of_upsampled(t, x[0], &p[0], &p[1])?)
        }),
        choosing("conv_transpose2x2, 128 to 64 at 56×56", &[HALF], vec![vec![128, 64, 2, 2], vec![64]], |t, x, p, _| {
            relu(t, &crate::conv_transpose2x2(t, x[0], &p[0], &p[1])?)
        }),
    ]
}

fn convolutions() -> Vec<Case> {
    vec![
        choosing("conv3x3", &[SMALL], conv(16, 24, 3), |t, x, p, _| relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)),
        choosing("conv3x3, odd sizes", &[ODD], conv(3, 5, 3), |t, x, p, _| relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)),
        choosing("conv3x3 of two maps", &[SMALL, Shape { c: 8, ..SMALL }], conv(8, 32, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)
        }),
        choosing("conv3x3 of two maps, odd sizes", &[ODD, Shape { c: 4, ..ODD }], conv(6, 9, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3(t, x, &p[0], &p[1])?)
        }),
        choosing("conv3x3 of an upsampled map", &[SMALL], conv(8, 24, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3_of_upsampled(t, x[0], &p[0], &p[1])?)
        }),
        choosing("conv3x3 of an upsampled map, odd sizes", &[ODD], conv(11, 5, 3), |t, x, p, _| {
            relu(t, &crate::conv3x3_of_upsampled(t, x[0], &p[0], &p[1])?)
        }),
        choosing("conv_transpose2x2", &[SMALL], vec![vec![24, 8, 2, 2], vec![8]], |t, x, p, _| {
            relu(t, &crate::conv_transpose2x2(t, x[0], &p[0], &p[1])?)
        }),
        smooth("conv1x1", &[SMALL], conv(3, 24, 1), |t, x, p, _| crate::conv1x1(t, x[0], &p[0], &p[1]).map(Output::Logits)),
        smooth("conv1x1, many classes", &[ODD], conv(11, 5, 1), |t, x, p, _| {
            crate::conv1x1(t, x[0], &p[0], &p[1]).map(Output::Logits)
        }),
        choosing("pointwise", &[SMALL], conv(12, 24, 1), |t, x, p, _| relu(t, &crate::pointwise(t, x, &p[0], &p[1])?)),
        choosing("pointwise of three maps, odd sizes", &[ODD, Shape { c: 8, ..ODD }, Shape { c: 1, ..ODD }], conv(9, 14, 1), {
            |t, x, p, _| relu(t, &crate::pointwise(t, x, &p[0], &p[1])?)
        }),
        // The bias of the first has two readers, and one gradient.
        smooth("pointwise read twice", &[ODD], [conv(5, 5, 1), conv(5, 5, 3)].concat(), |t, x, p, _| {
            let y = crate::pointwise(t, x, &p[0], &p[1])?;
            crate::add(t, &crate::conv3x3(t, &[&y], &p[2], &p[3])?, &y).map(Output::Map)
        }),
    ]
}

fn normalisations() -> Vec<Case> {
    use Activation::{Elu, LeakyRelu, Relu, Silu};
    fn batch(t: &Tape, x: &Map, p: &[Node], statistics: Statistics, then: Option<Activation>) -> Result<Output> {
        crate::batch_norm(t, x, &p[0], &p[1], statistics, then).map(Output::Map)
    }
    fn group(t: &Tape, x: &Map, p: &[Node], groups: usize, then: Option<Activation>) -> Result<Output> {
        crate::group_norm(t, x, &p[0], &p[1], groups, then).map(Output::Map)
    }
    let after_conv = || [conv(5, 5, 3), norm(5)].concat();
    vec![
        choosing("batch_norm, ReLU", &[SMALL], norm(24), |t, x, p, r| batch(t, x[0], p, Statistics::Batch(r), Some(Relu))),
        choosing("batch_norm, ReLU, running", &[SMALL], norm(24), |t, x, p, r| {
            batch(t, x[0], p, Statistics::Running(r), Some(Relu))
        }),
        smooth("batch_norm", &[ODD], norm(5), |t, x, p, r| batch(t, x[0], p, Statistics::Batch(r), None)),
        smooth("batch_norm, SiLU", &[ODD], norm(5), |t, x, p, r| batch(t, x[0], p, Statistics::Batch(r), Some(Silu))),
        choosing("batch_norm, leaky ReLU", &[SMALL], norm(24), |t, x, p, r| {
            batch(t, x[0], p, Statistics::Batch(r), Some(LeakyRelu))
        }),
        smooth("conv3x3, batch_norm, ELU, running", &[ODD], after_conv(), |t, x, p, r| {
            batch(t, &crate::conv3x3(t, x, &p[0], &p[1])?, &p[2..], Statistics::Running(r), Some(Elu))
        }),
        choosing("group_norm, ReLU", &[SMALL], norm(24), |t, x, p, _| group(t, x[0], p, 4, Some(Relu))),
        choosing("group_norm, ReLU, odd sizes", &[ODD], norm(5), |t, x, p, _| group(t, x[0], p, 5, Some(Relu))),
        smooth("group_norm", &[SMALL], norm(24), |t, x, p, _| group(t, x[0], p, 3, None)),
        smooth("group_norm, ELU", &[SMALL], norm(24), |t, x, p, _| group(t, x[0], p, 12, Some(Elu))),
        smooth("conv3x3, group_norm, SiLU", &[ODD], after_conv(), |t, x, p, _| {
            group(t, &crate::conv3x3(t, x, &p[0], &p[1])?, &p[2..], 1, Some(Silu))
        }),
        choosing("instance norm, leaky ReLU, odd sizes", &[ODD], norm(5), |t, x, p, _| group(t, x[0], p, 5, Some(LeakyRelu))),
    ]
}

/// Operations that are one pass where nothing is recorded.
pub(super) fn evaluated() -> Vec<Case> {
    use Activation::{Elu, Relu};
    fn one(t: &Tape, x: &[&Map], upsampled: bool, p: &[Node], running: &Running, then: Option<Activation>) -> Result<Output> {
        let norm = KeptNorm { weight: &p[2], bias: &p[3], running };
        crate::conv3x3_normalised(t, x, upsampled, (&p[0], &p[1]), norm, then).map(Output::Map)
    }
    let with_norm = |outputs, inputs| [conv(outputs, inputs, 3), norm(outputs)].concat();
    vec![
        smooth("evaluation: conv3x3, batch_norm, ReLU", &[SMALL], with_norm(24, 24), |t, x, p, r| {
            one(t, x, false, p, r, Some(Relu))
        }),
        smooth("evaluation: conv3x3 of two maps, batch_norm, odd sizes", &[ODD, Shape { c: 4, ..ODD }], with_norm(5, 9), {
            |t, x, p, r| one(t, x, false, p, r, None)
        }),
        smooth("evaluation: conv3x3, batch_norm, ELU", &[ODD], with_norm(5, 5), |t, x, p, r| one(t, x, false, p, r, Some(Elu))),
        smooth("evaluation: conv3x3 of an upsampled map, batch_norm, ReLU", &[ODD], with_norm(5, 5), |t, x, p, r| {
            one(t, x, true, p, r, Some(Relu))
        }),
        smooth("evaluation: conv3x3 of an upsampled map, batch_norm", &[SMALL], with_norm(24, 24), |t, x, p, r| {
            one(t, x, true, p, r, None)
        }),
    ]
}

fn activations() -> Vec<Case> {
    fn after(t: &Tape, x: &[&Map], p: &[Node], activation: Activation) -> Result<Output> {
        crate::activate(t, &crate::conv3x3(t, x, &p[0], &p[1])?, activation).map(Output::Map)
    }
    vec![
        choosing("relu", &[SMALL], vec![], |t, x, _, _| relu(t, x[0])),
        choosing("leaky ReLU", &[ODD], vec![], |t, x, _, _| crate::activate(t, x[0], Activation::LeakyRelu).map(Output::Map)),
        smooth("ELU", &[ODD], vec![], |t, x, _, _| crate::activate(t, x[0], Activation::Elu).map(Output::Map)),
        smooth("SiLU", &[ODD], vec![], |t, x, _, _| crate::activate(t, x[0], Activation::Silu).map(Output::Map)),
        choosing("conv3x3, leaky ReLU", &[ODD], conv(3, 5, 3), |t, x, p, _| after(t, x, p, Activation::LeakyRelu)),
        smooth("conv3x3, ELU", &[ODD], conv(3, 5, 3), |t, x, p, _| after(t, x, p, Activation::Elu)),
        smooth("conv3x3, SiLU", &[ODD], conv(3, 5, 3), |t, x, p, _| after(t, x, p, Activation::Silu)),
    ]
}

fn maps() -> Vec<Case> {
    let one = |shape: Shape| Shape { c: 1, ..shape };
    vec![
        choosing("max_pool2x2", &[SMALL], vec![], |t, x, _, _| crate::max_pool2x2(t, x[0]).map(Output::Map)),
        choosing("max_pool2x2, odd sizes", &[ODD], vec![], |t, x, _, _| crate::max_pool2x2(t, x[0]).map(Output::Map)),
        smooth("upsample_bilinear2x", &[SMALL], vec![], |t, x, _, _| crate::upsample_bilinear2x(t, x[0]).map(Output::Map)),
        smooth("upsample_bilinear2x, odd sizes", &[ODD], vec![], |t, x, _, _| {
            crate::upsample_bilinear2x(t, x[0]).map(Output::Map)
        }),
        smooth("upsample_bilinear2x of two rows of one", &[Shape { h: 2, w: 1, ..ODD }], vec![], |t, x, _, _| {
            crate::upsample_bilinear2x(t, x[0]).map(Output::Map)
        }),
        smooth("add", &[SMALL, SMALL], vec![], |t, x, _, _| crate::add(t, x[0], x[1]).map(Output::Map)),
        smooth("add, odd sizes, after conv3x3", &[ODD, ODD], conv(5, 5, 3), |t, x, p, _| {
            crate::add(t, &crate::conv3x3(t, &x[..1], &p[0], &p[1])?, x[1]).map(Output::Map)
        }),
        // Gradients are added in place: what the sum hands to one input must not be what the other has.
        smooth("add of maps used again", &[ODD, ODD], vec![], |t, x, _, _| {
            let sum = crate::add(t, x[0], x[1])?;
            crate::add(t, &crate::add(t, &sum, x[0])?, &sum).map(Output::Map)
        }),
        smooth("gate", &[SMALL, one(SMALL)], vec![], |t, x, _, _| crate::gate(t, x[0], x[1]).map(Output::Map)),
        smooth("gate, many channels", &[Shape { c: 280, h: 3, ..SMALL }, Shape { c: 1, h: 3, ..SMALL }], vec![], |t, x, _, _| {
            crate::gate(t, x[0], x[1]).map(Output::Map)
        }),
        smooth("gate, odd sizes, after pointwise", &[ODD], conv(1, 5, 1), |t, x, p, _| {
            crate::gate(t, x[0], &crate::pointwise(t, x, &p[0], &p[1])?).map(Output::Map)
        }),
        smooth("dropout", &[SMALL], vec![], |t, x, _, _| crate::dropout(t, x[0].clone(), 0.3).map(Output::Map)),
        smooth("dropout twice, odd sizes", &[ODD], vec![], |t, x, _, _| {
            crate::dropout(t, crate::dropout(t, x[0].clone(), 0.2)?, 0.5).map(Output::Map)
        }),
        choosing("a map used twice", &[SMALL], conv(24, 24, 3), |t, x, p, _| {
            let both = [x[0], &crate::relu(t, x[0])?];
            let pooled = crate::max_pool2x2(t, both[1])?;
            relu(t, &crate::conv3x3(t, &[&pooled], &p[0], &p[1])?)
        }),
    ]
}

fn relu(tape: &Tape, x: &Map) -> Result<Output> {
    crate::relu(tape, x).map(Output::Map)
}
