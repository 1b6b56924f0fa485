//! How far a run is and how long it still takes, by the events that it reports.

use super::frame::Training;
use std::time::{Duration, Instant};
use umlaut::record::Event;

/// The course of one attempt at a run.
#[derive(Debug, Default)]
pub struct Course {
    /// When training began, with which epoch.
    began: Option<(Instant, usize)>,
    /// The time from there to what was reported last.
    elapsed: Duration,
    now: Training,
}

impl Course {
    /// Takes in what the run reports.
    pub fn hear(&mut self, event: &Event, at: Instant) {
        match *event {
            Event::Waiting { .. } | Event::Note { .. } | Event::Memory { .. } | Event::GpuUse { .. } => {}
            Event::Started { first, epochs, steps } => {
                self.began = Some((at, first));
                self.now = Training { epoch: first.min(epochs), epochs, steps, ..Training::default() };
                if first > epochs {
                    self.now.step = steps;
                }
            }
            Event::Step { epoch, step, .. } => {
                (self.now.epoch, self.now.step) = (epoch, step);
                self.measure(at);
            }
            Event::Epoch { epoch, val_dice, .. } => {
                (self.now.epoch, self.now.step, self.now.dice) = (epoch, self.now.steps, Some(val_dice));
                // NaN is no best, whatever came before.
                self.now.best = [self.now.best, Some(val_dice)].into_iter().flatten().reduce(f64::max);
                self.measure(at);
            }
        }
    }

    fn measure(&mut self, at: Instant) {
        self.elapsed = self.began.map_or(Duration::ZERO, |(began, _)| at.saturating_duration_since(began));
    }

    /// Steps of this attempt that are done, and all that it has.
    fn steps(&self) -> Option<(f64, f64)> {
        let (_, first) = self.began?;
        let steps = |epochs: usize| (epochs * self.now.steps) as f64;
        let done = steps(self.now.epoch.saturating_sub(first)) + self.now.step as f64;
        Some((done, steps((self.now.epochs + 1).saturating_sub(first))))
    }

    /// Seconds of an epoch, validation included as far as one was seen; `None` before the first step is done.
    pub fn epoch_seconds(&self) -> Option<f64> {
        let (done, _) = self.steps().filter(|(done, _)| *done > 0.0)?;
        Some(self.elapsed.as_secs_f64() / done * self.now.steps as f64)
    }

    /// Seconds until the run ends; `None` before the first step is done.
    pub fn left(&self) -> Option<f64> {
        let (done, all) = self.steps()?;
        let epochs = (all - done).max(0.0) / self.now.steps.max(1) as f64;
        Some(epochs * self.epoch_seconds()?)
    }

    /// As it is shown; `None` before training begins.
    pub fn shown(&self) -> Option<Training> {
        self.began.map(|_| Training { left: self.left(), ..self.now.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[(u64, Event)]) -> Course {
        let (mut course, zero) = (Course::default(), Instant::now());
        events.iter().for_each(|(second, event)| course.hear(event, zero + Duration::from_secs(*second)));
        course
    }

    fn started(first: usize) -> Event {
        Event::Started { first, epochs: 20, steps: 4 }
    }

    fn epoch(epoch: usize, val_dice: f64) -> Event {
        Event::Epoch { epoch, train_loss: 0.1, val_loss: 0.1, val_dice }
    }

    #[test]
    fn a_resumed_run_starts_at_its_epoch_and_its_time_counts_this_attempt_only() {
        let course = after(&[(0, started(11)), (4, epoch(11, 0.5)), (5, Event::Step { epoch: 12, step: 1, loss: 0.1 })]);
        let shown = course.shown().unwrap();
        assert_eq!((shown.epoch, shown.step, shown.left), (12, 1, Some(35.0)));
        assert_eq!(course.epoch_seconds(), Some(4.0));
    }

    #[test]
    fn the_best_score_stays_and_nan_is_none() {
        let shown = after(&[(0, started(1)), (1, epoch(1, 0.5)), (2, epoch(2, 0.7)), (3, epoch(3, f64::NAN))]).shown().unwrap();
        assert!(shown.dice.unwrap().is_nan());
        assert_eq!(shown.best, Some(0.7));
    }

    #[test]
    fn before_training_nothing_is_known() {
        let waiting = after(&[(0, Event::Waiting { holder: "process 1 on a".into() })]);
        assert_eq!((waiting.shown(), waiting.left()), (None, None));
        assert_eq!(after(&[(0, started(3))]).shown().unwrap().left, None);
        assert_eq!(after(&[(0, started(21))]).shown().unwrap().epoch, 20, "only the end is left");
    }
}
