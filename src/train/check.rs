//! What must hold between experiment and data before training begins.

use super::Error;
use super::columns::validation_names;
use crate::config::{Experiment, Loss, LrSchedule};
use crate::data::{self, Dataset, Parts};

/// The seed of a resolved experiment.
///
/// # Errors
/// If there is not exactly one.
pub fn seed(experiment: &Experiment) -> Result<u64, Error> {
    match experiment.training.seeds[..] {
        [seed] => Ok(seed),
        _ => {
            let count = experiment.training.seeds.len();
            Err(Error::Setup(format!("training.seeds: one run trains with one seed, got {count}; expand the experiment first")))
        }
    }
}

/// Checks what the experiment alone cannot tell.
///
/// # Errors
/// If a part is empty, a column is named that there will not be, or the number of class weights is wrong.
pub fn fits(experiment: &Experiment, data: &Dataset, parts: &Parts) -> Result<(), Error> {
    for (name, part) in [("training", &parts.train), ("validation", &parts.val)] {
        if part.is_empty() {
            return Err(Error::Setup(format!("split leaves no sample in the {name} part; change its shares")));
        }
    }
    named("training.best", &experiment.training.best, &experiment.loss, data)?;
    if let LrSchedule::Plateau(rule) = &experiment.lr_schedule {
        named("lr_schedule.plateau.metric", &rule.metric, &experiment.loss, data)?;
    }
    let (weights, classes) = (experiment.loss.class_weights.len(), data.classes.len());
    if weights != 0 && weights != classes {
        let names = data.classes.join(", ");
        return Err(Error::Setup(format!(
            "loss.class_weights has {weights} values for {classes} classes ({names}); give one each"
        )));
    }
    if experiment.loss.is_exclusive() {
        exclusive(data)?;
    }
    Ok(())
}

/// Refuses masks that overlap.
fn exclusive(data: &Dataset) -> Result<(), Error> {
    let pixels = data.size[0] * data.size[1];
    for sample in &data.samples {
        let marked = |class: usize, at: usize| sample.mask[class * pixels + at] != 0;
        let classes = |at: usize| (0..data.classes.len()).filter(move |class| marked(*class, at));
        if let Some(at) = (0..pixels).find(|at| classes(*at).count() > 1) {
            let names: Vec<&str> = classes(at).map(|class| data.classes[class].as_str()).collect();
            return Err(Error::Setup(format!(
                "loss.softmax_ce needs classes that exclude each other, but in sample {} the masks of {} overlap; use another term, or \
                 mask each pixel once",
                sample.name,
                names.join(" and ")
            )));
        }
    }
    Ok(())
}

/// The parts to use: `training.samples` of those that train.
///
/// # Errors
/// If there are not so many.
pub fn limited(experiment: &Experiment, parts: &Parts, seed: u64) -> Result<Parts, Error> {
    let all = parts.train.len();
    match experiment.training.samples {
        Some(samples) if samples > all => {
            let most = format!("training.samples = {samples}, but the training part has {all}");
            Err(Error::Setup(format!("{most}; write {all} at most, or leave it out for all")))
        }
        Some(samples) => Ok(Parts { train: data::subset(&parts.train, samples, seed), ..parts.clone() }),
        None => Ok(parts.clone()),
    }
}

fn named(key: &str, column: &str, loss: &Loss, data: &Dataset) -> Result<(), Error> {
    let names = validation_names(loss, &data.classes);
    if names.iter().any(|name| name == column) {
        return Ok(());
    }
    Err(Error::Setup(format!("{key} = \"{column}\" is no validation column; choose one of {}", names.join(", "))))
}
