//! What must hold between the values of an experiment, each of which is good by itself.

use super::suggest::{closest, listed};
use super::{
    Dataset, Experiment, Folders, FractionSplit, Initial, KFoldSplit, ListSplit, LrSchedule, MaskValues, Model, MultiStepLr,
    Norm, Optimizer, Split,
};
use std::collections::HashMap;

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
    found.extend(ranges(e));
    found.extend(groups(&e.model));
    found.extend(classes(e));
    found.extend(weights(e));
    found.extend(terms(e));
    found.extend(split(e));
    found.extend(nesterov(e));
    found.extend(metric("training.best", &e.training.best, e));
    found.extend(schedule(e));
    found.extend(warmup(e));
    found.extend(initial(e));
    found.extend(super::metrics::check(e));
    found
}

const SIZE: &str = "preprocess.size";
const PATCH: &str = "patches.size";

/// The key of the size that goes through the network.
fn size_key(e: &Experiment) -> &'static str {
    if e.patches.is_some() { PATCH } else { SIZE }
}

/// Patches lie within the images.
fn patches(e: &Experiment) -> Option<Finding> {
    let (of, [h, w]) = (e.preprocess.size, e.patches.as_ref()?.size);
    let title = format!("`{PATCH}` must lie within `{SIZE}`, {of:?}, got [{h}, {w}]");
    let help = "make the patches smaller or the images larger; without [patches] whole images train";
    (h > of[0] || w > of[1]).then(|| Finding::new(title, &[PATCH, SIZE], help))
}

/// The keys of channels, norm and groups of the network that is chosen.
fn keys(model: &Model) -> [&'static str; 3] {
    match model {
        Model::Unet(_) => ["model.unet.channels", "model.unet.norm", "model.unet.groups"],
        Model::AttentionUnet(_) => ["model.attention_unet.channels", "model.attention_unet.norm", "model.attention_unet.groups"],
        Model::UnetPlusPlus(_) => ["model.unet_plus_plus.channels", "model.unet_plus_plus.norm", "model.unet_plus_plus.groups"],
    }
}

fn sides(e: &Experiment) -> Option<Finding> {
    let [key, ..] = keys(&e.model);
    let size = size_key(e);
    let levels = e.model.channels().len();
    let depth = levels.checked_sub(1).filter(|depth| *depth < 32)?;
    let step = 1_usize << depth;
    let [h, w] = e.input_size();
    let bad: Vec<usize> = [h, w].into_iter().filter(|side| side % step != 0).collect();
    if bad.is_empty() {
        return None;
    }
    let (down, up) = ([h, w].map(|side| side / step * step), [h, w].map(|side| side.next_multiple_of(step)));
    let near = if down.contains(&0) { format!("{up:?}") } else { format!("{down:?} or {up:?}") };
    let title = format!("`{key}` has {levels} levels, so the sides of `{size}` must be divisible by {step}, got [{h}, {w}]");
    let help = if levels > 2 { format!("write size = {near}, or drop a level") } else { format!("write size = {near}") };
    Some(Finding::new(title, &[size, key], help))
}

fn square(e: &Experiment) -> Option<Finding> {
    let (size, [h, w]) = (size_key(e), e.input_size());
    let title = format!("`augment.rotate90` turns a picture by 90°, which needs a square `{size}`, got [{h}, {w}]");
    let help = "make the size square, or set rotate90 = 0";
    (e.augment.rotate90 > 0.0 && h != w).then(|| Finding::new(title, &["augment.rotate90", size], help))
}

/// Ranges of `[augment]` go up.
fn ranges(e: &Experiment) -> impl Iterator<Item = Finding> {
    e.augment.ranges().into_iter().filter(|(_, [low, high])| low > high).map(|(key, [low, high])| {
        let title = format!("`{key}` goes from the least to the largest, but {low} comes before {high}");
        Finding::new(title, &[key], format!("write [{high}, {low}]"))
    })
}

fn groups(model: &Model) -> Option<Finding> {
    let ([channels_key, norm_key, key], channels, blocks) = (keys(model), model.channels(), model.blocks());
    let odd: Vec<String> = channels.iter().filter(|c| *c % blocks.groups.max(1) != 0).map(usize::to_string).collect();
    if blocks.norm != Norm::Group || odd.is_empty() {
        return None;
    }
    let common = channels.iter().fold(0, |a, b| gcd(a, *b));
    let title = format!("`{key}` must divide the channels of every level; {} does not divide {}", blocks.groups, odd.join(", "));
    let largest = (1..=blocks.groups).rev().find(|g| common % g == 0).unwrap_or(1);
    let help = format!("write groups = {largest}, or change the channels");
    Some(Finding::new(title, &[key, channels_key, norm_key], help))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn classes(e: &Experiment) -> Vec<Finding> {
    let mut found = Vec::new();
    let (key, names, values) = match &e.dataset {
        Dataset::Folders(d) => ("dataset.folders.classes", &d.classes, Some(("dataset.folders.mask_values", d.mask_values))),
        Dataset::Stack(d) => ("dataset.stack.classes", &d.classes, Some(("dataset.stack.mask_values", d.mask_values))),
        _ => return found,
    };
    if names.iter().any(|name| name == "loss") {
        let title = format!("a class of `{key}` cannot be named \"loss\": the column `val_dice_loss` has another meaning");
        found.push(Finding::new(title, &[key], "choose another name"));
    }
    if let Dataset::Folders(folders) = &e.dataset {
        found.extend(tables(folders));
    }
    let by_tables = matches!(&e.dataset, Dataset::Folders(d) if !d.levels.is_empty() || !d.class_masks.is_empty());
    if let Some((values_key, MaskValues::Binary)) = values
        && names.len() > 1
        && !by_tables
    {
        let title = format!("a mask with `mask_values = \"binary\"` shows one class, but `{key}` names {}", names.len());
        found.push(Finding::new(title, &[key, values_key], "write mask_values = \"indexed\", or name one class"));
    }
    found
}

/// Tables by class name classes, and all of them.
fn tables(folders: &Folders) -> Vec<Finding> {
    let levels: Vec<&String> = folders.levels.keys().filter(|name| *name != "background").collect();
    let masks: Vec<&String> = folders.class_masks.keys().collect();
    let mut found = Vec::new();
    for (key, named) in [("dataset.folders.levels", &levels), ("dataset.folders.class_masks", &masks)] {
        let strange = named.iter().find(|name| !folders.classes.contains(name));
        let absent = folders.classes.iter().find(|name| !named.contains(name) && !named.is_empty());
        let problem = match (strange, absent) {
            (Some(name), _) => format!("`{key}` names \"{name}\", which is no class"),
            (None, Some(name)) => format!("`{key}` has nothing for the class \"{name}\""),
            (None, None) => continue,
        };
        let listed = listed(folders.classes.iter().map(String::as_str));
        found.push(Finding::new(problem, &[key, "dataset.folders.classes"], format!("the classes are {listed}")));
    }
    if !levels.is_empty() && !masks.is_empty() {
        let title = "`dataset.folders.levels` and `dataset.folders.class_masks` exclude each other".to_owned();
        let keys = ["dataset.folders.levels", "dataset.folders.class_masks"];
        found.push(Finding::new(title, &keys, "keep one of them"));
    }
    found
}

fn weights(e: &Experiment) -> Vec<Finding> {
    const KEY: &str = "loss.class_weights";
    let (names, weights) = (e.dataset.classes(), &e.loss.class_weights);
    let mut found = Vec::new();
    if !weights.is_empty() && weights.len() != names.len() {
        let listed = listed(names.iter().map(String::as_str));
        let title = format!("`{KEY}` needs a weight for each class, {listed}, got {} of them", weights.len());
        let help = "write a weight for each class in this order, or [] for equal weights";
        found.push(Finding::new(title, &[KEY, e.dataset.classes_path()], help));
    }
    let positive = &e.loss.weighted_bce.pos_weight;
    if !positive.is_empty() && positive.len() != names.len() {
        let key = "loss.weighted_bce.pos_weight";
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
    (e.loss.bce == 0.0 && e.loss.dice == 0.0 && e.loss.terms().is_empty())
        .then(|| Finding::new(title, &["loss.bce", "loss.dice"], help))
}

fn split(e: &Experiment) -> Vec<Finding> {
    match &e.split {
        Split::Official(_) => official(&e.dataset).into_iter().collect(),
        Split::Fractions(s) => fractions(s).into_iter().collect(),
        Split::KFold(s) => folds(s, &e.dataset),
        Split::Lists(s) => lists(s),
    }
}

fn official(dataset: &Dataset) -> Option<Finding> {
    let title = format!("`{}` has no official parts, so `split.official` has nothing to go by", dataset.path());
    let help = "choose [split.fractions], [split.k_fold] or [split.lists]; only [dataset.drishti_gs] has official parts";
    (!matches!(dataset, Dataset::DrishtiGs(_) | Dataset::RimOne(_)))
        .then(|| Finding::new(title, &["split.official", dataset.path()], help))
}

fn fractions(s: &FractionSplit) -> Option<Finding> {
    let sum = s.train + s.val + s.test;
    if (sum - 1.0).abs() <= 1e-6 {
        return None;
    }
    let tidy = |x: f64| (x * 1e6).round() / 1e6;
    let title = format!("the shares train {}, val {} and test {} must add up to 1, got {}", s.train, s.val, s.test, tidy(sum));
    let rest = tidy(1.0 - s.val - s.test);
    let help = match () {
        () if tidy(s.train + s.val) == 1.0 => "write test = 0 if nothing is to be tested".to_owned(),
        () if rest > 0.0 => format!("train = {rest} would do"),
        () => "lower one of them".to_owned(),
    };
    Some(Finding::new(title, &["split.fractions.train", "split.fractions.val", "split.fractions.test"], help))
}

fn folds(s: &KFoldSplit, dataset: &Dataset) -> Vec<Finding> {
    const FOLDS: &str = "split.k_fold.folds";
    const K: &str = "split.k_fold.k";
    let mut found = Vec::new();
    if let Some(fold) = s.folds.iter().find(|fold| **fold > s.k) {
        let title = format!("`{FOLDS}` are numbered from 1 to {}, got {fold}", s.k);
        found.push(Finding::new(title, &[FOLDS, K], "take it out, raise k, or write [] for all folds"));
    }
    if let Dataset::Synthetic(d) = dataset {
        let left = d.count - ((d.count as f64 * s.test).round() as usize).min(d.count);
        if left < s.k {
            let title = format!("`{K}` wants {} folds of {left} samples", s.k);
            let keys = [K, "dataset.synthetic.count", "split.k_fold.test"];
            found.push(Finding::new(title, &keys, "lower k or test, or raise the count"));
        }
    }
    found
}

fn lists(s: &ListSplit) -> Vec<Finding> {
    let parts = [("split.lists.train", &s.train), ("split.lists.val", &s.val), ("split.lists.test", &s.test)];
    let mut seen: HashMap<&str, &'static str> = HashMap::new();
    let mut found = Vec::new();
    for (key, names) in parts {
        for name in names {
            if let Some(first) = seen.insert(name, key).filter(|first| *first != key) {
                let title = format!("\"{name}\" is in `{first}` and in `{key}`: a sample belongs to one part");
                found.push(Finding::new(title, &[key, first], "take it out of one of them"));
            }
        }
    }
    found
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
    known.extend(e.loss.terms().iter().map(|(_, term)| format!("val_{}", term.column())));
    for class in e.dataset.classes() {
        known.extend(scores.iter().map(|name| format!("val_{name}_{class}")));
    }
    if known.iter().any(|k| k == name) {
        return None;
    }
    let title = format!("`{key}` must be a validation column of metrics.csv, got \"{name}\"");
    let about = [key, e.dataset.classes_path()];
    let help = match closest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("the columns are {}", listed(known.iter().map(String::as_str))),
    };
    let of_a_class = scores.iter().any(|score| name.starts_with(&format!("val_{score}_")));
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
