//! What must hold between the values of an experiment, each of which is good by itself.

mod data;
mod lone;
mod metrics;
pub(super) mod search;
mod size;

use super::suggest::{closest, listed};
use super::{Experiment, Initial, LrSchedule, MultiStepLr, Optimizer};
use data::{classes, split};
use lone::lone;
use size::{groups, patches, ranges, sides, square, window};

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub title: String,
    /// The dotted keys that have a part in it; the caret goes to the first that is written out.
    pub about: Vec<&'static str>,
    pub help: String,
}

impl Finding {
    pub(super) fn new(title: String, about: &[&'static str], help: impl Into<String>) -> Self {
        Self { title, about: about.to_vec(), help: help.into() }
    }
}

/// Every rule that is broken.
pub(super) fn check(e: &Experiment) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(sides(e));
    found.extend(patches(e));
    found.extend(square(e));
    found.extend(window(e));
    found.extend(ranges(e));
    found.extend(groups(&e.model));
    found.extend(lone(e));
    found.extend(classes(e));
    found.extend(weights(e));
    found.extend(terms(e));
    found.extend(exclusive(e));
    found.extend(data::partial(e));
    found.extend(split(e));
    found.extend(nesterov(e));
    found.extend(metric("training.best", &e.training.best, e));
    found.extend(schedule(e));
    found.extend(warmup(e));
    found.extend(initial(e));
    found.extend(metrics::check(e));
    found.extend(runs(e, true));
    found
}

/// Runs of an experiment at most, counted before any combination is left out: one of more is a slip.
pub const MOST_RUNS: usize = 100_000;

/// More runs than anybody trains: combinations × folds × seeds. Folds count unless the split is itself swept.
pub(super) fn runs(e: &Experiment, folded: bool) -> Option<Finding> {
    let folds = if folded { e.split.fold_count() } else { 1 };
    let factors = [(e.sweep.count(), "combinations"), (Some(folds), "folds"), (Some(e.training.seeds.len()), "seeds")];
    let count = factors.iter().try_fold(1_usize, |product, (factor, _)| product.checked_mul((*factor)?));
    if count.is_some_and(|count| count <= MOST_RUNS) {
        return None;
    }
    let factors: Vec<String> = factors
        .iter()
        .filter(|(n, _)| *n != Some(1))
        .map(|(n, of)| format!("{} {of}", (*n).map_or("countless".into(), |n| n.to_string())))
        .collect();
    let count = count.map_or_else(|| "countless".to_owned(), |count| count.to_string());
    let title = format!("the experiment has {count} runs, {}; at most {MOST_RUNS} can be planned", factors.join(" × "));
    let about = ["sweep.grid", "sweep.random", "sweep.points", "sweep.zip", "split.k_fold", "training.seeds"];
    Some(Finding::new(title, &about, "list fewer values, trials, folds or seeds, or write several experiments"))
}

fn weights(e: &Experiment) -> Vec<Finding> {
    const KEY: &str = "loss.class_weights";
    const POSITIVE: &str = "loss.weighted_bce.pos_weight";
    let (names, weights) = (e.dataset.classes(), &e.loss.class_weights);
    let mut found = Vec::new();
    let positive = &e.loss.weighted_bce.pos_weight;
    if names.is_empty() && !(weights.is_empty() && positive.is_empty()) {
        let (key, classes) = (if weights.is_empty() { POSITIVE } else { KEY }, e.dataset.classes_path());
        let title = format!("`{key}` needs to know the order of the classes, which `{classes}` does not say");
        return vec![Finding::new(title, &[key, classes], format!("write `{classes}` out"))];
    }
    if !weights.is_empty() && weights.len() != names.len() {
        let listed = listed(names.iter().map(String::as_str));
        let title = format!("`{KEY}` needs a weight for each class, {listed}, got {} of them", weights.len());
        let help = "write a weight for each class in this order, or [] for equal weights";
        found.push(Finding::new(title, &[KEY, e.dataset.classes_path()], help));
    }
    if !positive.is_empty() && positive.len() != names.len() {
        let key = POSITIVE;
        let listed = listed(names.iter().map(String::as_str));
        let title = format!("`{key}` needs a weight for each class, {listed}, got {} of them", positive.len());
        let help = "write a weight for each class in this order, or [] for 1 each";
        found.push(Finding::new(title, &[key, e.dataset.classes_path()], help));
    }
    if !weights.is_empty() && weights.iter().all(|w| *w == 0.0) {
        let title = format!("`{KEY}` are all 0, so there is nothing to learn");
        found.push(Finding::new(title, &[KEY], "give a class a weight above 0, or write [] for equal weights"));
    }
    found
}

fn terms(e: &Experiment) -> Option<Finding> {
    let title = "`loss.bce`, `loss.dice` and all other terms have weight 0, so there is nothing to learn".to_owned();
    let help = "give one of them a weight above 0";
    e.loss.terms().is_empty().then(|| Finding::new(title, &["loss.bce", "loss.dice"], help))
}

/// Classes that overlap by their very definition; masks are looked at when a run begins.
fn exclusive(e: &Experiment) -> Option<Finding> {
    const KEY: &str = "loss.softmax_ce.weight";
    let names = e.dataset.classes();
    let title = format!(
        "`{KEY}` needs classes that exclude each other, but {} lie in one another",
        listed(names.iter().map(String::as_str))
    );
    let help = "use other terms, such as `loss.bce` and `loss.dice`, or one class";
    (e.loss.is_exclusive() && e.dataset.is_nested()).then(|| Finding::new(title, &[KEY, e.dataset.classes_path()], help))
}

fn nesterov(e: &Experiment) -> Option<Finding> {
    let Optimizer::Sgd(sgd) = &e.optimizer else { return None };
    let title = "`optimizer.sgd.nesterov` needs `optimizer.sgd.momentum` above 0".to_owned();
    let help = "write momentum = 0.9, or nesterov = false";
    (sgd.nesterov && sgd.momentum == 0.0)
        .then(|| Finding::new(title, &["optimizer.sgd.nesterov", "optimizer.sgd.momentum"], help))
}

fn metric(key: &'static str, name: &str, e: &Experiment) -> Option<Finding> {
    let scores = ["dice", "iou", "precision", "recall", "specificity", "accuracy"];
    let mut known: Vec<String> = ["loss", "bce", "dice_loss"].iter().chain(&scores).map(|name| format!("val_{name}")).collect();
    known.extend(e.loss.further_terms().iter().map(|(_, term)| format!("val_{}", term.column())));
    for class in e.dataset.classes() {
        known.extend(scores.iter().map(|name| format!("val_{name}_{class}")));
    }
    if known.iter().any(|k| k == name) {
        return None;
    }
    let title = format!("`{key}` must be a validation column of metrics.csv, got \"{name}\"");
    let about = [key, e.dataset.classes_path()];
    let of_a_class = scores.iter().any(|score| name.starts_with(&format!("val_{score}_")));
    if of_a_class && e.dataset.classes().is_empty() {
        return Some(Finding::new(
            title,
            &about,
            format!("write `{}` out, so that their columns are known", e.dataset.classes_path()),
        ));
    }
    let help = match closest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("the columns are {}", listed(known.iter().map(String::as_str))),
    };
    Some(Finding::new(title, if of_a_class { &about } else { &about[..1] }, help))
}

fn schedule(e: &Experiment) -> Option<Finding> {
    match &e.lr_schedule {
        LrSchedule::MultiStep(s) => rising(s),
        LrSchedule::Cosine(s) => floor("lr_schedule.cosine.min_lr", s.min_lr, e),
        LrSchedule::Plateau(s) => {
            metric("lr_schedule.plateau.metric", &s.metric, e).or_else(|| floor("lr_schedule.plateau.min_lr", s.min_lr, e))
        }
        _ => None,
    }
}

fn rising(s: &MultiStepLr) -> Option<Finding> {
    const KEY: &str = "lr_schedule.multi_step.milestones";
    let pair = s.milestones.windows(2).find(|pair| pair[0] >= pair[1])?;
    let mut sorted = s.milestones.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let title = format!("`{KEY}` must rise, but {} comes before {}", pair[0], pair[1]);
    Some(Finding::new(title, &[KEY], format!("write milestones = {sorted:?}")))
}

fn floor(key: &'static str, min_lr: f64, e: &Experiment) -> Option<Finding> {
    let (lr_key, lr) = (e.optimizer.lr_path(), e.optimizer.lr());
    let title = format!("`{key}` must not be above the learning rate it falls from, {lr}, got {min_lr}");
    (min_lr > lr).then(|| Finding::new(title, &[key, lr_key], format!("lower it, or raise `{lr_key}`")))
}

fn warmup(e: &Experiment) -> Option<Finding> {
    let (warm, all) = (e.lr_warmup.epochs, e.training.epochs);
    let title = format!("`lr_warmup.epochs` must be at most `training.epochs`, {all}, got {warm}");
    let help = "shorten the warm-up, or train longer";
    (warm > all).then(|| Finding::new(title, &["lr_warmup.epochs", "training.epochs"], help))
}

fn initial(e: &Experiment) -> Option<Finding> {
    const KEY: &str = "training.initial.hash";
    let initial = &e.training.initial;
    let hash = initial.hash.as_ref()?;
    if initial.is_random() {
        let title = format!("`{KEY}` is that of a file, but `training.initial.weights` are \"{}\"", Initial::RANDOM);
        return Some(Finding::new(title, &[KEY, "training.initial.weights"], "name the file, or take the hash out"));
    }
    let good = hash.len() == 64 && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let title = format!("`{KEY}` must be 64 digits of 0 to 9 and a to f, got \"{hash}\"");
    (!good).then(|| Finding::new(title, &[KEY], "write what `b3sum` says of the file, or leave it out"))
}
