//! A run's identity: a readable slug and a hash of everything that defines its numbers.

use super::names;
use crate::config::{Experiment, Initial};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Counts up whenever the same configuration would give other numbers than before; part of every run's id.
pub const NUMERIC_VERSION: u32 = 5;

/// Names a run, its directory too: `channels-8-16_seed-1-3f9a2c1b07`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// The id of a resolved configuration on a data set with the given fingerprint; `differs` are the swept keys and values.
    pub fn new(resolved: &Experiment, fingerprint: &str, differs: &[(String, String)]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (key, value) in defining_values(resolved) {
            hasher.update(format!("{key}={value}\n").as_bytes());
        }
        hasher.update(format!("{FINGERPRINT}={fingerprint}\n{VERSION}={NUMERIC_VERSION}\n").as_bytes());
        let hash = &hasher.finalize().to_hex()[..10];
        let names = names(&differs.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
        let words: Vec<String> = names.iter().zip(differs).map(|(name, (_, value))| slug(name, value)).collect();
        Self(format!("{}-{hash}", shorten(&words.join("_"))))
    }

    /// An id as it stands in a file or as a directory's name.
    pub fn from_name(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// An id that a file names; `None` if it is no name of a directory of runs but leads elsewhere, as `../x` and `/x` do.
    pub fn from_file(name: &str) -> Option<Self> {
        let leads_elsewhere = ["", ".", ".."].contains(&name) || name.contains(['/', '\\', '\0']);
        (!leads_elsewhere).then(|| Self::from_name(name))
    }

    /// The part that says which numbers the run has; what is before it is for readers.
    pub fn hash(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or_default()
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every value that has a part in a run's numbers, by dotted key. Left out: names, descriptions, and where files lie (the data
/// set's fingerprint and the hash of initial weights say what they hold).
pub fn defining_values(resolved: &Experiment) -> BTreeMap<String, String> {
    let mut e = resolved.clone();
    e.name = String::new();
    e.description = String::new();
    e.dataset.locations_mut().into_iter().for_each(|path| *path = Default::default());
    if e.training.initial.is_random() {
        // There is nothing to skip.
        e.training.initial = Initial::default();
    }
    let value = serde_json::to_value(&e).expect("an experiment is plain data");
    let mut flat = BTreeMap::new();
    flatten("", &value, &mut flat);
    if e.training.initial.hash.is_some() {
        flat.remove("training.initial.weights");
    }
    flat
}

/// What the data set's content is called beside the dotted keys.
pub const FINGERPRINT: &str = "dataset fingerprint";
/// What [`NUMERIC_VERSION`] is called there.
pub const VERSION: &str = "numeric version";

/// As much of a data set's fingerprint as readers need: so many characters differ in any two.
pub fn short_fingerprint(fingerprint: &str) -> &str {
    fingerprint.get(..SHORT).unwrap_or(fingerprint)
}

const SHORT: usize = 10;

/// All that defines a run's numbers, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// As [`defining_values`] gives them.
    pub values: BTreeMap<String, String>,
    /// The data set's.
    pub fingerprint: Option<String>,
    /// [`NUMERIC_VERSION`] of the program that ran or would run it.
    pub numeric_version: Option<u32>,
}

/// A key, and its value on either side; absent where it is not known there.
pub type Difference = (String, [Option<String>; 2]);

impl Identity {
    /// What differs from another, in the order of the keys, data and program last.
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let keys: BTreeSet<&String> = self.values.keys().chain(other.values.keys()).collect();
        let mut rows: Vec<Difference> =
            keys.into_iter().map(|key| (key.clone(), [self, other].map(|side| side.values.get(key).cloned()))).collect();
        rows.push((FINGERPRINT.to_owned(), [self, other].map(|side| side.fingerprint.clone())));
        rows.push((VERSION.to_owned(), [self, other].map(|side| side.numeric_version.map(|v| v.to_string()))));
        rows.retain(|(_, [a, b])| a != b);
        rows
    }

    /// Takes what is not known of data and program from another of the same id.
    pub fn learn(&mut self, same: &Self) {
        self.fingerprint = self.fingerprint.take().or_else(|| same.fingerprint.clone());
        self.numeric_version = self.numeric_version.or(same.numeric_version);
    }
}

fn flatten(path: &str, value: &serde_json::Value, flat: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, flat);
            }
        }
        leaf => {
            flat.insert(path.to_owned(), leaf.to_string());
        }
    }
}

/// `channels` and `[8, 16]` give `channels-8-16`.
fn slug(key: &str, value: &str) -> String {
    let text: String =
        format!("{key}-{value}").chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let parts: Vec<&str> = text.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Keeps directory names within what file systems and terminals like.
fn shorten(slug: &str) -> &str {
    const LONGEST: usize = 80;
    slug.get(..LONGEST).unwrap_or(slug).trim_end_matches(['-', '_', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment(toml: &str) -> Experiment {
        toml::from_str(toml).expect("valid")
    }

    #[test]
    fn a_file_names_no_run_that_lies_elsewhere() {
        for name in ["", ".", "..", "/etc", "../x", "a/b", "a/", "a\\b", "a\0"] {
            assert_eq!(RunId::from_file(name), None, "{name:?}");
        }
        assert_eq!(RunId::from_file("lr-1e-3_seed-1-0123456789"), Some(RunId::from_name("lr-1e-3_seed-1-0123456789")));
    }

    #[test]
    fn names_and_places_do_not_define_a_run() {
        let a = experiment("name = 'a'\n[dataset.folders]\nroot = 'x'");
        let b = experiment("name = 'b'\ndescription = 'other'\n[dataset.folders]\nroot = '/elsewhere/x'");
        assert_eq!(RunId::new(&a, "f", &[]), RunId::new(&b, "f", &[]));
    }

    #[test]
    fn values_seed_and_data_define_a_run() {
        let id = |toml: &str, fingerprint: &str| RunId::new(&experiment(toml), fingerprint, &[]);
        let base = id("name = 'a'", "f");
        assert_ne!(base, id("name = 'a'", "g"));
        assert_ne!(base, id("name = 'a'\n[training]\nseeds = [2]", "f"));
        assert_ne!(base, id("name = 'a'\n[optimizer.adam]\nlr = 1e-4", "f"));
    }

    #[test]
    fn initial_weights_count_by_what_they_are_not_by_where_they_lie() {
        let id = |initial: &str| RunId::new(&experiment(&format!("name = 'a'\n[training.initial]\n{initial}")), "f", &[]);
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let file = |path: &str, hash: &str| id(&format!("weights = '{path}'\nhash = '{hash}'"));
        let random = RunId::new(&experiment("name = 'a'"), "f", &[]);
        assert_eq!(file("a.safetensors", &one), file("/elsewhere/b.safetensors", &one));
        assert_ne!(file("a.safetensors", &one), file("a.safetensors", &two));
        assert_ne!(file("a.safetensors", &one), random);
        assert_ne!(id(&format!("weights = 'a'\nhash = '{one}'\nskip = ['head']")), file("a", &one));
        assert_ne!(id("weights = 'a'"), id("weights = 'b'"), "what is not known yet goes by its name");
        assert_eq!(id("skip = ['head']"), random);
    }

    /// Oracle: the definition; whatever differs makes another id, and nothing else does.
    #[test]
    fn differences_are_what_makes_another_id() {
        let identity = |toml: &str, fingerprint: &str| Identity {
            values: defining_values(&experiment(toml)),
            fingerprint: Some(fingerprint.to_owned()),
            numeric_version: Some(NUMERIC_VERSION),
        };
        let base = identity("name = 'a'", "f");
        assert_eq!(base.differences(&identity("name = 'b'\ndescription = 'x'", "f")), []);
        let some = |value: &str| Some(value.to_owned());
        let other =
            Identity { numeric_version: None, ..identity("name = 'a'\n[optimizer.sgd]\nlr = 0.5\n[training]\nepochs = 7", "g") };
        let found = base.differences(&other);
        let row = |key: &str| found.iter().find(|(name, _)| name == key).map(|(_, values)| values.clone());
        assert_eq!(row("optimizer.sgd.lr"), Some([None, some("0.5")]));
        assert_eq!(row("training.epochs").map(|[_, b]| b), Some(some("7")));
        assert_eq!(row("dataset fingerprint"), Some([some("f"), some("g")]));
        assert_eq!(row("numeric version"), Some([some(&NUMERIC_VERSION.to_string()), None]));
        assert_eq!(row("training.seeds"), None);
    }

    #[test]
    fn an_id_is_readable() {
        let differs = [("model.unet.channels".to_owned(), "[8, 16]".to_owned()), ("seed".to_owned(), "1".to_owned())];
        let id = RunId::new(&experiment("name = 'a'"), "f", &differs);
        assert!(id.as_str().starts_with("channels-8-16_seed-1-"), "{id}");
    }
}
