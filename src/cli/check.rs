//! `umlaut check`: whether experiment files are good, and everything that is wrong with those that are not.

use super::failure::{Failure, coloured};
use super::listen::Listening;
use super::options::{Sets, settings};
use super::text::counted;
use std::path::{Path, PathBuf};
use umlaut::config::{self, Experiment};
use umlaut::plan::Plan;
use umlaut::prepare::Planner;
use umlaut::store::Results;
use umlaut::trials::{Budget, corners};

#[derive(clap::Args)]
pub struct Arguments {
    /// Experiments, TOML files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    sets: Sets,
}

/// One line per good file on standard output; the mistakes in all others together.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let results = settings()?.results(None);
    let mut bad = Vec::new();
    for file in &arguments.files {
        match verdict(file, &arguments.sets.sets, &results, coloured()) {
            Ok(line) => println!("{}: ok, {line}", file.display()),
            Err(mistakes) => bad.push(mistakes.trim_end().to_owned()),
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(Failure::Mistake(bad.join("\n\n"))) }
}

/// Of the files that an experiment names, initial weights are read and data are not.
fn verdict(file: &Path, sets: &[String], results: &Results, colour: bool) -> Result<String, String> {
    let experiment = config::load(file, sets).map_err(|problems| problems.render(colour))?;
    let listening = Listening::default();
    let mut planner = Planner::new(results, &listening);
    if experiment.search.is_some() {
        let edges = corners(&experiment).map_err(|e| format!("error: {}: {e}", file.display()))?;
        let plan = planner.plan_without_data(&edges).and_then(|plan| planner.check_weights(&plan));
        plan.map_err(|e| format!("error: {}: {e}", file.display()))?;
        let Budget { trials, runs, .. } = Budget::of(&experiment, None);
        return Ok(format!("a search of {} of {} each", counted(trials, "trial"), counted(runs, "run")));
    }
    let plan = planner.plan_without_data(&experiment).and_then(|plan| planner.check_weights(&plan).map(|()| plan));
    let plan = plan.map_err(|e| format!("error: {}: {e}", file.display()))?;
    Ok(runs(&experiment, &plan))
}

/// `6 runs (3 combinations × 2 seeds)`; the factors are left out where they are not the same for every combination.
fn runs(experiment: &Experiment, plan: &Plan) -> String {
    let runs = plan.runs.len();
    let folds = experiment.split.fold_count();
    let seeds = experiment.training.seeds.len();
    let factors = [(plan.points, "combination"), (folds, "fold"), (seeds, "seed")];
    let factors: Vec<String> = factors.into_iter().filter(|(n, _)| *n > 1).map(|(n, what)| counted(n, what)).collect();
    let mut text = counted(runs, "run");
    if factors.len() > 1 && plan.points * folds * seeds == runs {
        text += &format!(" ({})", factors.join(" × "));
    }
    if !plan.excluded.is_empty() {
        text += &format!(", {} excluded", counted(plan.excluded.len(), "combination"));
    }
    text
}
