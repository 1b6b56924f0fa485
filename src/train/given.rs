//! What a run is given, noted in its provenance so that a paper's Methods can say it: the images of each split, patients among them, how much
//! of the training images is foreground, what the best constant mask scores, and how many numbers the network learns.

use super::{Error, thresholds};
use crate::config::{Experiment, SplitRule};
use crate::data::{self, Dataset, Splits};
use crate::model::Params;
use crate::record::Provenance;
use crate::store::RunDir;
use std::collections::{BTreeMap, HashSet};

/// Notes it, unless it is noted already.
///
/// # Errors
/// If provenance.toml cannot be read or written.
pub fn note(run: &RunDir, experiment: &Experiment, data: &Dataset, splits: &Splits, params: &Params) -> Result<(), Error> {
    let before = run.provenance()?.unwrap_or_default();
    let now = Provenance {
        constant_mask: thresholds::constant_masks(data, splits),
        images: of_splits(splits, |members| members.len()),
        patients: patients(experiment, data, splits),
        foreground: foreground(data, splits),
        parameters: Some(params.trained.iter().map(|(_, value)| value.elem_count()).sum()),
        ..before.clone()
    };
    if now == before { Ok(()) } else { Ok(run.write_provenance(&now)?) }
}

fn of_splits(splits: &Splits, count: impl Fn(&[usize]) -> usize) -> BTreeMap<String, usize> {
    let all = [("train", &splits.train), ("val", &splits.val), ("test", &splits.test)];
    all.into_iter().map(|(name, members)| (name.to_owned(), count(members))).collect()
}

/// Empty where the split names none.
fn patients(experiment: &Experiment, data: &Dataset, splits: &Splits) -> BTreeMap<String, usize> {
    let named = match &experiment.split {
        SplitRule::Official(split) => split.group.is_some(),
        SplitRule::Fractions(split) => split.group.is_some(),
        SplitRule::KFold(split) => split.group.is_some(),
        SplitRule::Lists(_) => false,
    };
    // The data was split by the same keys, so they are there.
    match data::group_keys(data, &experiment.split).ok().filter(|_| named) {
        Some(keys) => of_splits(splits, |members| members.iter().map(|at| &keys[*at]).collect::<HashSet<_>>().len()),
        None => BTreeMap::new(),
    }
}

/// The share of foreground among the training pixels that count, by class; a class without such pixels has none.
fn foreground(data: &Dataset, splits: &Splits) -> BTreeMap<String, f64> {
    let counts = data::foreground(data, &splits.train);
    let of = |(class, name): (usize, &String)| {
        let sum = |what: usize| counts.iter().map(|of| of[class][what]).sum::<usize>();
        (sum(1) > 0).then(|| (name.clone(), sum(0) as f64 / sum(1) as f64))
    };
    data.classes.iter().enumerate().filter_map(of).collect()
}
