//! `umlaut compare A B …`: any runs and experiments side by side, with a verdict, in the terminal.

use super::report::Ranking;
use super::settings::Settings;
use super::{Failure, ResultsPlace, mistake};
use std::path::{Path, PathBuf};
use umlaut::report::{self, Place};
use umlaut::store::{ExperimentDir, Results, RunDir};

#[derive(clap::Args)]
pub struct Arguments {
    /// Directories of experiments or runs, names of experiments, or ids of runs (the ten characters at the end do)
    #[arg(required = true, value_name = "RUN|EXPERIMENT")]
    places: Vec<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
    /// The metric to compare by: dice, recall, hd95 if asked for, dice_CLASS, … [default: dice]
    #[arg(long, value_name = "METRIC")]
    by: Option<String>,
    /// Which scores put groups in order and choose the best
    #[arg(long, value_name = "SPLIT", default_value = "val")]
    rank_by: Ranking,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let results = arguments.results.results(&Settings::load()?);
    let places = arguments.places.iter().map(|path| find(path, &results)).collect::<Result<Vec<_>, _>>()?;
    if let [Place::Run(run)] = &places[..] {
        return Err(mistake(format!(
            "{} is one run; name another run or an experiment to compare it with",
            run.path().display()
        )));
    }
    let text = report::compare(&places, arguments.by.as_deref(), arguments.rank_by.into()).map_err(super::report::failure)?;
    print!("{text}");
    Ok(())
}

/// The run that a word means.
pub fn find_run(word: &Path, results: &Results) -> Result<RunDir, Failure> {
    match find(word, results)? {
        Place::Run(run) => Ok(run),
        Place::Experiment(dir) => {
            let example = dir.runs().ok().and_then(|runs| runs.into_iter().next());
            let example = example.map(|run| run.path().display().to_string()).unwrap_or_default();
            Err(mistake(format!("{} is an experiment; name one of its runs, such as {example}", word.display())))
        }
    }
}

/// What a word means: a directory, else the name of an experiment, else the end of a run's id.
pub fn find(word: &Path, results: &Results) -> Result<Place, Failure> {
    let run = RunDir::at(word);
    if run.run_toml().is_file() {
        return Ok(Place::Run(run));
    }
    let named = results.root().join(word);
    for dir in [word.to_owned(), named].map(ExperimentDir::at) {
        if !dir.runs().map_err(mistake)?.is_empty() {
            return Ok(Place::Experiment(dir));
        }
    }
    of_id(&word.to_string_lossy(), results)
}

fn of_id(id: &str, results: &Results) -> Result<Place, Failure> {
    let mut found = Vec::new();
    for dir in results.experiments().unwrap_or_default() {
        let runs = dir.runs().map_err(mistake)?.into_iter();
        found.extend(runs.filter(|run| run.id().as_str() == id || (id.len() > 3 && run.id().hash().starts_with(id))));
    }
    match found.len() {
        1 => Ok(Place::Run(found.remove(0))),
        0 => Err(mistake(format!(
            "{id} is no directory of runs, no experiment in {0} and no run's id there; `umlaut status {0}` lists what there is",
            results.root().display()
        ))),
        n => Err(mistake(format!("{id} is the id of {n} runs; name the directory, such as {}", found[0].path().display()))),
    }
}
