//! `umlaut run FILE`: plans an experiment, runs what is not finished, draws the report.

use super::cluster::{self, ClusterChoice, Leaving};
use super::example::Example;
use super::failure::{Failure, mistake, of_results, unprepared};
use super::listen::Listening;
use super::options::{ResultsPlace, Sets, SlotChoice, settings};
use super::prepared::Prepared;
use super::report::{Ranking, write_report};
use super::rewriting::Rewriting;
use super::stop::Asked;
use super::{live, plan, text, volume};
use anyhow::Context;
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use umlaut::estimate::Estimate;
use umlaut::plan::{Plan, RunSpec};
use umlaut::prepare::check_data;
use umlaut::record::Command;
use umlaut::schedule::slurm::{self, Slurm};
use umlaut::schedule::{self, Launcher, Local, Policy, RunCounts, Slot, Work, execute};
use umlaut::store::{ExperimentDir, Results};
use umlaut::train::Predecessors;
use umlaut::{machine, report};

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    #[arg(required_unless_present = "example")]
    file: Option<PathBuf>,
    /// Run an experiment that comes with the program, such as quickstart; its file is written to the working directory
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    example: Option<String>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    place: ResultsPlace,
    #[command(flatten)]
    slots: SlotChoice,
    #[command(flatten)]
    cluster: ClusterChoice,
    /// Submit what is missing and end; the same command without it watches, from any machine that sees the results
    #[arg(long, requires = "on")]
    detach: bool,
    /// Cancel what is in the cluster's queue of the experiment's runs, and end
    #[arg(long, requires = "on", conflicts_with = "detach")]
    cancel: bool,
    /// Further attempts at a run whose process died [default: 1]
    #[arg(long, value_name = "N")]
    retries: Option<usize>,
    /// Stop all runs when one has failed for good; of a search, when one has crashed: a trial that diverged is a result
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
    let settings = settings()?;
    let slurm = arguments.cluster.slurm(&settings)?;
    let mut slots = if slurm.is_none() { arguments.slots.slots(&settings)? } else { arguments.slots.none_for_slurm()? };
    let results = arguments.place.results()?;
    let (file, _written) = file(arguments)?;
    let listening = Listening::default();
    let prepared = Prepared::of(&file, &arguments.sets, &results, &listening)?;
    match slurm {
        Some(options) if arguments.dry_run => return plan::show_for_slurm(prepared, &results, options, false),
        None if arguments.dry_run => return plan::show(prepared, &results, &slots, false),
        Some(_) if arguments.cancel => return cancel(&results.experiment(&prepared.plan.experiment)),
        _ => {}
    }
    let (plan, search) = (prepared.plan.clone(), prepared.is_search());
    check_data(&plan, &results.cache(), &listening).map_err(unprepared)?;
    if !plan.excluded.is_empty() && !search {
        eprintln!("{}: umlaut plan gives the reasons", text::counted(plan.excluded.len(), "combination") + " excluded");
    }
    let dir = results.experiment(&plan.experiment);
    let _claim = dir.claim().map_err(of_results)?;
    let mut source = prepared.source(&dir)?;
    note_command(&dir)?;
    if let Some(note) = other_plan(&file, &plan, &dir).filter(|_| !search) {
        eprintln!("{note}");
    }
    let on_slurm = slurm.is_some();
    let most = if search { usize::MAX } else { plan.runs.len() };
    let queue = slurm.map(|options| queue(options, most, &plan, &results)).transpose()?;
    if let Some((_, nodes)) = &queue {
        slots.clone_from(nodes);
    }
    let local = local(&results)?;
    let launcher: &dyn Launcher = queue.as_ref().map_or(&local, |(slurm, _)| slurm);
    let asked = Asked::on_signals()?;
    let leaving = Leaving::new(arguments.detach);
    let stopped = || if on_slurm { leaving.how(asked.how()) } else { asked.how() };
    let stopping = || asked.how().is_some();
    let estimate = match on_slurm {
        true => Estimate::by_records_of_any_machine(&results, &slots[0]),
        false => Estimate::by_records(&results, &slots[0]),
    };
    let durations = RefCell::new(estimate.clone());
    let mut watch = Rewriting::new(live::watch(&dir, estimate, slots.len(), &stopping), &dir, arguments.rank_by)?;
    let work = Work { source: &mut *source, dir: &dir, duration: &|run, epochs| durations.borrow_mut().size_of(run, epochs) };
    let retries = arguments.retries.or(settings.retries).unwrap_or(1);
    let policy = Policy { retries, fail_fast: arguments.fail_fast, restore: arguments.restore };
    let counts = execute(work, &slots, policy, launcher, &stopped, &mut watch);
    // Whatever it has drawn is gone before anything else is written.
    drop(watch);
    let counts = counts.map_err(|error| match error {
        schedule::Error::Submit(cause) => mistake(cause),
        error => error.into(),
    })?;
    if let Some((slurm, _)) = queue.as_ref().filter(|_| counts.left > 0) {
        return left(counts, slurm, arguments.detach);
    }
    let (rank_by, columns) = (arguments.rank_by.into(), text::report_columns());
    write_report(&dir, &report::Wanted { rank_by, columns, ..report::Wanted::default() })?;
    if counts.without_weights > 0 {
        let runs = text::counted(counts.without_weights, "finished run");
        eprintln!("{runs} without weights, for nothing is trained again that has finished; with --restore it is");
    }
    end(counts, search, &dir)?;
    if !volume::is_quiet() {
        println!("predict: umlaut predict {}{} IMAGES --out predictions", plan.experiment, arguments.place.again());
    }
    Ok(())
}

/// Writes down this command, so that it can be repeated where nobody types it.
fn note_command(dir: &ExperimentDir) -> Result<(), Failure> {
    let arguments: Option<Vec<String>> = std::env::args_os().skip(1).map(|word| word.into_string().ok()).collect();
    // Words that are no text are a file's name that no file of TOML can hold.
    let directory = std::env::current_dir()?;
    Ok(dir.write_command(arguments.map(|arguments| Command { directory, arguments }).as_ref())?)
}

/// The file to run, that of an example after it was written; for a look at its plan alone it is written to a temporary directory, which lasts as
/// long as the second value.
fn file(arguments: &Arguments) -> Result<(PathBuf, Option<TempDir>), Failure> {
    let Some(name) = &arguments.example else { return Ok((arguments.file.clone().unwrap_or_default(), None)) };
    let example = Example::named(name)?;
    if arguments.dry_run {
        let dir = tempfile::tempdir().context("making a temporary directory")?;
        return Ok((example.write(dir.path())?, Some(dir)));
    }
    Ok((example.write(Path::new(""))?, None))
}

/// Says that the results seem to be those of another file of the same name: that none of the runs that they were last planned with is planned now.
fn other_plan(file: &Path, plan: &Plan, dir: &ExperimentDir) -> Option<String> {
    // One that is damaged is written anew.
    let before = dir.planned().ok().flatten().filter(|before| !before.is_empty())?;
    let now: HashSet<&str> = plan.runs.iter().map(|run| run.id.hash()).collect();
    let predecessors = Predecessors::of(dir);
    let goes_on = |run: &RunSpec| predecessors.epochs(&run.id, &run.experiment).is_some();
    if before.iter().any(|id| now.contains(id.hash())) || plan.runs.iter().any(goes_on) {
        return None;
    }
    let (runs, file) = (text::counted(before.len(), "run"), file.display());
    let (dir, name) = (dir.path().display(), &plan.experiment);
    Some(format!(
        "note: {dir} was last planned with other runs: none of its {runs} is in {file}. They stay, but the report is on the new ones alone; \
         if this is another experiment, give it another name than {name}"
    ))
}

/// Starts processes of this program, on this machine.
fn local(results: &Results) -> Result<Local, Failure> {
    let arguments = vec!["--cache".into(), results.cache().display().to_string()];
    Ok(Local::new(std::env::current_exe()?, arguments).reading(machine::free_memory))
}

/// Gives runs to Slurm, and the slots that stand for its nodes: as many as runs may be in its queue, `most` at the most.
fn queue(options: slurm::Options, most: usize, plan: &Plan, results: &Results) -> Result<(Slurm, Vec<Slot>), Failure> {
    let slots = vec![cluster::slot(&options); options.submitted().min(most).max(1)];
    let slurm = Slurm::open(cluster::setup(options, plan, results)?).map_err(anyhow::Error::msg)?;
    if slurm.found() > 0 {
        eprintln!("{} in Slurm's queue from before", text::counted(slurm.found(), "run"));
    }
    Ok((slurm, slots))
}

/// Cancels what is in the queue of an experiment.
fn cancel(dir: &ExperimentDir) -> Result<(), Failure> {
    // A schedule that watches them hears of it by their ends.
    let claim = dir.claim();
    let count = slurm::cancel_all(dir, claim.is_ok()).map_err(anyhow::Error::msg)?;
    let runs = text::counted(count, "run");
    println!("{runs} in Slurm's queue asked to end; what has begun saves first");
    Ok(())
}

/// Says what goes on without this process.
fn left(counts: RunCounts, slurm: &Slurm, detached: bool) -> Result<(), Failure> {
    let (missing, reason) = slurm.not_submitted();
    let runs = text::counted(counts.left - missing, "run");
    eprintln!("{runs} left in Slurm's queue; the same command goes on with them, with --cancel it cancels them");
    let missing = missing + counts.interrupted;
    if missing > 0 {
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        eprintln!("{} not submitted yet{reason}; the same command submits what is missing", text::counted(missing, "run"));
    }
    if detached { Ok(()) } else { Err(Failure::Stopped) }
}

fn end(counts: RunCounts, search: bool, dir: &ExperimentDir) -> Result<(), Failure> {
    if counts.interrupted > 0 {
        let left = text::counted(counts.interrupted, "run");
        errorln!("stopped with {left} left; the same command goes on from there");
        return Err(Failure::Stopped);
    }
    // Of a search a trial that diverged is a result as any other.
    let failed = if search { counts.failed - counts.diverged } else { counts.failed };
    if failed > 0 {
        let runs = text::counted(failed, "run");
        errorln!("{runs} failed; {} gives the reason", dir.path().join("report.md").display());
        if std::io::stderr().is_terminal() {
            eprintln!("what finished is kept: the same command runs only the rest");
        }
        return Err(Failure::Runs);
    }
    if search && counts.diverged > 0 && dir.search().winner()?.is_none() {
        errorln!(
            "no trial of the search has a score: all of them diverged; {} says more",
            dir.path().join("report.md").display()
        );
        return Err(Failure::Runs);
    }
    Ok(())
}
