//! `umlaut find-lr FILE`: a learning-rate range test of an experiment's first run.

use super::failure::{Failure, failed, mistake, unprepared};
use super::listen::Listening;
use super::options::{OneDevice, ResultsPlace, Sets, load};
use super::stop::Stop;
use super::{progress, text, volume};
use std::path::{Path, PathBuf};
use umlaut::config::Experiment;
use umlaut::data;
use umlaut::plan::RunSpec;
use umlaut::prepare::Planner;
use umlaut::record::{LrSearch, short_lr};
use umlaut::report;
use umlaut::store::{Results, write_lr_search};
use umlaut::train::{self, LrRange, TrainingDevice};

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file; of a sweep, the first run is tried
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// The first learning rate
    #[arg(long, value_name = "LR", default_value = "1e-7")]
    from: f64,
    /// The last learning rate, unless the loss has left all bounds before
    #[arg(long, value_name = "LR", default_value = "1")]
    to: f64,
    /// How many learning rates are tried, an update of the weights each, 20 or more
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..=1_000_000))]
    steps: u32,
    /// Where to write find-lr.csv and find-lr.svg [default: `find-lr` in the results of the experiment]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let range = range(arguments)?;
    let asked = load(&arguments.file, &arguments.sets)?;
    let results = arguments.place.results()?;
    let device = arguments.device.chosen()?;
    let (run, runs) = first_run(&asked, &results)?;
    let experiment = &run.experiment;
    let found = search(experiment, &results, &device, range)?;
    let of = describe(&asked, &run, runs);
    let Some(chart) = report::lr_search(&found, &of) else {
        let lr = found.steps[0].lr;
        return Err(anyhow::anyhow!(
            "{of}: the loss is no finite number before the first update (lr {}); check the data",
            short_lr(lr)
        )
        .into());
    };
    let dir = arguments.out.clone().unwrap_or_else(|| results.experiment(&asked.name).find_lr());
    let [table, chart] = write_lr_search(&dir, &found, &chart)?;
    let words = format!("{of}: {}\nsteps: {}\nchart: {}", course(&found, range), table.display(), chart.display());
    volume::wrote(&chart, &words);
    tell(&asked, experiment, &found, &arguments.file)
}

/// Tries learning rates on an experiment, with progress on the terminal.
///
/// # Errors
/// If the data do not fit, if it fails, or if it is stopped from outside.
pub fn search(experiment: &Experiment, results: &Results, device: &TrainingDevice, range: LrRange) -> Result<LrSearch, Failure> {
    let reading = progress::Reading::new("reading images");
    let data = data::open(&experiment.dataset, &experiment.preprocess, &results.cache(), &|done, of| reading.at(done, of))
        .map_err(mistake)?;
    let splits = data::split(&data, &experiment.split).map_err(mistake)?;
    drop(reading);
    // Until here the first signal ends the program by itself; from here on an update is not cut off.
    let stop = Stop::on_signals()?;
    let (bar, mut done) = (progress::Reading::new("trying learning rates"), 0);
    let mut each = |_: &_| {
        done += 1;
        bar.at(done, range.steps);
    };
    let found = train::find_lr(experiment, &data, &splits, device, range, &|| stop.asked(), &mut each);
    let found = found.map_err(|error| {
        let is_mistake = error.is_mistake();
        failed(error, is_mistake)
    })?;
    found.ok_or(Failure::Stopped)
}

fn range(arguments: &Arguments) -> Result<LrRange, Failure> {
    let (from, to) = (arguments.from, arguments.to);
    if !(from > 0.0 && to.is_finite()) {
        return Err(mistake(format!("--from {from:?} --to {to:?}: learning rates are numbers above 0")));
    }
    if from >= to {
        return Err(mistake(format!("--from {from:?} --to {to:?}: the learning rate grows, so --to must be above --from")));
    }
    Ok(LrRange { from, to, steps: arguments.steps as usize })
}

/// The first run, and how many there are.
fn first_run(experiment: &Experiment, results: &Results) -> Result<(RunSpec, usize), Failure> {
    // What the data hold decides a run's id alone, which is not needed here.
    let plan = Planner::new(results, &Listening::default()).plan_without_data(experiment).map_err(unprepared)?;
    let runs = plan.runs.len();
    let run = plan.runs.into_iter().next().ok_or_else(|| mistake(format!("{}: the sweep leaves no run", experiment.name)))?;
    Ok((run, runs))
}

/// `quickstart, channels [4, 8, 16, 32], seed 1 (the first of 6 runs)`.
fn describe(asked: &Experiment, run: &RunSpec, runs: usize) -> String {
    let group = Some(run.group()).filter(|group| group != "all");
    let words: Vec<String> = [asked.name.clone()].into_iter().chain(group).chain([format!("seed {}", run.seed())]).collect();
    words.join(", ") + &if runs > 1 { format!(" (the first of {runs} runs)") } else { String::new() }
}

/// `100 updates, lr 1.0e-7 to 1.0`.
fn course(found: &LrSearch, range: LrRange) -> String {
    let last = found.steps.last().map_or(range.to, |step| step.lr);
    let course = format!("{}, lr {} to {}", text::counted(found.steps.len(), "update"), short_lr(range.from), short_lr(last));
    if found.steps.len() < range.steps { course + ", where the loss had left all bounds" } else { course }
}

/// What to write into the file.
fn tell(asked: &Experiment, experiment: &Experiment, found: &LrSearch, file: &Path) -> Result<(), Failure> {
    let key = experiment.optimizer.lr_path();
    let (Some(suggested), Some(steepest)) = (found.suggested(), found.steepest) else {
        errorln!(
            "no suggestion: the loss falls nowhere by more than batches differ; look at the chart, then try more --steps or another range"
        );
        return Err(Failure::Runs);
    };
    let [lr, fastest] = [suggested, steepest].map(|at| short_lr(found.steps[at].lr));
    if volume::is_quiet() {
        return Ok(());
    }
    match suggested == steepest {
        true => println!("suggestion: lr {lr}, where the loss falls fastest"),
        false => println!(
            "suggestion: lr {lr}, about a tenth of the lr where the loss is least; it falls fastest at {fastest}, too near to that"
        ),
    }
    match asked.sweep.keys().into_iter().find(|swept| *swept == key || key.starts_with(&format!("{swept}."))) {
        Some(swept) => println!("the sweep of {} varies {swept}: let its values lie around this one", file.display()),
        None => println!("to use it: --set {key}={lr}"),
    }
    Ok(())
}
