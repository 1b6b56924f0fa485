//! `umlaut data`: looks at a data set, and writes what training sees of it.

mod export;
mod exported;
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
    /// Write images and masks at the size of training, with the changes of an epoch if wanted, and a file to train on them
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

/// Tells on standard error which classes training cannot learn; of a fold, which.
pub fn warn_of_absent(data: &umlaut::data::Dataset, parts: &umlaut::data::Parts, fold: Option<usize>) {
    for line in umlaut::data::absent(data, parts) {
        eprintln!("warning: {}{line}", of_fold(fold));
    }
}

/// Pairs of samples that are listed.
const LISTED: usize = 10;

/// What to tell of pairs that [look alike](umlaut::data::look_alikes); `None` if there are none.
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

/// `fold 2: `, or nothing where there are no folds.
fn of_fold(fold: Option<usize>) -> String {
    fold.map(|fold| format!("fold {fold}: ")).unwrap_or_default()
}

/// `, fold 2 of 5`, or nothing where there are no folds.
fn fold_of(experiment: &umlaut::config::Experiment, fold: Option<usize>) -> String {
    match (&experiment.split, fold) {
        (umlaut::config::Split::KFold(folds), Some(fold)) => format!(", fold {fold} of {}", folds.k),
        _ => String::new(),
    }
}
