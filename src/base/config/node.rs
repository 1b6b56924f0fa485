//! TOML values that know where they stand: the tree that files, `--set` and a sweep's values are merged into.

use super::shape::{Key, Shape};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A place in one of the sources: its number, and bytes in its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub source: usize,
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(source: usize, range: Range<usize>) -> Self {
        Self { source, start: range.start, end: range.end }
    }

    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Span,
    pub value: Value,
}

/// A value under a key, and where the key stands.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: Span,
    pub node: Node,
}

pub(super) type Table = BTreeMap<String, Entry>;

#[derive(Debug, Clone)]
pub(super) enum Value {
    Table(Table),
    List(Vec<Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// What no key can hold, as it is written: dates, integers beyond 64 bits.
    Odd(String),
    /// What could not be read; its mistake is already known.
    Torn,
}

impl Node {
    /// The tree of a parsed text.
    pub fn of_table(table: &DeTable<'_>, source: usize) -> Self {
        let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
            (key.get_ref().to_string(), Entry { key: Span::new(source, key.span()), node: Self::of_value(value, source) })
        };
        Self { span: Span::new(source, 0..0), value: Value::Table(table.iter().map(entry).collect()) }
    }

    fn of_value(value: &toml::Spanned<DeValue<'_>>, source: usize) -> Self {
        let span = Span::new(source, value.span());
        let value = match value.get_ref() {
            DeValue::Table(table) => Self::of_table(table, source).value,
            DeValue::Array(items) => Value::List(items.iter().map(|item| Self::of_value(item, source)).collect()),
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(i) => {
                i64::from_str_radix(i.as_str(), i.radix()).map_or_else(|_| Value::Odd(i.to_string()), Value::Integer)
            }
            DeValue::Float(f) => f.as_str().parse().map_or_else(|_| Value::Odd(f.to_string()), Value::Float),
            DeValue::Boolean(b) => Value::Bool(*b),
            DeValue::Datetime(d) => Value::Odd(d.to_string()),
        };
        Self { span, value }
    }

    /// The tree of a plain value, all of it standing at one place.
    pub fn of_plain(value: &toml::Value, span: Span) -> Self {
        let value = match value {
            toml::Value::Table(table) => {
                let entry = |(key, value): (&String, _)| (key.clone(), Entry { key: span, node: Self::of_plain(value, span) });
                Value::Table(table.iter().map(entry).collect())
            }
            toml::Value::Array(items) => Value::List(items.iter().map(|item| Self::of_plain(item, span)).collect()),
            toml::Value::String(text) => Value::Text(text.clone()),
            toml::Value::Integer(i) => Value::Integer(*i),
            toml::Value::Float(f) => Value::Float(*f),
            toml::Value::Boolean(b) => Value::Bool(*b),
            toml::Value::Datetime(d) => Value::Odd(d.to_string()),
        };
        Self { span, value }
    }

    /// The value without its places.
    pub fn plain(&self) -> toml::Value {
        match &self.value {
            Value::Table(table) => toml::Value::Table(table.iter().map(|(k, e)| (k.clone(), e.node.plain())).collect()),
            Value::List(items) => toml::Value::Array(items.iter().map(Self::plain).collect()),
            Value::Text(text) | Value::Odd(text) => toml::Value::String(text.clone()),
            Value::Integer(i) => toml::Value::Integer(*i),
            Value::Float(f) => toml::Value::Float(*f),
            Value::Bool(b) => toml::Value::Boolean(*b),
            Value::Torn => toml::Value::String(String::new()),
        }
    }

    /// Wraps a value into one table for each part of a dotted path.
    pub fn below(self, path: &[String], key: Span) -> Self {
        path.iter().rev().fold(self, |node, part| {
            let span = node.span;
            Self { span, value: Value::Table(Table::from([(part.clone(), Entry { key, node })])) }
        })
    }

    pub fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    pub fn table_mut(&mut self) -> Option<&mut Table> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    /// The entry at a dotted path, or else the nearest one above it that exists.
    pub fn nearest(&self, path: &str) -> Option<&Entry> {
        let mut here = None;
        let mut table = self.table();
        for part in path.split('.') {
            let Some(entry) = table.and_then(|t| t.get(part)) else { break };
            here = Some(entry);
            table = entry.node.table();
        }
        here
    }

    /// The entry at exactly this dotted path.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let (above, last) = path.rsplit_once('.').map_or((None, path), |(above, last)| (Some(above), last));
        let table = match above {
            Some(above) => self.entry(above)?.node.table(),
            None => self.table(),
        };
        table?.get(last)
    }

    /// Puts `over` over this: tables merge key by key; in a choice, a variant takes the place of other variants.
    pub fn merge(&mut self, over: Self, shape: Option<&Shape>) {
        let (Value::Table(base), Value::Table(_)) = (&mut self.value, &over.value) else {
            *self = over;
            return;
        };
        let Value::Table(over) = over.value else { return };
        if let Some(Shape::Choice(variants)) = shape
            && over.keys().any(|key| variants.contains_key(key))
        {
            base.retain(|key, _| over.contains_key(key));
        }
        for (key, entry) in over {
            let below = below(shape, &key);
            match base.get_mut(&key) {
                Some(old) => old.node.merge(entry.node, below),
                None => {
                    base.insert(key, entry);
                }
            }
        }
    }
}

fn below<'a>(shape: Option<&'a Shape>, key: &str) -> Option<&'a Shape> {
    match shape? {
        Shape::Table(keys) | Shape::Choice(keys) => keys.get(key).map(|k: &Key| &k.shape),
        Shape::Map(each) => Some(&each.shape),
        _ => None,
    }
}
