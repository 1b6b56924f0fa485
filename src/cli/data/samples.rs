//! Samples by split, and their masks.

/// Name and samples of each split that has some.
pub fn splits(splits: &umlaut::data::Splits) -> Vec<(&'static str, &[usize])> {
    let all = [("train", &splits.train[..]), ("val", &splits.val), ("test", &splits.test)];
    all.into_iter().filter(|(_, samples)| !samples.is_empty()).collect()
}

/// The masks of a batch, in {0, 1}.
pub fn marks(batch: &umlaut::data::Batch) -> candle_core::Result<Vec<u8>> {
    Ok(batch.targets.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|target| u8::from(target >= 0.5)).collect())
}

/// The masks of a sample, class by class.
pub fn masks(mask: &[u8], pixels: usize) -> Vec<Vec<bool>> {
    mask.chunks_exact(pixels).map(|plane| plane.iter().map(|marked| *marked == 1).collect()).collect()
}

/// `fold 2: `, or nothing where there are no folds.
pub fn of_fold(fold: Option<usize>) -> String {
    fold.map(|fold| format!("fold {fold}: ")).unwrap_or_default()
}

/// `, fold 2 of 5`, or nothing where there are no folds.
pub fn fold_of(experiment: &umlaut::config::Experiment, fold: Option<usize>) -> String {
    match (&experiment.split, fold) {
        (umlaut::config::SplitRule::KFold(folds), Some(fold)) => format!(", fold {fold} of {}", folds.k),
        _ => String::new(),
    }
}
