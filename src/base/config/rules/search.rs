//! What must hold between a search and the rest of its experiment.

use super::{Finding, MOST_RUNS, metric};
use crate::config::{Experiment, Search};

/// Every rule of `[search]` that is broken.
pub(in crate::config) fn check(e: &Experiment, search: &Search) -> Vec<Finding> {
    let mut found = Vec::new();
    if search.draw.is_empty() {
        let help = "write [search.draw] with lines such as \"optimizer.adam.lr\" = { log_uniform = [1e-4, 1e-2] }";
        found.push(Finding::new("`search` draws no key".to_owned(), &["search.draw", "search"], help));
    }
    found.extend(metric("search.by", &search.by, e));
    let of_loss = search.draw.keys().find(|key| *key == "loss" || key.starts_with("loss."));
    if let Some(key) = of_loss.filter(|_| search.by == "val_loss") {
        let title =
            format!("`search.by` is \"val_loss\", but `{key}` is searched, so that values of different losses would be compared");
        found.push(Finding::new(title, &["search.by", "search.draw"], "write by = \"val_dice\", or another score"));
    }
    if let Some(lowest) = search.halving.as_ref().and_then(|halving| halving.lowest).filter(|lowest| *lowest >= e.training.epochs)
    {
        let title = format!("`search.halving.lowest` must be below `training.epochs`, {}, got {lowest}", e.training.epochs);
        let about = ["search.halving.lowest", "training.epochs"];
        found.push(Finding::new(title, &about, "lower it, train longer, or remove [search.halving]"));
    }
    let (folds, seeds) = (e.split.fold_count(), e.training.seeds.len());
    let runs = search.trials.saturating_mul(folds).saturating_mul(seeds);
    if runs > MOST_RUNS {
        let title = format!(
            "the search has {runs} runs, {} trials × {folds} folds × {seeds} seeds; at most {MOST_RUNS} can be planned",
            search.trials
        );
        found.push(Finding::new(title, &["search.trials", "training.seeds", "split.k_fold"], "try fewer trials, folds or seeds"));
    }
    found
}
