//! `umlaut plan FILE` and `umlaut run --dry-run`: the runs of an experiment, what they cost and where they stand. Starts and writes nothing.

mod memory;
mod room;
mod row;
mod search;
mod table;
mod totals;

use super::cluster::{self, ClusterChoice};
use super::failure::{Failure, mistake};
use super::listen::Listening;
use super::names::Names;
use super::options::{ResultsPlace, Sets, SlotChoice, settings};
use super::prepared::{Prepared, unsearched};
use super::text;
use std::path::PathBuf;
use umlaut::config::Experiment;
use umlaut::estimate::Estimate;
use umlaut::plan::{Plan, RunId};
use umlaut::schedule::{Slot, slurm, standing};
use umlaut::store::{Results, RunDir};

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
    #[command(flatten)]
    cluster: ClusterChoice,
    /// As CSV, with whole ids and all digits
    #[arg(long)]
    csv: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = settings()?;
    let slurm = arguments.cluster.slurm(&settings)?;
    let slots = if slurm.is_none() { arguments.slots.slots(&settings)? } else { arguments.slots.none_for_slurm()? };
    let results = arguments.place.results()?;
    let listening = Listening::default();
    let prepared = Prepared::of(&arguments.file, &arguments.sets, &results, &listening)?;
    match slurm {
        Some(options) => show_for_slurm(prepared, &results, options, arguments.csv),
        None => show(prepared, &results, &slots, arguments.csv),
    }
}

/// Prints the plan, and what would be submitted to Slurm.
///
/// # Errors
/// As [`show`].
pub fn show_for_slurm(prepared: Prepared<'_>, results: &Results, options: slurm::Options, csv: bool) -> Result<(), Failure> {
    let (plan, experiment) = so_far(prepared, results)?;
    let at_a_time = options.array_limit.map_or(options.submitted(), usize::from).min(plan.runs.len()).max(1);
    let slots = vec![cluster::slot(&options); at_a_time];
    show_on(&plan, &experiment, results, &slots, Estimate::by_records_of_any_machine(results, &slots[0]), csv)?;
    if csv {
        return Ok(());
    }
    let places = results.experiment(&plan.experiment).places(plan.runs.iter().map(|run| &run.id))?;
    // What cannot be read is put aside and trained.
    let is_to_train = |place: &RunDir| standing(place).map_or(true, |standing| standing.is_to_train());
    let runs: Vec<RunId> =
        plan.runs.iter().zip(&places).filter(|(_, place)| is_to_train(place)).map(|(run, _)| run.id.clone()).collect();
    let setup = cluster::setup(options, &plan, results)?;
    Ok(text::print(&format!("\n{}", cluster::shown(&setup, &runs)))?)
}

/// The plan, of a search as far as it has come.
fn so_far(prepared: Prepared<'_>, results: &Results) -> Result<(Plan, Experiment), Failure> {
    let (plan, experiment) = (prepared.plan.clone(), prepared.experiment.clone());
    if !prepared.is_search() {
        return Ok((plan, experiment));
    }
    let mut trials = prepared.trials(&results.experiment(&plan.experiment))?;
    Ok((Plan { runs: trials.runs_so_far().map_err(unsearched)?, excluded: Vec::new(), ..plan }, experiment))
}

/// Prints the plan, as it stands in these results.
///
/// # Errors
/// If the results cannot be listed, or standard output not be written.
pub fn show(prepared: Prepared<'_>, results: &Results, slots: &[Slot], csv: bool) -> Result<(), Failure> {
    let (plan, experiment) = so_far(prepared, results)?;
    let slot = slots.first().ok_or_else(|| mistake("--device names no device"))?;
    show_on(&plan, &experiment, results, slots, Estimate::by_records(results, slot), csv)
}

fn show_on(
    plan: &Plan,
    experiment: &Experiment,
    results: &Results,
    slots: &[Slot],
    mut estimate: Estimate,
    csv: bool,
) -> Result<(), Failure> {
    estimate.learn(&plan.runs);
    let rows = row::rows(plan, &results.experiment(&plan.experiment), &estimate)?;
    // A probe takes its time: only where something is left whose time it could estimate.
    let needed = rows.iter().any(|row| row.epochs.left > 0);
    let estimate = if needed { estimate.or_probe(&plan.runs) } else { estimate };
    let rows = row::timed(rows, &estimate);
    let names = Names::of(&plan.runs);
    let text = match csv {
        true => table::csv(plan, &rows)?,
        false => {
            let columns = text::table_columns();
            let budget =
                experiment.search.as_ref().map_or(String::new(), |search| search::text(experiment, search, plan, columns));
            let totals = totals::text(&names, plan, &rows, &estimate, slots, columns);
            format!("{}\n{budget}{totals}", table::text(&names, &rows, columns))
        }
    };
    Ok(text::print(&text)?)
}
