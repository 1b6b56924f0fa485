//! `umlaut export tensorboard` and `umlaut export onnx`: results in the form of other programs.

use super::failure::{Failure, mistake};
use super::options::ResultsPlace;
use super::predict::{chosen, failure};
use super::text::counted;
use super::{progress, volume};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use umlaut::find::{Found, find};
use umlaut::predict::onnx::{self, Input};
use umlaut::report::tensorboard;
use umlaut::store::{RunDir, write_atomic};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    form: Form,
}

#[derive(clap::Subcommand)]
enum Form {
    /// Write TensorBoard event files: curves, best values, images and parameters, one directory per run
    Tensorboard(Tensorboard),
    /// Write a trained run as an ONNX file, which ONNX Runtime, OpenVINO and others predict with
    Onnx(Onnx),
}

#[derive(clap::Args)]
struct Onnx {
    /// A trained run: its directory, or the end of its id; or an experiment, by its directory or name, for its best run by validation
    #[arg(value_name = "RUN|EXPERIMENT")]
    run: PathBuf,
    #[command(flatten)]
    results: ResultsPlace,
    /// The file to write [default: the run's id with `.onnx`, in the working directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The type of the images' values
    #[arg(long, value_name = "TYPE", default_value = "uint8")]
    input: Values,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

/// What type the values of images have.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Values {
    /// 8-bit images.
    Uint8,
    /// 16-bit images.
    Uint16,
    /// Floats.
    Float32,
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
    match &arguments.form {
        Form::Tensorboard(arguments) => tensorboard(arguments),
        Form::Onnx(arguments) => onnx(arguments),
    }
}

fn onnx(arguments: &Onnx) -> Result<(), Failure> {
    let chosen = chosen(&arguments.run, &arguments.results.results()?, false)?;
    let (run, experiment) = chosen.first().ok_or_else(|| mistake("no run is named"))?;
    let out = arguments.out.clone().unwrap_or_else(|| format!("{}.onnx", run.id()).into());
    if out.exists() && !arguments.force {
        return Err(mistake(format!("{}: there already; --force replaces it, --out FILE writes another", out.display())));
    }
    let input = match arguments.input {
        Values::Uint8 => Input::Uint8,
        Values::Uint16 => Input::Uint16,
        Values::Float32 => Input::Float32,
    };
    let exported = onnx::export(run, experiment, input).map_err(failure)?;
    exported.notes.iter().for_each(|note| eprintln!("note: {note}"));
    write_atomic(&out, &exported.bytes)?;
    let (size, input) = (exported.bytes.len() as f64 / 1e6, input.name());
    volume::wrote(&out, &format!("{} ({size:.1} MB): images as {input}, opset {}", out.display(), onnx::OPSET));
    Ok(())
}

fn tensorboard(arguments: &Tensorboard) -> Result<(), Failure> {
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
