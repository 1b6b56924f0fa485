//! `umlaut status [NAME]`: how far the experiments are, by what is on disk at the moment. Files may change beneath it.

mod json;
mod watch;
mod words;

use super::failure::{Failure, mistake};
use super::options::ResultsPlace;
use super::text::{columns, print};
use std::path::{Path, PathBuf};
use std::time::Duration;
use umlaut::find::{self, Found, find};
use umlaut::status::Seen;
use umlaut::store::{ExperimentDir, Results, RunDir};

#[derive(clap::Args)]
pub struct Arguments {
    /// An experiment or a run, by its name or directory; or where results are kept [default: all in the results]
    #[arg(value_name = "NAME")]
    word: Option<PathBuf>,
    #[command(flatten)]
    place: ResultsPlace,
    /// Show it again every so many seconds until nothing runs any more
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = seconds)]
    watch: Option<Duration>,
    /// As one JSON document, with every run
    #[arg(long, conflicts_with = "watch")]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = Place::of(arguments)?;
    if let Some(pause) = arguments.watch {
        return watch::watch(&place, pause);
    }
    let text = if arguments.json { json::document(&place.root(), &place.seen()?) } else { place.text(&place.seen()?, columns()) };
    Ok(print(&text)?)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "seconds are a number from 0.1 to 86400; a name stands before it: `umlaut status NAME --watch`".to_owned())
}

/// What is looked at.
enum Place {
    All(Results),
    Experiment(ExperimentDir),
    /// A run, in the directory of its experiment.
    Run(ExperimentDir, RunDir),
}

impl Place {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let Some(word) = &arguments.word else { return all(arguments.place.results()?) };
        let run = RunDir::at(word);
        if run.run_toml().is_file() {
            return Ok(Self::of_run(run));
        }
        if word.join("runs").is_dir() {
            return Ok(Self::Experiment(ExperimentDir::at(word)));
        }
        let below = Results::new(word);
        if word.is_dir() && !below.experiments()?.is_empty() {
            return Ok(Self::All(below));
        }
        Self::named(word, arguments)
    }

    /// What a word means that is no directory with results.
    fn named(word: &Path, arguments: &Arguments) -> Result<Self, Failure> {
        let results = arguments.place.results()?;
        match find(word, &results) {
            Ok(Found::Experiment(dir)) => Ok(Self::Experiment(dir)),
            Ok(Found::Run(run)) => Ok(Self::of_run(run)),
            Err(find::Error::Nothing { .. }) if word.is_dir() || !results.root().is_dir() => all(Results::new(word)),
            Err(error) => Err(mistake(error)),
        }
    }

    fn of_run(run: RunDir) -> Self {
        let path = std::path::absolute(run.path()).unwrap_or_default();
        Self::Run(ExperimentDir::at(path.ancestors().nth(2).unwrap_or(&path)), run)
    }

    /// Where it lies.
    fn root(&self) -> PathBuf {
        match self {
            Self::All(results) => results.root().to_owned(),
            Self::Experiment(dir) => dir.path().to_owned(),
            Self::Run(_, run) => run.path().to_owned(),
        }
    }

    fn seen(&self) -> Result<Vec<Seen>, Failure> {
        let seen: Vec<Seen> = match self {
            Self::All(results) => results.experiments()?.iter().map(Seen::of).collect(),
            Self::Experiment(dir) => vec![Seen::of(dir)],
            Self::Run(dir, run) => vec![Seen::of_run(dir, run)],
        };
        Ok(seen.into_iter().map(Seen::with_bytes).collect())
    }

    fn text(&self, seen: &[Seen], columns: usize) -> String {
        if seen.is_empty() {
            return format!("{}: no runs yet\n", self.root().display());
        }
        seen.iter().map(|seen| words::text(seen, columns)).collect::<Vec<_>>().join("\n")
    }
}

fn all(results: Results) -> Result<Place, Failure> {
    if !results.root().is_dir() {
        let place = results.root().display();
        return Err(mistake(format!("{place}: no such directory; name the one that `umlaut run` was given with --results")));
    }
    Ok(Place::All(results))
}
