//! What is known of a search before it begins: trials at the edges of its space, and how much there is to train.

use super::Error;
use super::course::rungs;
use super::space::Searched;
use crate::config::{Experiment, Sweep};
use crate::data::Description;
use crate::search::{default_top, expected};

/// Trials at the edges of a search's space, each key at its bounds or choices and the others in the middle, as the points of a sweep: for whatever
/// checks a plan. What is excluded is left out.
///
/// # Errors
/// If there is no space to search.
pub fn corners(experiment: &Experiment) -> Result<Experiment, Error> {
    let search = experiment.search.clone().unwrap_or_default();
    let searched = Searched::of(experiment, &search)?;
    let dimensions = searched.space.dimensions();
    let middle = vec![0.5; dimensions];
    let mut points = vec![searched.values(&searched.space.point(&middle))];
    for (at, key) in searched.keys().iter().enumerate() {
        let count = search.draw[key].choices().map_or(2, |(values, _)| values.len());
        for choice in 0..count {
            let mut unit = middle.clone();
            // The first at the lower edge and the last at the upper one, which are the bounds of numbers.
            unit[at] = choice as f64 / (count - 1).max(1) as f64 * (1.0 - f64::EPSILON);
            let values = searched.values(&searched.space.point(&unit));
            if !points.contains(&values) {
                points.push(values);
            }
        }
    }
    let whole = experiment.trial(Default::default());
    Ok(Experiment { sweep: Sweep { points, ..whole.sweep }, ..whole })
}

/// How much there is to train in a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Trials.
    pub trials: usize,
    /// Runs of each, one per fold and seed.
    pub runs: usize,
    /// The epochs after which trials are compared, the last those of a whole run.
    pub rungs: Vec<usize>,
    /// Epochs of all trials together; with more than one rung, about, and rounded up.
    pub epochs: usize,
    /// Fresh runs that confirm the best, of all epochs.
    pub fresh: usize,
}

impl Budget {
    /// Of an experiment with a search; the rungs depend on its data, unless it says which is the lowest.
    pub fn of(experiment: &Experiment, data: Option<&Description>) -> Self {
        let search = experiment.search.clone().unwrap_or_default();
        let (folds, rungs) = (experiment.split.fold_count(), rungs(experiment, &search, data));
        let top = search.confirm.top.unwrap_or_else(|| default_top(search.trials)).min(search.trials);
        let runs = folds * experiment.training.seeds.len();
        let (mut left, mut before, mut epochs) = (search.trials, 0, 0_usize);
        for rung in rungs.epochs() {
            epochs = epochs.saturating_add(left.saturating_mul(rung - before));
            (left, before) = (left.div_ceil(rungs.eta()), *rung);
        }
        Self {
            trials: search.trials,
            runs,
            epochs: epochs.saturating_mul(runs),
            fresh: expected(&(0..top).collect::<Vec<_>>(), top).len() * folds,
            rungs: rungs.epochs().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(text: &str) -> Experiment {
        let text = format!("name = 'x'\n[dataset.synthetic]\n{text}");
        crate::config::load_str("x.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// By hand: 27 trials of 2 epochs, 9 go on to 6 and 3 to 18, 1 to 50; 4, 2 and 3 + 3 fresh runs.
    #[test]
    fn a_budget_counts_runs_and_epochs() {
        let halving = "[training]\nepochs = 50\n[search]\ntrials = 27\nhalving.lowest = 2\ndraw.'optimizer.adam.lr' = { uniform = [0.1, 0.2] }";
        let budget = Budget::of(&experiment(halving), None);
        assert_eq!((budget.rungs, budget.epochs), (vec![2, 6, 18, 50], 27 * 2 + 9 * 4 + 3 * 12 + 32));
        assert_eq!((budget.runs, budget.fresh), (1, 4 + 2 + 3));
        let whole = "[split.k_fold]\nk = 4\n[training]\nseeds = 2\n[search]\ntrials = 3\ndraw.'optimizer.adam.lr' = { uniform = [0.1, 0.2] }";
        let budget = Budget::of(&experiment(whole), None);
        assert_eq!((budget.runs, budget.epochs, budget.rungs.len()), (8, 3 * 8 * 50, 1));
    }

    #[test]
    fn corners_are_bounds_and_choices() {
        let text = "[search.draw]\n'optimizer.adam.lr' = { log_uniform = [1e-4, 1e-2] }\n'model.unet.norm' = { choice = ['batch', 'group', 'none'] }";
        let corners = corners(&experiment(text)).unwrap();
        let has = |key: &str, value: toml::Value| corners.sweep.points.iter().any(|point| point.get(key) == Some(&value));
        assert!(has("optimizer.adam.lr", 1e-4.into()) && has("optimizer.adam.lr", 1e-2.into()));
        assert!(["batch", "group", "none"].iter().all(|norm| has("model.unet.norm", (*norm).into())));
        assert!(corners.search.is_none());
    }
}
