//! Classes, masks and splits.

use super::Finding;
use crate::config::suggest::listed;
use crate::config::{Dataset, Experiment, Folders, FractionSplit, KFoldSplit, ListSplit, MaskValues, SplitRule, rgb};
use std::collections::HashMap;

pub(super) fn classes(e: &Experiment) -> Vec<Finding> {
    let mut found = Vec::new();
    let (key, names) = (e.dataset.classes_path(), &e.dataset.classes());
    let values = match &e.dataset {
        Dataset::Folders(d) => Some(("dataset.folders.mask_values", d.mask_values)),
        Dataset::Stack(d) => Some(("dataset.stack.mask_values", d.mask_values)),
        Dataset::Volumes(d) => Some(("dataset.volumes.mask_values", d.mask_values)),
        _ => None,
    };
    if names.iter().any(|name| name == "loss") {
        let title = format!("a class of `{key}` cannot be named \"loss\": the column `val_dice_loss` has another meaning");
        found.push(Finding::new(title, &[key], "choose another name"));
    }
    if names.iter().any(|name| name.starts_with("at_threshold")) {
        let title = format!(
            "a class of `{key}` cannot begin with \"at_threshold\": the column `test_dice_at_threshold` has another meaning"
        );
        found.push(Finding::new(title, &[key], "choose another name"));
    }
    if let Dataset::Folders(folders) = &e.dataset {
        found.extend(tables(folders));
        if folders.partial && folders.class_masks.is_empty() {
            let title = "`dataset.folders.partial` is about the masks of single classes, and `class_masks` names none".to_owned();
            found.push(Finding::new(
                title,
                &["dataset.folders.partial"],
                "name a folder or pattern for each class in [dataset.folders.class_masks], or take partial out",
            ));
        }
    }
    let by_tables =
        matches!(&e.dataset, Dataset::Folders(d) if !d.levels.is_empty() || !d.colours.is_empty() || !d.class_masks.is_empty());
    if let Some((values_key, MaskValues::Indexed)) = values
        && !by_tables
    {
        found.extend(background(key, values_key, names));
    }
    if let Some((values_key, MaskValues::Binary)) = values
        && names.len() > 1
        && !by_tables
    {
        let title = format!("a mask with `mask_values = \"binary\"` shows one class, but `{key}` names {}", names.len());
        found.push(Finding::new(title, &[key, values_key], "write mask_values = \"indexed\", or name one class"));
    }
    found
}

/// In indexed masks the background has no name.
fn background(key: &'static str, values_key: &'static str, names: &[String]) -> Option<Finding> {
    let is_background = |name: &&String| ["background", "bg"].contains(&name.to_lowercase().as_str());
    let (at, name) = names.iter().enumerate().find(|(_, name)| is_background(name))?;
    let value = at + 1;
    let title = format!(
        "`{key}` names \"{name}\", which would be the value {value} of an indexed mask: the background is 0 and has no name, \
         the first class is 1"
    );
    let others: Vec<&String> = names.iter().filter(|name| !is_background(name)).collect();
    let help = if others.is_empty() {
        format!("name the class that has the value {value}")
    } else {
        format!("write classes = {others:?}, or give the value {value} another name")
    };
    Some(Finding::new(title, &[key, values_key], help))
}

/// Tables by class name classes, and all of them.
fn tables(folders: &Folders) -> Vec<Finding> {
    let levels: Vec<&String> = folders.levels.keys().filter(|name| *name != "background").collect();
    let colours: Vec<&String> =
        folders.colours.keys().filter(|name| !["background", "ignore"].contains(&name.as_str())).collect();
    let masks: Vec<&String> = folders.class_masks.keys().collect();
    let mut found = Vec::new();
    if !folders.colours.is_empty() && folders.classes.iter().any(|name| name == "ignore") {
        let title =
            "in `dataset.folders.colours`, `ignore` has the colour of pixels that count nowhere, so no class can have that name"
                .to_owned();
        return vec![Finding::new(title, &["dataset.folders.classes", "dataset.folders.colours"], "give the class another name")];
    }
    if !folders.colours.is_empty() && folders.classes.iter().any(|name| name == "background") {
        let title =
            "in `dataset.folders.colours`, `background` has the colour of no class, so no class can have that name".to_owned();
        let help =
            "take \"background\" out of the classes; to learn it as a class too, give that class another name, such as \"rest\"";
        return vec![Finding::new(title, &["dataset.folders.classes", "dataset.folders.colours"], help)];
    }
    found.extend(self::colours(folders));
    if !folders.levels.is_empty() && folders.classes.iter().any(|name| name == "background") {
        let title =
            "in `dataset.folders.levels`, `background` has the values of no class, so no class can have that name".to_owned();
        let help =
            "take \"background\" out of the classes; to learn it as a class too, give that class another name, such as \"rest\"";
        return vec![Finding::new(title, &["dataset.folders.classes", "dataset.folders.levels"], help)];
    }
    let by_class =
        [("dataset.folders.levels", &levels), ("dataset.folders.colours", &colours), ("dataset.folders.class_masks", &masks)];
    for (key, named) in by_class {
        let strange: Vec<&str> = named.iter().filter(|name| !folders.classes.contains(name)).map(|name| name.as_str()).collect();
        let absent = folders.classes.iter().find(|name| !named.contains(name) && !named.is_empty());
        let problem = match (&strange[..], absent) {
            ([name], _) => format!("`{key}` names `{name}`, which is no class"),
            ([_, ..], _) => format!("`{key}` names {}, which are no classes", listed(strange.iter().copied())),
            ([], Some(name)) => format!("`{key}` has nothing for the class \"{name}\""),
            ([], None) => continue,
        };
        let there = listed(folders.classes.iter().map(String::as_str));
        let help = if strange.len() == named.len() {
            format!("write classes = {named:?}, in the order of the output channels; now they are {there}")
        } else {
            format!("the classes are {there}")
        };
        found.push(Finding::new(problem, &[key, "dataset.folders.classes"], help));
    }
    let given: Vec<&'static str> = by_class.iter().filter(|(_, named)| !named.is_empty()).map(|(key, _)| *key).collect();
    if let [first, second, ..] = given[..] {
        let title = format!("`{first}` and `{second}` exclude each other");
        found.push(Finding::new(title, &[first, second], "keep one of them"));
    }
    found
}

/// Colours that are none, or mean two things.
fn colours(folders: &Folders) -> Vec<Finding> {
    const KEY: &str = "dataset.folders.colours";
    let mut found = Vec::new();
    let mut seen: HashMap<[u8; 3], &str> = HashMap::new();
    for (name, text) in &folders.colours {
        let Some(colour) = rgb(text) else {
            let title = format!("`{KEY}.{name}` must be a colour as \"#rrggbb\", got \"{text}\"");
            found.push(Finding::new(title, &[KEY], "write red, green and blue with two digits of 0 to 9 and a to f each"));
            continue;
        };
        if let Some(other) = seen.insert(colour, name) {
            let title = format!("`{KEY}` has {text} for \"{other}\" and for \"{name}\"");
            found.push(Finding::new(title, &[KEY], "a colour means one class: give one of them another"));
        }
    }
    found
}

/// Of classes that exclude each other all must be annotated, or none is known.
pub(super) fn partial(e: &Experiment) -> Option<Finding> {
    let Dataset::Folders(folders) = &e.dataset else { return None };
    let title =
        "`loss.softmax_ce.weight` needs the masks of all classes of an image, and `dataset.folders.partial` lets some be absent"
            .to_owned();
    let help = "use other terms, such as `loss.bce` and `loss.dice`, or take partial out";
    (folders.partial && e.loss.is_exclusive())
        .then(|| Finding::new(title, &["dataset.folders.partial", "loss.softmax_ce.weight"], help))
}

pub(super) fn split(e: &Experiment) -> Vec<Finding> {
    match &e.split {
        SplitRule::Official(_) => official(&e.dataset).into_iter().collect(),
        SplitRule::Fractions(s) => fractions(s).into_iter().collect(),
        SplitRule::KFold(s) => folds(s, &e.dataset),
        SplitRule::Lists(s) => lists(s),
    }
}

fn official(dataset: &Dataset) -> Option<Finding> {
    let title = format!("`{}` has no official parts, so `split.official` has nothing to go by", dataset.path());
    let help = "choose [split.fractions], [split.k_fold] or [split.lists]; [dataset.drishti_gs] and [dataset.rim_one] have official parts";
    (!dataset.has_official_split()).then(|| Finding::new(title, &["split.official", dataset.path()], help))
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
