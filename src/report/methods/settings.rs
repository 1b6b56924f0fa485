//! The settings of an experiment in words, from the text of a run.toml; what was varied is called so.

use crate::plan;
use toml::{Table, Value};

/// Where nothing is done.
pub(super) const NONE: &str = "none";
/// In place of a value that the groups have each of their own.
const VARIED: &str = "varied";

/// All of a run.toml.
pub(super) struct Settings(Table);

impl Settings {
    /// `None` where the text is no TOML or empty.
    pub(super) fn of(run_toml: &str, varied: &[&str]) -> Option<Self> {
        let mut table: Table = run_toml.parse().ok().filter(|table: &Table| !table.is_empty())?;
        for key in varied {
            replace(&mut table, key);
        }
        Some(Self(table))
    }

    fn at(&self, path: &str) -> Option<&Value> {
        let mut words = path.split('.');
        let first = self.0.get(words.next()?)?;
        words.try_fold(first, |above, word| above.get(word))
    }

    /// A value in words; nothing where there is none.
    fn word(&self, path: &str) -> String {
        self.at(path).map(spoken).unwrap_or_default()
    }

    /// The chosen variant of a tagged table, and its keys.
    fn variant(&self, path: &str) -> Option<(&str, &Table)> {
        let (name, keys) = self.at(path)?.as_table()?.iter().next()?;
        Some((name, keys.as_table()?))
    }

    /// The variant with all its keys: `adam (lr 0.001, weight_decay 0.0)`.
    fn with_keys(&self, path: &str, without: &[&str]) -> String {
        let Some((name, keys)) = self.variant(path) else { return self.word(path) };
        let keys: Vec<String> = keys.iter().filter(|(key, _)| !without.contains(&key.as_str())).map(pair).collect();
        if keys.is_empty() { name.to_owned() } else { format!("{name} ({})", keys.join(", ")) }
    }

    /// The file's own words.
    pub(super) fn description(&self) -> String {
        self.word("description").trim().to_owned()
    }

    pub(super) fn data(&self) -> String {
        let Some((name, keys)) = self.variant("dataset") else { return self.word("dataset") };
        let what = match name {
            "synthetic" => "drawn fundus photographs (synthetic)",
            "folders" => "image and mask files (folders)",
            "drishti_gs" => "Drishti-GS1",
            "refuge" => "REFUGE",
            "rim_one" => "RIM-ONE",
            "dsb2018" => "the 2018 Data Science Bowl",
            "stack" => "pages of TIFF stacks (stack)",
            "volumes" => "slices of volumes (volumes)",
            "coco" => "images with outlines (COCO)",
            "labelme" => "images with outlines (LabelMe)",
            "geojson" => "images with outlines (GeoJSON)",
            other => other,
        };
        let policy = keys.get("mask_policy").map(|policy| format!(", pixels marked by {} of the annotators", spoken(policy)));
        what.to_owned() + &policy.unwrap_or_default()
    }

    pub(super) fn split(&self) -> String {
        let Some((name, keys)) = self.variant("split") else { return self.word("split") };
        let of = |key: &str| keys.get(key).map(spoken).unwrap_or_default();
        match name {
            "fractions" => {
                format!("drawn at random, {} train, {} val, {} test, seed {}", of("train"), of("val"), of("test"), of("seed"))
            }
            "k_fold" => {
                format!("a cross-validation of {} folds, {} set aside for the test, seed {}", of("k"), of("test"), of("seed"))
            }
            "official" => {
                format!("the data set's own, {} of its training images validate, seed {}", of("val_fraction"), of("seed"))
            }
            "lists" => "by lists of names".to_owned(),
            other => other.to_owned(),
        }
    }

    /// The expression that finds what stays together; nothing where every image stands for itself.
    pub(super) fn grouping(&self) -> String {
        let group = self.variant("split").and_then(|(_, keys)| keys.get("group")).and_then(Value::as_str);
        group.map(|group| format!("images by the pattern {group} of their names")).unwrap_or_default()
    }

    pub(super) fn size(&self) -> String {
        let of = |path: &str| match self.at(path).and_then(Value::as_array).map(Vec::as_slice) {
            Some([height, width]) => Some(format!("{} × {} pixels", spoken(height), spoken(width))),
            _ => self.at(path).map(spoken),
        };
        let Some(size) = of("preprocess.size") else { return String::new() };
        let fit = match self.word("preprocess.fit").as_str() {
            "pad" => ", padded with black",
            "stretch" => ", stretched",
            "crop" => ", cropped",
            _ => "",
        };
        let patches = of("patches.size").map(|size| format!(", of which patches of {size} train")).unwrap_or_default();
        let normalise = match self.word("preprocess.normalise").as_str() {
            "image" => ", each less its mean over its standard deviation",
            "dataset" => ", less the training split's mean over its standard deviation",
            _ => "",
        };
        format!("{size} (height × width){fit}{patches}{normalise}")
    }

    pub(super) fn network(&self) -> String {
        let unused: &[&str] =
            if self.variant("model").is_some_and(|(_, keys)| keys.get("norm").map(spoken).as_deref() == Some("group")) {
                &[]
            } else {
                &["groups"]
            };
        self.with_keys("model", unused)
    }

    /// The terms with a weight: `0.5 bce + 0.5 dice`.
    pub(super) fn loss(&self) -> String {
        let Some(Value::Table(loss)) = self.at("loss") else { return self.word("loss") };
        let term = |(name, value): (&String, &Value)| match value {
            Value::Array(weights) if !weights.is_empty() => Some(format!("{name} {}", spoken(value))),
            Value::Array(_) => None,
            Value::Table(keys) => {
                let weight = keys.get("weight").filter(|weight| is_some(weight))?;
                let others: Vec<String> = keys.iter().filter(|(key, _)| *key != "weight").map(pair).collect();
                let others = if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
                Some(format!("{} × {name}{others}", spoken(weight)))
            }
            value => is_some(value).then(|| format!("{} × {name}", spoken(value))),
        };
        loss.iter().filter_map(term).collect::<Vec<_>>().join(" + ")
    }

    pub(super) fn optimizer(&self) -> String {
        self.with_keys("optimizer", &[])
    }

    pub(super) fn lr_schedule(&self) -> String {
        let warmup = self.at("lr_warmup.epochs").filter(|epochs| is_some(epochs));
        let warmup = warmup.map(|epochs| format!(", after a linear warm-up of {} epochs", spoken(epochs))).unwrap_or_default();
        let schedule = self.with_keys("lr_schedule", &[]);
        if schedule.is_empty() { schedule } else { schedule + &warmup }
    }

    pub(super) fn training(&self) -> String {
        let of = |key: &str| self.at(&format!("training.{key}"));
        let (Some(epochs), Some(batch)) = (of("epochs"), of("batch_size")) else { return String::new() };
        let plural = |value: &Value, noun: &str| {
            let s = if value.as_integer() == Some(1) { "" } else { "s" };
            format!("{} {noun}{s}", spoken(value))
        };
        let mut words = format!("{} in batches of {}", plural(epochs, "epoch"), plural(batch, "image"));
        if let Some(accumulate) = of("accumulate").filter(|value| value.as_integer() != Some(1)) {
            words += &format!(", {} batches to an update", spoken(accumulate));
        }
        if let Some(patience) = of("early_stopping.patience").filter(|patience| is_some(patience)) {
            words += &format!(", ended early after {} without a gain", plural(patience, "epoch"));
        }
        if let Some(decay) = of("ema_decay").filter(|decay| is_some(decay)) {
            words += &format!(", with an exponential moving average of the weights (decay {})", spoken(decay));
        }
        if let Some(weights) = of("initial.weights").filter(|weights| weights.as_str() != Some("random")) {
            words += &format!(", from the weights {}", spoken(weights));
        }
        if let Some(precision) = of("precision") {
            words += &format!(", in {}", spoken(precision));
        }
        words
    }

    /// The changes of training images that happen at all.
    pub(super) fn augmentation(&self) -> String {
        let Some(Value::Table(augment)) = self.at("augment") else { return self.word("augment") };
        let change = |(name, value): (&String, &Value)| match value {
            Value::Table(keys) => keys
                .get("probability")
                .is_none_or(is_some)
                .then(|| format!("{name} ({})", keys.iter().map(ranged).collect::<Vec<_>>().join(", "))),
            Value::String(word) if word != VARIED => None,
            value => is_some(value).then(|| format!("{name} {}", spoken(value))),
        };
        let changes: Vec<String> = augment.iter().filter_map(change).collect();
        if changes.is_empty() { NONE.to_owned() } else { changes.join(", ") }
    }

    /// The column that chooses the best epoch.
    pub(super) fn best(&self) -> String {
        self.word("training.best")
    }
}

/// Puts a word in the place of a value, where there is one.
fn replace(table: &mut Table, key: &str) {
    match key.split_once('.') {
        Some((first, rest)) => {
            if let Some(Value::Table(below)) = table.get_mut(first) {
                replace(below, rest);
            }
        }
        None => {
            if let Some(value) = table.get_mut(key) {
                *value = Value::String(VARIED.to_owned());
            }
        }
    }
}

fn pair((key, value): (&String, &Value)) -> String {
    format!("{key} {}", spoken(value))
}

/// As [`pair`], of what is drawn from a range: `degrees −15.0 to 15.0`.
fn ranged((key, value): (&String, &Value)) -> String {
    match value.as_array().map(Vec::as_slice) {
        Some([low, high]) => format!("{key} {} to {}", spoken(low), spoken(high)).replace(" -", " −"),
        _ => pair((key, value)),
    }
}

fn spoken(value: &Value) -> String {
    plan::spoken(&value.to_string())
}

/// Whether a number is another than zero; words are.
fn is_some(value: &Value) -> bool {
    value.as_float().or(value.as_integer().map(|number| number as f64)) != Some(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &str = "description = 'Does width help?'\n\
        [dataset.synthetic]\ncount = 30\n[preprocess]\nsize = [64, 32]\nfit = 'pad'\n\
        [split.fractions]\ntrain = 0.6\nval = 0.2\ntest = 0.2\nseed = 1\ngroup = '^(p\\d+)'\n\
        [augment]\nflip_horizontal = 0.5\nflip_vertical = 0.0\noutside = 'mirror'\n\
        [augment.rotate]\nprobability = 0.5\ndegrees = [-15.0, 15.0]\n\
        [model.unet]\nchannels = [4, 8]\nnorm = 'batch'\ngroups = 8\n\
        [loss]\nbce = 0.5\ndice = 0.0\nclass_weights = []\n[loss.focal]\nweight = 1.0\ngamma = 2.0\n[loss.jaccard]\nweight = 0.0\n\
        [optimizer.adam]\nlr = 0.001\n[lr_schedule.constant]\n[lr_warmup]\nepochs = 0\n\
        [training]\nepochs = 3\nbatch_size = 1\naccumulate = 1\nbest = 'val_loss'\n[training.early_stopping]\npatience = 2\n";

    #[test]
    fn settings_are_said_in_words_and_what_was_varied_has_no_value() {
        let settings = Settings::of(INPUT, &["optimizer.adam.lr", "loss.bce", "not.there"]).unwrap();
        assert_eq!(settings.description(), "Does width help?");
        assert_eq!(settings.split(), "drawn at random, 0.6 train, 0.2 val, 0.2 test, seed 1");
        assert_eq!(settings.grouping(), r"images by the pattern ^(p\d+) of their names");
        assert_eq!(settings.size(), "64 × 32 pixels (height × width), padded with black");
        assert_eq!(settings.network(), "unet (channels 4-8, norm batch)");
        assert_eq!(settings.loss(), "varied × bce + 1.0 × focal (gamma 2.0)");
        assert_eq!(settings.optimizer(), "adam (lr varied)");
        assert_eq!(settings.lr_schedule(), "constant");
        assert_eq!(settings.training(), "3 epochs in batches of 1 image, ended early after 2 epochs without a gain");
        assert_eq!(settings.augmentation(), "flip_horizontal 0.5, rotate (degrees −15.0 to 15.0, probability 0.5)");
        assert!(Settings::of("", &[]).is_none() && Settings::of("= x", &[]).is_none());
        let bare = Settings::of("name = 'x'", &[]).unwrap();
        assert_eq!([bare.data(), bare.size(), bare.training(), bare.loss()], [""; 4]);
    }
}
