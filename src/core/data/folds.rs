//! The folds of a split.

use super::Dataset;
use super::error::Error;
use super::split::dealt;
use super::splits::{Fold, refuse_same_pictures};
use crate::config::{KFoldSplit, SplitRule};

/// The same for every fold that `k_fold` names (all of them, if it names none); of any other split the only one.
///
/// # Errors
/// As [`split`](super::split()), the same picture in two splits of any fold.
pub fn folds(dataset: &Dataset, split: &SplitRule) -> Result<Vec<Fold>, Error> {
    let folds = match split {
        SplitRule::KFold(config) => {
            let numbers = if config.folds.is_empty() { (1..=config.k).collect() } else { config.folds.clone() };
            let of = |number| SplitRule::KFold(KFoldSplit { folds: vec![number], ..config.clone() });
            let fold = |number| Ok(Fold { number: Some(number), splits: dealt(dataset, &of(number))? });
            numbers.into_iter().map(fold).collect::<Result<_, Error>>()?
        }
        other => vec![Fold { number: None, splits: dealt(dataset, other)? }],
    };
    refuse_same_pictures(dataset, &folds)?;
    Ok(folds)
}
