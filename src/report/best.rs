//! Which run of an experiment predicts best? By validation alone, so that test scores stay what they are.

use super::verdict::{self, RankBy};
use super::{Error, collect, column};
use crate::metric;
use crate::store::{ExperimentDir, RunDir};

/// The best group of an experiment, and the best run in it.
#[derive(Debug, Clone)]
pub struct Best {
    /// The best run.
    pub run: RunDir,
    /// All finished runs of its group, the best first: seeds, and folds where there are some.
    pub group: Vec<RunDir>,
    /// The group's name.
    pub name: String,
    /// How many groups there are.
    pub groups: usize,
    /// The column that chose, for readers: `validation Dice`.
    pub by: String,
    /// The best run's value of it.
    pub value: f64,
}

/// The best run of an experiment by its validation Dice (by what chooses the best epoch where there is no Dice), in the group whose mean is best.
///
/// # Errors
/// If no run has finished with its weights, or the directory cannot be read.
pub fn best(dir: &ExperimentDir) -> Result<Best, Error> {
    let comparison = collect::collect(dir)?;
    let verdict = verdict::judge(&comparison, None, RankBy::Validation);
    let by = &verdict.ranked_by;
    let sign = if column::higher_is_better(by) { -1.0 } else { 1.0 };
    let in_order = verdict.order(&comparison);
    let found = in_order.into_iter().find_map(|index| {
        let group = &comparison.groups[index];
        let with_weights = group
            .settled()
            .into_iter()
            .filter(|run| run.state == collect::State::Finished && run.dir.best_checkpoint().is_file());
        let mut runs: Vec<(&collect::Run, f64)> =
            with_weights.map(|run| (run, run.best.get(by).copied().unwrap_or(f64::NAN))).collect();
        runs.sort_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)));
        let (run, value) = *runs.first()?;
        let all = runs.iter().map(|(run, _)| run.dir.clone()).collect();
        Some((run.dir.clone(), all, group.name.clone(), value))
    });
    let Some((run, group, name, value)) = found else {
        return Err(Error::NoneFinished { path: dir.path().display().to_string() });
    };
    Ok(Best {
        run,
        group,
        name,
        groups: comparison.groups.len(),
        by: metric::describe(by).map_or_else(|| by.clone(), |metric| metric.title()),
        value,
    })
}
