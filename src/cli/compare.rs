//! `umlaut compare A B …`: any runs and experiments side by side, with a verdict, in the terminal.

use super::failure::{Failure, mistake};
use super::options::ResultsPlace;
use super::report::{Ranking, failure};
use super::text::report_columns;
use std::path::PathBuf;
use umlaut::find::{Found, find};
use umlaut::report;

#[derive(clap::Args)]
pub struct Arguments {
    /// Directories of experiments or runs, names of experiments, or ids of runs (the ten characters at the end do)
    #[arg(required = true, value_name = "RUN|EXPERIMENT")]
    places: Vec<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
    /// The metric to compare by: dice, recall, hd95 if asked for, dice_CLASS, … [default: dice]
    #[arg(long, value_name = "METRIC")]
    by: Option<String>,
    /// Which scores put groups in order and choose the best
    #[arg(long, value_name = "SPLIT", default_value = "val")]
    rank_by: Ranking,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let results = arguments.results.results()?;
    let found = arguments.places.iter().map(|path| find(path, &results)).collect::<Result<Vec<_>, _>>().map_err(mistake)?;
    if let [Found::Run(run)] = &found[..] {
        return Err(mistake(format!(
            "{} is one run; name another run or an experiment to compare it with",
            run.path().display()
        )));
    }
    let text = report::compare(&found, arguments.by.as_deref(), arguments.rank_by.into(), report_columns()).map_err(failure)?;
    print!("{text}");
    Ok(())
}
