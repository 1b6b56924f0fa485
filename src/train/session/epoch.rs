//! One epoch: its batches, from wherever it stands to its end, and the evaluation of a part.

use super::{Halt, Session, Within};
use crate::config::Term;
use crate::data::{self, Draw, Making, Supply};
use crate::metric::{Absent, Extras, ImageExtras, MaskScores, Means, Scores, Tally};
use crate::model::{self, Tiling};
use crate::ops::{Gradients, Map, Node, Tape, weighted_sum};
use crate::train::gradient::{Accumulation, clip};
use crate::train::loss::{priced, scored, supervised_loss};
use crate::train::{Error, Progress};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::time::Instant;

/// An epoch under way.
pub(super) struct Epoch {
    pub number: usize,
    pub lr: f64,
    /// Batches done.
    pub batches: usize,
    /// Scores of the batches, each as the network saw it, before the update it led to.
    pub tally: Tally,
    /// Further terms of their loss.
    pub terms: Means,
    /// Gradients on their way to an update.
    waiting: Accumulation,
    /// Seconds that earlier attempts spent on it.
    before: f64,
    began: Instant,
}

impl Epoch {
    /// Seconds that it has taken so far, pauses aside.
    pub fn seconds(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }
}

/// What a part's images give. A class that none of them shows has NaN for its scores.
pub(super) struct Evaluated {
    pub scores: Scores,
    /// Further terms of the loss, by the names of their columns.
    pub terms: BTreeMap<String, f64>,
    /// Of every image and class, the classes of an image side by side.
    pub images: Vec<MaskScores>,
    /// Of every image, if they were asked for.
    pub extras: Vec<ImageExtras>,
}

impl Session<'_> {
    /// The epoch of this number, from where it was stopped or from its start.
    pub(super) fn epoch(&mut self, number: usize) -> Epoch {
        let start = || {
            let tally = Tally::new(self.data.classes.len());
            (Within { batches: 0, waiting: 0, seconds: 0.0, tally, terms: Means::default() }, Accumulation::default())
        };
        let (Within { batches, seconds, tally, terms, .. }, waiting) = self.within.take().unwrap_or_else(start);
        Epoch { number, lr: self.schedule.rate(number), batches, tally, terms, waiting, before: seconds, began: Instant::now() }
    }

    /// Writes the resume state of a run that stops here.
    pub(super) fn keep_within(&mut self, epoch: &Epoch) -> Result<(), Halt> {
        #[cfg(feature = "cuda")]
        if self.gpu.is_some() {
            return self.keep_within_on_gpu(epoch);
        }
        let (batches, waiting) = (epoch.batches, epoch.waiting.batches());
        let (tally, terms) = (epoch.tally.clone(), epoch.terms.clone());
        self.state.within = Some(Within { batches, waiting, seconds: epoch.seconds(), tally, terms });
        Ok(self.write_state(epoch.waiting.sum())?)
    }

    /// The rest of a pass over the training part.
    pub(super) fn train_epoch(
        &mut self,
        epoch: &mut Epoch,
        stop: &dyn Fn() -> bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        #[cfg(feature = "cuda")]
        if self.gpu.is_some() {
            return self.train_epoch_on_gpu(epoch, stop, progress);
        }
        let training = &self.experiment.training;
        let order = data::order(&self.draws(), training.seeds[0], epoch.number);
        let batches: Vec<&[usize]> = order.chunks(training.batch_size).skip(epoch.batches).collect();
        let parts: Vec<&[usize]> = batches.iter().flat_map(|indices| self.split(indices)).collect();
        let draw = Draw::of(self.experiment, epoch.number);
        let normaliser = self.normaliser.clone();
        let making = Making { dataset: self.data, draw, normaliser: &normaliser };
        data::supply(making, &parts, |supply| self.train_batches(epoch, &batches, supply, stop, progress))
    }

    fn train_batches(
        &mut self,
        epoch: &mut Epoch,
        batches: &[&[usize]],
        supply: &mut Supply,
        stop: &dyn Fn() -> bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let mut batches = batches.iter().peekable();
        while let Some(indices) = batches.next() {
            let (loss, gradients) = self.batch(epoch, indices, supply)?;
            epoch.waiting.add(gradients)?;
            if epoch.waiting.batches() == training.accumulate || batches.peek().is_none() {
                self.update(epoch.waiting.take()?, epoch.lr)?;
            }
            epoch.batches += 1;
            progress.step(epoch.number, epoch.batches, loss);
            asked(stop)?;
        }
        Ok(())
    }

    /// Loss and gradients of a batch: those of its parts, weighed by their samples, since a loss is a mean over samples.
    fn batch(&self, epoch: &mut Epoch, indices: &[usize], supply: &mut Supply) -> Result<(f64, Gradients), Halt> {
        let (mut loss, mut gradients) = (0.0, Gradients::default());
        for part in self.split(indices) {
            let (more_loss, more) = self.part(epoch, supply, part.len() as f64 / indices.len() as f64)?;
            loss += more_loss;
            gradients.add(more)?;
        }
        Ok((loss, gradients))
    }

    /// Loss and gradients of the next samples at once, both times their share of the batch.
    fn part(&self, epoch: &mut Epoch, supply: &mut Supply, share: f64) -> Result<(f64, Gradients), Halt> {
        let training = &self.experiment.training;
        let draw = Draw::of(self.experiment, epoch.number);
        let batch = supply.take().expect("there is a batch for every part")?;
        let tape = Tape::training().with_precision(training.precision).with_noise(draw.noise(batch.indices[0]));
        let logits = self.network.forward_supervised(&tape, Map::constant(&tape, &batch.images)?)?;
        let loss = supervised_loss(&tape, &logits, &batch.targets, &self.experiment.loss)?;
        epoch.terms.add(batch.indices.len(), &loss.terms);
        let sum = if share == 1.0 { loss.sum } else { weighted_sum(&tape, &[(share, &loss.sum)])? };
        let value = finite(&sum, epoch)?;
        add(&mut epoch.tally, &loss.scored, &batch.targets)?;
        Ok((value, tape.backward(&sum)?))
    }

    /// The micro-batches of a batch.
    pub(super) fn split<'b>(&self, indices: &'b [usize]) -> impl Iterator<Item = &'b [usize]> + use<'b> {
        split(indices, self.micro_batches, self.experiment.least_batch())
    }

    fn update(&mut self, mut gradients: Gradients, lr: f64) -> Result<(), Halt> {
        if let Some(max_norm) = self.experiment.training.clip_norm {
            clip(&mut gradients, max_norm)?;
        }
        let updates = self.optimizer.steps();
        self.optimizer.step(&self.network.params().trained, &gradients, lr)?;
        if let Some(ema) = &mut self.ema {
            ema.update(self.network.params(), updates)?;
        }
        Ok(())
    }

    /// Scores of a part, with the weights as they are; `extras` are what is asked for beside them.
    pub(super) fn evaluate(
        &mut self,
        part: &[usize],
        extras: Option<&Extras>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Evaluated, Halt> {
        let mut seen = self.evaluate_all(part, extras, stop)?;
        let absent = self.absent(part);
        absent.clear_scores(&mut seen.scores);
        absent.clear_masks(&mut seen.images);
        absent.clear_extras(&mut seen.extras);
        Ok(seen)
    }

    /// The classes that none of these samples shows.
    pub(super) fn absent(&self, part: &[usize]) -> Absent {
        Absent::of(&data::shown(self.data, part))
    }

    /// As [`Session::evaluate`], absent classes like the others.
    fn evaluate_all(&mut self, part: &[usize], extras: Option<&Extras>, stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        // Of tiles that are blended a GPU makes no scores.
        #[cfg(feature = "cuda")]
        if self.gpu.is_some() && self.experiment.patches.is_none() {
            return self.evaluate_on_gpu(part, extras, stop);
        }
        let (mut tally, mut terms) = (Tally::new(self.data.classes.len()), Means::default());
        let (mut images, mut more) = (Vec::new(), Vec::new());
        let loss = &self.experiment.loss;
        let at_once = if self.experiment.patches.is_some() { 1 } else { self.at_once() };
        for indices in part.chunks(at_once) {
            let batch = data::batch(self.data, indices, None, &Device::Cpu)?.normalised(&self.normaliser, self.data)?;
            let logits = self.logits_of(&batch.images)?;
            let tape = Tape::inference();
            let logits = tape.constant(&logits);
            let seen = scored(&tape, &logits, loss)?;
            let price = |(_, kind): (f64, Term)| -> candle_core::Result<_> {
                Ok((kind.column(), priced(&tape, &logits, &seen, &batch.targets, &kind, loss)?.of_images))
            };
            terms.add(indices.len(), &loss.terms().into_iter().map(price).collect::<candle_core::Result<Vec<_>>>()?);
            images.extend(add(&mut tally, &seen, &batch.targets)?);
            if let Some(extras) = extras {
                more.extend(extras.of(&numbers(seen.value())?, &numbers(&batch.targets)?));
            }
            asked(stop)?;
        }
        Ok(Evaluated { scores: tally.scores(), terms: terms.means(), images, extras: more })
    }
}

impl Session<'_> {
    /// Images, or tiles of one, that are evaluated at once.
    fn at_once(&self) -> usize {
        self.experiment.training.batch_size.div_ceil(self.micro_batches)
    }

    /// Logits of whole images, normalised, with the weights as they are.
    fn logits_of(&self, images: &Tensor) -> candle_core::Result<Tensor> {
        let tiling = self.experiment.patches.as_ref().map(Tiling::of);
        #[cfg(feature = "cuda")]
        let device = self.gpu.as_ref().map(|gpu| gpu.trainer.device());
        #[cfg(not(feature = "cuda"))]
        let device = None;
        let precision = self.experiment.training.precision;
        model::logits(self.network, device, images, precision, tiling.as_ref(), self.at_once())
    }

    /// Logits (classes, h, w) that scores of a sample are made of, with the weights as they are.
    pub(super) fn logits(&self, index: usize) -> candle_core::Result<Vec<f32>> {
        let batch = data::batch(self.data, &[index], None, &Device::Cpu)?.normalised(&self.normaliser, self.data)?;
        let tape = Tape::inference();
        let logits = tape.constant(&self.logits_of(&batch.images)?);
        numbers(scored(&tape, &logits, &self.experiment.loss)?.value())
    }
}

/// Cuts into so many parts, whose sizes differ by one at the most; into fewer where one would have less than `least` samples.
fn split(indices: &[usize], parts: usize, least: usize) -> impl Iterator<Item = &[usize]> {
    let parts = parts.min(indices.len() / least).max(1);
    let cut = move |part: usize| indices.len() * part / parts;
    (0..parts).map(move |part| &indices[cut(part)..cut(part + 1)])
}

pub(super) fn asked(stop: &dyn Fn() -> bool) -> Result<(), Halt> {
    if stop() { Err(Halt::Interrupted) } else { Ok(()) }
}

/// The value of a loss that may go backwards.
fn finite(loss: &Node, epoch: &Epoch) -> Result<f64, Halt> {
    let value = f64::from(loss.value().to_scalar::<f32>()?);
    if value.is_finite() {
        return Ok(value);
    }
    Err(Halt::Diverged(format!("the training loss is {value} in epoch {}, step {}", epoch.number, epoch.batches + 1)))
}

fn numbers(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn add(tally: &mut Tally, logits: &Node, targets: &Tensor) -> Result<Vec<MaskScores>, Error> {
    let images = targets.dim(0)?;
    Ok(tally.add(images, &numbers(logits.value())?, &numbers(targets)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_micro_batch_is_too_small_for_the_network() {
        let sizes = |parts, least| split(&[0, 1, 2, 3, 4], parts, least).map(<[usize]>::len).collect::<Vec<_>>();
        assert_eq!((sizes(2, 1), sizes(4, 1), sizes(9, 1)), (vec![2, 3], vec![1, 1, 1, 2], vec![1; 5]));
        assert_eq!((sizes(2, 2), sizes(4, 2)), (vec![2, 3], vec![2, 3]));
        assert_eq!(split(&[7], 4, 2).collect::<Vec<_>>(), [[7]]);
    }
}
