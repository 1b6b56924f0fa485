//! When a session writes which files.
//!
//! Of an engine that is far, an epoch may take less time than fetching and writing its numbers: writing takes a tenth of the time at the most,
//! and nothing is written in the first seconds.

use super::Session;
use super::epoch::Epoch;
use crate::train::Error;
use crate::train::checkpoint::{Within, write_resume, write_weights};
use std::time::{Duration, Instant};

/// Time between writings, in times that writing takes.
const PATIENCE: u32 = 9;

/// Nothing is written before a run has trained so long: the files of a large network take about a second, a short run but a few. Whoever is
/// killed before repeats these seconds.
const AT_FIRST: Duration = Duration::from_secs(10);

/// What is not in files yet.
pub(super) struct Saving {
    /// The best weights.
    pub best: bool,
    /// The weights after the last epoch.
    pub last: bool,
    /// When files were written last, or training began.
    when: Instant,
    /// How long to wait from then on.
    pause: Duration,
}

impl Saving {
    /// Nothing is missing.
    pub fn new() -> Self {
        Self { best: false, last: false, when: Instant::now(), pause: AT_FIRST }
    }

    /// Whether so much time has passed that writing costs little of it.
    pub fn is_due(&self) -> bool {
        self.when.elapsed() >= self.pause
    }
}

impl Session<'_> {
    /// Notes how far an epoch is, and writes all.
    pub(super) fn keep_within(&mut self, epoch: &Epoch) -> Result<(), Error> {
        let (tally, terms) = (epoch.scored.tally.clone(), epoch.scored.terms.clone());
        let accumulated = self.engine.accumulated();
        self.state.within = Some(Within { batches: epoch.batches, accumulated, seconds: epoch.seconds(), tally, terms });
        self.save()
    }

    /// Writes the files that are missing, the resume state last, because it vouches for the rest.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        let (run, files) = (self.run, &mut self.state.files);
        if std::mem::take(&mut self.saving.best) {
            let epoch = self.state.best.as_ref().map_or(0, |best| best.epoch);
            self.engine.with_best(&mut |learner| {
                files.best = Some(write_weights(&run.best_checkpoint(), learner.params(), epoch, &learner.normaliser)?);
                Ok(())
            })?;
        }
        let accumulated = self.engine.snapshot()?;
        let learner = self.engine.learner_mut();
        let params = learner.params();
        if std::mem::take(&mut self.saving.last) {
            let mut exchange = || learner.ema.as_mut().map_or(Ok(()), |ema| ema.exchange(params));
            exchange()?;
            files.last = Some(write_weights(&run.last_checkpoint(), params, self.state.epoch, &learner.normaliser)?);
            exchange()?;
        }
        self.state.steps = learner.optimizer.steps();
        write_resume(&run.resume_state(), params, &learner.optimizer, &self.state, &accumulated, learner.ema.as_ref())?;
        (self.saving.when, self.saving.pause) = (Instant::now(), PATIENCE * began.elapsed());
        Ok(())
    }
}
