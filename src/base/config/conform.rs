//! Holds a tree against the shape of an experiment file: unknown, missing and doubled keys, wrong types, values out of range.
//!
//! What is wrong is reported and left out, so that the rest can still become an [`Experiment`](super::Experiment) whose
//! further mistakes are found in the same pass.

use super::complain;
use super::node::{Entry, Node, Span, Table, Value};
use super::problem::Problem;
use super::shape::{FILE, Key, Shape, Text, join};
use super::suggest::closest;
use std::collections::{BTreeMap, HashMap};

/// The mistakes found so far, and the dotted keys whose values are therefore not what the writer meant.
#[derive(Debug, Default)]
pub(super) struct Conform {
    pub problems: Vec<Problem>,
    pub broken: Vec<String>,
    /// Whether a swept value is looked at, and no whole file.
    pub swept: bool,
    /// Whether a part of the file is known to be lost, so that a missing key is nobody's mistake.
    pub partial: bool,
}

impl Conform {
    /// The good part of a whole file; keys that are required and not there or not good get a stand-in.
    pub fn file(&mut self, node: &Node) -> toml::Value {
        self.value("", &FILE, node).expect("a file is a table")
    }

    /// Whether a dotted key, something above it or something below it is not what was meant.
    pub fn is_broken(&self, path: &str) -> bool {
        let above = |a: &str, b: &str| b == a || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('.'));
        self.broken.iter().any(|broken| above(broken, path) || above(path, broken))
    }

    /// The good part of a value, `None` if nothing of it is good.
    pub fn value(&mut self, path: &str, key: &Key, node: &Node) -> Option<toml::Value> {
        let good = match (&key.shape, &node.value) {
            (_, Value::Torn) => return None,
            (Shape::Table(keys), Value::Table(table)) => return Some(self.table(path, keys, table, node.span)),
            (Shape::Choice(variants), Value::Table(table)) => return self.choice(path, variants, table, node.span),
            (Shape::Map(each), Value::Table(table)) => return Some(self.map(path, each, table)),
            (Shape::List { item, unique, .. }, Value::List(items)) => return self.list(path, key, item, *unique, items, node),
            (Shape::Words(words) | Shape::NumberOr(_, words), Value::Text(text)) => words.contains(text),
            (Shape::Text(kind), Value::Text(text)) => return self.text(path, kind, text, node),
            (Shape::Integer(range), Value::Integer(i)) => range.holds(*i as f64),
            (Shape::Number(range) | Shape::NumberOr(range, _), Value::Integer(i)) => range.holds(*i as f64),
            (Shape::Number(range) | Shape::NumberOr(range, _), Value::Float(x)) => x.is_finite() && range.holds(*x),
            (Shape::Bool, Value::Bool(_)) | (Shape::Any, _) => true,
            _ => false,
        };
        if !good {
            self.problems.push(complain::unfit(path, key, node, self.swept));
        }
        good.then(|| node.plain())
    }

    fn table(&mut self, path: &str, keys: &BTreeMap<String, Key>, table: &Table, span: Span) -> toml::Value {
        let mut meant = Vec::new();
        for (name, entry) in table.iter().filter(|(name, _)| !keys.contains_key(*name)) {
            self.problems.push(complain::unknown_key(path, keys, name, entry));
            meant.extend(closest(name, keys.keys().map(String::as_str)));
        }
        let mut good = toml::Table::new();
        for (name, key) in keys {
            let below = join(path, name);
            let value = table.get(name).map(|entry| self.value(&below, key, &entry.node));
            match value {
                Some(Some(value)) => {
                    good.insert(name.clone(), value);
                    continue;
                }
                None if !key.required && !meant.contains(&name.as_str()) => continue,
                None if key.required && !self.partial && !meant.contains(&name.as_str()) => {
                    self.problems.push(complain::missing(path, name, key, span));
                }
                _ => {}
            }
            self.broken.push(below);
            good.extend(key.required.then(|| (name.clone(), stand_in(&key.shape))));
        }
        toml::Value::Table(good)
    }

    fn choice(&mut self, path: &str, variants: &BTreeMap<String, Key>, table: &Table, span: Span) -> Option<toml::Value> {
        let mut chosen: Vec<(&String, &Entry, Option<toml::Value>)> = Vec::new();
        let mut strange = false;
        for (name, entry) in table {
            match variants.get(name) {
                Some(key) => chosen.push((name, entry, self.value(&join(path, name), key, &entry.node))),
                None => {
                    self.problems.push(complain::unknown_variant(path, variants, name, entry));
                    strange = true;
                }
            }
        }
        match &mut chosen[..] {
            [] if strange => None,
            [] => {
                self.problems.push(complain::no_variant(path, variants, span));
                None
            }
            [(name, _, value)] => Some(toml::Table::from_iter([(name.clone(), value.take()?)]).into()),
            several => {
                several.sort_by_key(|(_, entry, _)| entry.key);
                let places: Vec<(&str, Span)> = several.iter().map(|(name, entry, _)| (name.as_str(), entry.key)).collect();
                self.problems.push(complain::several_variants(path, &places));
                None
            }
        }
    }

    fn map(&mut self, path: &str, each: &Key, table: &Table) -> toml::Value {
        let mut good = toml::Table::new();
        for (name, entry) in table {
            match (&each.shape, &entry.node.value) {
                (Shape::List { .. }, Value::Table(_)) => self.problems.push(complain::unquoted_path(name, entry)),
                _ => good.extend(self.value(&format!("{path}.\"{name}\""), each, &entry.node).map(|v| (name.clone(), v))),
            }
        }
        toml::Value::Table(good)
    }

    fn list(&mut self, path: &str, key: &Key, item: &Key, unique: bool, items: &[Node], node: &Node) -> Option<toml::Value> {
        let Shape::List { least, most, .. } = key.shape else { return None };
        let mut good = (least..=most).contains(&items.len());
        if !good {
            self.problems.push(complain::unfit(path, key, node, self.swept));
        }
        let subject = format!("{path}[]");
        let values: Vec<toml::Value> = items.iter().filter_map(|one| self.value(&subject, item, one)).collect();
        if unique && values.len() == items.len() {
            let mut seen = HashMap::new();
            for (one, value) in items.iter().zip(&values) {
                if let Some(first) = seen.insert(value.to_string(), one.span) {
                    self.problems.push(complain::twice(path, value, one.span, first));
                    good = false;
                }
            }
        }
        (good && values.len() == items.len()).then_some(toml::Value::Array(values))
    }

    fn text(&mut self, path: &str, kind: &Text, text: &str, node: &Node) -> Option<toml::Value> {
        let problem = match kind {
            Text::Any => None,
            Text::NotEmpty => text.is_empty().then(|| complain::empty(path, node)),
            Text::Name => complain::bad_name(path, text, node),
            Text::Regex => complain::bad_regex(path, text, node),
        };
        let good = problem.is_none();
        self.problems.extend(problem);
        good.then(|| node.plain())
    }
}

/// Something of the right type, never seen by anybody: an experiment with a mistake is not handed out.
fn stand_in(shape: &Shape) -> toml::Value {
    match shape {
        Shape::List { .. } => toml::Value::Array(Vec::new()),
        _ => toml::Value::String("x".to_owned()),
    }
}
