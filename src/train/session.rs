//! The loop: epochs of batches, each validated, recorded and kept.

mod begin;
mod epoch;
mod finish;
mod save;

use super::checkpoint::{Best, State, Within};
use super::columns::columns;
use super::diverged::diverged;
use super::engine::{Engine, Evaluated, Halt};
use super::lr_schedule::LrSchedule;
use super::{Error, Progress, TrainingDevice, early_stop, provenance, samples};
use crate::config::Experiment;
use crate::data::{self, Dataset, Splits};
use crate::metric::{self, Direction, Split};
use crate::record::{EpochRecord, Failure, Outcome, Status, without_backtrace};
use crate::store::RunDir;
use crate::text::counted;
use epoch::Epoch;
use finish::Ended;
use save::Saving;
use std::collections::BTreeMap;

/// Values by the names of their columns.
type Columns = BTreeMap<String, f64>;

/// A run in training.
pub struct Session<'a> {
    run: &'a RunDir,
    experiment: &'a Experiment,
    data: &'a Dataset,
    splits: &'a Splits,
    engine: Box<dyn Engine<'a> + 'a>,
    schedule: LrSchedule,
    state: State,
    /// The epoch that an earlier attempt was stopped in, until it is taken up.
    within: Option<Within>,
    saving: Saving,
    /// The last epoch that is asked for by now.
    until: usize,
    /// What is to be known of the numbers, for the outcome.
    notes: Vec<String>,
    /// Of a run that has all its epochs and whose images are only scored again: what was known of its numbers.
    scores: Option<Vec<String>>,
    place: TrainingDevice,
    told_memory: bool,
}

impl<'a> Session<'a> {
    /// The same, going no further than this epoch for the time being.
    pub fn until(self, epoch: usize) -> Self {
        Self { until: epoch.min(self.experiment.training.epochs), ..self }
    }

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
        self.tell_notes(progress);
        let outcome = match ended {
            Ok(Ended { val, test, thresholds }) => {
                let files = self.state.files.clone();
                let mut outcome = Outcome { test, thresholds, files, ..self.outcome(Status::Finished) };
                outcome.best.extend(val);
                outcome
            }
            Err(Halt::Interrupted) => self.outcome(Status::Interrupted),
            Err(Halt::Paused) => self.outcome(Status::Paused),
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
        let (gpu, convolutions) = self.engine.description().unzip();
        provenance::Where { device: self.place.name.clone(), gpu, convolutions }
    }

    fn train_epochs(&mut self, stop: &dyn Fn() -> bool, progress: &mut dyn Progress) -> Result<(), Halt> {
        let training = &self.experiment.training;
        let mut rows = self.run.metrics_after(self.state.epoch)?;
        let judged = |record: &EpochRecord| record.get(&training.best).unwrap_or(f64::NAN);
        let mut course: Vec<f64> = self.run.metrics()?.iter().map(judged).collect();
        progress.started(self.state.epoch + 1, training.epochs, self.draws().len().div_ceil(training.batch_size));
        for number in self.state.epoch + 1..=self.until {
            if early_stop::is_over(training, &course) {
                return Ok(self.stop_early()?);
            }
            let (mut epoch, val) = (self.epoch(number), &self.splits.val);
            let trained = self.train_epoch(&mut epoch, stop, progress);
            let validated = match trained.and_then(|()| self.validate(val, number, stop)) {
                Err(Halt::Interrupted) => {
                    self.keep_within(&epoch)?;
                    return Err(Halt::Interrupted);
                }
                validated => validated?,
            };
            let record = self.record(&epoch, &validated)?;
            rows.append(&record, epoch.seconds())?;
            self.state.files.metrics = Some(rows.hash());
            course.push(judged(&record));
            self.keep(&record)?;
            self.tell_memory(progress);
            self.tell_notes(progress);
            progress.epoch_ended(&record);
        }
        match self.state.epoch < training.epochs {
            true if early_stop::is_over(training, &course) => Ok(self.stop_early()?),
            true => Err(Halt::Paused),
            false => Ok(()),
        }
    }

    /// Refuses to end a run well whose losses are beyond all bounds.
    fn judge(&self) -> Result<(), Halt> {
        let rows = self.run.metrics()?;
        diverged(&rows).map_or(Ok(()), |cause| Err(Halt::Diverged(cause)))
    }

    /// Scores of the validation split with the EMA weights, where there are any; keeps masks of some of its samples.
    fn validate(&mut self, split: &[usize], epoch: usize, stop: &dyn Fn() -> bool) -> Result<Evaluated, Halt> {
        self.engine.exchange()?;
        let validated = self.evaluate(split, None, stop);
        let followed = if validated.is_ok() { self.follow(epoch) } else { Ok(()) };
        self.engine.exchange()?;
        followed?;
        validated
    }

    /// Keeps the masks of two samples after some epochs. Written before the epoch counts as done: whoever is killed in between repeats both.
    fn follow(&self, epoch: usize) -> Result<(), Error> {
        if !samples::is_followed(epoch, self.experiment.training.epochs) {
            return Ok(());
        }
        for index in samples::followed(&self.splits.val) {
            samples::write_epoch(self.run, self.data, index, epoch, &self.logits(index)?)?;
        }
        Ok(())
    }

    /// Tells once how much of the device the run takes.
    fn tell_memory(&mut self, progress: &mut dyn Progress) {
        if let Some(memory) = self.engine.memory().filter(|_| !self.told_memory) {
            self.told_memory = true;
            progress.device_memory(memory);
        }
    }

    /// Tells each thing once that a user should know of how the device works, for the outcome too.
    fn tell_notes(&mut self, progress: &mut dyn Progress) {
        for note in self.engine.notes() {
            if !self.notes.contains(&note) {
                progress.device_note(&note);
                self.notes.push(note);
            }
        }
    }

    /// Ends the epochs here because they no longer bring a gain.
    fn stop_early(&mut self) -> Result<(), Error> {
        // Not foreseen when the epoch ended, so it may not be written.
        if self.saving.last {
            self.save()?;
        }
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
        let mut trained = epoch.scored.tally.scores();
        self.absent(&self.splits.train).clear_scores(&mut trained);
        values.extend(columns(Split::Train, &trained, &epoch.scored.terms.means(), loss, &[]));
        values.extend(columns(Split::Val, &validated.scores, &validated.terms, loss, classes));
        let epoch = epoch.number;
        let record = EpochRecord { epoch, values };
        match record.get("val_loss") {
            Some(loss) if !loss.is_finite() => Err(Halt::Diverged(format!("the validation loss is {loss} after epoch {epoch}"))),
            _ => Ok(record),
        }
    }

    /// Keeps what is to outlive this epoch, in files when it is time.
    fn keep(&mut self, record: &EpochRecord) -> Result<(), Error> {
        if self.is_best(record) {
            self.state.best = Some(Best::of(record));
            self.engine.keep_best()?;
            self.saving.best = true;
        }
        self.saving.last = true;
        self.ended(record);
        let over = record.epoch == self.until;
        if over || !self.engine.is_far() || self.saving.is_due() { self.save() } else { Ok(()) }
    }

    fn ended(&mut self, record: &EpochRecord) {
        self.schedule.epoch_ended(record);
        self.state.epoch = record.epoch;
        self.state.within = None;
        self.state.plateau = self.schedule.plateau().clone();
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
        data::draws(&self.splits.train, self.experiment.patches.as_ref(), self.data)
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
