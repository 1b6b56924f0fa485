//! `umlaut run FILE`: plans an experiment, runs what is not finished, draws the report.

use super::estimate::Estimate;
use super::initial::Files;
use super::report::Ranking;
use super::rewriting::Rewriting;
use super::settings::Settings;
use super::slots::SlotChoice;
use super::stop::PassedOn;
use super::{Failure, ResultsPlace, Sets, live, load, mistake, text};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use umlaut::data::{self, Dataset, Fold, Parts};
use umlaut::plan::{Plan, expand_with};
use umlaut::schedule::{Local, Policy, Tally, Work, execute};
use umlaut::store::{self, ExperimentDir, Results};
use umlaut::{config, report};

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
    /// Which scores put groups in order in the report
    #[arg(long, value_name = "SPLIT", default_value = "val")]
    rank_by: Ranking,
    /// Train finished runs again whose best weights are gone or damaged; without it what has finished stays without them
    #[arg(long)]
    restore: bool,
    /// Show what would run, as `umlaut plan` does, and start nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = Settings::load()?;
    let slots = arguments.slots.slots(&settings)?;
    let results = arguments.place.results(&settings);
    let plan = plan(&load(&arguments.file, &arguments.sets)?, &results)?;
    super::batches::check(&plan, &results.cache(), &arguments.file, &arguments.sets)?;
    if arguments.dry_run {
        return super::plan::show(&plan, &results, &slots, false);
    }
    check_data(&plan, &results.cache())?;
    if !plan.excluded.is_empty() {
        eprintln!("{}: umlaut plan says why", text::counted(plan.excluded.len(), "combination") + " left out");
    }
    let dir = results.experiment(&plan.experiment);
    let _claim = dir.claim().map_err(mistake)?;
    let launcher = Local::new(std::env::current_exe()?, vec!["--cache".into(), results.cache().display().to_string()])
        .reading(umlaut::machine::free_memory);
    let stop = PassedOn::to(launcher.clone())?;
    let asked = || stop.asked();
    let estimate = Estimate::by_records(&plan, &results, &slots[0]);
    let sizes = estimate.sizes(&epochs_left(&plan, &dir)?);
    let mut watch = Rewriting::new(live::watch(&plan, &dir, estimate, slots.len(), &asked)?, &dir, arguments.rank_by)?;
    let work = Work { plan: &plan, dir: &dir, sizes: &sizes };
    let retries = arguments.retries.or(settings.retries).unwrap_or(1);
    let policy = Policy { retries, fail_fast: arguments.fail_fast, restore: arguments.restore };
    let tally = execute(work, &slots, policy, &launcher, &asked, &mut watch)?;
    // Whatever it has drawn is gone before anything else is written.
    drop(watch);
    write_report(&dir, &report::Wanted { rank_by: arguments.rank_by.into(), ..report::Wanted::default() })?;
    if tally.without_weights > 0 {
        let runs = text::counted(tally.without_weights, "finished run");
        eprintln!("{runs} without weights, for nothing is trained again that has finished; with --restore it is");
    }
    end(tally, &dir)
}

/// The runs of an experiment, initial weights checked against their networks. Data sets are named relative to the working directory in a
/// file; a run directory must work from everywhere. A run whose weights are to begin with is looked for in `results`.
pub fn plan(experiment: &config::Experiment, results: &Results) -> Result<Plan, Failure> {
    let mut files = Files::of(results);
    let fingerprint = |dataset: &config::Dataset| data::fingerprint(dataset).map_err(|e| e.to_string());
    let mut plan = expand_with(experiment, fingerprint, |initial| files.find(initial)).map_err(mistake)?;
    files.check(&plan).map_err(mistake)?;
    plan.runs.iter_mut().for_each(|run| absolute(&mut run.experiment.dataset));
    Ok(plan)
}

/// Epochs that each run has left.
fn epochs_left(plan: &Plan, dir: &ExperimentDir) -> Result<Vec<usize>, Failure> {
    let places = dir.places(plan.runs.iter().map(|run| &run.id))?;
    Ok(plan.runs.iter().zip(&places).map(|(run, place)| super::plan::epochs_left(run, place)).collect())
}

/// Draws the report and shows its table.
pub fn write_report(dir: &ExperimentDir, wanted: &report::Wanted) -> Result<(), Failure> {
    let table = match report::write(dir, wanted) {
        Ok(written) => written.table,
        Err(superseded @ report::Error::Store(store::Error::Superseded { .. })) => {
            eprintln!("note: {superseded}; the files are those of the newer one");
            report::compare(&[report::Place::Experiment(dir.clone())], wanted.by.as_deref(), wanted.rank_by)
                .map_err(super::report::failure)?
        }
        Err(error) => return Err(super::report::failure(error)),
    };
    println!("{table}");
    println!("charts and report: {}", dir.path().display());
    Ok(())
}

fn absolute(dataset: &mut config::Dataset) {
    let full = |path: &mut PathBuf| *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
    match dataset {
        config::Dataset::Folders(d) => full(&mut d.root),
        config::Dataset::DrishtiGs(d) => full(&mut d.root),
        config::Dataset::Refuge(d) => full(&mut d.root),
        config::Dataset::RimOne(d) => full(&mut d.root),
        config::Dataset::Dsb2018(d) => full(&mut d.root),
        config::Dataset::Stack(d) => [&mut d.images, &mut d.labels].into_iter().for_each(full),
        config::Dataset::Synthetic(_) => {}
    }
}

/// Opens and splits every distinct data set once, so that what is wrong with one is said before any training. Also fills the cache.
fn check_data(plan: &Plan, cache: &Path) -> Result<(), Failure> {
    let (mut seen, mut compared) = (Vec::<(&config::Dataset, &config::Preprocess)>::new(), Vec::<&config::Dataset>::new());
    for run in &plan.runs {
        let e = &run.experiment;
        if seen.contains(&(&e.dataset, &e.preprocess)) {
            continue;
        }
        seen.push((&e.dataset, &e.preprocess));
        let reading = super::progress::Reading::new("reading images");
        let opened = data::open(&e.dataset, &e.preprocess, cache, &|done, of| reading.at(done, of)).map_err(mistake)?;
        drop(reading);
        let mut folds: Vec<Fold> = Vec::new();
        for split in splits(plan, &e.dataset) {
            let parts = data::split(&opened, split).map_err(mistake)?;
            tell(&opened, &parts, fold(split));
            folds.push(Fold { number: fold(split), parts });
        }
        // At whatever size, copies are the same.
        if !compared.contains(&&e.dataset) {
            compared.push(&e.dataset);
            let told = super::data::alike(&data::look_alikes(&opened, &folds));
            told.iter().for_each(|told| eprintln!("warning: {told}"));
        }
    }
    Ok(())
}

/// The ways to split a data set that a plan has, each once.
fn splits<'a>(plan: &'a Plan, dataset: &config::Dataset) -> Vec<&'a config::Split> {
    let mut splits: Vec<&config::Split> = Vec::new();
    for run in plan.runs.iter().filter(|run| run.experiment.dataset == *dataset) {
        if !splits.contains(&&run.experiment.split) {
            splits.push(&run.experiment.split);
        }
    }
    splits
}

fn tell(data: &Dataset, parts: &Parts, fold: Option<usize>) {
    eprintln!(
        "data: {} images, {} train, {} val, {} test; {} × {}, classes: {}",
        data.samples.len(),
        parts.train.len(),
        parts.val.len(),
        parts.test.len(),
        data.size[0],
        data.size[1],
        data.classes.join(", ")
    );
    super::data::warn_of_absent(data, parts, fold);
}

/// The one fold that a run has, if it has one.
fn fold(split: &config::Split) -> Option<usize> {
    match split {
        config::Split::KFold(folds) => folds.folds.first().copied(),
        _ => None,
    }
}

fn end(tally: Tally, dir: &ExperimentDir) -> Result<(), Failure> {
    if tally.interrupted > 0 {
        let left = text::counted(tally.interrupted, "run");
        eprintln!("stopped with {left} left; the same command goes on from there");
        return Err(Failure::Stopped);
    }
    if tally.failed > 0 {
        let runs = text::counted(tally.failed, "run");
        eprintln!("{runs} failed; {} gives the reason", dir.path().join("report.md").display());
        if std::io::stderr().is_terminal() {
            eprintln!("what finished is kept: the same command runs only the rest");
        }
        return Err(Failure::Runs);
    }
    Ok(())
}
