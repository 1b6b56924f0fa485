//! Short names for the files of initial weights that a sweep goes through: what tells their paths apart.

use crate::config::{Initial, Point};
use std::collections::{BTreeMap, BTreeSet};

/// The key whose values are places.
const KEY: &str = "training.initial.weights";

/// What a path may end in and be known without.
const EXTENSION: &str = ".safetensors";

/// What readers know the swept files by.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeMap<String, String>);

impl Labels {
    /// For the values of all points: of each path, without the parts that all end in, as many parts from its end as tell it from the others.
    pub fn of(points: &[Point]) -> Self {
        let texts = points.iter().flat_map(|point| &point.values).filter(|(key, _)| key == KEY);
        let texts: BTreeSet<&str> =
            texts.filter_map(|(_, value)| value.as_str()).filter(|text| *text != Initial::RANDOM).collect();
        let mut paths: Vec<Vec<&str>> = texts.iter().map(|text| text.split('/').collect()).collect();
        while paths.len() > 1 && paths.iter().all(|path| path.len() > 1 && path.last() == paths[0].last()) {
            paths.iter_mut().for_each(|path| _ = path.pop());
        }
        let alone = |tail: &[&str]| paths.iter().filter(|path| path.ends_with(tail)).count() == 1;
        let tails = |path: &Vec<&str>| {
            let tail = (0..path.len()).rev().map(|at| &path[at..]).find(|tail| alone(tail));
            tail.unwrap_or(path).join("/")
        };
        let long: Vec<String> = paths.iter().map(tails).collect();
        let short = long.iter().map(|label| label.strip_suffix(EXTENSION).unwrap_or(label).to_owned());
        let distinct = |labels: &[String]| labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
        let labels = Some(short.collect()).filter(|short: &Vec<String>| distinct(short)).unwrap_or(long);
        Self(texts.into_iter().map(str::to_owned).zip(labels).collect())
    }

    /// A swept value as TOML, shortened if it is a path of these.
    pub fn text(&self, key: &str, value: &toml::Value) -> String {
        let label = value.as_str().filter(|_| key == KEY).and_then(|text| self.0.get(text));
        label.map_or_else(|| value.to_string(), |label| toml::Value::from(label.as_str()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_by_what_tells_it_from_the_others() {
        let labels = |texts: &[&str]| -> Vec<String> {
            let point = |text: &&str| Point { values: vec![(KEY.into(), (*text).into())], left_out: None };
            let labels = Labels::of(&texts.iter().map(point).collect::<Vec<_>>());
            texts.iter().map(|text| labels.text(KEY, &(*text).into())).collect()
        };
        assert_eq!(labels(&["random", "pre/trained/one.safetensors"]), ["\"random\"", "\"one\""]);
        assert_eq!(labels(&["results/x/runs/lr-1-aa", "copy.safetensors"]), ["\"lr-1-aa\"", "\"copy\""]);
        assert_eq!(labels(&["pre/a.safetensors", "pre/b.safetensors"]), ["\"a\"", "\"b\""]);
        assert_eq!(
            labels(&[
                "results/x/runs/lr-1-aa/checkpoints/best.safetensors",
                "results/x/runs/lr-2-bb/checkpoints/best.safetensors"
            ]),
            ["\"lr-1-aa\"", "\"lr-2-bb\""]
        );
        assert_eq!(labels(&["a/w", "a/w.safetensors"]), ["\"w\"", "\"w.safetensors\""], "no two have one name");
        assert_eq!(labels(&["a/b/c", "b/c"]), ["\"a/b\"", "\"b\""]);
        assert_eq!(labels(&["w", "x/w"]), ["\"w\"", "\"x/w\""]);
    }

    #[test]
    fn other_keys_keep_their_values() {
        assert_eq!(Labels::default().text("loss.bce", &0.5.into()), "0.5");
    }
}
