//! Which convolution has which normalisation folded into it.

use super::folded::Folded;
use super::kernels::Argument;
use super::problem::Problem;
use super::{Array, Gpu, Store};
use crate::tape::GpuNetwork;
use crate::{KeptNorm, Node};
use candle_core::{Result, bail};
use std::rc::Rc;

/// The numbers of a convolution and of its normalisation.
pub(super) struct Folding {
    store: Rc<Store>,
    /// The convolution's.
    weight: usize,
    /// As in [`Folded`].
    numbers: [Array; 6],
}

impl Folding {
    /// Those of a convolution and of the normalisation after it.
    pub fn of(device: &GpuNetwork, (weight, bias): (&Node, &Node), norm: KeptNorm) -> Result<Self> {
        let store = &device.store;
        let [weight, bias, factor, last] = [weight.param()?, bias.param()?, norm.weight.param()?, norm.bias.param()?];
        if [factor, last].iter().any(|index| store.dims(*index) != store.dims(bias)) {
            let [bias, factor, last] = [bias, factor, last].map(|index| store.dims(index));
            bail!("a convolution with bias {bias:?}: normalisation with weight {factor:?}, bias {last:?}")
        }
        let (mean, var) = (store.buffer(&norm.running.mean)?, store.buffer(&norm.running.var)?);
        let [first, bias, factor, last] = [weight, bias, factor, last].map(|index| store.value(index));
        Ok(Self { store: store.clone(), weight, numbers: [first, bias, factor, last, mean, var] })
    }

    /// The one convolution.
    pub fn folded(&self, gpu: &Gpu, problem: Problem) -> Result<Rc<Folded>> {
        let Problem { k, .. } = problem;
        self.by(gpu, "fold_norm", problem, k, vec![(problem.weights() / k).into()])
    }

    /// The same where `problem` has four times the filters, a phase of the upsampled map each.
    pub fn folded_of_upsampled(&self, gpu: &Gpu, problem: Problem) -> Result<Rc<Folded>> {
        let outputs = problem.k / 4;
        self.by(gpu, "fold_norm_of_upsampled", problem, outputs, vec![outputs.into(), problem.c.into()])
    }

    fn by(&self, gpu: &Gpu, kernel: &'static str, p: Problem, filters: usize, sizes: Vec<Argument>) -> Result<Rc<Folded>> {
        self.store.folded(self.weight, || {
            let (weight, bias) = (gpu.lasting(gpu.map_kind(), p.weights())?, gpu.lasting(gpu.map_kind(), p.k)?);
            Ok(Folded { weight, bias, numbers: self.numbers.clone(), kernel, filters, sizes })
        })
    }
}
