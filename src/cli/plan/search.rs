//! What is said of a search below its first runs: what is searched, and how much there is to train.

use super::super::text::{counted, wrap};
use umlaut::config::{Experiment, Search};
use umlaut::data;
use umlaut::plan::Plan;
use umlaut::trials::Budget;

/// The lines, none wider than `columns`; `plan` has the runs that are known by now.
pub fn text(experiment: &Experiment, search: &Search, plan: &Plan, columns: usize) -> String {
    let lines = lines(experiment, search, plan);
    let lines = lines.iter().flat_map(|line| wrap(line, columns, 4));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn lines(experiment: &Experiment, search: &Search, plan: &Plan) -> Vec<String> {
    let Budget { trials, runs, rungs, epochs, fresh } = Budget::of(experiment, data::describe(&experiment.dataset).ok().as_ref());
    let sampler = search.sampler.chosen(trials).name();
    let each = if runs > 1 { format!(" of {} each", counted(runs, "run")) } else { String::new() };
    let keys = counted(search.draw.len(), "key");
    let mut lines = vec![format!("search of {keys} by {}: {}{each}, proposed by {sampler}", search.by, counted(trials, "trial"))];
    let whole = experiment.training.epochs;
    lines.push(match &rungs[..] {
        [_] if search.halving.is_some() => {
            format!("epochs: {epochs}, {whole} a run, which are too few for halving: see `umlaut help search` on `lowest`")
        }
        [_] => format!("epochs: {epochs}, {whole} a run"),
        _ => {
            let rungs: Vec<String> = rungs.iter().map(ToString::to_string).collect();
            format!("epochs: about {epochs}; trials are compared after {} of {whole}", rungs.join(", "))
        }
    });
    lines.push(format!(
        "then {} with fresh seeds, {} epochs, to confirm the best",
        counted(fresh, "run"),
        fresh.saturating_mul(whole)
    ));
    let known = plan.runs.len();
    lines.push(format!("shown: {}; what comes after follows from their results", counted(known, "run")));
    lines
}
