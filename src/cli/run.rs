//! `umlaut run FILE`: plans an experiment, runs what is not finished, draws the report.

use super::failure::{Failure, mistake, unprepared};
use super::listen::Listening;
use super::options::{ResultsPlace, Sets, SlotChoice, settings};
use super::prepared::Prepared;
use super::report::{Ranking, write_report};
use super::rewriting::Rewriting;
use super::stop::Asked;
use super::{live, plan, text};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use umlaut::estimate::Estimate;
use umlaut::plan::{Plan, RunSpec};
use umlaut::prepare::check_data;
use umlaut::schedule::{Launcher, Local, Policy, RunCounts, Work, execute};
use umlaut::store::{ExperimentDir, Results};
use umlaut::train::Predecessors;
use umlaut::{machine, report};

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
    let settings = settings()?;
    let slots = arguments.slots.slots(&settings)?;
    let results = arguments.place.results()?;
    let listening = Listening::default();
    let prepared = Prepared::of(&arguments.file, &arguments.sets, &results, &listening)?;
    if arguments.dry_run {
        return plan::show(prepared, &results, &slots, false);
    }
    let (plan, search) = (prepared.plan.clone(), prepared.is_search());
    check_data(&plan, &results.cache(), &listening).map_err(unprepared)?;
    if !plan.excluded.is_empty() && !search {
        eprintln!("{}: umlaut plan gives the reasons", text::counted(plan.excluded.len(), "combination") + " excluded");
    }
    let dir = results.experiment(&plan.experiment);
    let _claim = dir.claim().map_err(mistake)?;
    let mut source = prepared.source(&dir)?;
    if let Some(note) = other_plan(arguments, &plan, &dir).filter(|_| !search) {
        eprintln!("{note}");
    }
    let launcher = launcher(&results)?;
    let asked = Asked::on_signals()?;
    let stopped = || asked.how();
    let stopping = || asked.how().is_some();
    let estimate = Estimate::by_records(&results, &slots[0]);
    let durations = RefCell::new(estimate.clone());
    let mut watch = Rewriting::new(live::watch(&dir, estimate, slots.len(), &stopping), &dir, arguments.rank_by)?;
    let work = Work { source: &mut *source, dir: &dir, duration: &|run, epochs| durations.borrow_mut().size_of(run, epochs) };
    let retries = arguments.retries.or(settings.retries).unwrap_or(1);
    let policy = Policy { retries, fail_fast: arguments.fail_fast, restore: arguments.restore };
    let counts = execute(work, &slots, policy, &*launcher, &stopped, &mut watch)?;
    // Whatever it has drawn is gone before anything else is written.
    drop(watch);
    let (rank_by, columns) = (arguments.rank_by.into(), text::report_columns());
    write_report(&dir, &report::Wanted { rank_by, columns, ..report::Wanted::default() })?;
    if counts.without_weights > 0 {
        let runs = text::counted(counts.without_weights, "finished run");
        eprintln!("{runs} without weights, for nothing is trained again that has finished; with --restore it is");
    }
    end(counts, search, &dir)?;
    println!("predict: umlaut predict {}{} IMAGES --out predictions", plan.experiment, arguments.place.again());
    Ok(())
}

/// Says that the results seem to be those of another file of the same name: that none of the runs that they were last planned with is planned now.
fn other_plan(arguments: &Arguments, plan: &Plan, dir: &ExperimentDir) -> Option<String> {
    // One that is damaged is written anew.
    let before = dir.planned().ok().flatten().filter(|before| !before.is_empty())?;
    let now: HashSet<&str> = plan.runs.iter().map(|run| run.id.hash()).collect();
    let predecessors = Predecessors::of(dir);
    let goes_on = |run: &RunSpec| predecessors.epochs(&run.id, &run.experiment).is_some();
    if before.iter().any(|id| now.contains(id.hash())) || plan.runs.iter().any(goes_on) {
        return None;
    }
    let (runs, file) = (text::counted(before.len(), "run"), arguments.file.display());
    let (dir, name) = (dir.path().display(), &plan.experiment);
    Some(format!(
        "note: {dir} was last planned with other runs: none of its {runs} is in {file}. They stay, but the report is on the new ones alone; \
         if this is another experiment, give it another name than {name}"
    ))
}

/// Starts processes of this program, on this machine.
fn launcher(results: &Results) -> Result<Box<dyn Launcher>, Failure> {
    let arguments = vec!["--cache".into(), results.cache().display().to_string()];
    Ok(Box::new(Local::new(std::env::current_exe()?, arguments).reading(machine::free_memory)))
}

fn end(counts: RunCounts, search: bool, dir: &ExperimentDir) -> Result<(), Failure> {
    if counts.interrupted > 0 {
        let left = text::counted(counts.interrupted, "run");
        eprintln!("stopped with {left} left; the same command goes on from there");
        return Err(Failure::Stopped);
    }
    // Of a search a trial that diverged is a result as any other.
    let failed = if search { counts.failed - counts.diverged } else { counts.failed };
    if failed > 0 {
        let runs = text::counted(failed, "run");
        eprintln!("{runs} failed; {} gives the reason", dir.path().join("report.md").display());
        if std::io::stderr().is_terminal() {
            eprintln!("what finished is kept: the same command runs only the rest");
        }
        return Err(Failure::Runs);
    }
    Ok(())
}
