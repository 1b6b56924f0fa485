//! The points of a sweep: what is varied, unfolded.

use super::Sweep;
use super::matching::all_match;
use crate::config::Experiment;
use crate::config::node::{Node, Span};
use crate::config::shape::FILE;
use std::collections::{BTreeMap, HashSet};
use toml::Value;

/// One point: values of swept keys, in the order of the parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Dotted keys and their values.
    pub values: Vec<(String, Value)>,
    /// Why it is not run, if it is not.
    pub left_out: Option<String>,
}

type Values = Vec<(String, Value)>;

impl Sweep {
    /// How many points there are before any is left out; `None` if that is beyond counting.
    pub fn count(&self) -> Option<usize> {
        self.parts().iter().try_fold(1_usize, |n, part| n.checked_mul(part.len()))
    }

    /// Every point once, the last part running fastest. `base` is the experiment that is varied, complete, without its sweep: conditions on
    /// keys that a point does not name ask it.
    pub fn points(&self, base: &Value) -> Vec<Point> {
        let mut all: Vec<Values> = vec![Vec::new()];
        for part in self.parts() {
            let longer = |point: &Values| part.iter().map(|more| [point.clone(), more.clone()].concat()).collect::<Vec<_>>();
            all = all.iter().flat_map(longer).collect();
        }
        let base = Node::of_plain(base, Span::default());
        let mut seen = HashSet::new();
        let allowed = all.into_iter().map(|values| self.where_allowed(values, &base));
        let distinct = allowed.filter(|values| seen.insert(format!("{values:?}")));
        distinct.map(|values| Point { left_out: self.excluded(&values, &base), values }).collect()
    }

    /// Factors of the product: a grid's key, the zip, the points, the trials.
    fn parts(&self) -> Vec<Vec<Values>> {
        let one = |key: &String, value: &Value| (key.clone(), value.clone());
        let mut parts: Vec<Vec<Values>> = Vec::new();
        for (key, values) in &self.grid {
            parts.push(values.iter().map(|value| vec![one(key, value)]).collect());
        }
        if let Some(length) = self.zip.values().map(Vec::len).min() {
            let row = |at: usize| self.zip.iter().map(|(key, values)| one(key, &values[at])).collect();
            parts.push((0..length).map(row).collect());
        }
        if !self.points.is_empty() {
            let point = |point: &BTreeMap<String, Value>| point.iter().map(|(key, value)| one(key, value)).collect();
            parts.push(self.points.iter().map(point).collect());
        }
        if !self.random.draw.is_empty() {
            let random = &self.random;
            let trial =
                |trial: usize| random.draw.iter().map(|(key, d)| (key.clone(), d.value(random.seed, key, trial))).collect();
            parts.push((0..random.trials).map(trial).collect());
        }
        parts
    }

    /// Without the keys whose conditions do not hold. A condition is asked of the experiment without its own key, when all keys that it
    /// asks for are decided; so those without conditions come first.
    fn where_allowed(&self, values: Values, base: &Node) -> Values {
        let (mut open, mut kept): (Values, Values) = values.into_iter().partition(|(key, _)| self.when.contains_key(key));
        while let Some(next) = open.iter().position(|(key, _)| self.decidable(key, open.iter().map(|(other, _)| other.as_str())))
        {
            let (key, value) = open.remove(next);
            if all_match(&self.when[&key], &experiment(&kept, base)) {
                kept.push((key, value));
            }
        }
        kept
    }

    /// Whether the condition of a key asks for none of the other keys that are open, nor for anything below them.
    pub(super) fn decidable<'a>(&self, key: &str, open: impl Iterator<Item = &'a str>) -> bool {
        let mut others = open.filter(|other| *other != key);
        !others.any(|other| self.when[key].keys().any(|asked| is_above(other, asked)))
    }

    fn excluded(&self, values: &Values, base: &Node) -> Option<String> {
        if self.exclude.is_empty() {
            return None;
        }
        let experiment = experiment(values, base);
        let table = self.exclude.iter().find(|table| all_match(table, &experiment))?;
        let words: Vec<String> = table.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        Some(format!("excluded by {}", words.join(", ")))
    }
}

/// Whether a dotted key is the other one, or above it.
fn is_above(key: &str, other: &str) -> bool {
    other.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The experiment at a point, with every default, as far as it is a possible one.
fn experiment(values: &Values, base: &Node) -> Value {
    let mut tree = base.clone();
    for (key, value) in values {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        tree.merge(Node::of_plain(value, Span::default()).below(&path, Span::default()), Some(&FILE.shape));
    }
    let plain = tree.plain();
    let complete = plain.clone().try_into::<Experiment>().ok().and_then(|experiment| Value::try_from(experiment).ok());
    complete.unwrap_or(plain)
}

#[cfg(test)]
mod tests;
