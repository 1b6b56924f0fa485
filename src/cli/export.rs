//! `umlaut export tensorboard`: results in the form of another program.

use super::{Failure, mistake, progress};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use umlaut::report::tensorboard;
use umlaut::store::{ExperimentDir, RunDir};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    form: Form,
}

#[derive(clap::Subcommand)]
enum Form {
    /// Write TensorBoard event files: curves, best values, pictures and parameters, a directory a run
    Tensorboard(Tensorboard),
}

#[derive(clap::Args)]
struct Tensorboard {
    /// Directories of experiments (such as results/quickstart) or of single runs
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// Where the event files go [default: `tensorboard` in the directory of the experiment, if there is one]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Form::Tensorboard(arguments) = &arguments.form;
    let runs = runs(&arguments.dirs)?;
    let out = out(arguments)?;
    let placed = placed(runs, &out)?;
    let reading = progress::Reading::new("exporting runs");
    let exported = tensorboard::export(&placed, &|done, of| reading.at(done, of))?;
    drop(reading);
    for (run, reason) in &exported.skipped {
        eprintln!("skipped {}: {reason}", run.display());
    }
    exported.problems.iter().for_each(|problem| eprintln!("no picture: {problem}"));
    if exported.files.is_empty() {
        return Err(anyhow::anyhow!("no run could be exported").into());
    }
    let count = exported.files.len();
    println!("{count} run{} exported; to see them: tensorboard --logdir {}", if count == 1 { "" } else { "s" }, out.display());
    Ok(())
}

/// The runs of all directories, each once.
fn runs(dirs: &[PathBuf]) -> Result<Vec<RunDir>, Failure> {
    let mut runs = Vec::new();
    for dir in dirs {
        let run = RunDir::at(dir);
        let of_dir = if run.run_toml().is_file() { vec![run] } else { tensorboard::runs(&ExperimentDir::at(dir))? };
        if of_dir.is_empty() {
            return Err(mistake(format!(
                "{} holds no runs; name the directory of an experiment, such as results/quickstart, or of a run below its runs/",
                dir.display()
            )));
        }
        runs.extend(of_dir);
    }
    let mut seen = HashSet::new();
    runs.retain(|run| seen.insert(std::path::absolute(run.path()).unwrap_or_else(|_| run.path().to_owned())));
    Ok(runs)
}

/// Where files go if nothing was said: beside the runs of the one experiment that was named.
fn out(arguments: &Tensorboard) -> Result<PathBuf, Failure> {
    match (&arguments.out, &arguments.dirs[..]) {
        (Some(out), _) => Ok(out.clone()),
        (None, [dir]) if !RunDir::at(dir).run_toml().is_file() => Ok(ExperimentDir::at(dir).tensorboard()),
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
