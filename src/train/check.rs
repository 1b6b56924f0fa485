//! What must hold between experiment and data before training begins.

use super::Error;
use super::columns::validation_names;
use crate::config::{Experiment, Loss, LrSchedule};
use crate::data::{self, Dataset, Splits};
use crate::metric;

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
/// If a split is empty, a column is named that there will not be or that no validation sample has a score in, the number of class weights
/// is wrong, or a batch is too small for the network.
pub fn fits(experiment: &Experiment, data: &Dataset, splits: &Splits) -> Result<(), Error> {
    for (name, part) in [("training", &splits.train), ("validation", &splits.val)] {
        if part.is_empty() {
            return Err(Error::Setup(format!("split leaves no sample in the {name} split; change its shares")));
        }
    }
    let mut judges = vec![("training.best", &experiment.training.best)];
    if let LrSchedule::Plateau(rule) = &experiment.lr_schedule {
        judges.push(("lr_schedule.plateau.metric", &rule.metric));
    }
    for (key, column) in judges {
        named(key, column, &experiment.loss, data)?;
        shown(key, column, data, splits)?;
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
    let samples = experiment.training.samples.map_or(splits.train.len(), |samples| samples.min(splits.train.len()));
    lone_sample(experiment, samples).map_or(Ok(()), |lone| Err(Error::Setup(lone.to_string())))
}

/// A last batch of one sample, which the network cannot train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoneSample {
    /// What is wrong.
    pub problem: String,
    /// What can be done about it.
    pub remedy: String,
}

impl std::fmt::Display for LoneSample {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)
    }
}

/// Whether an epoch over so many training samples ends with a batch that is [too small](Experiment::least_batch).
pub fn lone_sample(experiment: &Experiment, samples: usize) -> Option<LoneSample> {
    let batch = experiment.training.batch_size;
    let draws = samples * experiment.patches.as_ref().map_or(1, |patches| patches.per_image);
    let fits = |batch: usize| batch > 1 && draws % batch != 1;
    if experiment.least_batch() < 2 || fits(batch) {
        return None;
    }
    let what = if experiment.patches.is_some() { "patches" } else { "samples" };
    let problem = format!(
        "`training.batch_size` = {batch} leaves one of {draws} {what} for the last batch of an epoch: batch norm has a single value to \
         normalise there, because the deepest level is 1 × 1"
    );
    let near =
        (1..=batch.max(draws)).flat_map(|by| [batch + by, batch.saturating_sub(by)]).find(|batch| fits(*batch) && draws > 1);
    let near = near.map(|batch| format!("write `training.batch_size` = {batch}"));
    Some(LoneSample { problem, remedy: experiment.more_values(near) })
}

/// Refuses to judge by the score of a class that no validation sample shows.
fn shown(key: &str, column: &str, data: &Dataset, splits: &Splits) -> Result<(), Error> {
    let class = metric::describe(column).and_then(|metric| metric.class);
    let at = class.and_then(|class| data.classes.iter().position(|name| *name == class));
    let absent = metric::Absent::of(&data::shown(data, &splits.val));
    match at.filter(|at| absent.has(*at)) {
        None => Ok(()),
        Some(at) => Err(Error::Setup(format!(
            "{key} = \"{column}\", but no validation sample has a pixel of \"{}\", so there is no such score; change the split, or \
             choose another column",
            data.classes[at]
        ))),
    }
}

/// Refuses masks that overlap.
fn exclusive(data: &Dataset) -> Result<(), Error> {
    let pixels = data.size[0] * data.size[1];
    for sample in &data.samples {
        let marked = |class: usize, at: usize| sample.mask[class * pixels + at] == 1;
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

/// The splits to use: `training.samples` of those that train.
///
/// # Errors
/// If there are not so many.
pub fn limited(experiment: &Experiment, splits: &Splits, seed: u64) -> Result<Splits, Error> {
    let all = splits.train.len();
    match experiment.training.samples {
        Some(samples) if samples > all => {
            let most = format!("training.samples = {samples}, but the training split has {all}");
            Err(Error::Setup(format!("{most}; write {all} at most, or leave it out for all")))
        }
        Some(samples) => Ok(Splits { train: data::subset(&splits.train, samples, seed), ..splits.clone() }),
        None => Ok(splits.clone()),
    }
}

fn named(key: &str, column: &str, loss: &Loss, data: &Dataset) -> Result<(), Error> {
    let names = validation_names(loss, &data.classes);
    if names.iter().any(|name| name == column) {
        return Ok(());
    }
    Err(Error::Setup(format!("{key} = \"{column}\" is no validation column; choose one of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(rest: &str) -> Experiment {
        toml::from_str(&format!("name = 'x'\npreprocess.size = [8, 8]\n{rest}")).unwrap()
    }

    #[test]
    fn a_last_batch_of_one_needs_maps_of_more_than_a_pixel() {
        let deep = |batch: usize| experiment(&format!("training.batch_size = {batch}\nmodel.unet.channels = [2, 4, 4, 4]"));
        let lone = |experiment: &Experiment, samples: usize| lone_sample(experiment, samples).is_some();
        assert!(lone(&deep(3), 10) && !lone(&deep(3), 11) && !lone(&deep(10), 10) && lone(&deep(10), 1));
        for other in ["channels = [2, 4, 4]", "channels = [2, 4, 4, 4]\nnorm = 'group'\ngroups = 2"] {
            assert!(!lone(&experiment(&format!("training.batch_size = 3\n[model.unet]\n{other}")), 10), "{other}");
        }
        let patches = "training.batch_size = 3\nmodel.unet.channels = [2, 4, 4]\n[patches]\nsize = [4, 4]\nper_image = 5";
        assert!(lone(&experiment(patches), 2) && !lone(&experiment(patches), 3));
    }

    /// Every remedy is one.
    #[test]
    fn what_is_proposed_for_a_last_batch_of_one_works() {
        let message = lone_sample(&experiment("training.batch_size = 3\nmodel.unet.channels = [2, 4, 4, 4]"), 10).unwrap();
        assert_eq!(
            message.remedy,
            "write `training.batch_size` = 4, drop a level of `model.unet.channels`, write `preprocess.size` = [16, 16], or write \
             `model.unet.norm` = \"group\" with `model.unet.groups` = 2"
        );
        let again = "training.batch_size = 4\nmodel.unet.channels = [2, 4, 4, 4]";
        assert_eq!(lone_sample(&experiment(again), 10), None);
        let alone = lone_sample(&experiment("training.batch_size = 3\nmodel.unet.channels = [1, 1, 1, 1]"), 1).unwrap();
        assert!(alone.remedy.starts_with("drop a level") && alone.remedy.ends_with("or write `model.unet.norm` = \"none\""));
    }
}
