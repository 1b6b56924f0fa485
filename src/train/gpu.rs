//! Training steps on a GPU: asked for one after the other without waiting, recorded once and then replayed.
//!
//! The device has the data set, the parameters, the optimizer and the loss. A step is told a few words (which samples, how they move,
//! the learning rate) and answers with the sums that its scores are made of, which arrive while later steps run.

use super::Optimizer;
use crate::config::{Experiment, Loss};
use crate::data::{self, Dataset, Draw, Normaliser, Sample};
use crate::model::{Mode, Network};
use crate::ops::cuda::{Array, Gpu, Graph, Kind, Losses, Moment, PLANE_SUMS, Pinned, Samples, Store, Update};
use crate::ops::{Device, Gradients, OUT_OF_DEVICE_MEMORY, Tape};
use candle_core::Result;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Steps under way at a time.
const AHEAD: usize = 8;

/// The data set goes to the device if it takes no more than this share of what is free there.
const SHARE_OF_DATA: f64 = 0.4;

/// Words of the optimizer's rule, and of a step, at the beginning of what a step is told.
const RULE: usize = 8;
const STEP: usize = 4;

/// What follows a backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tail {
    /// Gradients are collected with those that wait; `true` if they are the first.
    pub collect: Option<bool>,
    /// Parameters are updated: from the gradients at once, or from the mean over so many batches.
    pub update: Option<Option<usize>>,
}

/// Work that can be recorded: it differs from other work of the same kind in what it is told alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Work {
    samples: usize,
    /// `None` to evaluate.
    tail: Option<Tail>,
}

enum Recorded {
    /// Done once, so that everything is there that recording must not make.
    Seen,
    Graph(Graph),
    /// The driver does not record it.
    Never,
}

/// Some samples of a step.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Positions in the data set.
    pub indices: &'a [usize],
    /// How they move; `None` to leave them as they are.
    pub draw: Option<Draw<'a>>,
    /// Their share of the batch.
    pub share: f64,
    /// `None` to evaluate.
    pub tail: Option<Tail>,
    /// Of the optimizer's step that it ends with, if it does.
    pub rule: Option<Update>,
    /// Whether its batch ends with it.
    pub ends: bool,
}

struct Flight {
    images: usize,
    share: f64,
    ends: bool,
    slot: usize,
    arrives: Moment,
}

/// What a part gave.
#[derive(Debug)]
pub struct Landed {
    /// Samples.
    pub images: usize,
    /// As in [`Part`].
    pub share: f64,
    /// As in [`Part`].
    pub ends: bool,
    /// Sums of every class of every sample.
    pub sums: Vec<[f64; PLANE_SUMS]>,
}

/// A network in training on a GPU.
pub struct Trainer<'a> {
    gpu: Rc<Gpu>,
    device: Device,
    experiment: &'a Experiment,
    data: &'a Dataset,
    network: &'a dyn Network,
    normaliser: Normaliser,
    samples: Samples,
    /// Whether all samples are on the device; else those of a part are put there with it, for want of room or because their pixels
    /// are calculated anew.
    resident: bool,
    losses: Losses,
    told: Array,
    sums: Array,
    arrived: Pinned,
    /// Planes of the largest part.
    planes: usize,
    flights: VecDeque<Flight>,
    next: usize,
    recorded: HashMap<Work, Recorded>,
}

impl<'a> Trainer<'a> {
    /// Puts everything on the device of this number, images as the normaliser makes them.
    ///
    /// # Errors
    /// If there is no such device, a library is missing, or the device has no room.
    pub fn new(
        ordinal: usize,
        experiment: &'a Experiment,
        data: &'a Dataset,
        network: &'a dyn Network,
        normaliser: &Normaliser,
    ) -> Result<Self> {
        let training = &experiment.training;
        let gpu = Gpu::open(ordinal, training.precision, training.deterministic)?;
        let params = network.params();
        let store = Store::new(&gpu, &params.trained, &params.buffers, Optimizer::moments_of(&experiment.optimizer))?;
        let classes = data.classes.len();
        let bytes = Samples::bytes(data.samples.len(), data.channels, classes, data.size);
        let resident = !experiment.augment.resamples() && (bytes as f64) < SHARE_OF_DATA * gpu.free_memory()? as f64;
        let count = if resident { data.samples.len() } else { training.batch_size };
        let samples = Samples::new(&gpu, count, data.channels, classes, data.size)?;
        if resident {
            for index in 0..data.samples.len() {
                put(&samples, index, &data::composed(data, &[index], None, normaliser))?;
            }
        }
        let Loss { bce, dice, class_weights, .. } = &experiment.loss;
        let losses = Losses::new(&gpu, *bce, *dice, &shares(class_weights, classes))?;
        let planes = training.batch_size * classes;
        Ok(Self {
            told: gpu.lasting(Kind::F32, RULE + STEP + 4 * training.batch_size)?,
            sums: gpu.lasting(Kind::F64, AHEAD * planes * PLANE_SUMS)?,
            arrived: gpu.pinned(AHEAD * planes * PLANE_SUMS)?,
            device: Device { gpu: gpu.clone(), store },
            flights: VecDeque::new(),
            next: 0,
            recorded: HashMap::new(),
            gpu,
            experiment,
            data,
            network,
            normaliser: normaliser.clone(),
            samples,
            resident,
            losses,
            planes,
        })
    }

    /// Asks for a part. Returns the oldest of those under way if there were too many.
    ///
    /// # Errors
    /// If the device has no room, or something failed there.
    pub fn submit(&mut self, part: Part) -> Result<Option<Landed>> {
        let landed = if self.flights.len() == AHEAD { self.land()? } else { None };
        let slot = self.next;
        self.next = (slot + 1) % AHEAD;
        self.tell(part, slot)?;
        self.run(Work { samples: part.indices.len(), tail: part.tail })?;
        let (start, count) = (slot * self.planes * PLANE_SUMS, part.indices.len() * self.data.classes.len() * PLANE_SUMS);
        self.gpu.fetch(&self.sums, start, count, &self.arrived, start)?;
        self.flights.push_back(Flight {
            images: part.indices.len(),
            share: part.share,
            ends: part.ends,
            slot,
            arrives: self.gpu.moment()?,
        });
        Ok(landed)
    }

    /// Waits for the oldest part under way; `None` if there is none.
    ///
    /// # Errors
    /// If something failed on the device.
    pub fn land(&mut self) -> Result<Option<Landed>> {
        let Some(Flight { images, share, ends, slot, arrives }) = self.flights.pop_front() else { return Ok(None) };
        arrives.wait()?;
        let count = images * self.data.classes.len();
        let numbers = self.arrived.read(slot * self.planes * PLANE_SUMS, count * PLANE_SUMS);
        let sums = numbers.as_chunks::<PLANE_SUMS>().0.to_vec();
        Ok(Some(Landed { images, share, ends, sums }))
    }

    /// Writes what a part is told.
    fn tell(&self, part: Part, slot: usize) -> Result<()> {
        let mut words = vec![0u32; RULE + STEP];
        let rule: &[f32] = match &part.rule {
            Some(Update::Adam(rule)) => rule,
            Some(Update::Sgd(rule)) => rule,
            None => &[],
        };
        words.iter_mut().zip(rule).for_each(|(word, value)| *word = value.to_bits());
        words[RULE] = u32::try_from(slot * self.planes).expect("planes of a batch are few");
        words[RULE + 2] = (part.share as f32).to_bits();
        // Where pixels are calculated anew, flips and turns have a part in that.
        let moved = part.draw.filter(|draw| !draw.augment.resamples());
        for (place, &index) in part.indices.iter().enumerate() {
            let sample = if self.resident { index } else { place };
            words.extend(motion(moved, index, sample).map(i32::cast_unsigned));
        }
        self.gpu.put(&self.told.part(0, words.len()), &words)?;
        if !self.resident {
            put(&self.samples, 0, &data::composed(self.data, part.indices, part.draw, &self.normaliser))?;
        }
        Ok(())
    }

    fn run(&mut self, work: Work) -> Result<()> {
        let next = match self.recorded.get(&work) {
            None => {
                self.perform(work)?;
                Recorded::Seen
            }
            Some(Recorded::Graph(graph)) => return self.gpu.replay(graph),
            Some(Recorded::Never) => return self.perform(work),
            Some(Recorded::Seen) => match self.gpu.capture(|| self.perform(work)) {
                Ok(graph) => {
                    self.gpu.replay(&graph)?;
                    Recorded::Graph(graph)
                }
                Err(e) if e.to_string().contains(OUT_OF_DEVICE_MEMORY) => return Err(e),
                Err(_) => {
                    self.perform(work)?;
                    Recorded::Never
                }
            },
        };
        self.recorded.insert(work, next);
        Ok(())
    }

    /// Starts the kernels of some work.
    fn perform(&self, work: Work) -> Result<()> {
        let (tape, mode) = match work.tail {
            Some(_) => (Tape::training(), Mode::Train),
            None => (Tape::inference(), Mode::Eval),
        };
        let tape = tape.with_precision(self.experiment.training.precision).on(&self.device);
        let part = |start, len| self.told.part(start, len);
        let (images, targets) = self.samples.batch(&tape, &part(RULE + STEP, 4 * work.samples), work.samples)?;
        let logits = self.network.forward_map(&tape, images, mode)?;
        let plane = self.data.size[0] * self.data.size[1];
        let gradient = self.losses.apply(&tape, &logits, &targets, plane, &part(RULE, STEP), &self.sums)?;
        let (Some(gradient), Some(tail)) = (gradient, work.tail) else { return Ok(()) };
        drop(targets);
        tape.backward_from(&logits, gradient)?;
        let store = &self.device.store;
        if let Some(first) = tail.collect {
            store.collect(first)?;
        }
        if let Some(collected) = tail.update {
            let rule = Optimizer::update_of(&self.experiment.optimizer, 0.0, 1);
            store.update(rule, &part(0, RULE), collected, self.experiment.training.clip_norm)?;
        }
        Ok(())
    }

    /// Logits (classes, h, w) of one sample, as it is.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn logits(&self, index: usize) -> Result<Vec<f32>> {
        let part = Part { indices: &[index], draw: None, share: 1.0, tail: None, rule: None, ends: true };
        self.tell(part, 0)?;
        let tape = Tape::inference().with_precision(self.experiment.training.precision).on(&self.device);
        let (images, _) = self.samples.batch(&tape, &self.told.part(RULE + STEP, 4), 1)?;
        self.gpu.download(&self.network.forward_map(&tape, images, Mode::Eval)?.array()?)
    }

    /// Copies parameters and running statistics into the network's own, and, if wanted, the moments into the optimizer's.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn fetch(&self, optimizer: Option<&mut Optimizer>) -> Result<()> {
        let (store, params) = (&self.device.store, self.network.params());
        store.download(&params.trained, &params.buffers)?;
        optimizer.map_or(Ok(()), |optimizer| {
            optimizer.set_moments(store.moments()?);
            Ok(())
        })
    }

    /// Copies parameters and running statistics from the network to the device.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn send_weights(&self) -> Result<()> {
        let params = self.network.params();
        self.device.store.upload(&params.trained, &params.buffers)
    }

    /// The other way: from the network and the optimizer to the device, with the sum of gradients that wait.
    ///
    /// # Errors
    /// What the driver reports.
    pub fn send(&self, optimizer: &Optimizer, waiting: Option<&Gradients>) -> Result<()> {
        let store = &self.device.store;
        self.send_weights()?;
        store.set_moments(&optimizer.moments())?;
        waiting.map_or(Ok(()), |waiting| store.set_waiting(waiting))
    }

    /// The parameters' place on the device.
    pub fn store(&self) -> &Store {
        &self.device.store
    }

    /// Bytes that the run has taken from the device.
    pub fn memory(&self) -> usize {
        self.gpu.reserved()
    }

    /// What the device is, and what computes convolutions there.
    pub fn description(&self) -> (String, String) {
        (self.gpu.description().name.clone(), self.gpu.convolutions())
    }
}

/// Puts samples on the device, side by side from a place on.
fn put(samples: &Samples, first: usize, composed: &[Sample]) -> Result<()> {
    composed.iter().zip(first..).try_for_each(|(sample, place)| samples.put(place, &sample.image, &sample.mask))
}

/// Four words of a sample's motion.
fn motion(draw: Option<Draw>, index: usize, sample: usize) -> [i32; 4] {
    let motion = draw.map(|draw| draw.motion(index)).unwrap_or_default();
    let sample = i32::try_from(sample).expect("samples are fewer");
    [sample, motion.flip_horizontal.into(), motion.flip_vertical.into(), motion.quarter_turns.cast_signed()]
}

/// Each class's weight over the sum of all.
fn shares(weights: &[f64], classes: usize) -> Vec<f64> {
    if weights.is_empty() {
        return vec![1.0 / classes as f64; classes];
    }
    weights.iter().map(|weight| weight / weights.iter().sum::<f64>()).collect()
}
