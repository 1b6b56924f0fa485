//! Training steps on a GPU: asked for one after the other without waiting, recorded once and then replayed.
//!
//! The device has the data set, the parameters, the optimizer and the loss. A step receives a small parameter block (which samples, how they move,
//! the learning rate) and answers with the sums that its scores are made of, which arrive while later steps run.

use crate::config::{Experiment, Loss};
use crate::data::{self, Dataset, Draw, IGNORED, Normaliser, Sample};
use crate::machine::OUT_OF_DEVICE_MEMORY;
use crate::metric::{Means, Tally, weighted_mean};
use crate::model::{Mode, Network};
use crate::ops::cuda::{
    Array, GRAPHS, Gpu, Graph, Kind, LossInputs, Losses, Moment, PLANE_SUMS, Parcel, Pinned, Samples, Sender, Store, graphs,
};
use crate::ops::{GpuNetwork, Gradients, Tape, Update, boundary_weights};
use crate::train::Optimizer;
use crate::train::loss::{MINIMISED, total};
use candle_core::Result;
use rayon::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Steps under way at a time.
const AHEAD: usize = 8;

/// What is said where the driver does not record a step.
const NOT_RECORDED: &str = "a step could not be recorded as a CUDA graph, so its kernels are started one by one, which is slower and gives the same numbers";

/// Batches of images on their way to the device at a time, where they go there one by one.
const PARCELS: usize = 2;

/// The data set goes to the device if it takes no more than this share of what is free there.
const SHARE_OF_DATA: f64 = 0.4;

/// Words of the optimizer's rule, and of a step, at the beginning of a step's parameter block.
const RULE: usize = 8;
const STEP: usize = 8;
/// Of a step's words: the first plane of its sums, its share of the batch, how far EMA weights move, and two of what dropout
/// follows from. `struct step` in `loss.cu` reads the first ones.
const PLANE: usize = RULE;
const SHARE: usize = RULE + 2;
const RATE: usize = RULE + 3;
const NOISE: usize = RULE + 4;

/// What follows a backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tail {
    /// What happens to the gradients.
    pub collect: Collect,
    /// What parameters are updated from.
    pub update: Applied,
}

/// What happens to the gradients of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Collect {
    /// They stay where they are.
    #[default]
    Nothing,
    /// They are the first to accumulate.
    First,
    /// They accumulate with those before.
    Further,
}

/// What parameters are updated from after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Applied {
    /// They are not.
    #[default]
    Nothing,
    /// The step's gradients.
    Gradients,
    /// The mean over so many batches of the gradients that have accumulated.
    MeanOf(usize),
}

/// Work that can be recorded: it differs from other work of the same kind in its parameter block alone.
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
    /// The driver does not record it, or nobody wants it to.
    Never,
}

/// Samples that go through the network at once.
#[derive(Debug, Clone, Copy)]
pub struct MicroBatch<'a> {
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
    /// How far EMA weights move after that step, where there are any.
    pub rate: f32,
    /// Whether its batch ends with it.
    pub ends: bool,
}

impl<'a> MicroBatch<'a> {
    /// Samples to be evaluated as they are.
    pub fn to_evaluate(indices: &'a [usize]) -> Self {
        Self { indices, draw: None, share: 1.0, tail: None, rule: None, rate: 0.0, ends: true }
    }
}

struct Flight {
    images: usize,
    /// Heads that the loss is the mean over.
    heads: usize,
    share: f64,
    ends: bool,
    slot: usize,
    arrives: Moment,
}

/// Names of columns with their values of each sample.
type Terms = Vec<(&'static str, Vec<f64>)>;

/// What a micro-batch gave.
#[derive(Debug)]
pub struct Landed {
    /// Samples.
    pub images: usize,
    /// As in [`MicroBatch`].
    pub share: f64,
    /// As in [`MicroBatch`].
    pub ends: bool,
    /// Sums of every class of every sample.
    pub sums: Vec<[f64; PLANE_SUMS]>,
    /// Of each term of the loss beside BCE and Dice, the name of its column and its value of each sample; with several heads also
    /// the one that is minimised.
    pub terms: Terms,
    /// What was minimised: the weighted sum of the terms, with several heads their mean of it.
    pub loss: f64,
}

impl Trainer<'_> {
    /// The weighted sum of the terms of a head.
    fn loss(&self, images: usize, sums: &[[f64; PLANE_SUMS]], of_images: &[(&'static str, Vec<f64>)]) -> f64 {
        let loss = &self.experiment.loss;
        let mut tally = Tally::new(self.data.classes.len());
        tally.add_sums(images, sums);
        let (scores, mut terms) = (tally.scores(), Means::default());
        terms.add(images, of_images);
        let mean = |values: &[f64]| weighted_mean(values, &loss.class_weights);
        total(mean(&scores.bce), mean(&scores.dice_loss), &terms.means(), loss)
    }
}

/// A network in training on a GPU.
pub struct Trainer<'a> {
    gpu: Rc<Gpu>,
    device: GpuNetwork,
    experiment: &'a Experiment,
    data: &'a Dataset,
    network: &'a dyn Network,
    normaliser: Normaliser,
    samples: Samples,
    /// Whether all samples are on the device; else those of a micro-batch are put there with it, for want of room or because their pixels
    /// are calculated anew or chosen.
    resident: bool,
    /// Height and width of what is trained on.
    size: [usize; 2],
    losses: Losses,
    step_block: Array,
    /// What carries parameter blocks to the device.
    blocks: Sender,
    /// What carries samples there, unless all are there.
    images: Option<Sender>,
    /// Of each head, the one that predicts first, the sums of every plane of the micro-batches under way.
    sums: Array,
    arrived: Pinned,
    /// Planes of the largest micro-batch.
    planes: usize,
    /// Heads that the loss is the mean over.
    heads: usize,
    flights: VecDeque<Flight>,
    next: usize,
    recorded: HashMap<Work, Recorded>,
    /// Whether work is to be recorded.
    graphs: bool,
    /// How often recorded work was done.
    replayed: usize,
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
        let weighted = experiment.loss.boundary.weight > 0.0;
        let bytes = Samples::bytes(data.samples.len(), data.channels, classes, data.size, weighted);
        let composes = Draw::of(experiment, 1).composes();
        let resident = !composes && (bytes as f64) < SHARE_OF_DATA * gpu.free_memory()? as f64;
        let count = if resident { data.samples.len() } else { training.batch_size };
        let size = experiment.patches.as_ref().map_or(data.size, |patches| patches.size);
        let ignores = data.samples.iter().any(|sample| sample.mask.contains(&IGNORED));
        let samples = Samples::new(&gpu, count, data.channels, classes, size, weighted)?.ignoring(ignores);
        let arriving = if resident { 1 } else { training.batch_size };
        let bytes = Samples::bytes(arriving, data.channels, classes, size, weighted);
        let mut images = gpu.sender(PARCELS, arriving * Samples::ARRAYS, bytes)?;
        if resident {
            for index in 0..data.samples.len() {
                let composed = data::composed(data, &[index], None, normaliser);
                images.send(|parcel| put(&samples, parcel, index, &composed, &experiment.loss, size))?;
            }
        }
        let losses = Losses::new(&gpu, &experiment.loss, classes, size[0] * size[1])?;
        let (planes, heads) = (training.batch_size * classes, experiment.model.heads());
        Ok(Self {
            step_block: gpu.lasting(Kind::F32, RULE + STEP + 4 * training.batch_size)?,
            blocks: gpu.sender(AHEAD, 1, (RULE + STEP + 4 * training.batch_size) * Kind::F32.size())?,
            images: (!resident).then_some(images),
            sums: gpu.lasting(Kind::F64, heads * AHEAD * planes * losses.sums())?,
            arrived: gpu.pinned(heads * AHEAD * planes * losses.sums())?,
            device: GpuNetwork { gpu: gpu.clone(), store },
            flights: VecDeque::new(),
            next: 0,
            recorded: HashMap::new(),
            graphs: graphs().map_err(candle_core::Error::Msg)?,
            replayed: 0,
            gpu,
            experiment,
            data,
            network,
            normaliser: normaliser.clone(),
            samples,
            resident,
            size,
            losses,
            planes,
            heads,
        })
    }

    /// Asks for a micro-batch. Returns the oldest of those under way if there were too many.
    ///
    /// # Errors
    /// If the device has no room, or something failed there.
    pub fn submit(&mut self, part: MicroBatch) -> Result<Option<Landed>> {
        let landed = if self.flights.len() == AHEAD { self.land()? } else { None };
        let slot = self.next;
        self.next = (slot + 1) % AHEAD;
        self.tell(part, slot)?;
        self.run(Work { samples: part.indices.len(), tail: part.tail })?;
        // An evaluation is of the head that predicts alone.
        let heads = if part.tail.is_some() { self.heads } else { 1 };
        let count = part.indices.len() * self.data.classes.len() * self.losses.sums();
        for head in 0..heads {
            let start = self.first_sum(head, slot);
            self.gpu.fetch(&self.sums, start, count, &self.arrived, start)?;
        }
        self.flights.push_back(Flight {
            images: part.indices.len(),
            heads,
            share: part.share,
            ends: part.ends,
            slot,
            arrives: self.gpu.moment()?,
        });
        Ok(landed)
    }

    /// Waits for the oldest micro-batch under way; `None` if there is none.
    ///
    /// # Errors
    /// If something failed on the device.
    pub fn land(&mut self) -> Result<Option<Landed>> {
        let Some(Flight { images, heads, share, ends, slot, arrives }) = self.flights.pop_front() else { return Ok(None) };
        arrives.wait()?;
        let (sums, mut terms) = self.arrived_of(0, slot, images);
        let mut loss = self.loss(images, &sums, &terms);
        if heads > 1 {
            let sides = (1..heads).map(|head| {
                let (sums, terms) = self.arrived_of(head, slot, images);
                self.loss(images, &sums, &terms)
            });
            loss = (loss + sides.sum::<f64>()) / heads as f64;
            terms.push((MINIMISED, vec![loss; images]));
        }
        Ok(Some(Landed { images, share, ends, sums, terms, loss }))
    }

    /// Where the sums of a head begin, of the micro-batch in this slot.
    fn first_sum(&self, head: usize, slot: usize) -> usize {
        (head * AHEAD + slot) * self.planes * self.losses.sums()
    }

    /// Sums and terms of a head that have arrived.
    fn arrived_of(&self, head: usize, slot: usize, images: usize) -> (Vec<[f64; PLANE_SUMS]>, Terms) {
        let (count, each) = (images * self.data.classes.len(), self.losses.sums());
        let numbers = self.arrived.read(self.first_sum(head, slot), count * each);
        let sums = numbers.chunks(each).map(|plane| *plane.first_chunk().expect("a plane has these sums at least")).collect();
        (sums, self.losses.of_images(&numbers))
    }

    /// Writes the parameter block of a micro-batch.
    fn tell(&mut self, part: MicroBatch, slot: usize) -> Result<()> {
        let mut words = vec![0u32; RULE + STEP];
        let rule: &[f32] = match &part.rule {
            Some(Update::Adam(rule)) => rule,
            Some(Update::Sgd(rule)) => rule,
            None => &[],
        };
        words.iter_mut().zip(rule).for_each(|(word, value)| *word = value.to_bits());
        words[PLANE] = u32::try_from(slot * self.planes).expect("planes of a batch are few");
        words[SHARE] = (part.share as f32).to_bits();
        words[RATE] = part.rate.to_bits();
        let noise = part.draw.zip(part.indices.first()).map_or(0, |(draw, first)| draw.noise(*first));
        (words[NOISE], words[NOISE + 1]) = (noise as u32, (noise >> 32) as u32);
        // Where pixels are calculated anew or chosen, that includes flips and rotations.
        let moved = part.draw.filter(|draw| !draw.composes());
        for (place, &index) in part.indices.iter().enumerate() {
            let sample = if self.resident { index } else { place };
            words.extend(motion(moved, index, sample).map(i32::cast_unsigned));
        }
        let block = self.step_block.part(0, words.len());
        self.blocks.send(|parcel| parcel.put(&block, &words))?;
        let Some(images) = &mut self.images else { return Ok(()) };
        let composed = data::composed(self.data, part.indices, part.draw, &self.normaliser);
        images.send(|parcel| put(&self.samples, parcel, 0, &composed, &self.experiment.loss, self.size))
    }

    fn run(&mut self, work: Work) -> Result<()> {
        // A recorded step changes parameters, and a recorded evaluation reads what was folded, whenever they are replayed.
        match work.tail {
            Some(_) => self.device.store.changed(),
            None => self.device.store.refold()?,
        }
        let next = match self.recorded.get(&work) {
            None => {
                self.perform(work)?;
                if self.graphs { Recorded::Seen } else { Recorded::Never }
            }
            Some(Recorded::Graph(graph)) => {
                self.replayed += 1;
                return self.gpu.replay(graph);
            }
            Some(Recorded::Never) => return self.perform(work),
            Some(Recorded::Seen) => match self.gpu.capture(|| self.perform(work)) {
                Ok(graph) => {
                    self.gpu.replay(&graph)?;
                    self.replayed += 1;
                    Recorded::Graph(graph)
                }
                Err(e) if e.to_string().contains(OUT_OF_DEVICE_MEMORY) => return Err(e),
                Err(e) => {
                    // What fails for another reason fails here too.
                    self.perform(work)?;
                    self.gpu.note("graphs", format!("{NOT_RECORDED}: {e}; {GRAPHS}=off does not try to"));
                    Recorded::Never
                }
            },
        };
        self.recorded.insert(work, next);
        Ok(())
    }

    /// Starts the kernels of some work.
    fn perform(&self, work: Work) -> Result<()> {
        let Some(tail) = work.tail else { return self.look(work.samples) };
        let part = |start, len| self.step_block.part(start, len);
        let tape = Tape::training().with_noise_at(part(NOISE, 2));
        let tape = tape.with_precision(self.experiment.training.precision).on(&self.device);
        let (images, truth) = self.samples.batch(&tape, &part(RULE + STEP, 4 * work.samples), work.samples)?;
        let heads = self.network.forward_supervised(&tape, images)?;
        let mut gradients = Vec::new();
        for (at, logits) in heads.iter().enumerate() {
            // The network's own logits come last; other heads have a part in the loss, not in scores.
            let head = (at + 1) % heads.len();
            let sums = self.sums.part(self.first_sum(head, 0), self.first_sum(1, 0));
            let inputs = LossInputs { truth: &truth, heads: heads.len(), step: &part(PLANE, STEP), sums: Some(&sums) };
            let gradient = self.losses.apply(&tape, logits, inputs)?;
            gradients.extend(gradient.map(|gradient| (logits, gradient)));
        }
        drop(truth);
        tape.backward_from(gradients)?;
        let store = &self.device.store;
        match tail.collect {
            Collect::Nothing => {}
            Collect::First => store.collect(true)?,
            Collect::Further => store.collect(false)?,
        }
        if tail.update != Applied::Nothing {
            let collected = if let Applied::MeanOf(batches) = tail.update { Some(batches) } else { None };
            let rule = Optimizer::update_of(&self.experiment.optimizer, 0.0, 1);
            store.update(rule, &part(0, RULE), collected, self.experiment.training.clip_norm)?;
            if self.experiment.training.ema_decay > 0.0 {
                store.average(&part(RATE, 1))?;
            }
        }
        Ok(())
    }

    /// Starts the kernels of an evaluation.
    fn look(&self, samples: usize) -> Result<()> {
        let part = |start, len| self.step_block.part(start, len);
        let tape = Tape::inference().with_precision(self.experiment.training.precision).on(&self.device);
        let (images, truth) = self.samples.batch(&tape, &part(RULE + STEP, 4 * samples), samples)?;
        let logits = self.network.forward_map(&tape, images, Mode::Eval)?;
        let inputs = LossInputs { truth: &truth, heads: 1, step: &part(PLANE, STEP), sums: Some(&self.sums) };
        self.losses.apply(&tape, &logits, inputs).map(|_| ())
    }

    /// Pixels of a plane of what is trained on.
    pub fn pixels(&self) -> usize {
        self.size[0] * self.size[1]
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
    pub fn send(&self, optimizer: &Optimizer, accumulated: Option<&Gradients>) -> Result<()> {
        let store = &self.device.store;
        self.send_weights()?;
        store.set_moments(&optimizer.moments())?;
        accumulated.map_or(Ok(()), |gradients| store.set_accumulated(gradients))
    }

    /// The device with the parameters on it.
    pub fn device(&self) -> &GpuNetwork {
        &self.device
    }

    /// The parameters' place on the device.
    pub fn store(&self) -> &Store {
        &self.device.store
    }

    /// Bytes that the run has taken from the device.
    pub fn memory(&self) -> usize {
        self.gpu.reserved()
    }

    /// How steps are done: replayed, or why not.
    pub fn steps(&self) -> String {
        match (self.replayed, self.graphs) {
            (0, false) => format!("started kernel by kernel ({GRAPHS}=off)"),
            (0, true) => "started kernel by kernel, not replayed".to_owned(),
            _ => "replayed as CUDA graphs".to_owned(),
        }
    }

    /// How often recorded work was done.
    pub fn replayed(&self) -> usize {
        self.replayed
    }

    /// What a user should know of how the device works, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        self.gpu.notes()
    }

    /// What the device is, and what computes convolutions there.
    pub fn description(&self) -> (String, String) {
        (self.gpu.description().name.clone(), self.gpu.convolutions())
    }
}

/// Puts samples of this size on the device, side by side from a place on, with what the loss wants to know of their pixels.
fn put(samples: &Samples, parcel: &mut Parcel, first: usize, composed: &[Sample], loss: &Loss, size: [usize; 2]) -> Result<()> {
    let weigh = |sample: &Sample| boundary_weights(&sample.mask, size, &loss.boundary);
    let weights: Vec<Option<Vec<f32>>> =
        composed.par_iter().map(|sample| (loss.boundary.weight > 0.0).then(|| weigh(sample))).collect();
    let put = |((sample, weights), place): ((&Sample, &Option<Vec<f32>>), usize)| {
        samples.put(parcel, place, &sample.image, &sample.mask, weights.as_deref())
    };
    composed.iter().zip(&weights).zip(first..).try_for_each(put)
}

/// Four words of a sample's motion.
fn motion(draw: Option<Draw>, index: usize, sample: usize) -> [i32; 4] {
    let motion = draw.map(|draw| draw.motion(index)).unwrap_or_default();
    let sample = i32::try_from(sample).expect("samples are fewer");
    [sample, motion.flip_horizontal.into(), motion.flip_vertical.into(), motion.quarter_turns.cast_signed()]
}
