//! Can an experiment run, and as which runs?
//!
//! A [`Planner`] makes of an experiment a [`Plan`] whose every run can begin: data sets are hashed and named by their whole paths, files of initial
//! weights are found and held against the networks, batches are counted. [`check_data`] opens the data themselves. What should be known and is no
//! mistake goes to a [`Listener`]. Nothing is known here of devices, processes or how anything is shown.

mod batches;
mod data_sets;
mod initial;

pub use data_sets::{alike, check_data};

use crate::config::{Dataset, Experiment};
use crate::data;
use crate::plan::{self, Plan, RunSpec, expand_with};
use crate::store::Results;
use crate::train;
use initial::Files;
use std::path::PathBuf;

/// Why an experiment cannot run. All of it is the user's to correct, but what [`is_mistake`](Self::is_mistake) says is not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sweep is not possible, or what it names cannot be read.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// A data set cannot be read or split.
    #[error(transparent)]
    Data(#[from] data::Error),
    /// Initial weights do not fit.
    #[error(transparent)]
    Weights(#[from] train::Error),
    /// Batches that a network cannot train on.
    #[error("{}", .0.title)]
    Batches(Batches),
}

impl Error {
    /// Whether the experiment or its files must be changed; otherwise something failed while they were looked at.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Plan(_) | Self::Data(_) | Self::Batches(_) => true,
            // Files are only read here, and those that cannot be are the user's.
            Self::Weights(error) => !matches!(error, train::Error::Tensor(_)),
        }
    }
}

/// Batches that a network cannot train on, for [`mistake_at`](crate::config::mistake_at).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// The keys that decide, the likeliest first.
    pub keys: [&'static str; 3],
    /// What is wrong, with the run where there are several.
    pub title: String,
    /// What to do.
    pub remedy: String,
}

/// Hears what happens while an experiment is prepared.
pub trait Listener: Sync {
    /// So many of so many images are read. Called from several threads, not always in order.
    fn read(&self, done: usize, of: usize) {
        _ = (done, of);
    }

    /// All images of a data set are read.
    fn read_all(&self) {}

    /// Something that is no mistake, and should be known.
    fn noted(&self, notice: Notice) {
        _ = notice;
    }
}

/// Nobody listens.
impl Listener for () {}

/// What should be known before an experiment runs, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// For the careful reader.
    Note(String),
    /// Scores may come out otherwise than they should.
    Warning(String),
    /// A data set, as it is split.
    Data(String),
}

/// Makes plans of experiments. What several have in common, files of initial weights and fingerprints of data sets, is read once.
pub struct Planner<'a> {
    results: &'a Results,
    listener: &'a dyn Listener,
    files: Files<'a>,
    fingerprints: Vec<(Dataset, String)>,
}

impl<'a> Planner<'a> {
    /// Runs whose weights others begin with are looked for in these results, and hashes of files known from before in their cache.
    pub fn new(results: &'a Results, listener: &'a dyn Listener) -> Self {
        Self { results, listener, files: Files::of(results), fingerprints: Vec::new() }
    }

    /// The runs of an experiment. In a file data sets are named relative to the working directory; in a plan, from which run directories are made
    /// that must work from everywhere, by their whole paths.
    ///
    /// # Errors
    /// If the sweep is not possible, data or weights cannot be read, weights do not fit a network, a network cannot train on a batch, or colours
    /// are to be changed that images do not have.
    pub fn plan(&mut self, experiment: &Experiment) -> Result<Plan, Error> {
        let mut plan = self.plan_with_data(experiment)?;
        check_colours(&plan)?;
        self.check_weights(&plan)?;
        batches::check(&plan, &self.results.cache(), self.listener)?;
        plan.runs.iter_mut().for_each(|run| absolute(&mut run.experiment.dataset));
        Ok(plan)
    }

    /// The runs of an experiment with their ids; nothing is checked against networks or data.
    ///
    /// # Errors
    /// If the sweep is not possible, or data or weights cannot be read.
    pub fn plan_with_data(&mut self, experiment: &Experiment) -> Result<Plan, Error> {
        let Self { results, files, fingerprints, .. } = self;
        let fingerprint = |dataset: &Dataset| match fingerprints.iter().find(|(known, _)| known == dataset) {
            Some((_, print)) => Ok(print.clone()),
            None => {
                let print = data::fingerprint_by(dataset, &results.cache()).map_err(|e| e.to_string())?;
                fingerprints.push((dataset.clone(), print.clone()));
                Ok(print)
            }
        };
        Ok(expand_with(experiment, fingerprint, |initial| files.find(initial))?)
    }

    /// The runs of one trial of a search, of which some trials were [planned](Self::plan) with all checks before: held against initial weights
    /// alone.
    ///
    /// # Errors
    /// If the trial is not possible, or weights cannot be read or do not fit.
    pub fn plan_trial(&mut self, trial: &Experiment) -> Result<Vec<RunSpec>, Error> {
        let mut plan = self.plan_with_data(trial)?;
        self.check_weights(&plan)?;
        plan.runs.iter_mut().for_each(|run| absolute(&mut run.experiment.dataset));
        Ok(plan.runs)
    }

    /// The runs of an experiment whose data are not looked at, so that their ids are not those that they will have.
    ///
    /// # Errors
    /// If the sweep is not possible, or weights cannot be read.
    pub fn plan_without_data(&mut self, experiment: &Experiment) -> Result<Plan, Error> {
        // Data sets must only be distinguished.
        let fingerprint = |dataset: &Dataset| Ok(format!("{dataset:?}"));
        Ok(expand_with(experiment, fingerprint, |initial| self.files.find(initial))?)
    }

    /// Holds the initial weights of a plan against its networks, as far as its data can be described.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn check_weights(&self, plan: &Plan) -> Result<(), Error> {
        Ok(self.files.check(plan, self.listener)?)
    }

    /// The fingerprint of a data set of an experiment that was planned.
    pub fn fingerprint(&self, dataset: &Dataset) -> Option<&str> {
        self.fingerprints.iter().find(|(known, _)| known == dataset).map(|(_, print)| print.as_str())
    }
}

/// Holds changes of colours against the data sets that they are asked for of.
fn check_colours(plan: &Plan) -> Result<(), Error> {
    let mut known: Vec<(&Dataset, usize)> = Vec::new();
    for run in plan.runs.iter().map(|run| &run.experiment).filter(|e| e.augment.saturation.is_some() || e.augment.hue.is_some()) {
        let channels = match known.iter().find(|(dataset, _)| **dataset == run.dataset) {
            Some((_, channels)) => *channels,
            None => data::describe(&run.dataset)?.channels,
        };
        known.push((&run.dataset, channels));
        data::check_colours(&run.augment, channels)?;
    }
    Ok(())
}

fn absolute(dataset: &mut Dataset) {
    let full = |path: &mut PathBuf| *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    dataset.locations_mut().into_iter().for_each(full);
}
