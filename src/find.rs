//! Which run or experiment does a word mean?
//!
//! [`find`] takes a directory, the name of an experiment or the end of a run's id, and gives a [`Found`]. Nothing is known here of what the results
//! hold.

use crate::store::{self, ExperimentDir, Results, RunDir};
use std::collections::HashSet;
use std::path::Path;

/// What a word means.
#[derive(Debug, Clone)]
pub enum Found {
    /// All runs of an experiment.
    Experiment(ExperimentDir),
    /// One run.
    Run(RunDir),
}

/// Why a word means nothing, or too much; always a mistake of the user's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error(
        "{word} is no directory of runs, no experiment in {results} and no run's id there; `umlaut status {results}` lists what there is"
    )]
    Nothing {
        /// The word.
        word: String,
        /// Where results lie.
        results: String,
    },
    /// The end of an id is that of several runs.
    #[error("{word} is the id of {count} runs; name the directory, such as {example}")]
    Several {
        /// The word.
        word: String,
        /// How many runs.
        count: usize,
        /// The directory of one.
        example: String,
    },
    /// One run is wanted.
    #[error("{word} is an experiment; name one of its runs, such as {example}")]
    Experiment {
        /// The word.
        word: String,
        /// The directory of one of its runs.
        example: String,
    },
    /// An experiment is wanted.
    #[error("{word} is a run; name its experiment, such as {example}")]
    Run {
        /// The word.
        word: String,
        /// The directory of its experiment.
        example: String,
    },
    /// A directory cannot be listed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// The run that a word means.
///
/// # Errors
/// As [`find`]; also if it means an experiment.
pub fn find_run(word: &Path, results: &Results) -> Result<RunDir, Error> {
    match find(word, results)? {
        Found::Run(run) => Ok(run),
        Found::Experiment(dir) => {
            let example = dir.runs().ok().and_then(|runs| runs.into_iter().next());
            let example = example.map(|run| run.path().display().to_string()).unwrap_or_default();
            Err(Error::Experiment { word: word.display().to_string(), example })
        }
    }
}

/// The experiment that a word means.
///
/// # Errors
/// As [`find`]; also if it means a run.
pub fn find_experiment(word: &Path, results: &Results) -> Result<ExperimentDir, Error> {
    match find(word, results)? {
        Found::Experiment(dir) => Ok(dir),
        Found::Run(run) => {
            let example = run.path().ancestors().nth(2).unwrap_or(Path::new(".")).display().to_string();
            Err(Error::Run { word: word.display().to_string(), example })
        }
    }
}

/// What a word means: a directory, else the name of an experiment, else the end of a run's id.
///
/// # Errors
/// If it means nothing, or several runs.
pub fn find(word: &Path, results: &Results) -> Result<Found, Error> {
    let run = RunDir::at(word);
    if run.run_toml().is_file() {
        return Ok(Found::Run(run));
    }
    let named = results.root().join(word);
    for dir in [word.to_owned(), named].map(ExperimentDir::at) {
        if !dir.runs()?.is_empty() {
            return Ok(Found::Experiment(dir));
        }
    }
    of_id(&word.to_string_lossy(), results)
}

fn of_id(id: &str, results: &Results) -> Result<Found, Error> {
    let mut found = Vec::new();
    for dir in results.experiments().unwrap_or_default() {
        let runs = dir.runs()?.into_iter();
        found.extend(runs.filter(|run| run.id().as_str() == id || (id.len() > 3 && run.id().hash().starts_with(id))));
    }
    let word = id.to_owned();
    // Of runs with the same hash, in several experiments, one is as good as the other.
    let mut known = HashSet::new();
    found.retain(|run| known.insert(run.id().hash().to_owned()));
    match found.len() {
        1 => Ok(Found::Run(found.remove(0))),
        0 => Err(Error::Nothing { word, results: results.root().display().to_string() }),
        count => Err(Error::Several { word, count, example: found[0].path().display().to_string() }),
    }
}
