//! Initial weights of an experiment, looked at before anything runs: which file is meant, what it holds, whether it fits.

use super::{Listener, Notice};
use crate::config::{Dataset, Experiment, Initial};
use crate::data::{self, Description};
use crate::find::{self, find_run};
use crate::plan::{Plan, RunSpec};
use crate::store::Results;
use crate::train::{self, Error, InitialWeights};
use std::path::{Path, PathBuf};

/// The files that an experiment's runs begin with, each read once.
pub(super) struct Files<'a> {
    results: &'a Results,
    /// By what the experiment calls them.
    read: Vec<(String, PathBuf, InitialWeights)>,
}

impl<'a> Files<'a> {
    /// None yet; runs are looked for in these results.
    pub fn of(results: &'a Results) -> Self {
        Self { results, read: Vec::new() }
    }

    /// The same with the file's whole path and its hash.
    ///
    /// # Errors
    /// In words, if there is no such file, it is damaged, or it has another hash than it should.
    pub fn find(&mut self, initial: &Initial) -> Result<Initial, String> {
        if !self.read.iter().any(|(name, ..)| *name == initial.weights) {
            let file = self.place(&initial.weights)?;
            let weights = InitialWeights::read(&file).map_err(|e| e.to_string())?;
            self.read.push((initial.weights.clone(), file, weights));
        }
        let (_, file, weights) = self.read.iter().find(|(name, ..)| *name == initial.weights).expect("it was read");
        weights.is_planned(initial).map_err(|e| e.to_string())?;
        let file = file.display().to_string();
        Ok(Initial { weights: file, hash: Some(weights.hash().to_owned()), ..initial.clone() })
    }

    /// A file, else the best weights of a run.
    fn place(&self, name: &str) -> Result<PathBuf, String> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path = Path::new(name);
        if path.exists() && !path.is_dir() {
            return Ok(absolute(path));
        }
        let what = format!("training.initial.weights = \"{name}\"");
        let run = find_run(path, self.results).map_err(|error| match error {
            find::Error::Store(error) => format!("{what}: no such file, and the results cannot be listed: {error}"),
            error => format!("{what}: no such file; as a run: {error}"),
        })?;
        let best = run.best_weights().map_err(|e| format!("{what}: {e}"))?;
        Ok(absolute(&best.path))
    }

    /// Checks that every run's file fits its network, and reports what is doubtful. What cannot be said without data that is not there is not
    /// said.
    ///
    /// # Errors
    /// A mistake of the user's.
    pub fn check(&self, plan: &Plan, listener: &dyn Listener) -> Result<(), Error> {
        let (mut described, mut seen, mut message) = (Vec::new(), Vec::<&Experiment>::new(), Vec::new());
        for RunSpec { experiment, .. } in plan.runs.iter().filter(|run| !run.experiment.training.initial.is_random()) {
            let same = |other: &&Experiment| {
                let of =
                    |e: &Experiment| (e.training.initial.clone(), e.model.clone(), e.dataset.clone(), e.preprocess.normalise);
                of(other) == of(experiment)
            };
            if seen.iter().any(same) {
                continue;
            }
            seen.push(experiment);
            let file = Path::new(&experiment.training.initial.weights);
            let Some((.., weights)) = self.read.iter().find(|(_, path, _)| path == file) else { continue };
            if let Some(Description { channels, classes, .. }) = describe(experiment, &mut described) {
                weights.check(experiment, channels, classes.len())?;
            }
            message.extend(weights.doubt(experiment.preprocess.normalise).map(|doubt| format!("{}: {doubt}", file.display())));
        }
        message.dedup();
        message.into_iter().for_each(|doubt| listener.noted(Notice::Note(doubt)));
        warn_of_seen(plan, listener);
        Ok(())
    }
}

/// Reports which images that validate or test the initial weights were trained on, once for each of their files and split.
fn warn_of_seen(plan: &Plan, listener: &dyn Listener) {
    let mut looked = Vec::<&Experiment>::new();
    for RunSpec { experiment: e, .. } in plan.runs.iter().filter(|run| !run.experiment.training.initial.is_random()) {
        let file = &e.training.initial.weights;
        let same = |o: &&Experiment| o.training.initial.weights == *file && o.dataset == e.dataset && o.split == e.split;
        if !looked.iter().any(same) {
            looked.push(e);
            train::seen(e).into_iter().for_each(|text| listener.noted(Notice::Warning(text)));
        }
    }
}

/// Descriptions of data sets by their configurations.
type Described = Vec<(Dataset, Option<Description>)>;

fn describe(experiment: &Experiment, known: &mut Described) -> Option<Description> {
    if !known.iter().any(|(dataset, _)| *dataset == experiment.dataset) {
        known.push((experiment.dataset.clone(), data::describe(&experiment.dataset).ok()));
    }
    known.iter().find(|(dataset, _)| *dataset == experiment.dataset).and_then(|(_, description)| description.clone())
}
