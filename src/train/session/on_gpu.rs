//! What a session does otherwise where a GPU trains.
//!
//! The steps of an epoch are asked for without waiting; their scores arrive a few steps later. Parameters stay on the device, so
//! checkpoints are fetched, and, since an epoch may take less time than writing them, not after every epoch: writing takes a tenth of
//! the time at the most, and nothing is written in the first seconds.

use super::epoch::{Epoch, Evaluated, asked};
use super::{Halt, Session, Within};
use crate::data::{self, Draw};
use crate::metric::{Extras, Means, Tally};
use crate::model::Params;
use crate::ops::Gradients;
use crate::train::checkpoint::write_weights;
use crate::train::ema::Ema;
use crate::train::gpu::{Landed, Part, Tail, Trainer};
use crate::train::{Error, Progress};
use std::time::{Duration, Instant};

/// Time between writings, in times that writing takes.
const PATIENCE: u32 = 9;

/// Nothing is written before a run has trained so long: the files of a large network take about a second, a short run but a few. Whoever is
/// killed before repeats these seconds.
const AT_FIRST: Duration = Duration::from_secs(10);

/// A trainer, and what of its state is not in files yet.
pub(super) struct OnGpu<'a> {
    pub trainer: Trainer<'a>,
    /// Batches whose gradients wait for an update.
    pub waiting: usize,
    /// Whether the best weights are on the device alone.
    unsaved_best: bool,
    /// When files were written last, or training began, and how long to wait from then on.
    saved: (Instant, Duration),
    told_memory: bool,
}

impl<'a> OnGpu<'a> {
    pub fn new(trainer: Trainer<'a>, waiting: usize) -> Self {
        Self { trainer, waiting, unsaved_best: false, saved: (Instant::now(), AT_FIRST), told_memory: false }
    }
}

/// Progress of the batches that have arrived.
struct Arrivals {
    number: usize,
    batches: usize,
    /// Of the batch under way.
    loss: f64,
}

impl<'a> Session<'a> {
    /// The rest of a pass over the training part.
    pub(super) fn train_epoch_on_gpu(
        &mut self,
        epoch: &mut Epoch,
        stop: &dyn Fn() -> bool,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let order = data::order(&self.draws(), training.seeds[0], epoch.number);
        let mut batches = order.chunks(training.batch_size).skip(epoch.batches).peekable();
        let mut arrived = Arrivals { number: epoch.number, batches: epoch.batches, loss: 0.0 };
        while let Some(indices) = batches.next() {
            self.submit_batch(epoch, indices, batches.peek().is_none(), &mut arrived, progress)?;
            epoch.batches += 1;
            if stop() {
                self.land_all(epoch, &mut arrived, progress)?;
                return Err(Halt::Interrupted);
            }
        }
        self.land_all(epoch, &mut arrived, progress)
    }

    fn submit_batch(
        &mut self,
        epoch: &mut Epoch,
        indices: &[usize],
        last: bool,
        arrived: &mut Arrivals,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let draw = Some(Draw::of(self.experiment, epoch.number));
        let parts: Vec<&[usize]> = self.split(indices).collect();
        let waiting = self.gpu.as_ref().map_or(0, |gpu| gpu.waiting);
        let updates = waiting + 1 == training.accumulate || last;
        let whole = parts.len() == 1 && waiting == 0 && updates && training.clip_norm.is_none();
        for (at, part) in parts.iter().enumerate() {
            let ends = at + 1 == parts.len();
            let tail = Tail {
                collect: (!whole).then_some(waiting == 0 && at == 0),
                update: (updates && ends).then_some((!whole).then_some(waiting + 1)),
            };
            let rate = self.ema.as_ref().map_or(0.0, |ema| ema.rate(self.optimizer.steps()));
            let rule = tail.update.map(|_| self.optimizer.step_elsewhere(epoch.lr));
            let share = part.len() as f64 / indices.len() as f64;
            let landed = self.on_gpu().trainer.submit(Part { indices: part, draw, share, tail: Some(tail), rule, rate, ends })?;
            self.arrive(epoch, landed, arrived, progress)?;
        }
        self.on_gpu().waiting = if updates { 0 } else { waiting + 1 };
        Ok(())
    }

    fn land_all(&mut self, epoch: &mut Epoch, arrived: &mut Arrivals, progress: &mut dyn Progress) -> Result<(), Halt> {
        while let Some(landed) = self.on_gpu().trainer.land()? {
            self.arrive(epoch, Some(landed), arrived, progress)?;
        }
        Ok(())
    }

    /// Counts what has arrived.
    fn arrive(
        &self,
        epoch: &mut Epoch,
        landed: Option<Landed>,
        arrived: &mut Arrivals,
        progress: &mut dyn Progress,
    ) -> Result<(), Halt> {
        let (Some(landed), Some(gpu)) = (landed, &self.gpu) else { return Ok(()) };
        let pixels = gpu.trainer.pixels();
        epoch.tally.add_sums(landed.images, pixels, &landed.sums);
        epoch.terms.add(landed.images, &landed.terms);
        arrived.loss += landed.share * landed.loss;
        if landed.ends {
            let loss = std::mem::take(&mut arrived.loss);
            arrived.batches += 1;
            if !loss.is_finite() {
                let cause = format!("the training loss is {loss} in epoch {}, step {}", arrived.number, arrived.batches);
                return Err(Halt::Diverged(cause));
            }
            progress.step(arrived.number, arrived.batches, loss);
        }
        Ok(())
    }

    /// Scores of a part of what is trained on whole, with the weights as they are; `extras` are what is asked for beside them.
    pub(super) fn evaluate_on_gpu(
        &mut self,
        part: &[usize],
        extras: Option<&Extras>,
        stop: &dyn Fn() -> bool,
    ) -> Result<Evaluated, Halt> {
        let (classes, pixels) = (self.data.classes.len(), self.data.size[0] * self.data.size[1]);
        let (mut tally, mut terms, mut images) = (Tally::new(classes), Means::default(), Vec::new());
        let mut add = |landed: Landed| {
            terms.add(landed.images, &landed.terms);
            images.extend(tally.add_sums(landed.images, pixels, &landed.sums));
        };
        for indices in part.chunks(self.experiment.training.batch_size.div_ceil(self.micro_batches)) {
            let part = Part { indices, draw: None, share: 1.0, tail: None, rule: None, rate: 0.0, ends: true };
            self.on_gpu().trainer.submit(part)?.into_iter().for_each(&mut add);
            if let Err(halt) = asked(stop) {
                while self.on_gpu().trainer.land()?.is_some() {}
                return Err(halt);
            }
        }
        while let Some(landed) = self.on_gpu().trainer.land()? {
            add(landed);
        }
        let mut more = Vec::new();
        for &index in extras.map_or(&[][..], |_| part) {
            let targets: Vec<f32> = self.data.samples[index].mask.iter().map(|marked| f32::from(*marked != 0)).collect();
            let logits = self.logits(index)?;
            more.extend(extras.into_iter().flat_map(|extras| extras.of(&logits, &targets)));
            asked(stop)?;
        }
        Ok(Evaluated { scores: tally.scores(), terms: terms.means(), images, extras: more })
    }

    fn on_gpu(&mut self) -> &mut OnGpu<'a> {
        self.gpu.as_mut().expect("these methods are called where a GPU trains")
    }

    /// Tells once how much of the device the run takes.
    pub(super) fn tell_memory(&mut self, progress: &mut dyn Progress) {
        if let Some(gpu) = self.gpu.as_mut().filter(|gpu| !gpu.told_memory) {
            gpu.told_memory = true;
            progress.device_memory(gpu.trainer.memory());
        }
    }

    /// Tells each thing once that a user should know of how the device works, for the outcome too.
    pub(super) fn tell_notes(&mut self, progress: &mut dyn Progress) {
        for note in self.gpu.as_ref().map(|gpu| gpu.trainer.notes()).unwrap_or_default() {
            if !self.notes.contains(&note) {
                progress.device_note(&note);
                self.notes.push(note);
            }
        }
    }

    /// Keeps an epoch: the best weights on the device at once, files when it is time.
    pub(super) fn keep_on_gpu(&mut self, best: bool) -> Result<(), Error> {
        let last = self.state.epoch == self.experiment.training.epochs;
        let gpu = self.on_gpu();
        let (when, pause) = gpu.saved;
        if best {
            self.exchange()?;
            self.on_gpu().trainer.store().keep()?;
            self.exchange()?;
            self.on_gpu().unsaved_best = true;
        }
        if last || when.elapsed() >= pause { self.save_from_gpu() } else { Ok(()) }
    }

    /// Notes how far an epoch is, and writes all.
    pub(super) fn keep_within_on_gpu(&mut self, epoch: &Epoch) -> Result<(), Halt> {
        let (batches, waiting) = (epoch.batches, self.on_gpu().waiting);
        let (tally, terms) = (epoch.tally.clone(), epoch.terms.clone());
        self.state.within = Some(Within { batches, waiting, seconds: epoch.seconds(), tally, terms });
        Ok(self.save_from_gpu()?)
    }

    /// Writes the files, the resume state last; nothing where no GPU trains.
    pub(super) fn save_from_gpu(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let (run, params) = (self.run, self.network.params());
        let Some(gpu) = &mut self.gpu else { return Ok(()) };
        if std::mem::take(&mut gpu.unsaved_best) {
            gpu.trainer.store().exchange()?;
            gpu.trainer.fetch(None)?;
            gpu.trainer.store().exchange()?;
            let epoch = self.state.best.as_ref().map_or(0, |best| best.epoch);
            self.state.files.best = Some(write_weights(&run.best_checkpoint(), params, epoch, &self.normaliser)?);
        }
        gpu.trainer.fetch(Some(&mut self.optimizer))?;
        let waiting = if gpu.waiting > 0 { gpu.trainer.store().waiting()? } else { Gradients::default() };
        self.fetch_averages()?;
        let exchange = |ema: &mut Option<Ema>| ema.as_mut().map_or(Ok(()), |ema| ema.exchange(params));
        exchange(&mut self.ema)?;
        self.state.files.last = Some(write_weights(&run.last_checkpoint(), params, self.state.epoch, &self.normaliser)?);
        exchange(&mut self.ema)?;
        self.write_state(&waiting)?;
        if let Some(gpu) = &mut self.gpu {
            gpu.saved = (Instant::now(), PATIENCE * began.elapsed());
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Copies the averages of the weights from the device to this machine's, where there are any.
    fn fetch_averages(&mut self) -> candle_core::Result<()> {
        let (Some(ema), Some(gpu)) = (&mut self.ema, &self.gpu) else { return Ok(()) };
        let (params, store) = (self.network.params(), gpu.trainer.store());
        ema.exchange(params)?;
        store.exchange_averages()?;
        gpu.trainer.fetch(None)?;
        store.exchange_averages()?;
        ema.exchange(params)
    }

    /// The other way, with the weights themselves.
    pub(super) fn send_averages(trainer: &Trainer, ema: &mut Ema, params: &Params) -> candle_core::Result<()> {
        ema.exchange(params)?;
        trainer.send_weights()?;
        trainer.store().begin_averages()?;
        ema.exchange(params)?;
        trainer.send_weights()
    }
}
