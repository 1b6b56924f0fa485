//! What may stand where in an experiment file, as the checks want it: read once from the JSON Schema, which comes from the serde
//! types, so that the three cannot differ.

use super::schema::resolved_schema;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// The whole file.
pub(super) static FILE: LazyLock<Key> = LazyLock::new(|| Key::read(&resolved_schema(), true));

/// A key: what its value may be, and what is known about it.
#[derive(Debug)]
pub(super) struct Key {
    pub shape: Shape,
    pub required: bool,
    /// Its doc comment.
    pub about: String,
    /// Its default, as TOML; `None` for required keys, optional keys and tables.
    pub default: Option<String>,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Known keys.
    Table(BTreeMap<String, Key>),
    /// Exactly one of the known keys.
    Choice(BTreeMap<String, Key>),
    /// Any keys, all values of one shape.
    Map(Box<Key>),
    List {
        item: Box<Key>,
        least: usize,
        most: usize,
        unique: bool,
    },
    Words(Vec<String>),
    Text(Text),
    Integer(Range),
    Number(Range),
    /// A number, or a word in its place.
    NumberOr(Range, Vec<String>),
    Bool,
    Any,
}

/// What a text may be.
#[derive(Debug, PartialEq)]
pub(super) enum Text {
    Any,
    NotEmpty,
    /// See [`super::name::NAME`].
    Name,
    Regex,
}

/// Bounds of a number; a `true` beside a bound says that the bound itself is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
}

impl Range {
    pub fn holds(&self, x: f64) -> bool {
        self.low.is_none_or(|(low, out)| if out { x > low } else { x >= low })
            && self.high.is_none_or(|(high, out)| if out { x < high } else { x <= high })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (None, None) => Ok(()),
            (Some((low, false)), None) => write!(f, " of {low} or more"),
            (Some((low, true)), None) => write!(f, " above {low}"),
            (None, Some((high, false))) => write!(f, " of {high} or less"),
            (None, Some((high, true))) => write!(f, " below {high}"),
            (Some((low, false)), Some((high, false))) => write!(f, " from {low} to {high}"),
            (Some((low, open)), Some((high, shut))) => {
                write!(f, " in {}{low}, {high}{}", if open { '(' } else { '[' }, if shut { ')' } else { ']' })
            }
        }
    }
}

impl fmt::Display for Shape {
    /// As in "must be …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(_) | Self::Choice(_) | Self::Map(_) => f.write_str("a table"),
            Self::List { item, .. } if matches!(item.shape, Self::Any) => f.write_str("a list of 1 or more values"),
            Self::List { item, least, most, .. } => match (least, most) {
                (_, _) if least == most => write!(f, "a list of {least} values, each {}", item.shape),
                (0, _) => write!(f, "a list, each item {}", item.shape),
                (_, &usize::MAX) => write!(f, "a list of {least} or more values, each {}", item.shape),
                (_, _) => write!(f, "a list of {least} to {most} values, each {}", item.shape),
            },
            Self::Words(words) => f.write_str(&either(words)),
            Self::Text(Text::Any) => f.write_str("a text in quotes"),
            Self::Text(Text::NotEmpty) => f.write_str("a text in quotes, not empty"),
            Self::Text(Text::Name) => f.write_str("a name in quotes"),
            Self::Text(Text::Regex) => f.write_str("a regular expression in quotes"),
            Self::Integer(range) => write!(f, "a whole number{range}"),
            Self::Number(range) => write!(f, "a number{range}"),
            Self::NumberOr(range, words) => write!(f, "a number{range}, or {}", either(words)),
            Self::Bool => f.write_str("true or false"),
            Self::Any => f.write_str("a value"),
        }
    }
}

/// `"a", "b" or "c"`.
fn either(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl Key {
    fn read(schema: &Value, required: bool) -> Self {
        let about = schema["description"].as_str().unwrap_or_default().to_owned();
        let default = schema.get("default").filter(|d| !d.is_object()).map(toml_text);
        Self { shape: Shape::read(schema), required, about, default }
    }

    /// The key at a dotted path below this one. With no such key, the part that is wrong and the keys known in its place.
    pub fn find(&self, path: &[String]) -> Result<&Self, (usize, Vec<&str>)> {
        let mut here = self;
        for (depth, part) in path.iter().enumerate() {
            let (Shape::Table(keys) | Shape::Choice(keys)) = &here.shape else { return Err((depth, Vec::new())) };
            here = keys.get(part).ok_or_else(|| (depth, keys.keys().map(String::as_str).collect::<Vec<_>>()))?;
        }
        Ok(here)
    }

    /// The dotted paths of all tables that have a key of this name.
    pub fn homes(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_homes("", name, &mut found);
        found
    }

    fn collect_homes(&self, path: &str, name: &str, found: &mut Vec<String>) {
        let (Shape::Table(keys) | Shape::Choice(keys)) = &self.shape else { return };
        if keys.contains_key(name) {
            found.push(path.to_owned());
        }
        for (key, below) in keys {
            below.collect_homes(&join(path, key), name, found);
        }
    }
}

/// `path.key`, or `key` at the top.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// JSON and TOML write these alike, but for the space that people put behind a comma.
fn toml_text(default: &Value) -> String {
    default.to_string().replace(',', ", ")
}

impl Shape {
    fn read(schema: &Value) -> Self {
        let kind = schema["type"].as_str();
        let count = |name: &str| schema[name].as_u64().and_then(|n| usize::try_from(n).ok());
        match kind {
            Some("object") if schema.get("maxProperties").is_some() => Self::Choice(keys(schema)),
            Some("object") if schema["additionalProperties"] == false => Self::Table(keys(schema)),
            Some("object") => Self::Map(Box::new(Key::read(&schema["additionalProperties"], false))),
            Some("array") => Self::List {
                item: Box::new(Key::read(&schema["items"], false)),
                least: count("minItems").unwrap_or(0),
                most: count("maxItems").unwrap_or(usize::MAX),
                unique: schema["uniqueItems"] == true,
            },
            Some("string") => Self::Text(text(schema)),
            Some("integer") => Self::Integer(range(schema)),
            Some("number") => Self::Number(range(schema)),
            Some("boolean") => Self::Bool,
            _ => match (words(schema), number_or(schema)) {
                (Some(words), _) => Self::Words(words),
                (_, Some((range, words))) => Self::NumberOr(range, words),
                _ => Self::Any,
            },
        }
    }
}

fn keys(schema: &Value) -> BTreeMap<String, Key> {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.map(|(name, below)| (name.clone(), Key::read(below, required(name)))).collect()
}

fn text(schema: &Value) -> Text {
    match () {
        () if schema.get("pattern").is_some() => Text::Name,
        () if schema["format"] == "regex" => Text::Regex,
        () if schema["minLength"] == 1 => Text::NotEmpty,
        () => Text::Any,
    }
}

fn range(schema: &Value) -> Range {
    let bound =
        |shut: &str, open: &str| schema[open].as_f64().map(|b| (b, true)).or_else(|| schema[shut].as_f64().map(|b| (b, false)));
    Range { low: bound("minimum", "exclusiveMinimum"), high: bound("maximum", "exclusiveMaximum") }
}

fn words(schema: &Value) -> Option<Vec<String>> {
    let constants = schema.get("oneOf")?.as_array()?;
    constants.iter().map(|one| one["const"].as_str().map(str::to_owned)).collect()
}

/// A number's bounds and the words in its place, of a schema that allows either.
fn number_or(schema: &Value) -> Option<(Range, Vec<String>)> {
    let [number, text] = schema.get("anyOf")?.as_array()?.as_slice() else { return None };
    (number["type"] == "number").then(|| range(number)).zip(words(text))
}
