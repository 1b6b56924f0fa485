//! `umlaut plan FILE` and `umlaut run --dry-run`: the runs of an experiment, what they cost and where they stand. Starts and writes nothing.

mod memory;
mod room;
mod row;
mod search;
mod table;
mod totals;

use super::failure::{Failure, mistake};
use super::listen::Listening;
use super::names::Names;
use super::options::{ResultsPlace, Sets, SlotChoice, settings};
use super::prepared::{Prepared, unsearched};
use super::text;
use std::path::PathBuf;
use umlaut::estimate::Estimate;
use umlaut::plan::Plan;
use umlaut::schedule::Slot;
use umlaut::store::Results;

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
    /// As CSV, with whole ids and all digits
    #[arg(long)]
    csv: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let slots = arguments.slots.slots(&settings()?)?;
    let results = arguments.place.results()?;
    let listening = Listening::default();
    show(Prepared::of(&arguments.file, &arguments.sets, &results, &listening)?, &results, &slots, arguments.csv)
}

/// Prints the plan, as it stands in these results.
///
/// # Errors
/// If the results cannot be listed, or standard output not be written.
pub fn show(prepared: Prepared<'_>, results: &Results, slots: &[Slot], csv: bool) -> Result<(), Failure> {
    let (mut plan, experiment) = (prepared.plan.clone(), prepared.experiment.clone());
    if prepared.is_search() {
        let mut trials = prepared.trials(&results.experiment(&plan.experiment))?;
        plan = Plan { runs: trials.runs_so_far().map_err(unsearched)?, excluded: Vec::new(), ..plan };
    }
    let plan = &plan;
    let slot = slots.first().ok_or_else(|| mistake("--device names no device"))?;
    let mut estimate = Estimate::by_records(results, slot);
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
                experiment.search.as_ref().map_or(String::new(), |search| search::text(&experiment, search, plan, columns));
            let totals = totals::text(&names, plan, &rows, &estimate, slots, columns);
            format!("{}\n{budget}{totals}", table::text(&names, &rows, columns))
        }
    };
    Ok(text::print(&text)?)
}
