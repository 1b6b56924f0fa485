//! The loop: epochs of batches, each validated, recorded and kept.

mod begin;
mod epoch;
mod finish;
#[cfg(feature = "cuda")]
mod on_gpu;

use super::checkpoint::{Best, State, Within, write_resume, write_weights};
use super::columns::columns;
use super::diverged::diverged;
use super::ema::Ema;
#[cfg(feature = "cuda")]
use super::gpu::Trainer;
use super::gradient::Accumulation;
use super::lr_schedule::LrSchedule;
use super::{Error, Optimizer, Place, Progress, early_stop, provenance};
use crate::config::Experiment;
use crate::data::{self, Dataset, Normaliser, Parts};
use crate::metric::{self, Direction, Part};
use crate::model::Network;
use crate::ops::Gradients;
use crate::record::{EpochRecord, Failure, Outcome, Status, without_backtrace};
use crate::store::RunDir;
use crate::text::counted;
use epoch::{Epoch, Evaluated};
use std::collections::BTreeMap;

/// Why epochs end before the last.
#[derive(Debug)]
enum Halt {
    /// Asked to.
    Interrupted,
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

/// Values by the names of their columns.
type Columns = BTreeMap<String, f64>;

/// A run in training.
pub struct Session<'a> {
    run: &'a RunDir,
    experiment: &'a Experiment,
    data: &'a Dataset,
    parts: &'a Parts,
    network: &'a dyn Network,
    /// What images go through before the network.
    normaliser: Normaliser,
    optimizer: Optimizer,
    schedule: LrSchedule,
    /// Averages of the weights; while they are validated and written, the weights themselves.
    ema: Option<Ema>,
    state: State,
    /// The epoch that an earlier attempt was stopped in, until it is taken up.
    within: Option<(Within, Accumulation)>,
    /// Parts that every batch is split into for want of memory.
    micro_batches: usize,
    /// What is to be known of the numbers, for the outcome.
    notes: Vec<String>,
    /// Of a run that has all its epochs and whose images are only scored again: what was known of its numbers.
    scores: Option<Vec<String>>,
    place: Place,
    #[cfg(feature = "cuda")]
    gpu: Option<on_gpu::OnGpu<'a>>,
}

impl<'a> Session<'a> {
    /// Trains to the end, whatever end that is, and records it.
    ///
    /// # Errors
    /// What failed; the outcome says so too, if it still can be written.
    pub fn run(mut self, stop: &dyn Fn() -> bool, progress: &mut dyn Progress) -> Result<Outcome, Error> {
        let batches = self.state.within.as_ref().map_or(0, |within| within.batches);
        let provenance =
            provenance::started(self.run, self.experiment.training.precision, self.where_it_runs(), (self.state.epoch, batches))?;
        self.notes = provenance::notes(&provenance, &self.experiment.model);
        let trained = match self.scores.take() {
            Some(notes) => {
                self.notes = notes;
                Ok(())
            }
            None => self.train_epochs(stop, progress),
        };
        let ended = trained.and_then(|()| self.judge()).and_then(|()| self.finish(stop));
        #[cfg(feature = "cuda")]
        self.tell_notes(progress);
        let outcome = match ended {
            Ok((val, test)) => {
                let files = self.state.files.clone();
                let mut outcome = Outcome { test, files, ..self.outcome(Status::Finished) };
                outcome.best.extend(val);
                outcome
            }
            Err(Halt::Interrupted) => self.outcome(Status::Interrupted),
            Err(Halt::Diverged(cause)) => {
                let optimizer = &self.experiment.optimizer;
                let remedy = format!("lower {}, now {:e}", optimizer.lr_path(), optimizer.lr());
                self.failed(Failure::Diverged, format!("{cause}; {remedy}"))
            }
            Err(Halt::Failed(error)) => {
                let cause = without_backtrace(&format!("after epoch {}: {error}", self.state.epoch));
                // If the disk is the trouble this fails too, and the first error says more.
                _ = self.run.write_outcome(&self.failed(error.kind(), cause));
                return Err(error);
            }
        };
        provenance::ended(self.run)?;
        self.run.write_outcome(&outcome)?;
        progress.ended(&outcome);
        Ok(outcome)
    }

    /// The device and what computes there, for the provenance.
    fn where_it_runs(&self) -> provenance::Where {
        let place = provenance::Where { device: self.place.name.clone(), ..Default::default() };
        #[cfg(feature = "cuda")]
        if let Some(gpu) = &self.gpu {
            let (name, convolutions) = gpu.trainer.description();
            return provenance::Where { gpu: Some(name), convolutions: Some(convolutions), ..place };
        }
        place
    }

    fn train_epochs(&mut self, stop: &dyn Fn() -> bool, progress: &mut dyn Progress) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let mut rows = self.run.metrics_after(self.state.epoch)?;
        let judged = |record: &EpochRecord| record.get(&training.best).unwrap_or(f64::NAN);
        let mut course: Vec<f64> = self.run.metrics()?.iter().map(judged).collect();
        progress.started(self.state.epoch + 1, training.epochs, self.draws().len().div_ceil(training.batch_size));
        for number in self.state.epoch + 1..=training.epochs {
            if early_stop::is_over(training, &course) {
                return Ok(self.stop_early()?);
            }
            let (mut epoch, val) = (self.epoch(number), &self.parts.val);
            let validated = match self.train_epoch(&mut epoch, stop, progress).and_then(|()| self.validate(val, stop)) {
                Err(Halt::Interrupted) => return self.keep_within(&epoch).and(Err(Halt::Interrupted)),
                validated => validated?,
            };
            let record = self.record(&epoch, &validated)?;
            rows.append(&record, epoch.seconds())?;
            self.state.files.metrics = Some(rows.hash());
            course.push(judged(&record));
            self.keep(&record)?;
            #[cfg(feature = "cuda")]
            {
                self.tell_memory(progress);
                self.tell_notes(progress);
            }
            progress.epoch_ended(&record);
        }
        Ok(())
    }

    /// Refuses to end a run well whose losses are beyond all bounds.
    fn judge(&self) -> Result<(), Halt> {
        let rows = self.run.metrics()?;
        diverged(&rows).map_or(Ok(()), |cause| Err(Halt::Diverged(cause)))
    }

    /// Scores of the validation part with the averages of the weights, where there are any.
    fn validate(&mut self, part: &[usize], stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        self.exchange()?;
        let validated = self.evaluate(part, None, stop);
        self.exchange()?;
        validated
    }

    /// Weights and their averages, where there are any, change places, wherever they train.
    fn exchange(&mut self) -> candle_core::Result<()> {
        #[cfg(feature = "cuda")]
        if let Some(gpu) = &self.gpu {
            return gpu.trainer.store().exchange_averages();
        }
        self.ema.as_mut().map_or(Ok(()), |ema| ema.exchange(self.network.params()))
    }

    /// Ends the epochs here because they no longer bring a gain.
    fn stop_early(&mut self) -> Result<(), Error> {
        // Not foreseen when the epoch ended, so a GPU may not have written it.
        #[cfg(feature = "cuda")]
        self.save_from_gpu()?;
        let (column, patience) = (&self.experiment.training.best, self.experiment.training.early_stopping.patience);
        self.notes.push(format!(
            "stopped early after epoch {} of {}: no gain in {column} for {}",
            self.state.epoch,
            self.experiment.training.epochs,
            counted(patience, "epoch")
        ));
        Ok(())
    }

    fn record(&self, epoch: &Epoch, validated: &Evaluated) -> Result<EpochRecord, Halt> {
        let (loss, classes) = (&self.experiment.loss, &self.data.classes);
        let mut values = vec![("lr".to_owned(), epoch.lr)];
        let mut trained = epoch.tally.scores();
        self.absent(&self.parts.train).clear_scores(&mut trained);
        values.extend(columns(Part::Train, &trained, &epoch.terms.means(), loss, &[]));
        values.extend(columns(Part::Val, &validated.scores, &validated.terms, loss, classes));
        let epoch = epoch.number;
        let record = EpochRecord { epoch, values };
        match record.get("val_loss") {
            Some(loss) if !loss.is_finite() => Err(Halt::Diverged(format!("the validation loss is {loss} after epoch {epoch}"))),
            _ => Ok(record),
        }
    }

    /// Writes what is to outlive this epoch; the resume state last, because it vouches for the rest.
    fn keep(&mut self, record: &EpochRecord) -> Result<(), Error> {
        let (run, params, epoch) = (self.run, self.network.params(), record.epoch);
        let best = self.is_best(record);
        if best {
            self.state.best = Some(Best::of(record));
        }
        #[cfg(feature = "cuda")]
        if self.gpu.is_some() {
            self.ended(record);
            return self.keep_on_gpu(best);
        }
        self.exchange()?;
        if best {
            self.state.files.best = Some(write_weights(&run.best_checkpoint(), params, epoch, &self.normaliser)?);
        }
        self.state.files.last = Some(write_weights(&run.last_checkpoint(), params, epoch, &self.normaliser)?);
        self.exchange()?;
        self.ended(record);
        self.write_state(&Gradients::default())
    }

    fn ended(&mut self, record: &EpochRecord) {
        self.schedule.epoch_ended(record);
        self.state.epoch = record.epoch;
        self.state.within = None;
        self.state.plateau = self.schedule.plateau().clone();
    }

    /// Writes the resume state; whatever the optimizer does not know of must be in `state` already.
    fn write_state(&mut self, waiting: &Gradients) -> Result<(), Error> {
        self.state.steps = self.optimizer.steps();
        write_resume(&self.run.resume_state(), self.network.params(), &self.optimizer, &self.state, waiting, self.ema.as_ref())
    }

    /// Better than the best so far, by the metric that the experiment names; of equals the earlier is best, NaN never is.
    fn is_best(&self, record: &EpochRecord) -> bool {
        let column = &self.experiment.training.best;
        let direction = metric::describe(column).map_or(Direction::Lower, |metric| metric.direction);
        let best = self.state.best.as_ref().and_then(|best| best.values.get(column));
        direction.is_better(record.get(column).unwrap_or(f64::NAN), best.copied().unwrap_or(f64::NAN))
    }

    /// What an epoch draws.
    fn draws(&self) -> Vec<usize> {
        data::draws(&self.parts.train, self.experiment.patches.as_ref(), self.data)
    }

    fn failed(&self, failure: Failure, cause: String) -> Outcome {
        Outcome { failure: Some(failure), cause: Some(cause), ..self.outcome(Status::Failed) }
    }

    fn outcome(&self, status: Status) -> Outcome {
        let best = self.state.best.as_ref();
        Outcome {
            status,
            epochs: self.state.epoch,
            notes: self.notes.clone(),
            best_epoch: best.map(|best| best.epoch),
            best_by: self.experiment.training.best.clone(),
            best: best.map(|best| best.values.clone()).unwrap_or_default(),
            ..Outcome::default()
        }
    }
}

#[cfg(test)]
mod tests;
