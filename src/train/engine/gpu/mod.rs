//! Training on a GPU: batches are asked for without waiting, and their scores arrive a few steps later. Parameters stay on the device.

mod listed;
mod selftest;
mod trainer;

pub use listed::convolutions_of;
pub use selftest::{Tested, selftest, selftest_of_steps};
pub use trainer::{Applied, Collect, Landed, MicroBatch, Tail, Trainer};

use super::{AtEnd, Engine, Evaluated, Halt, Learner, Measured, Scored, Steps, asked, logits};
use crate::data::{Draw, target};
use crate::metric::{Means, Tally};
use crate::ops::{self, Gradients, cuda};
use crate::train::Error;
use crate::train::gradient::Accumulation;

/// The engine.
pub(super) struct Gpu<'a> {
    learner: Learner<'a>,
    trainer: Trainer<'a>,
    accumulated: usize,
}

impl<'a> Gpu<'a> {
    /// Puts everything on the GPU of this number.
    ///
    /// # Errors
    /// If there is no such device, a library is missing, or the device has no room.
    pub fn new(ordinal: usize, mut learner: Learner<'a>, accumulated: &Accumulation) -> Result<Self, Error> {
        cuda::ready().map_err(|why| Error::Setup(format!("{why}, or say --device cpu")))?;
        let Learner { experiment, data, network, .. } = learner;
        let trainer = Trainer::new(ordinal, experiment, data, network, &learner.normaliser)?;
        trainer.send(&learner.optimizer, (accumulated.batches() > 0).then(|| accumulated.sum()))?;
        if let Some(ema) = &mut learner.ema {
            let params = network.params();
            ema.exchange(params)?;
            trainer.send_weights()?;
            trainer.store().begin_averages()?;
            ema.exchange(params)?;
            trainer.send_weights()?;
        }
        Ok(Self { learner, trainer, accumulated: accumulated.batches() })
    }

    /// Copies the EMA weights from the device to this machine's, where there are any.
    fn fetch_ema(&mut self) -> candle_core::Result<()> {
        let Some(ema) = &mut self.learner.ema else { return Ok(()) };
        let (params, store) = (self.learner.network.params(), self.trainer.store());
        ema.exchange(params)?;
        store.exchange_averages()?;
        self.trainer.fetch(None)?;
        store.exchange_averages()?;
        ema.exchange(params)
    }
}

impl<'a> Engine<'a> for Gpu<'a> {
    fn learner(&self) -> &Learner<'a> {
        &self.learner
    }

    fn learner_mut(&mut self) -> &mut Learner<'a> {
        &mut self.learner
    }

    fn pass(&mut self, batches: &[&[usize]], draw: Draw, body: &mut dyn FnMut(&mut dyn Steps)) {
        body(&mut Pass { gpu: self, batches: batches.iter(), draw, loss: 0.0 });
    }

    fn accumulated(&self) -> usize {
        self.accumulated
    }

    fn evaluate(&mut self, samples: &[usize], more: Option<AtEnd>, stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        let Learner { experiment, data, .. } = self.learner;
        if experiment.patches.is_some() {
            // Of tiles that are blended the device makes no scores.
            return super::evaluate(&self.learner, self.device(), samples, more, stop);
        }
        let (mut tally, mut terms, mut images) = (Tally::new(data.classes.len()), Means::default(), Vec::new());
        let mut add = |landed: Landed| {
            terms.add(landed.images, &landed.terms);
            images.extend(tally.add_sums(landed.images, &landed.sums));
        };
        for indices in samples.chunks(self.learner.at_once()) {
            self.trainer.submit(MicroBatch::to_evaluate(indices))?.into_iter().for_each(&mut add);
            if let Err(halt) = asked(stop) {
                while self.trainer.land()?.is_some() {}
                return Err(halt);
            }
        }
        while let Some(landed) = self.trainer.land()? {
            add(landed);
        }
        let mut measured = Measured::new(more, data.classes.len());
        for &index in more.map_or(&[][..], |_| samples) {
            let targets: Vec<f32> = data.samples[index].mask.iter().map(|value| target(*value)).collect();
            let logits = logits(&self.learner, self.device(), index)?;
            measured.add(1, &logits, &targets);
            asked(stop)?;
        }
        let Measured { extras, curves, .. } = measured;
        Ok(Evaluated { scores: tally.scores(), terms: terms.means(), images, extras, curves })
    }

    fn exchange(&mut self) -> candle_core::Result<()> {
        self.trainer.store().exchange_averages()
    }

    fn take_weights(&mut self) -> candle_core::Result<()> {
        self.trainer.send_weights()
    }

    fn is_far(&self) -> bool {
        true
    }

    fn keep_best(&mut self) -> candle_core::Result<()> {
        self.exchange()?;
        self.trainer.store().keep()?;
        self.exchange()
    }

    fn with_best(&mut self, write: &mut dyn FnMut(&Learner<'a>) -> Result<(), Error>) -> Result<(), Error> {
        self.trainer.store().exchange()?;
        self.trainer.fetch(None)?;
        self.trainer.store().exchange()?;
        write(&self.learner)
    }

    fn snapshot(&mut self) -> candle_core::Result<Gradients> {
        self.trainer.fetch(Some(&mut self.learner.optimizer))?;
        let accumulated = if self.accumulated > 0 { self.trainer.store().accumulated()? } else { Gradients::default() };
        self.fetch_ema()?;
        Ok(accumulated)
    }

    fn device(&self) -> Option<&ops::GpuNetwork> {
        Some(self.trainer.device())
    }

    fn description(&self) -> Option<(String, String)> {
        Some(self.trainer.description())
    }

    fn memory(&self) -> Option<usize> {
        Some(self.trainer.memory())
    }

    fn notes(&self) -> Vec<String> {
        self.trainer.notes()
    }
}

struct Pass<'p, 'a> {
    gpu: &'p mut Gpu<'a>,
    batches: std::slice::Iter<'p, &'p [usize]>,
    draw: Draw<'p>,
    /// Of the micro-batches that have arrived of the batch under way.
    loss: f64,
}

impl Steps for Pass<'_, '_> {
    fn submit(&mut self, update: Option<f64>, scored: &mut Scored) -> Result<Vec<f64>, Error> {
        let indices = *self.batches.next().expect("a batch is submitted once");
        let micro: Vec<&[usize]> = self.gpu.learner.split(indices).collect();
        let before = self.gpu.accumulated;
        let clips = self.gpu.learner.experiment.training.clip_norm.is_some();
        // Gradients that make up an update alone go straight into it.
        let alone = micro.len() == 1 && before == 0 && update.is_some() && !clips;
        let mut losses = Vec::new();
        for (at, &part) in micro.iter().enumerate() {
            let ends = at + 1 == micro.len();
            let Learner { optimizer, ema, .. } = &mut self.gpu.learner;
            let rate = ema.as_ref().map_or(0.0, |ema| ema.rate(optimizer.steps()));
            let rule = update.filter(|_| ends).map(|lr| optimizer.step_elsewhere(lr));
            let tail = Tail {
                collect: match (alone, before == 0 && at == 0) {
                    (true, _) => Collect::Nothing,
                    (false, true) => Collect::First,
                    (false, false) => Collect::Further,
                },
                update: match (rule.is_some(), alone) {
                    (false, _) => Applied::Nothing,
                    (true, true) => Applied::Gradients,
                    (true, false) => Applied::MeanOf(before + 1),
                },
            };
            let share = part.len() as f64 / indices.len() as f64;
            let asked = MicroBatch { indices: part, draw: Some(self.draw), share, tail: Some(tail), rule, rate, ends };
            let landed = self.gpu.trainer.submit(asked)?;
            losses.extend(landed.and_then(|landed| self.arrive(&landed, scored)));
        }
        self.gpu.accumulated = if update.is_some() { 0 } else { before + 1 };
        Ok(losses)
    }

    fn drain(&mut self, scored: &mut Scored) -> Result<Vec<f64>, Error> {
        let mut losses = Vec::new();
        while let Some(landed) = self.gpu.trainer.land()? {
            losses.extend(self.arrive(&landed, scored));
        }
        Ok(losses)
    }
}

impl Pass<'_, '_> {
    /// Counts what has arrived; the loss of a batch that ends with it.
    fn arrive(&mut self, landed: &Landed, scored: &mut Scored) -> Option<f64> {
        scored.tally.add_sums(landed.images, &landed.sums);
        scored.terms.add(landed.images, &landed.terms);
        self.loss += landed.share * landed.loss;
        landed.ends.then(|| std::mem::take(&mut self.loss))
    }
}
