//! From TOML to a checked [`Experiment`]: what was asked for.
//!
//! Nothing else of the crate is known here, and nobody else parses an experiment file. Whoever holds an `Experiment` holds one
//! whose every value was checked; the other rooms never check again.
//!
//! A file, the files it `extends` and the `--set`s of the command line become trees that know their places (`source`, `syntax`,
//! `node`); merged, they are held against the shape that the serde types have (`schema`, `shape`, `conform`), and what has the
//! shape against the rules between values (`rules`, `sweep`). Mistakes of all these are shown together (`problem`).

mod augment;
mod complain;
mod conform;
mod dataset;
mod experiment;
mod loss;
mod lr_schedule;
mod metrics;
mod model;
mod name;
mod node;
mod optimizer;
mod patches;
mod problem;
mod resolve;
mod rules;
mod schema;
mod search;
mod shape;
mod source;
mod split;
mod suggest;
mod sweep;
mod syntax;
mod template;
mod training;
mod volumes;

pub use augment::*;
pub use dataset::*;
pub use experiment::*;
pub use loss::*;
pub use lr_schedule::*;
pub use metrics::{ExtraMetric, Metrics, Threshold, ThresholdBy, USUAL_THRESHOLD};
pub use model::*;
pub use optimizer::*;
pub use patches::Patches;
pub use problem::Problems;
pub use rules::MOST_RUNS;
pub use schema::json_schema;
pub use search::{Confirm, Halving, Search, SearchDraw, SearchSampler};
pub use split::*;
pub use suggest::closest;
pub use sweep::{Draw, Point, Random, Sweep};
pub use template::{minimal, template, valid_name};
pub use training::*;
pub use volumes::*;

use crate::regular::Most;
use node::{Node, Span};
use source::Sources;
use std::collections::BTreeMap;
use std::path::Path;

/// Reads an experiment file with what it extends, puts the values of `sets` (`key.path=value`) over it, and checks all.
///
/// # Errors
/// Every mistake that there is, each with its place. Files that are no regular ones, of more than 1 MiB together, or more than 32
/// that extend each other in a row, are mistakes too.
pub fn load(path: &Path, sets: &[String]) -> Result<Experiment, Problems> {
    let mut sources = Sources::of(Most::WRITTEN);
    sources.add_file(path);
    sets.iter().for_each(|set| sources.add_set(set));
    checked(&path.display().to_string(), sources)
}

/// Reads the resolved experiment of a run, which is longer than what was written by a person.
///
/// # Errors
/// As [`load`].
pub fn load_run(path: &Path) -> Result<Experiment, Problems> {
    let mut sources = Sources::of(Most::SMALL);
    sources.add_file(path);
    checked(&path.display().to_string(), sources)
}

/// Reads an experiment from a text that cannot extend another; `name` is the file that mistakes are said to be in.
///
/// # Errors
/// Every mistake that there is, each with its place.
pub fn load_str(name: &str, text: &str) -> Result<Experiment, Problems> {
    let mut sources = Sources::of(Most::WRITTEN);
    sources.add_loose(name, text);
    checked(name, sources)
}

/// A mistake that only data can show, at the line of the first of these keys that is written out in the file or a set.
pub fn mistake_at(path: &Path, sets: &[String], keys: &[&'static str], title: &str, help: &str) -> Problems {
    let mut sources = Sources::of(Most::SMALL);
    sources.add_file(path);
    sets.iter().for_each(|set| sources.add_set(set));
    let Sources { texts, layers, .. } = sources;
    Problems::new(&path.display().to_string(), texts, vec![resolve::at_keys(layers, keys, title, help)])
}

fn checked(name: &str, sources: Sources) -> Result<Experiment, Problems> {
    let Sources { texts, layers, mut problems, set, partial, .. } = sources;
    let (experiment, more) = resolve::resolve(layers, &set, partial);
    problems.extend(more);
    match experiment {
        Some(experiment) if problems.is_empty() => Ok(experiment),
        _ => Err(Problems::new(name, texts, problems)),
    }
}

impl Experiment {
    /// This experiment with some values replaced, its sweep and its search dropped. A table merges, a variant of a choice takes the place of
    /// another, as in a file that extends this one.
    ///
    /// # Errors
    /// If the result is no valid experiment; all its mistakes, `; ` between them.
    pub fn at(&self, point: &[(String, toml::Value)]) -> Result<Self, String> {
        let plain = toml::Value::try_from(self.varied(Sweep::default())).map_err(|e| e.to_string())?;
        let mut layers = vec![Node::of_plain(&plain, Span::default())];
        for (key, value) in point {
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            layers.push(Node::of_plain(value, Span::default()).below(&path, Span::default()));
        }
        match resolve::resolve(layers, &[], false) {
            (Some(experiment), problems) if problems.is_empty() => Ok(experiment),
            (_, problems) => Err(problems.iter().map(problem::Problem::line).collect::<Vec<_>>().join("; ")),
        }
    }

    /// One configuration of its search as the experiment that it is: with these values as the only point of its sweep, which the search may
    /// exclude, and without the search.
    pub fn trial(&self, values: BTreeMap<String, toml::Value>) -> Self {
        let exclude = self.search.as_ref().map(|search| search.exclude.clone()).unwrap_or_default();
        self.varied(Sweep { points: vec![values], exclude, ..Sweep::default() })
    }

    /// The points of its sweep, those that are left out too; one point without values where nothing is varied.
    pub fn points(&self) -> Vec<Point> {
        let plain =
            toml::Value::try_from(self.varied(Sweep::default())).expect("an experiment is plain data, its numbers fit TOML");
        self.sweep.points(&plain)
    }

    /// The same with another sweep and without a search. Its own is not copied: it may be long, and this is done at each of its points.
    fn varied(&self, sweep: Sweep) -> Self {
        Self {
            name: self.name.clone(),
            description: self.description.clone(),
            dataset: self.dataset.clone(),
            preprocess: self.preprocess.clone(),
            patches: self.patches.clone(),
            split: self.split.clone(),
            augment: self.augment.clone(),
            model: self.model.clone(),
            loss: self.loss.clone(),
            optimizer: self.optimizer.clone(),
            lr_schedule: self.lr_schedule.clone(),
            lr_warmup: self.lr_warmup.clone(),
            training: self.training.clone(),
            metrics: self.metrics.clone(),
            sweep,
            search: None,
        }
    }

    /// The complete experiment as TOML, every key written out (an optional one only if it has a value). [`load_str`] gives an
    /// equal experiment back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("an experiment is plain data, its numbers fit TOML")
    }
}
