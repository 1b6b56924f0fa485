//! What trains: batches in, updated parameters and scores out, on whatever computes.
//!
//! An `Engine` holds a `Learner` and says once what a training step is: loss, micro-batches, accumulation, clipping, update, EMA. There is one on the CPU
//! and one on a GPU; whoever trains holds a box of either. Nothing is known here of epochs, files and schedules.

mod cpu;
#[cfg(feature = "cuda")]
pub mod gpu;

use super::ema::Ema;
use super::gradient::Accumulation;
use super::loss::{loss_value, scored};
use super::{Error, Optimizer, TrainingDevice};
use crate::config::{Experiment, Term};
use crate::data::{self, Dataset, Draw, Normaliser};
use crate::metric::{Extras, ImageExtras, MaskScores, Means, Scores, Tally, ThresholdCurves};
use crate::model::{self, Network, Params, Tiling};
use crate::ops::{self, Gradients, Node, Tape, hide_ignored};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;

/// Why epochs end before the last.
#[derive(Debug)]
pub(super) enum Halt {
    /// Asked to.
    Interrupted,
    /// No more epochs are asked for by now.
    Paused,
    /// A loss is no finite number, or absurd to the end; where, in words.
    Diverged(String),
    /// Something failed.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) fn asked(stop: &dyn Fn() -> bool) -> Result<(), Halt> {
    if stop() { Err(Halt::Interrupted) } else { Ok(()) }
}

/// A network that learns, with all that an update needs.
pub(super) struct Learner<'a> {
    pub experiment: &'a Experiment,
    pub data: &'a Dataset,
    pub network: &'a dyn Network,
    /// What images go through before the network.
    pub normaliser: Normaliser,
    pub optimizer: Optimizer,
    /// EMA weights, or, while those are validated and written, the weights themselves.
    pub ema: Option<Ema>,
    /// What every batch is split into for want of memory.
    pub micro_batches: usize,
}

impl<'a> Learner<'a> {
    /// One that has made no update and splits no batch.
    pub fn new(experiment: &'a Experiment, data: &'a Dataset, network: &'a dyn Network, normaliser: Normaliser) -> Self {
        let optimizer = Optimizer::new(&experiment.optimizer, &network.params().trained);
        Self { experiment, data, network, normaliser, optimizer, ema: None, micro_batches: 1 }
    }

    /// Weights and running statistics, as this machine has them.
    pub fn params(&self) -> &'a Params {
        self.network.params()
    }

    /// The micro-batches of a batch.
    fn split<'b>(&self, indices: &'b [usize]) -> impl Iterator<Item = &'b [usize]> + use<'b> {
        split(indices, self.micro_batches, self.experiment.least_batch())
    }

    /// Images, or tiles of one, that are evaluated at once.
    fn at_once(&self) -> usize {
        self.experiment.training.batch_size.div_ceil(self.micro_batches)
    }
}

/// Cuts into so many micro-batches, whose sizes differ by one at the most; into fewer where one would have less than `least` samples.
fn split(indices: &[usize], parts: usize, least: usize) -> impl Iterator<Item = &[usize]> {
    let parts = parts.min(indices.len() / least).max(1);
    let cut = move |part: usize| indices.len() * part / parts;
    (0..parts).map(move |part| &indices[cut(part)..cut(part + 1)])
}

/// Scores of batches, each as the network saw it, before the update it led to.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub tally: Tally,
    /// Further terms of their loss.
    pub terms: Means,
}

impl Scored {
    pub fn new(classes: usize) -> Self {
        Self { tally: Tally::new(classes), terms: Means::default() }
    }
}

/// What a split's images give.
pub(super) struct Evaluated {
    pub scores: Scores,
    /// Further terms of the loss, by the names of their columns.
    pub terms: BTreeMap<String, f64>,
    /// Of every image and class, the classes of an image side by side.
    pub images: Vec<MaskScores>,
    /// Of every image, if they were asked for.
    pub extras: Vec<ImageExtras>,
    /// Scores over the threshold, if they were asked for.
    pub curves: Option<ThresholdCurves>,
}

/// What is measured beside losses and counted scores, when a run ends.
#[derive(Clone, Copy)]
pub(super) struct AtEnd<'m> {
    /// Metrics that cost more than counting.
    pub extras: &'m Extras,
    /// Thresholds beside those that every curve has.
    pub thresholds: &'m [f64],
}

/// The same, as images come.
pub(super) struct Measured<'m> {
    of: Option<AtEnd<'m>>,
    extras: Vec<ImageExtras>,
    curves: Option<ThresholdCurves>,
}

impl<'m> Measured<'m> {
    pub fn new(of: Option<AtEnd<'m>>, classes: usize) -> Self {
        Self { of, extras: Vec::new(), curves: of.map(|of| ThresholdCurves::new(classes, of.thresholds)) }
    }

    /// Measures images, if that is asked for.
    ///
    /// # Shapes
    /// (images, classes, h, w), flat.
    pub fn add(&mut self, images: usize, logits: &[f32], targets: &[f32]) {
        if let (Some(of), Some(curves)) = (self.of, &mut self.curves) {
            self.extras.extend(of.extras.of(logits, targets));
            curves.add(images, logits, targets);
        }
    }
}

/// What trains a network.
pub(super) trait Engine<'a> {
    /// The network and its optimizer. Their numbers are those of the last [`Engine::snapshot`].
    fn learner(&self) -> &Learner<'a>;

    /// The same, to be changed.
    fn learner_mut(&mut self) -> &mut Learner<'a>;

    /// Hands `body` what trains on these batches, each of them once and in their order.
    fn pass(&mut self, batches: &[&[usize]], draw: Draw, body: &mut dyn FnMut(&mut dyn Steps));

    /// Batches whose gradients have accumulated since the last update.
    fn accumulated(&self) -> usize;

    /// Scores of whole images, with the weights as they are; `more` is what is asked for beside them.
    ///
    /// # Errors
    /// [`Halt::Interrupted`] if `stop`, asked after every batch, says so; else what failed.
    fn evaluate(&mut self, samples: &[usize], more: Option<AtEnd>, stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        evaluate(self.learner(), self.device(), samples, more, stop)
    }

    /// Weights and EMA weights change places, where there are any.
    ///
    /// # Errors
    /// What candle or the driver reports.
    fn exchange(&mut self) -> candle_core::Result<()>;

    /// Takes on the weights that were put into the learner's network.
    ///
    /// # Errors
    /// What the driver reports.
    fn take_weights(&mut self) -> candle_core::Result<()> {
        Ok(())
    }

    /// Whether bringing numbers into files takes so long that it is worth waiting with it.
    fn is_far(&self) -> bool {
        false
    }

    /// Remembers the weights, or the EMA weights if there are any, as the best, until the next [`Engine::with_best`].
    ///
    /// # Errors
    /// What the driver reports.
    fn keep_best(&mut self) -> candle_core::Result<()> {
        Ok(())
    }

    /// Calls `write` while the learner's network has the weights that were [kept](Engine::keep_best) last. Its other numbers are those of the next
    /// [`Engine::snapshot`].
    ///
    /// # Errors
    /// What `write`, candle or the driver reports.
    fn with_best(&mut self, write: &mut dyn FnMut(&Learner<'a>) -> Result<(), Error>) -> Result<(), Error>;

    /// Brings weights, moments and EMA weights into the learner, and returns the sum of the gradients that have accumulated.
    ///
    /// # Errors
    /// What the driver reports.
    fn snapshot(&mut self) -> candle_core::Result<Gradients>;

    /// The GPU that has the parameters.
    fn device(&self) -> Option<&ops::GpuNetwork> {
        None
    }

    /// The name of the GPU, and what computes convolutions there.
    fn description(&self) -> Option<(String, String)> {
        None
    }

    /// Bytes that training takes from a GPU.
    fn memory(&self) -> Option<usize> {
        None
    }

    /// What a user should know of how the device works, a sentence each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Training steps, batch by batch.
pub(super) trait Steps {
    /// Trains on the next batch. With the learning rate of an `update`, parameters are updated from the mean of the gradients that have accumulated, this batch's
    /// among them. Returns the losses of the batches that are done, in their order, and counts their scores. A loss that is no finite
    /// number leads to no update on the CPU, and ends the pass in any case.
    ///
    /// # Errors
    /// What candle or the driver reports.
    fn submit(&mut self, update: Option<f64>, scored: &mut Scored) -> Result<Vec<f64>, Error>;

    /// Waits for the batches under way, and returns their losses.
    ///
    /// # Errors
    /// As [`Steps::submit`].
    fn drain(&mut self, scored: &mut Scored) -> Result<Vec<f64>, Error>;
}

/// An engine where the user wants it. `accumulated` are gradients on their way to an update.
///
/// # Errors
/// If there is no such GPU, or it has no room.
pub(super) fn engine<'a>(
    place: &TrainingDevice,
    learner: Learner<'a>,
    accumulated: Accumulation,
) -> Result<Box<dyn Engine<'a> + 'a>, Error> {
    match place.gpu {
        None => Ok(Box::new(cpu::Cpu::new(learner, accumulated))),
        #[cfg(feature = "cuda")]
        Some(ordinal) => Ok(Box::new(gpu::Gpu::new(ordinal, learner, &accumulated)?)),
        #[cfg(not(feature = "cuda"))]
        Some(_) => Err(Error::Setup(format!("{}: this program was built without CUDA", place.name))),
    }
}

/// As [`Engine::evaluate`], image by image or in tiles.
fn evaluate(
    learner: &Learner,
    device: Option<&ops::GpuNetwork>,
    samples: &[usize],
    more: Option<AtEnd>,
    stop: &dyn Fn() -> bool,
) -> Result<Evaluated, Halt> {
    let classes = learner.data.classes.len();
    let (mut tally, mut terms) = (Tally::new(classes), Means::default());
    let (mut images, mut measured) = (Vec::new(), Measured::new(more, classes));
    let loss = &learner.experiment.loss;
    let at_once = if learner.experiment.patches.is_some() { 1 } else { learner.at_once() };
    for indices in samples.chunks(at_once) {
        let batch = data::batch(learner.data, indices, None, &Device::Cpu)?.normalised(&learner.normaliser, learner.data)?;
        let logits = logits_of(learner, device, &batch.images)?;
        let tape = Tape::inference();
        let logits = hide_ignored(&tape, &tape.constant(&logits), &batch.targets)?;
        let seen = scored(&tape, &logits, loss)?;
        let value = |(_, kind): (f64, Term)| -> candle_core::Result<_> {
            Ok((kind.column(), loss_value(&tape, &logits, &seen, &batch.targets, &kind, loss)?.of_images))
        };
        terms.add(indices.len(), &loss.further_terms().into_iter().map(value).collect::<candle_core::Result<Vec<_>>>()?);
        images.extend(add(&mut tally, &seen, &batch.targets)?);
        if more.is_some() {
            measured.add(indices.len(), &numbers(seen.value())?, &numbers(&batch.targets)?);
        }
        asked(stop)?;
    }
    let Measured { extras, curves, .. } = measured;
    Ok(Evaluated { scores: tally.scores(), terms: terms.means(), images, extras, curves })
}

/// Logits (classes, h, w) that scores of a sample are made of, with the weights as they are.
///
/// # Errors
/// What candle or the driver reports.
pub(super) fn logits(learner: &Learner, device: Option<&ops::GpuNetwork>, index: usize) -> candle_core::Result<Vec<f32>> {
    let batch = data::batch(learner.data, &[index], None, &Device::Cpu)?.normalised(&learner.normaliser, learner.data)?;
    let tape = Tape::inference();
    let logits = tape.constant(&logits_of(learner, device, &batch.images)?);
    numbers(scored(&tape, &logits, &learner.experiment.loss)?.value())
}

/// Logits of whole images, normalised.
fn logits_of(learner: &Learner, device: Option<&ops::GpuNetwork>, images: &Tensor) -> candle_core::Result<Tensor> {
    let tiling = learner.experiment.patches.as_ref().map(Tiling::of);
    let precision = learner.experiment.training.precision;
    model::logits(learner.network, device, images, precision, tiling.as_ref(), learner.at_once())
}

fn numbers(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn add(tally: &mut Tally, logits: &Node, targets: &Tensor) -> candle_core::Result<Vec<MaskScores>> {
    let images = targets.dim(0)?;
    Ok(tally.add(images, &numbers(logits.value())?, &numbers(targets)?))
}

#[cfg(test)]
mod tests;
