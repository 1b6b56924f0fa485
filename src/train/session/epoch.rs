//! One epoch: its batches, from wherever it stands to its end, and the evaluation of a split.

use super::{Halt, Session, Within};
use crate::data::{self, Draw};
use crate::metric::Absent;
use crate::train::Progress;
use crate::train::engine::{AtEnd, Evaluated, Scored, Steps, asked, logits};
use std::time::Instant;

/// An epoch under way.
pub(super) struct Epoch {
    pub number: usize,
    pub lr: f64,
    /// Batches submitted.
    pub batches: usize,
    /// Those of them whose loss is known.
    done: usize,
    pub scored: Scored,
    /// Seconds that earlier attempts spent on it.
    before: f64,
    began: Instant,
}

impl Epoch {
    /// Seconds that it has taken so far, pauses aside.
    pub fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// Takes note of the losses of batches that are done.
    fn losses(&mut self, losses: Vec<f64>, progress: &mut dyn Progress) -> Result<(), Halt> {
        for loss in losses {
            self.done += 1;
            if !loss.is_finite() {
                let cause = format!("the training loss is {loss} in epoch {}, step {}", self.number, self.done);
                return Err(Halt::Diverged(cause));
            }
            progress.step(self.number, self.done, loss);
        }
        Ok(())
    }

    /// Trains on so many batches; `accumulated` are those that wait for an update before them.
    fn train(
        &mut self,
        steps: &mut dyn Steps,
        batches: usize,
        (mut accumulated, accumulate): (usize, usize),
        stop: &dyn Fn() -> bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        for left in (0..batches).rev() {
            accumulated += 1;
            let updates = accumulated == accumulate || left == 0;
            accumulated *= usize::from(!updates);
            let losses = steps.submit(updates.then_some(self.lr), &mut self.scored)?;
            self.batches += 1;
            self.losses(losses, progress)?;
            if let Err(halt) = asked(stop) {
                let losses = steps.drain(&mut self.scored)?;
                self.losses(losses, progress)?;
                return Err(halt);
            }
        }
        let losses = steps.drain(&mut self.scored)?;
        self.losses(losses, progress)
    }
}

impl Session<'_> {
    /// The epoch of this number, from where it was stopped or from its start.
    pub(super) fn epoch(&mut self, number: usize) -> Epoch {
        let (lr, began) = (self.schedule.rate(number), Instant::now());
        match self.within.take() {
            Some(Within { batches, seconds, tally, terms, .. }) => {
                Epoch { number, lr, batches, done: batches, scored: Scored { tally, terms }, before: seconds, began }
            }
            None => {
                let scored = Scored::new(self.data.classes.len());
                Epoch { number, lr, batches: 0, done: 0, scored, before: 0.0, began }
            }
        }
    }

    /// The rest of a pass over the training split.
    pub(super) fn train_epoch(
        &mut self,
        epoch: &mut Epoch,
        stop: &dyn Fn() -> bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let order = data::order(&self.draws(), training.seeds[0], epoch.number);
        let batches: Vec<&[usize]> = order.chunks(training.batch_size).skip(epoch.batches).collect();
        let accumulation = (self.engine.accumulated(), training.accumulate);
        let mut trained = Ok(());
        self.engine.pass(&batches, Draw::of(self.experiment, epoch.number), &mut |steps| {
            trained = epoch.train(steps, batches.len(), accumulation, stop, progress);
        });
        trained
    }

    /// Scores of a split, with the weights as they are; `more` is what is asked for beside them. A class that no image of it shows has NaN.
    pub(super) fn evaluate(&mut self, split: &[usize], more: Option<AtEnd>, stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        let mut seen = self.engine.evaluate(split, more, stop)?;
        let absent = self.absent(split);
        absent.clear_scores(&mut seen.scores);
        absent.clear_masks(&mut seen.images);
        absent.clear_extras(&mut seen.extras);
        seen.curves = seen.curves.map(|curves| curves.without(absent));
        Ok(seen)
    }

    /// The classes that none of these samples shows.
    pub(super) fn absent(&self, split: &[usize]) -> Absent {
        Absent::of(&data::shown(self.data, split))
    }

    /// Logits (classes, h, w) that scores of a sample are made of, with the weights as they are.
    pub(super) fn logits(&self, index: usize) -> candle_core::Result<Vec<f32>> {
        logits(self.engine.learner(), self.engine.device(), index)
    }
}
