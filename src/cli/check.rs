//! `umlaut check`: says of experiment files whether they are good, and everything that is wrong with those that are not.

use std::io::Write;
use std::path::{Path, PathBuf};
use umlaut::config::{self, Experiment, Split};
use umlaut::plan;

/// Checks files, each with the `sets` (`key.path=value`) over it: a line in `out` for each good one, all mistakes of the others
/// in `err`. Returns whether all are good.
///
/// # Errors
/// If `out` or `err` cannot be written.
pub fn run(files: &[PathBuf], sets: &[String], colour: bool, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<bool> {
    let mut good = true;
    for file in files {
        match verdict(file, sets, colour) {
            Ok(line) => writeln!(out, "{}: ok, {line}", file.display())?,
            Err(mistakes) => {
                writeln!(err, "{}", mistakes.trim_end())?;
                good = false;
            }
        }
    }
    Ok(good)
}

fn verdict(file: &Path, sets: &[String], colour: bool) -> Result<String, String> {
    let experiment = config::load(file, sets).map_err(|problems| problems.render(colour))?;
    let plan = plan::expand(&experiment, |_| Ok(String::new())).map_err(|e| format!("error: {}: {e}", file.display()))?;
    Ok(runs(&experiment, plan.runs.len()))
}

/// `6 runs (3 combinations × 2 seeds)`; the factors are left out where they are not the same for every combination.
fn runs(experiment: &Experiment, runs: usize) -> String {
    let combinations: usize = experiment.sweep.grid.values().map(Vec::len).product();
    let folds = match &experiment.split {
        Split::KFold(split) if split.folds.is_empty() => split.k,
        Split::KFold(split) => split.folds.len(),
        _ => 1,
    };
    let seeds = experiment.training.seeds.len();
    let factors = [(combinations, "combination"), (folds, "fold"), (seeds, "seed")];
    let factors: Vec<String> = factors.into_iter().filter(|(n, _)| *n > 1).map(|(n, what)| count(n, what)).collect();
    if factors.len() < 2 || combinations * folds * seeds != runs {
        return count(runs, "run");
    }
    format!("{} ({})", count(runs, "run"), factors.join(" × "))
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
