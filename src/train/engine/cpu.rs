//! Training on the CPU, each batch done when it is asked for.

use super::{Engine, Learner, Scored, Steps, add};
use crate::data::{self, Draw, Making, Supply};
use crate::ops::{Gradients, Map, Tape, weighted_sum};
use crate::train::Error;
use crate::train::gradient::{Accumulation, clip};
use crate::train::loss::supervised_loss;

/// The engine.
pub(super) struct Cpu<'a> {
    learner: Learner<'a>,
    accumulated: Accumulation,
}

impl<'a> Cpu<'a> {
    pub fn new(learner: Learner<'a>, accumulated: Accumulation) -> Self {
        Self { learner, accumulated }
    }
}

impl<'a> Engine<'a> for Cpu<'a> {
    fn learner(&self) -> &Learner<'a> {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner<'a> {
        &mut self.learner
    }

    fn pass(&mut self, batches: &[&[usize]], draw: Draw, body: &mut dyn FnMut(&mut dyn Steps)) {
        let micro: Vec<&[usize]> = batches.iter().flat_map(|indices| self.learner.split(indices)).collect();
        let normaliser = self.learner.normaliser.clone();
        let making = Making { dataset: self.learner.data, draw, normaliser: &normaliser };
        data::supply(making, &micro, |supply| body(&mut Pass { cpu: self, batches: batches.iter(), draw, supply }));
    }

    fn accumulated(&self) -> usize {
        self.accumulated.batches()
    }

    fn exchange(&mut self) -> candle_core::Result<()> {
        let params = self.learner.params();
        self.learner.ema.as_mut().map_or(Ok(()), |ema| ema.exchange(params))
    }

    fn with_best(&mut self, write: &mut dyn FnMut(&Learner<'a>) -> Result<(), Error>) -> Result<(), Error> {
        self.exchange()?;
        let written = write(&self.learner);
        self.exchange()?;
        written
    }

    fn snapshot(&mut self) -> candle_core::Result<Gradients> {
        Ok(self.accumulated.sum().clone())
    }
}

struct Pass<'p, 'a, 's> {
    cpu: &'p mut Cpu<'a>,
    batches: std::slice::Iter<'p, &'p [usize]>,
    draw: Draw<'p>,
    supply: &'p mut Supply<'s>,
}

impl Steps for Pass<'_, '_, '_> {
    fn submit(&mut self, update: Option<f64>, scored: &mut Scored) -> Result<Vec<f64>, Error> {
        let indices = *self.batches.next().expect("a batch is submitted once");
        // A loss is a mean over samples: micro-batches count by theirs.
        let (mut loss, mut gradients) = (0.0, Gradients::default());
        for micro in self.cpu.learner.split(indices) {
            let (value, more) = self.micro_batch(micro.len() as f64 / indices.len() as f64, scored)?;
            let Some(more) = more else { return Ok(vec![value]) };
            loss += value;
            gradients.add(more)?;
        }
        self.cpu.accumulated.add(gradients)?;
        if let Some(lr) = update {
            self.cpu.update(lr)?;
        }
        Ok(vec![loss])
    }

    fn drain(&mut self, _: &mut Scored) -> Result<Vec<f64>, Error> {
        Ok(Vec::new())
    }
}

impl Pass<'_, '_, '_> {
    /// Loss and gradients of the next samples, both times their share of the batch; there are none of a loss that is no finite number.
    fn micro_batch(&mut self, share: f64, scored: &mut Scored) -> Result<(f64, Option<Gradients>), Error> {
        let Learner { experiment, network, .. } = &self.cpu.learner;
        let batch = self.supply.take().expect("there is one for every micro-batch")?;
        let noise = self.draw.noise(batch.indices[0]);
        let tape = Tape::training().with_precision(experiment.training.precision).with_noise(noise);
        let logits = network.forward_supervised(&tape, Map::constant(&tape, &batch.images)?)?;
        let loss = supervised_loss(&tape, &logits, &batch.targets, &experiment.loss)?;
        scored.terms.add(batch.indices.len(), &loss.terms);
        let sum = if share == 1.0 { loss.sum } else { weighted_sum(&tape, &[(share, &loss.sum)])? };
        let value = f64::from(sum.value().to_scalar::<f32>()?);
        if !value.is_finite() {
            return Ok((value, None));
        }
        add(&mut scored.tally, &loss.scored, &batch.targets)?;
        Ok((value, Some(tape.backward(&sum)?)))
    }
}

impl Cpu<'_> {
    fn update(&mut self, lr: f64) -> Result<(), Error> {
        let mut gradients = self.accumulated.take()?;
        let Learner { experiment, network, optimizer, ema, .. } = &mut self.learner;
        if let Some(max_norm) = experiment.training.clip_norm {
            clip(&mut gradients, max_norm)?;
        }
        let updates = optimizer.steps();
        optimizer.step(&network.params().trained, &gradients, lr)?;
        if let Some(ema) = ema {
            ema.update(network.params(), updates)?;
        }
        Ok(())
    }
}
