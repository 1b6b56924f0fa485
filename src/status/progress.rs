//! How much of an experiment is done, and how long the rest will take.

use super::{Run, Seen};
use crate::schedule::Standing;
use std::time::{Duration, SystemTime};

/// The words for where a run stands, those that are done first.
const WORDS: [&str; 8] = ["finished", "running", "paused", "resumable", "incomplete", "failed", "damaged", "new"];

/// How much of an experiment is done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Epochs that are done.
    pub done: usize,
    /// Epochs of all runs that a schedule would train to their end.
    pub of: usize,
    /// Runs that a process is at.
    pub running: usize,
    /// Until the last epoch, if processes are at runs and an epoch has ended; by the mean epoch so far.
    pub left: Option<Duration>,
}

impl Seen {
    /// How much of it is done.
    pub fn progress(&self) -> Progress {
        let (mut progress, mut seconds) = (Progress::default(), 0.0);
        let known: Vec<f64> = self.runs.iter().filter_map(|run| run.epoch_seconds).collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        for run in &self.runs {
            let left = run.epochs_left();
            progress.done += run.epochs_done;
            progress.of += run.epochs_done + left;
            progress.running += usize::from(run.is_running());
            seconds += left as f64 * run.epoch_seconds.unwrap_or(mean);
        }
        if progress.running > 0 {
            progress.left = Duration::try_from_secs_f64(seconds / progress.running as f64).ok();
        }
        progress
    }

    /// `3 finished, 1 running`: how many runs stand where.
    pub fn counts(&self) -> String {
        let count = |word: &str| self.runs.iter().filter(|run| run.word() == word).count();
        let counts = WORDS.iter().map(|word| (count(word), word)).filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let without = self.runs.iter().filter(|run| run.without_weights).count();
        let counts = if without > 0 { format!("{counts} ({without} without weights)") } else { counts };
        let waiting = self.runs.iter().filter(|run| self.has_queued(run)).count();
        if waiting > 0 { format!("{counts} ({waiting} in Slurm's queue)") } else { counts }
    }

    /// When its last epoch ended.
    pub fn last_epoch(&self) -> Option<SystemTime> {
        self.runs.iter().filter_map(|run| run.last_epoch).max()
    }
}

impl Run {
    /// Whether a process is at it.
    pub fn is_running(&self) -> bool {
        matches!(self.standing, Ok(Standing::Running(_)))
    }

    /// Epochs that a schedule would still train.
    fn epochs_left(&self) -> usize {
        let open = self.standing.as_ref().is_ok_and(Standing::is_to_train);
        if open { self.epochs.unwrap_or(0).saturating_sub(self.epochs_done) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Holder;
    use std::sync::Arc;

    fn run(standing: Standing, done: usize, seconds: Option<f64>) -> Arc<Run> {
        Arc::new(Run {
            id: "r".into(),
            path: "r".into(),
            bytes: None,
            standing: Ok(standing),
            device: None,
            epochs_done: done,
            without_weights: false,
            epochs: Some(10),
            dice: None,
            best: None,
            last_epoch: None,
            epoch_seconds: seconds,
            times: (None, None),
        })
    }

    /// 4 + 10 + 10 epochs are left; those of runs without epochs take the mean of the others, 3 s; two go on at a time.
    #[test]
    fn what_is_left_is_shared_by_those_that_run() {
        let holder = || Standing::Running(Holder { process: 1, host: "here".into() });
        let runs = vec![
            run(Standing::Finished(Default::default()), 10, Some(2.0)),
            run(holder(), 6, Some(4.0)),
            run(holder(), 0, None),
            run(Standing::New, 0, None),
        ];
        let seen = Seen {
            name: "x".into(),
            path: "x".into(),
            bytes: None,
            holder: None,
            runs,
            alone: false,
            others: 0,
            search: Vec::new(),
            standing: None,
            queued: Default::default(),
            problem: None,
        };
        let expected = Progress { done: 16, of: 40, running: 2, left: Some(Duration::from_secs(38)) };
        assert_eq!(seen.progress(), expected);
        assert_eq!(seen.counts(), "1 finished, 2 running, 1 new");
        let idle = Seen { runs: vec![run(Standing::New, 0, None)], ..seen };
        assert_eq!(idle.progress().left, None);
    }
}
