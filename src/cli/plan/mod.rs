//! `umlaut plan FILE` and `umlaut run --dry-run`: the runs of an experiment, what they cost and where they stand. Starts and writes nothing.

mod names;
mod room;
mod row;
mod table;
mod totals;

pub use names::Names;
pub use row::epochs_left;

use super::estimate::Estimate;
use super::settings::Settings;
use super::slots::SlotChoice;
use super::{Failure, ResultsPlace, Sets, batches, load, mistake, run, text};
use std::path::PathBuf;
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
    let settings = Settings::load()?;
    let slots = arguments.slots.slots(&settings)?;
    let results = arguments.place.results(&settings);
    let plan = run::plan(&load(&arguments.file, &arguments.sets)?, &results)?;
    batches::check(&plan, &results.cache(), &arguments.file, &arguments.sets)?;
    show(&plan, &results, &slots, arguments.csv)
}

/// Prints the plan, as it stands in these results.
///
/// # Errors
/// If the results cannot be listed, or standard output not be written.
pub fn show(plan: &Plan, results: &Results, slots: &[Slot], csv: bool) -> Result<(), Failure> {
    let slot = slots.first().ok_or_else(|| mistake("--device names no device"))?;
    let estimate = Estimate::by_records(plan, results, slot);
    let rows = row::rows(plan, &results.experiment(&plan.experiment), &estimate)?;
    // A probe takes its time: only where something is left that it could tell about.
    let needed = rows.iter().any(|row| row.epochs_left > 0);
    let estimate = if needed { estimate.or_probe(plan, slot) } else { estimate };
    let rows = row::timed(rows, &estimate);
    let names = Names::of(plan);
    let text = match csv {
        true => table::csv(plan, &rows)?,
        false => {
            let columns = text::table_columns();
            format!("{}\n{}", table::text(&names, &rows, columns), totals::text(&names, plan, &rows, &estimate, slots, columns))
        }
    };
    Ok(text::print(&text)?)
}
