//! Whether initial weights have seen the images that validate or test now, as far as the runs tell that they come from.

use crate::config::{Experiment, SplitRule};
use crate::data::{self, Contents, Splits};
use crate::store::RunDir;
use std::collections::HashSet;
use std::path::Path;

/// Runs that are gone back to, one having begun with the weights of the next.
const GENERATIONS: usize = 16;
/// Names that are listed.
const LISTED: usize = 5;

/// What a user should know before scores of such images are believed; empty if there is nothing, or if the weights lie in no run's directory.
/// Images are compared by the content of their files.
pub fn seen(experiment: &Experiment) -> Vec<String> {
    let mut message = Vec::new();
    let mut file = experiment.training.initial.weights.clone();
    // That the data set cannot be listed is reported where it is opened.
    let Ok(own) = Contents::of(&experiment.dataset) else { return message };
    let Ok(splits) = own.split(&experiment.split) else { return message };
    for _ in 0..GENERATIONS {
        let Some(run) = RunDir::of_checkpoint(Path::new(&file)) else { break };
        let Ok(before) = crate::config::load(&run.run_toml(), &[]) else { break };
        match trained(&run, &before, &own) {
            Some(images) => message.extend(overlap(&run, &images, &own, &splits, &experiment.split)),
            None => message.push(format!(
                "{}: its data set has changed or is gone since, so nobody knows which of these images its weights have seen",
                run.path().display()
            )),
        }
        file = before.training.initial.weights;
    }
    message
}

/// What the images held that trained a run; `None` if that is not known any more.
fn trained(run: &RunDir, experiment: &Experiment, own: &Contents) -> Option<HashSet<String>> {
    let recorded = run.provenance().ok()??.dataset_fingerprint?;
    let there = Contents::of(&experiment.dataset).ok().filter(|there| there.fingerprint() == recorded);
    let contents = there.as_ref().or((own.fingerprint() == recorded).then_some(own))?;
    let mut train = contents.split(&experiment.split).ok()?.train;
    if let (Some(samples), Some(seed)) = (experiment.training.samples, experiment.training.seeds.first()) {
        train = data::subset(&train, samples, *seed);
    }
    Some(train.into_iter().map(|sample| contents.image(sample).to_owned()).collect())
}

fn overlap(run: &RunDir, images: &HashSet<String>, own: &Contents, splits: &Splits, split: &SplitRule) -> Option<String> {
    let of = |(word, part): (&str, &[usize])| {
        let seen: Vec<&str> = part.iter().filter(|i| images.contains(own.image(**i))).map(|i| own.name(*i)).collect();
        let listed = seen.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
        let more = if seen.len() > LISTED { ", …" } else { "" };
        (!seen.is_empty()).then(|| format!("{} of the {} images that {word} here ({listed}{more})", seen.len(), part.len()))
    };
    let seen: Vec<String> = [("validate", &splits.val[..]), ("test", &splits.test)].into_iter().filter_map(of).collect();
    let fold = match split {
        SplitRule::KFold(folds) => folds.folds.first().map(|fold| format!("fold {fold}: ")).unwrap_or_default(),
        _ => String::new(),
    };
    (!seen.is_empty()).then(|| {
        format!(
            "{fold}the initial weights come from {}, which trained on {}: scores of these are too good. Take the split of that run",
            run.path().display(),
            seen.join(" and ")
        )
    })
}
