//! `umlaut data`: looks at a data set, and writes what training sees of it.

mod export;
mod inspect;
mod sheet;

use super::Failure;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Count, measure and check the samples of every part; draw some of them
    Inspect(inspect::Arguments),
    /// Write images and masks as training sees them, changes of an epoch included
    Export(export::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.verb {
        Verb::Inspect(arguments) => inspect::run(arguments),
        Verb::Export(arguments) => export::run(arguments),
    }
}

/// Name and samples of each part that has some.
fn parts(parts: &umlaut::data::Parts) -> Vec<(&'static str, &[usize])> {
    let all = [("train", &parts.train[..]), ("val", &parts.val), ("test", &parts.test)];
    all.into_iter().filter(|(_, samples)| !samples.is_empty()).collect()
}

/// The masks of a batch, in {0, 1}.
fn marks(batch: &umlaut::data::Batch) -> candle_core::Result<Vec<u8>> {
    Ok(batch.targets.flatten_all()?.to_vec1::<f32>()?.into_iter().map(|target| u8::from(target >= 0.5)).collect())
}

/// The masks of a sample, class by class.
fn masks(mask: &[u8], pixels: usize) -> Vec<Vec<bool>> {
    mask.chunks_exact(pixels).map(|plane| plane.iter().map(|marked| *marked != 0).collect()).collect()
}

/// The split with one fold, where there are several.
fn first_fold(experiment: &umlaut::config::Experiment) -> umlaut::config::Split {
    let mut split = experiment.split.clone();
    if let umlaut::config::Split::KFold(folds) = &mut split {
        folds.folds = vec![folds.folds.first().copied().unwrap_or(1)];
    }
    split
}
