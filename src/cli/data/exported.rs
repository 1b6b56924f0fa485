//! The experiment file beside exported samples: it reads and splits them, so that they train as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use umlaut::config::{
    ChannelAxis, Colour, Dataset, Experiment, Folders, FractionSplit, Intensity, ListSplit, MaskValues, Preprocess, SplitRule,
};
use umlaut::data;

/// What is kept of the experiment; all else has its default.
const KEPT: [&str; 5] = ["name", "dataset", "preprocess", "split", "model"];
/// Of so many groups of samples one validates.
const PARTS: usize = 5;

/// The folder of a class's masks.
pub fn masks_folder(classes: &[String], class: usize) -> String {
    if classes.len() == 1 { "masks".to_owned() } else { format!("masks_{}", classes[class]) }
}

/// The text of the file for samples of a split that lie in `out`. `samples` are their files' names, each with what it has in common with those
/// that must stay in one split with it.
pub fn experiment(from: &Experiment, data: &data::Dataset, out: &Path, of: &str, samples: &[(String, &str)]) -> String {
    // Of a path that is no text nothing better can be written.
    let root = std::path::absolute(out).unwrap_or_else(|_| out.to_owned()).to_string_lossy().into_owned();
    let masks = |class: usize| (data.classes[class].clone(), PathBuf::from(masks_folder(&data.classes, class)));
    let several = data.classes.len() > 1;
    let folders = Folders {
        root: root.into(),
        images: "images".into(),
        masks: "masks".into(),
        pairs: None,
        ignore: Vec::new(),
        partial: false,
        classes: data.classes.clone(),
        mask_values: MaskValues::Binary,
        colour: if data.channels == 1 { Colour::Grey } else { Colour::Rgb },
        channel_axis: ChannelAxis::Auto,
        levels: BTreeMap::new(),
        colours: BTreeMap::new(),
        class_masks: if several { (0..data.classes.len()).map(masks).collect() } else { BTreeMap::new() },
    };
    let experiment = Experiment {
        name: format!("{}-{of}", from.name).chars().take(100).collect(),
        dataset: Dataset::Folders(folders),
        // Values were brought to 8 bits.
        preprocess: Preprocess {
            size: from.input_size(),
            intensity: Intensity::default(),
            window: None,
            ..from.preprocess.clone()
        },
        split: split(samples),
        ..from.clone()
    };
    let mut table: toml::Table = experiment.to_toml().parse().expect("what was written as TOML can be read");
    table.retain(|key, _| KEPT.contains(&key));
    format!(
        "# Reads the samples that lie beside it; `umlaut run` trains on them. What is not here has its default.\n{}",
        toml::to_string(&table).expect("it was TOML before")
    )
}

/// Shares, or lists where samples must stay together.
fn split(samples: &[(String, &str)]) -> SplitRule {
    let mut keys: Vec<&str> = Vec::new();
    samples.iter().for_each(|(_, key)| {
        if !keys.contains(key) {
            keys.push(key)
        }
    });
    if keys.len() == samples.len() || keys.len() < 2 {
        let test = 0.0;
        return SplitRule::Fractions(FractionSplit { train: 0.8, val: 0.2, test, ..FractionSplit::default() });
    }
    let validates = |key: &str| {
        let at = keys.iter().position(|known| *known == key).unwrap_or(0);
        at % PARTS == (PARTS - 1).min(keys.len() - 1)
    };
    let (val, train): (Vec<_>, Vec<_>) = samples.iter().partition(|(_, key)| validates(key));
    let names = |split: Vec<&(String, &str)>| split.into_iter().map(|(name, _)| name.clone()).collect();
    SplitRule::Lists(ListSplit { train: names(train), val: names(val), test: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_together_is_not_split() {
        let samples = |keys: &[&'static str]| keys.iter().enumerate().map(|(k, key)| (k.to_string(), *key)).collect::<Vec<_>>();
        assert!(matches!(split(&samples(&["a", "b", "c"])), SplitRule::Fractions(shares) if shares.test == 0.0));
        let lists = |keys: &[&'static str]| match split(&samples(keys)) {
            SplitRule::Lists(ListSplit { train, val, .. }) => [train.concat(), val.concat()],
            _ => panic!("no lists"),
        };
        assert_eq!(lists(&["a", "b", "a", "b"]), ["02", "13"]);
        assert_eq!(lists(&["a", "b", "c", "d", "e", "f", "e"]), ["01235", "46"]);
    }
}
