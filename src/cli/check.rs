//! `umlaut check`: says of experiment files whether they are good, and everything that is wrong with those that are not.

use super::{Failure, Sets, coloured};
use std::path::{Path, PathBuf};
use umlaut::config::{self, Experiment, Split};
use umlaut::plan::{self, Plan};

#[derive(clap::Args)]
pub struct Arguments {
    /// Experiments, TOML files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    sets: Sets,
}

/// A line for each good file on standard output; the mistakes of all others together.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for file in &arguments.files {
        match verdict(file, &arguments.sets.sets, coloured()) {
            Ok(line) => println!("{}: ok, {line}", file.display()),
            Err(mistakes) => bad.push(mistakes.trim_end().to_owned()),
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(Failure::Mistake(bad.join("\n\n"))) }
}

fn verdict(file: &Path, sets: &[String], colour: bool) -> Result<String, String> {
    let experiment = config::load(file, sets).map_err(|problems| problems.render(colour))?;
    let plan = plan::expand(&experiment, |_| Ok(String::new())).map_err(|e| format!("error: {}: {e}", file.display()))?;
    Ok(runs(&experiment, &plan))
}

/// `6 runs (3 combinations × 2 seeds)`; the factors are left out where they are not the same for every combination.
fn runs(experiment: &Experiment, plan: &Plan) -> String {
    let runs = plan.runs.len();
    let folds = match &experiment.split {
        Split::KFold(split) if split.folds.is_empty() => split.k,
        Split::KFold(split) => split.folds.len(),
        _ => 1,
    };
    let seeds = experiment.training.seeds.len();
    let factors = [(plan.points, "combination"), (folds, "fold"), (seeds, "seed")];
    let factors: Vec<String> = factors.into_iter().filter(|(n, _)| *n > 1).map(|(n, what)| count(n, what)).collect();
    let mut text = count(runs, "run");
    if factors.len() > 1 && plan.points * folds * seeds == runs {
        text += &format!(" ({})", factors.join(" × "));
    }
    if !plan.excluded.is_empty() {
        text += &format!(", {} left out", count(plan.excluded.len(), "combination"));
    }
    text
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
