//! The points of a sweep: what is varied, unfolded.

use super::Sweep;
use super::matching::all_match;
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

    /// Without the keys whose conditions do not hold. A condition may ask for a key that falls away itself, so once is not enough.
    fn where_allowed(&self, mut values: Values, base: &Node) -> Values {
        while !self.when.is_empty() {
            let experiment = experiment(&values, base);
            let refused = |key: &str| self.when.get(key).is_some_and(|wanted| !all_match(wanted, &experiment));
            match values.iter().position(|(key, _)| refused(key)) {
                Some(position) => values.remove(position),
                None => break,
            };
        }
        values
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

/// The experiment at a point.
fn experiment(values: &Values, base: &Node) -> Value {
    let mut tree = base.clone();
    for (key, value) in values {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        tree.merge(Node::of_plain(value, Span::default()).below(&path, Span::default()), Some(&FILE.shape));
    }
    tree.plain()
}

#[cfg(test)]
mod tests;
