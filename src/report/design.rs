//! What a run's own input says of how its scores may be compared with those of others.

use regex::Regex;
use toml::{Table, Value};

/// What run.toml says of a run's scores, beside what the data set's fingerprint holds: the content of its files and how they are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Design {
    /// Height, width and fit of what is judged.
    pixels: String,
    /// Height and width of a pixel in mm.
    spacing: String,
    /// `group` of the split, the regular expression that finds the patient in an image's name.
    pub patients: Option<String>,
    /// Folds that the data set is split into.
    pub folds: Option<usize>,
}

/// Of a group of which nothing is known.
pub(super) static UNKNOWN: Design = Design { pixels: String::new(), spacing: String::new(), patients: None, folds: None };

/// What must be equal where the scores of two groups are to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Key<'a> {
    /// Fingerprint of the data set, which classes and the reading of masks are part of; empty where it is not known.
    pub data: &'a str,
    pub design: &'a Design,
}

impl Design {
    /// By the text of run.toml; nothing where it is no TOML.
    pub(super) fn of(run_toml: &str) -> Self {
        let input: Table = run_toml.parse().unwrap_or_default();
        let text =
            |table: Option<&Value>, key: &str| table.and_then(|table| table.get(key)).map(Value::to_string).unwrap_or_default();
        let (preprocess, metrics) = (input.get("preprocess"), input.get("metrics"));
        let split = input.get("split").and_then(Value::as_table).and_then(|split| split.iter().next());
        let of_split = |key: &str| split.and_then(|(_, values)| values.get(key));
        let folds = split.filter(|(kind, _)| *kind == "k_fold").and_then(|_| of_split("k")).and_then(Value::as_integer);
        Self {
            pixels: format!("{} {}", text(preprocess, "size"), text(preprocess, "fit")),
            spacing: text(metrics, "spacing_mm"),
            patients: of_split("group").and_then(Value::as_str).map(str::to_owned),
            folds: folds.and_then(|k| usize::try_from(k).ok()),
        }
    }

    /// The patient of each image by its name, as the split finds it: the first capture group of the expression, or the whole match. `None` where
    /// no patients are named, or the expression does not fit a name.
    pub(super) fn patients_of(&self, images: &[&str]) -> Option<Vec<String>> {
        let pattern = Regex::new(self.patients.as_deref()?).ok()?;
        let patient = |image: &&str| {
            let found = pattern.captures(image)?;
            found.get(1).or(found.get(0)).map(|part| part.as_str().to_owned())
        };
        images.iter().map(patient).collect()
    }
}

impl Key<'_> {
    /// Whether scores can stand in one ranking: the same data set.
    pub(super) fn ranks_with(&self, other: &Key) -> bool {
        self.data == other.data
    }

    /// Whether differences can be tested by a metric: the same pixels are judged too, and in the same folds.
    pub(super) fn compares_with(&self, other: &Key, metric: &str) -> bool {
        let (own, others) = (self.design, other.design);
        let same_unit = !metric.ends_with("_mm") || own.spacing == others.spacing;
        self.ranks_with(other) && own.pixels == others.pixels && own.folds == others.folds && same_unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: &str = "[dataset.folders]\nroot = 'a'\nclasses = ['x']\n[dataset.folders.levels]\nx = [1]\n\
                         [preprocess]\nsize = [64, 64]\nfit = 'pad'\n[split.k_fold]\nk = 5\ngroup = '^(p\\d+)_'\n";

    #[test]
    fn what_decides_is_read_and_where_files_lie_is_not() {
        let design = Design::of(INPUT);
        assert_eq!((design.folds, design.patients.as_deref()), (Some(5), Some("^(p\\d+)_")));
        assert_eq!(design, Design::of(&INPUT.replace("'a'", "'b'")));
        fn key(design: &Design) -> Key<'_> {
            Key { data: "c", design }
        }
        for (from, to) in [("64, 64", "32, 32"), ("'pad'", "'crop'"), ("k = 5", "k = 3")] {
            let other = Design::of(&INPUT.replace(from, to));
            assert!(key(&design).ranks_with(&key(&other)), "{to}");
            assert!(!key(&design).compares_with(&key(&other), "dice"), "{to}");
        }
        let spaced = Design::of(&format!("{INPUT}[metrics]\nspacing_mm = [0.5, 0.5]\n"));
        assert!(key(&design).compares_with(&key(&spaced), "hd95") && !key(&design).compares_with(&key(&spaced), "hd95_mm"));
        assert!(!key(&design).ranks_with(&Key { data: "d", design: &design }));
    }

    #[test]
    fn the_patient_is_the_first_group_of_the_expression_or_all_that_it_finds() {
        let of = |pattern: &str, images: &[&str]| {
            Design { patients: Some(pattern.to_owned()), ..Design::default() }.patients_of(images)
        };
        assert_eq!(of("^(p\\d+)_", &["p1_a", "p1_b", "p22_a"]), Some(["p1", "p1", "p22"].map(str::to_owned).to_vec()));
        assert_eq!(of("^p.", &["p1_a", "p2_a"]), Some(["p1", "p2"].map(str::to_owned).to_vec()));
        assert_eq!(of("^(p\\d+)_", &["p1_a", "q"]), None);
        assert_eq!(Design::default().patients_of(&["a"]), None);
    }
}
