//! What was seen of runs and experiments, remembered for as long as their files stay as they are.

use crate::status::{Run, Seen};
use crate::store::{ExperimentDir, RunDir, Stamp};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What was seen last, by directory.
#[derive(Debug, Default)]
pub(super) struct Looked {
    runs: Mutex<HashMap<PathBuf, (Stamp, Arc<Run>)>>,
    experiments: Mutex<HashMap<PathBuf, Known>>,
    /// Held while an experiment is read that has changed, so that nothing is read twice at a time.
    reading: Mutex<()>,
}

/// An experiment as it was seen, with the state of its files then.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The state of its files.
    pub stamp: Stamp,
    /// What was seen.
    pub seen: Arc<Seen>,
}

impl Looked {
    /// An experiment as it is now. Only what has changed is read.
    pub(super) fn experiment(&self, dir: &ExperimentDir) -> Known {
        let runs = dir.runs().unwrap_or_default();
        let stamps: Vec<Stamp> = runs.par_iter().map(RunDir::stamp).collect();
        let stamp = Stamp::of_all(stamps.iter().copied().chain([dir.stamp()]));
        if let Some(known) = self.known(dir, stamp) {
            return known;
        }
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known(dir, stamp) {
            return known;
        }
        runs.par_iter().zip(&stamps).for_each(|(run, stamp)| drop(self.run_at(run, *stamp)));
        let now: HashMap<&Path, Stamp> = runs.iter().map(RunDir::path).zip(stamps.iter().copied()).collect();
        let look = |run: &RunDir| self.run_at(run, now.get(run.path()).copied().unwrap_or_else(|| run.stamp()));
        let known = Known { stamp, seen: Arc::new(Seen::by(dir, look)) };
        self.forget(dir, &runs);
        self.experiments.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.path().to_owned(), known.clone());
        known
    }

    fn known(&self, dir: &ExperimentDir, stamp: Stamp) -> Option<Known> {
        let known = self.experiments.lock().unwrap_or_else(PoisonError::into_inner).get(dir.path()).cloned();
        known.filter(|known| known.stamp == stamp)
    }

    /// A run as it is now, with the state of its files.
    pub(super) fn run(&self, dir: &RunDir) -> (Stamp, Arc<Run>) {
        let stamp = dir.stamp();
        (stamp, self.run_at(dir, stamp))
    }

    fn run_at(&self, dir: &RunDir, stamp: Stamp) -> Arc<Run> {
        let known = self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(dir.path()).cloned();
        if let Some((_, run)) = known.filter(|(known, _)| *known == stamp) {
            return run;
        }
        let run = Arc::new(Run::of(dir));
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(dir.path().to_owned(), (stamp, Arc::clone(&run)));
        run
    }

    /// Forgets the runs of an experiment that are there no longer.
    fn forget(&self, dir: &ExperimentDir, runs: &[RunDir]) {
        let there: HashSet<&Path> = runs.iter().map(RunDir::path).collect();
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|path, _| !path.starts_with(dir.path()) || there.contains(path.as_path()));
    }

    /// Forgets the experiments that are not among these.
    pub(super) fn keep(&self, dirs: &[ExperimentDir]) {
        let kept = |path: &Path| dirs.iter().any(|dir| path.starts_with(dir.path()));
        self.experiments.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| kept(path));
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| kept(path));
    }
}
