//! `umlaut run FILE`: plans an experiment, runs what is not finished, draws the report.

use super::device::SlotChoice;
use super::settings::Settings;
use super::stop::PassedOn;
use super::{Failure, ResultsPlace, Sets, load, mistake};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use umlaut::plan::{Cost, Input, Plan, RunSpec, expand};
use umlaut::record::{Event, Outcome, Status};
use umlaut::schedule::{At, Local, Next, Policy, Slot, Tally, Watch, Work, execute};
use umlaut::store::ExperimentDir;
use umlaut::{config, data, report};

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    place: ResultsPlace,
    #[command(flatten)]
    slots: SlotChoice,
    /// Further attempts at a run whose process died [default: 1]
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
    /// Stop all runs when one has failed for good
    #[arg(long, conflicts_with = "keep_going")]
    fail_fast: bool,
    /// Go on with the other runs when one has failed (the default)
    #[arg(long)]
    keep_going: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = Settings::load()?;
    let slots = arguments.slots.slots(&settings)?;
    let experiment = load(&arguments.file, &arguments.sets)?;
    let results = arguments.place.results(&settings);
    let plan = expand(&absolute(experiment), |dataset| data::fingerprint(dataset).map_err(|e| e.to_string())).map_err(mistake)?;
    check_data(&plan, &results.cache())?;
    let dir = results.experiment(&plan.experiment);
    let _claim = dir.claim().map_err(mistake)?;
    let launcher = Local::new(std::env::current_exe()?, vec!["--cache".into(), results.cache().display().to_string()]);
    let stop = PassedOn::to(launcher.clone())?;
    let mut lines = Lines { counted: plan.runs.len() > 1 };
    let sizes: Vec<f64> = plan.runs.iter().map(size).collect();
    let work = Work { plan: &plan, dir: &dir, sizes: &sizes };
    let retries = arguments.retries.or(settings.retries).unwrap_or(1);
    let policy = Policy { retries, fail_fast: arguments.fail_fast };
    let tally = execute(work, &slots, policy, &launcher, &|| stop.asked(), &mut lines)?;
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

/// What a run takes, as far as it can be told without trying: operations of all its epochs.
fn size(run: &RunSpec) -> f64 {
    let e = &run.experiment;
    let input = Input { in_channels: 1, classes: 1, size: e.preprocess.size, batch: e.training.batch_size };
    Cost::of(&e.model, input).flops() as f64 * e.training.epochs as f64
}

/// A line or two a run, on standard error.
struct Lines {
    counted: bool,
}

impl Lines {
    fn title(&self, at: At<'_>) -> String {
        if self.counted { format!("[{}/{}] {}", at.position, at.of, at.run.id) } else { at.run.id.to_string() }
    }
}

impl Watch for Lines {
    fn before(&mut self, at: At<'_>, outcome: &Outcome) {
        match outcome.status {
            Status::Finished => eprintln!("{}: finished before, not run again", self.title(at)),
            _ => eprintln!("{}: failed before: {}", self.title(at), outcome.cause.as_deref().unwrap_or("no cause recorded")),
        }
    }

    fn started(&mut self, at: At<'_>, _: &Slot) {
        eprintln!("{}", self.title(at));
    }

    fn told(&mut self, at: At<'_>, event: &Event) {
        match event {
            Event::Epoch { epoch, train_loss, val_loss, val_dice } => eprintln!(
                "{}: epoch {epoch}/{}  loss {train_loss:.3}  val loss {val_loss:.3}  val dice {val_dice:.3}",
                self.title(at),
                at.run.experiment.training.epochs
            ),
            Event::Waiting { holder } => eprintln!("{}: waits for {holder}", self.title(at)),
            Event::Started { .. } | Event::Step { .. } => {}
        }
    }

    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next) {
        eprintln!("{}: {}", self.title(at), super::progress::ending(outcome));
        if let Next::Again(how) = next {
            eprintln!("{}: once more, {how}", self.title(at));
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
