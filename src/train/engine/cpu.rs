//! Training on the CPU, each batch done when it is asked for.

use super::{Engine, Learner, Scored, Steps, add};
use crate::data::{self, Draw, Making, Supply};
use crate::ops::{Gradients, Map, Node, Tape, weighted_sum};
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
        if let Some(lr) = update
            && self.cpu.can_update_in_backward()
        {
            return self.updated_in_backward(lr, scored);
        }
        // A loss is a mean over samples: micro-batches count by theirs.
        let (mut loss, mut gradients) = (0.0, Gradients::default());
        for micro in self.cpu.learner.split(indices) {
            let forward = self.forward(micro.len() as f64 / indices.len() as f64, scored)?;
            if !forward.value.is_finite() {
                return Ok(vec![forward.value]);
            }
            loss += forward.value;
            gradients.add(forward.tape.backward(&forward.loss)?)?;
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

/// A forward pass over a micro-batch.
struct Forward {
    tape: Tape,
    loss: Node,
    /// Of the loss.
    value: f64,
}

impl Pass<'_, '_, '_> {
    /// The loss of the next samples, times their share of the batch. Their scores are counted if it is a finite number.
    fn forward(&mut self, share: f64, scored: &mut Scored) -> Result<Forward, Error> {
        let Learner { experiment, network, .. } = &self.cpu.learner;
        let batch = self.supply.take().expect("there is one for every micro-batch")?;
        let noise = self.draw.noise(batch.indices[0]);
        let tape = Tape::training().with_precision(experiment.training.precision).with_noise(noise);
        let logits = network.forward_supervised(&tape, Map::constant(&tape, &batch.images)?)?;
        let loss = supervised_loss(&tape, &logits, &batch.targets, &experiment.loss)?;
        scored.terms.add(batch.indices.len(), &loss.terms);
        let sum = if share == 1.0 { loss.sum } else { weighted_sum(&tape, &[(share, &loss.sum)])? };
        let value = f64::from(sum.value().to_scalar::<f32>()?);
        if value.is_finite() {
            add(&mut scored.tally, &loss.scored, &batch.targets)?;
        }
        Ok(Forward { tape, loss: sum, value })
    }

    /// Trains on a whole batch, each parameter updated when its gradient is there: the same numbers with less memory.
    fn updated_in_backward(&mut self, lr: f64, scored: &mut Scored) -> Result<Vec<f64>, Error> {
        let Forward { tape, loss, value } = self.forward(1.0, scored)?;
        if value.is_finite() {
            let Learner { network, optimizer, .. } = &mut self.cpu.learner;
            let mut step = optimizer.begin(&network.params().trained, lr);
            tape.backward_into(&loss, &mut |index, gradient| step.update(index, &gradient))?;
            self.cpu.update_ema()?;
        }
        Ok(vec![value])
    }
}

impl Cpu<'_> {
    /// Whether an update needs one gradient at a time: neither others to add, nor the norm of all.
    fn can_update_in_backward(&self) -> bool {
        let Learner { experiment, micro_batches, .. } = &self.learner;
        *micro_batches == 1 && experiment.training.clip_norm.is_none() && self.accumulated.batches() == 0
    }

    fn update(&mut self, lr: f64) -> Result<(), Error> {
        let mut gradients = self.accumulated.take()?;
        let Learner { experiment, network, optimizer, .. } = &mut self.learner;
        if let Some(max_norm) = experiment.training.clip_norm {
            clip(&mut gradients, max_norm)?;
        }
        optimizer.step(&network.params().trained, &gradients, lr)?;
        self.update_ema()
    }

    /// After a step of the optimizer.
    fn update_ema(&mut self) -> Result<(), Error> {
        let Learner { network, optimizer, ema, .. } = &mut self.learner;
        ema.as_mut().map_or(Ok(()), |ema| ema.update(network.params(), optimizer.steps() - 1))?;
        Ok(())
    }
}
