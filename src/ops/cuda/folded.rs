//! A convolution 3×3 and the batch normalisation after it by running statistics as one convolution, which adds a bias and cuts at 0 as it
//! writes: no pass over the result is left. For evaluation, where nothing is recorded; see `folded.cu`.

use super::conv::conv3x3_folded;
use super::driver::Grid;
use super::kernels::Argument;
use super::problem::{Pass, Problem};
use super::upsampled::conv3x3_of_upsampled_folded;
use super::{Array, Gpu};
use crate::config::Activation;
use crate::tape::GpuNetwork;
use crate::{KeptNorm, Map, Node, Tape};
use candle_core::{Result, bail};

/// As `ops::conv3x3_normalised`. `None` where it takes two passes: something is recorded, another activation than a ReLU follows, or cuDNN has no
/// engine that adds a bias to this convolution.
pub(crate) fn conv3x3_normalised(
    tape: &Tape,
    device: &GpuNetwork,
    sources: &[&Map],
    upsampled: bool,
    own: (&Node, &Node),
    norm: KeptNorm,
    then: Option<Activation>,
) -> Result<Option<Map>> {
    let relu = match then {
        None => false,
        Some(Activation::Relu) => true,
        Some(_) => return Ok(None),
    };
    if tape.is_recording() {
        return Ok(None);
    }
    let (folding, pass) = (Folding::of(device, own, norm)?, Pass::Biased { relu });
    match sources {
        [x] if upsampled => conv3x3_of_upsampled_folded(tape, device, x, own, &folding, pass),
        _ => conv3x3_folded(tape, device, sources, own, &folding, pass),
    }
}

/// The numbers of a convolution and of its normalisation: weight and bias, factor and what is added last, running mean and variance.
pub(super) struct Folding([Array; 6]);

impl Folding {
    fn of(device: &GpuNetwork, (weight, bias): (&Node, &Node), norm: KeptNorm) -> Result<Self> {
        let store = &device.store;
        let [weight, bias, factor, last] = [weight.param()?, bias.param()?, norm.weight.param()?, norm.bias.param()?];
        if [factor, last].iter().any(|index| store.dims(*index) != store.dims(bias)) {
            let [bias, factor, last] = [bias, factor, last].map(|index| store.dims(index));
            bail!("a convolution with bias {bias:?}: normalisation with weight {factor:?}, bias {last:?}")
        }
        let [weight, bias, factor, last] = [weight, bias, factor, last].map(|index| store.value(index));
        Ok(Self([weight, bias, factor, last, store.buffer(&norm.running.mean)?, store.buffer(&norm.running.var)?]))
    }

    /// Weight and bias of the one convolution.
    pub fn folded(&self, gpu: &Gpu, problem: Problem) -> Result<(Array, Array)> {
        let Problem { k, .. } = problem;
        self.by(gpu, "fold_norm", problem, k, &[(problem.weights() / k).into()])
    }

    /// The same where `problem` has four times the filters, a phase of the upsampled map each.
    pub fn folded_of_upsampled(&self, gpu: &Gpu, problem: Problem) -> Result<(Array, Array)> {
        let outputs = problem.k / 4;
        self.by(gpu, "fold_norm_of_upsampled", problem, outputs, &[outputs.into(), problem.c.into()])
    }

    fn by(&self, gpu: &Gpu, kernel: &'static str, p: Problem, filters: usize, sizes: &[Argument]) -> Result<(Array, Array)> {
        let (weight, bias) = (gpu.array(gpu.map_kind(), p.weights())?, gpu.array(gpu.map_kind(), p.k)?);
        let arguments: Vec<Argument> =
            self.0.iter().chain([&weight, &bias]).map(Argument::from).chain(sizes.iter().copied()).collect();
        gpu.launch(kernel, Grid::blocks(filters), &arguments)?;
        Ok((weight, bias))
    }
}
