//! Data sets of a plan, opened and split before anything trains.

use super::{Error, Listener, Notice};
use crate::config::{self, SplitRule};
use crate::data::{self, Dataset, Fold, Splits};
use crate::plan::Plan;
use std::path::Path;

/// Pairs of samples that are listed.
const LISTED: usize = 10;

/// Opens and splits every distinct data set of a plan once, so that what is wrong with one is known before any training. Also fills the cache.
///
/// # Errors
/// If one cannot be read or split.
pub fn check_data(plan: &Plan, cache: &Path, listener: &dyn Listener) -> Result<(), Error> {
    let (mut seen, mut compared) = (Vec::<(&config::Dataset, &config::Preprocess)>::new(), Vec::<&config::Dataset>::new());
    for run in &plan.runs {
        let e = &run.experiment;
        if seen.contains(&(&e.dataset, &e.preprocess)) {
            continue;
        }
        seen.push((&e.dataset, &e.preprocess));
        let opened = data::open(&e.dataset, &e.preprocess, cache, &|done, of| listener.read(done, of));
        listener.read_all();
        let opened = opened?;
        let mut folds: Vec<Fold> = Vec::new();
        for split in splits(plan, &e.dataset) {
            let splits = data::split(&opened, split)?;
            describe(&opened, &splits, fold(split), listener);
            folds.push(Fold { number: fold(split), splits });
        }
        // At whatever size, copies are the same.
        if !compared.contains(&&e.dataset) {
            compared.push(&e.dataset);
            alike(&data::look_alikes(&opened, &folds)).into_iter().for_each(|text| listener.noted(Notice::Warning(text)));
        }
    }
    Ok(())
}

/// What should be known of pairs of samples that [look alike](data::look_alikes); `None` if there are none.
pub fn alike(pairs: &[String]) -> Option<String> {
    let (count, more) = (pairs.len(), if pairs.len() > LISTED { "; …" } else { "" });
    let listed = pairs.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join("; ");
    let what = if count == 1 {
        "pair of samples in different splits looks alike"
    } else {
        "pairs of samples in different splits look alike"
    };
    let remedy = "Scores of such samples are too good: remove the copies, or keep them together with split.….group";
    (count > 0).then(|| format!("{count} {what}: {listed}{more}. {remedy}."))
}

/// The ways to split a data set that a plan has, each once.
fn splits<'a>(plan: &'a Plan, dataset: &config::Dataset) -> Vec<&'a SplitRule> {
    let mut splits: Vec<&SplitRule> = Vec::new();
    for run in plan.runs.iter().filter(|run| run.experiment.dataset == *dataset) {
        if !splits.contains(&&run.experiment.split) {
            splits.push(&run.experiment.split);
        }
    }
    splits
}

fn describe(data: &Dataset, splits: &Splits, fold: Option<usize>, listener: &dyn Listener) {
    listener.noted(Notice::Data(format!(
        "{} images, {} train, {} val, {} test; {} × {}, classes: {}",
        data.samples.len(),
        splits.train.len(),
        splits.val.len(),
        splits.test.len(),
        data.size[0],
        data.size[1],
        data.classes.join(", ")
    )));
    let of_fold = fold.map(|fold| format!("fold {fold}: ")).unwrap_or_default();
    data::absent(data, splits).into_iter().for_each(|text| listener.noted(Notice::Warning(format!("{of_fold}{text}"))));
}

/// The one fold that a run has, if it has one.
fn fold(split: &SplitRule) -> Option<usize> {
    match split {
        SplitRule::KFold(folds) => folds.folds.first().copied(),
        _ => None,
    }
}
