//! `umlaut export tensorboard`: results in the form of another program.

use super::failure::{Failure, mistake};
use super::options::ResultsPlace;
use super::text::counted;
use super::{progress, volume};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use umlaut::find::{Found, find};
use umlaut::report::tensorboard;
use umlaut::store::RunDir;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    form: Form,
}

#[derive(clap::Subcommand)]
enum Form {
    /// Write TensorBoard event files: curves, best values, images and parameters, one directory per run
    Tensorboard(Tensorboard),
}

#[derive(clap::Args)]
struct Tensorboard {
    /// Directories of experiments or runs, names of experiments, or ids of runs (the ten characters at the end do)
    #[arg(required = true, value_name = "RUN|EXPERIMENT")]
    places: Vec<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
    /// Where the event files go [default: `tensorboard` in the directory of the experiment, if there is one]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Form::Tensorboard(arguments) = &arguments.form;
    let results = arguments.results.results()?;
    let found = arguments.places.iter().map(|word| find(word, &results)).collect::<Result<Vec<_>, _>>().map_err(mistake)?;
    let runs = runs(&found)?;
    let out = out(arguments.out.as_deref(), &found)?;
    let placed = placed(runs, &out)?;
    let reading = progress::Reading::new("exporting runs");
    let exported = tensorboard::export(&placed, &|done, of| reading.at(done, of))?;
    drop(reading);
    for (run, reason) in &exported.skipped {
        eprintln!("skipped {}: {reason}", run.display());
    }
    exported.problems.iter().for_each(|problem| eprintln!("no image: {problem}"));
    if exported.files.is_empty() {
        return Err(anyhow::anyhow!("no run could be exported").into());
    }
    let count = exported.files.len();
    let words = format!("{} exported; to see them: tensorboard --logdir {}", counted(count, "run"), out.display());
    volume::wrote(&out, &words);
    Ok(())
}

/// All runs that were found, each once.
fn runs(found: &[Found]) -> Result<Vec<RunDir>, Failure> {
    let mut runs = Vec::new();
    for found in found {
        match found {
            Found::Run(run) => runs.push(RunDir::at(run.path())),
            Found::Experiment(dir) => runs.extend(tensorboard::runs(dir)?),
        }
    }
    let mut seen = HashSet::new();
    runs.retain(|run| seen.insert(std::path::absolute(run.path()).unwrap_or_else(|_| run.path().to_owned())));
    Ok(runs)
}

/// Where files go if nothing was said: beside the runs of the one experiment that was named.
fn out(asked: Option<&Path>, found: &[Found]) -> Result<PathBuf, Failure> {
    match (asked, found) {
        (Some(out), _) => Ok(out.to_owned()),
        (None, [Found::Experiment(dir)]) => Ok(dir.tensorboard()),
        (None, _) => Err(mistake("where do the event files go? name a directory with --out")),
    }
}

/// Gives each run a directory: its id, below the name of its experiment if there are several.
fn placed(runs: Vec<RunDir>, out: &Path) -> Result<Vec<(RunDir, PathBuf)>, Failure> {
    let experiment = |run: &RunDir| {
        let path = std::path::absolute(run.path()).unwrap_or_else(|_| run.path().to_owned());
        path.ancestors().nth(2).and_then(Path::file_name).map(PathBuf::from).unwrap_or_default()
    };
    let several = runs.iter().map(experiment).collect::<HashSet<_>>().len() > 1;
    let mut taken: HashSet<PathBuf> = HashSet::new();
    let mut placed = Vec::new();
    for run in runs {
        let below = if several { out.join(experiment(&run)) } else { out.to_owned() };
        let place = below.join(run.id().as_str());
        if !taken.insert(place.clone()) {
            let (path, place) = (run.path().display(), place.display());
            return Err(mistake(format!(
                "{path} and another run both belong into {place}; export them one after the other, each with an --out"
            )));
        }
        placed.push((run, place));
    }
    Ok(placed)
}
