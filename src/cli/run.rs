//! `umlaut run FILE`: plans an experiment, runs what is not finished, draws the report.

use super::stop::PassedOn;
use super::{Failure, ResultsPlace, Sets, load, mistake};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use umlaut::plan::{Plan, RunSpec, expand};
use umlaut::record::Outcome;
use umlaut::schedule::{Ending, Local, Tally, Watch, execute};
use umlaut::store::{ExperimentDir, Results};
use umlaut::{config, data, report};

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = load(&arguments.file, &arguments.sets)?;
    let results = Results::new(&arguments.place.results);
    let plan = expand(&absolute(experiment), |dataset| data::fingerprint(dataset).map_err(|e| e.to_string())).map_err(mistake)?;
    check_data(&plan, &results.cache())?;
    let dir = results.experiment(&plan.experiment);
    let mut launcher = Local::new(std::env::current_exe()?, vec!["--cache".into(), results.cache().display().to_string()]);
    let stop = PassedOn::to(launcher.clone())?;
    let mut lines = Lines { counted: plan.runs.len() > 1 };
    let tally = execute(&plan, &dir, &mut launcher, &|| stop.asked(), &mut lines)?;
    write_report(&dir)?;
    end(tally, &dir)
}

/// Draws the report and shows its table.
pub fn write_report(dir: &ExperimentDir) -> Result<(), Failure> {
    let written = report::write(dir)?;
    println!("{}", written.table);
    println!("charts and report: {}", dir.path().display());
    Ok(())
}

/// Data sets are named relative to the working directory in a file; a run directory must work from everywhere.
fn absolute(mut experiment: config::Experiment) -> config::Experiment {
    let full = |path: &mut PathBuf| *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    match &mut experiment.dataset {
        config::Dataset::Folders(d) => full(&mut d.root),
        config::Dataset::DrishtiGs(d) => full(&mut d.root),
        config::Dataset::Stack(d) => [&mut d.images, &mut d.labels].into_iter().for_each(full),
        config::Dataset::Synthetic(_) => {}
    }
    experiment
}

/// Opens and splits every distinct data set once, so that what is wrong with one is said before any training. Also fills the cache.
fn check_data(plan: &Plan, cache: &Path) -> Result<(), Failure> {
    let mut seen: Vec<(&config::Dataset, &config::Preprocess, &config::Split)> = Vec::new();
    for run in &plan.runs {
        let e = &run.experiment;
        if seen.contains(&(&e.dataset, &e.preprocess, &e.split)) {
            continue;
        }
        seen.push((&e.dataset, &e.preprocess, &e.split));
        let reading = super::progress::Reading::new("reading images");
        let opened = data::open(&e.dataset, &e.preprocess, cache, &|done, of| reading.at(done, of)).map_err(mistake)?;
        let parts = data::split(&opened, &e.split).map_err(mistake)?;
        drop(reading);
        eprintln!(
            "data: {} images, {} train, {} val, {} test; {} × {}, classes: {}",
            opened.samples.len(),
            parts.train.len(),
            parts.val.len(),
            parts.test.len(),
            opened.size[0],
            opened.size[1],
            opened.classes.join(", ")
        );
    }
    Ok(())
}

/// A line or two a run, on standard error.
struct Lines {
    counted: bool,
}

impl Lines {
    fn title(&self, position: usize, of: usize, run: &RunSpec) -> String {
        if self.counted { format!("[{position}/{of}] {}", run.id) } else { run.id.to_string() }
    }
}

impl Watch for Lines {
    fn started(&mut self, position: usize, of: usize, run: &RunSpec) {
        eprintln!("{}", self.title(position, of, run));
    }

    fn ended(&mut self, position: usize, of: usize, run: &RunSpec, outcome: &Outcome, how: Ending) {
        match how {
            Ending::Before => eprintln!("{}: finished before, not run again", self.title(position, of, run)),
            Ending::Itself => {}
            Ending::Died => eprintln!("  failed: {}", outcome.cause.as_deref().unwrap_or("no cause recorded")),
        }
    }
}

fn end(tally: Tally, dir: &ExperimentDir) -> Result<(), Failure> {
    if tally.interrupted > 0 {
        let left = tally.interrupted;
        eprintln!("stopped with {left} run{} left; the same command goes on from there", if left == 1 { "" } else { "s" });
        return Err(Failure::Stopped);
    }
    if tally.failed > 0 {
        let runs = if tally.failed == 1 { "run" } else { "runs" };
        eprintln!("{} {runs} failed; {} says why", tally.failed, dir.path().join("report.md").display());
        if std::io::stderr().is_terminal() {
            eprintln!("what finished is kept: the same command runs only the rest");
        }
        return Err(Failure::Runs);
    }
    Ok(())
}
