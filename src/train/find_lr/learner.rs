//! Who learns in a search of learning rates: a network on the CPU or on a GPU, update by update, in the way that training has.

use crate::config::Experiment;
use crate::data::{self, Dataset, Draw, Making, Normaliser, Supply};
use crate::model::Network;
use crate::ops::{Gradients, Map, Tape};
#[cfg(feature = "cuda")]
use crate::train::gpu::{Part, Tail, Trainer};
use crate::train::gradient::{Accumulation, clip};
use crate::train::{Error, Optimizer, Place, supervised_loss};

/// What makes an update of some batches with a learning rate, and returns their mean loss before it.
pub(super) type Learn<'a> = dyn FnMut(&[&[usize]], f64) -> Result<f64, Error> + 'a;

/// A network that learns.
pub(super) struct Learner<'a> {
    normaliser: Normaliser,
    site: Site<'a>,
}

/// Where it does.
enum Site<'a> {
    Cpu(OnCpu<'a>),
    #[cfg(feature = "cuda")]
    Gpu(Box<OnGpu<'a>>),
}

impl<'a> Learner<'a> {
    /// `train` are the samples that numbers of the normalisation are taken from.
    ///
    /// # Errors
    /// If there is no such GPU, or it has no room.
    pub fn new(
        experiment: &'a Experiment,
        data: &'a Dataset,
        train: &[usize],
        network: &'a dyn Network,
        place: &Place,
    ) -> Result<Self, Error> {
        let normaliser = Normaliser::of(experiment.preprocess.normalise, data, train);
        let optimizer = Optimizer::new(&experiment.optimizer, &network.params().trained);
        let site = match place.gpu {
            #[cfg(feature = "cuda")]
            Some(ordinal) => {
                crate::ops::cuda::ready().map_err(Error::Setup)?;
                let trainer = Trainer::new(ordinal, experiment, data, network, &normaliser)?;
                Site::Gpu(Box::new(OnGpu { experiment, trainer, optimizer }))
            }
            _ => Site::Cpu(OnCpu { experiment, network, optimizer }),
        };
        Ok(Self { normaliser, site })
    }

    /// Hands `taker` what learns from these batches, each of them once and in their order.
    pub fn epoch<T>(&mut self, data: &Dataset, batches: &[&[usize]], draw: Draw, taker: impl FnOnce(&mut Learn) -> T) -> T {
        match &mut self.site {
            Site::Cpu(cpu) => {
                let making = Making { dataset: data, draw, normaliser: &self.normaliser };
                data::supply(making, batches, |supply| taker(&mut |update, lr| cpu.learn(update.len(), supply, draw, lr)))
            }
            #[cfg(feature = "cuda")]
            Site::Gpu(gpu) => taker(&mut |update, lr| gpu.learn(update, draw, lr)),
        }
    }
}

struct OnCpu<'a> {
    experiment: &'a Experiment,
    network: &'a dyn Network,
    optimizer: Optimizer,
}

impl OnCpu<'_> {
    /// An update by the next batches, so many; none if the loss of one is no finite number, which is returned then.
    fn learn(&mut self, batches: usize, supply: &mut Supply, draw: Draw, lr: f64) -> Result<f64, Error> {
        let (mut waiting, mut losses) = (Accumulation::default(), 0.0);
        for _ in 0..batches {
            let (loss, gradients) = self.batch(draw, supply)?;
            losses += loss;
            let Some(gradients) = gradients else { return Ok(loss) };
            waiting.add(gradients)?;
        }
        let mut gradients = waiting.take()?;
        if let Some(max_norm) = self.experiment.training.clip_norm {
            clip(&mut gradients, max_norm)?;
        }
        self.optimizer.step(&self.network.params().trained, &gradients, lr)?;
        Ok(losses / batches as f64)
    }

    /// Loss and gradients of the next batch; there are none of a loss that is no finite number.
    fn batch(&self, draw: Draw, supply: &mut Supply) -> Result<(f64, Option<Gradients>), Error> {
        let batch = supply.take().expect("there is a batch for every part of the epoch")?;
        let tape = Tape::training().with_precision(self.experiment.training.precision).with_noise(draw.noise(batch.indices[0]));
        let logits = self.network.forward_supervised(&tape, Map::constant(&tape, &batch.images)?)?;
        let loss = supervised_loss(&tape, &logits, &batch.targets, &self.experiment.loss)?.sum;
        let value = f64::from(loss.value().to_scalar::<f32>()?);
        Ok((value, if value.is_finite() { Some(tape.backward(&loss)?) } else { None }))
    }
}

#[cfg(feature = "cuda")]
struct OnGpu<'a> {
    experiment: &'a Experiment,
    trainer: Trainer<'a>,
    optimizer: Optimizer,
}

#[cfg(feature = "cuda")]
impl OnGpu<'_> {
    /// An update by these batches.
    fn learn(&mut self, batches: &[&[usize]], draw: Draw, lr: f64) -> Result<f64, Error> {
        let whole = batches.len() == 1 && self.experiment.training.clip_norm.is_none();
        let mut losses = 0.0;
        for (at, indices) in batches.iter().enumerate() {
            let last = at + 1 == batches.len();
            let tail = Tail { collect: (!whole).then_some(at == 0), update: last.then_some((!whole).then_some(batches.len())) };
            let rule = last.then(|| self.optimizer.step_elsewhere(lr));
            let part = Part { indices, draw: Some(draw), share: 1.0, tail: Some(tail), rule, rate: 0.0, ends: true };
            losses += self.trainer.submit(part)?.map_or(0.0, |landed| landed.loss);
        }
        while let Some(landed) = self.trainer.land()? {
            losses += landed.loss;
        }
        Ok(losses / batches.len() as f64)
    }
}
