//! The words for what is wrong with one key or value, and what to do about it.

use super::name::NAME;
use super::node::{Entry, Node, Span, Value};
use super::problem::Problem;
use super::shape::{FILE, Key, Shape, join};
use super::suggest::{closest, either, listed};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;

type Keys = BTreeMap<String, Key>;

static NAMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(NAME).expect("a constant that compiles"));

/// A value of the wrong type or out of range; `swept` if it stands in a sweep, where a default is no remedy.
pub(super) fn unfit(path: &str, key: &Key, node: &Node, swept: bool) -> Problem {
    let problem = Problem::new(format!("{} must be {}, got {}", subject(path), key.shape, shown(&node.value)), Some(node.span));
    if let Some((text, help)) = repaired(path, &key.shape, &node.value) {
        return match text {
            Some(text) => problem.help(help).fix(node.span, text),
            None => problem.help(help),
        };
    }
    match &key.default {
        Some(default) if !swept && default != "\"\"" && default != "[]" => {
            problem.help(format!("leave it out for the default, {default}"))
        }
        _ if key.about.is_empty() || matches!(key.shape, Shape::Words(_)) => problem,
        _ => problem.help(key.about.trim_end_matches('.')),
    }
}

/// ``an item of `x` `` for `x[]`.
fn subject(path: &str) -> String {
    match path.strip_suffix("[]") {
        Some(list) => format!("an item of `{list}`"),
        None => format!("`{path}`"),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        Value::List(items) if items.is_empty() => "an empty list".to_owned(),
        Value::List(items) if items.len() == 1 => "a list of 1 value".to_owned(),
        Value::List(items) => format!("a list of {} values", items.len()),
        Value::Text(text) if text.chars().count() > 40 => "a longer text".to_owned(),
        Value::Text(text) => format!("the text {}", toml::Value::from(text.as_str())),
        Value::Integer(i) => i.to_string(),
        Value::Float(x) if x.is_finite() => format!("{x:?}"),
        Value::Float(x) => if x.is_nan() { "nan" } else { "an infinite number" }.to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Odd(text) => text.clone(),
        Value::Torn => "nothing".to_owned(),
    }
}

/// What to write instead, if that can be guessed, and the words for it.
fn repaired(path: &str, shape: &Shape, value: &Value) -> Option<(Option<String>, String)> {
    match (shape, value) {
        (Shape::Integer(range), Value::Text(text)) => {
            let fits = text.trim().parse::<i64>().is_ok_and(|i| range.holds(i as f64));
            fits.then(|| (Some(text.trim().to_owned()), "a number stands without quotes".to_owned()))
        }
        (Shape::NumberOr(range, words), Value::Text(text)) => {
            let number = repaired(path, &Shape::Number(*range), value).filter(|_| text.trim().parse::<f64>().is_ok());
            number.or_else(|| repaired(path, &Shape::Words(words.clone()), value))
        }
        (Shape::Number(range), Value::Text(text)) => {
            let fits = text.trim().parse::<f64>().is_ok_and(|x| x.is_finite() && range.holds(x));
            fits.then(|| (Some(text.trim().to_owned()), "a number stands without quotes".to_owned()))
        }
        (Shape::Integer(range), Value::Float(x)) => {
            let fits = x.fract() == 0.0 && range.holds(*x) && x.abs() < 1e15;
            fits.then(|| (Some(format!("{x:.0}")), "a whole number has no point".to_owned()))
        }
        (Shape::Bool, Value::Text(text)) => {
            matches!(text.as_str(), "true" | "false").then(|| (Some(text.clone()), "it stands without quotes".to_owned()))
        }
        (Shape::Words(words), Value::Text(text)) => {
            let word = closest(text, words.iter().map(String::as_str))?;
            Some((Some(format!("\"{word}\"")), format!("did you mean \"{word}\"?")))
        }
        (Shape::List { item, .. }, Value::Integer(_) | Value::Float(_) | Value::Text(_)) => {
            let alike = matches!(
                (&item.shape, value),
                (Shape::Integer(_), Value::Integer(_))
                    | (Shape::Number(_), Value::Integer(_) | Value::Float(_))
                    | (Shape::Words(_) | Shape::Text(_) | Shape::Any, Value::Text(_))
            );
            alike.then(|| (None, "a list stands in brackets, also if it has one item".to_owned()))
        }
        (Shape::Choice(variants), Value::Text(text)) => {
            let word = closest(text, variants.keys().map(String::as_str))?;
            Some((None, format!("a choice is a table of its own: write `[{path}.{word}]`")))
        }
        _ => None,
    }
}

/// A key that the table does not have.
pub(super) fn unknown_key(path: &str, keys: &Keys, name: &str, entry: &Entry) -> Problem {
    let place = if path.is_empty() { "an experiment".to_owned() } else { format!("`{path}`") };
    let problem = Problem::new(format!("{place} has no key `{name}`"), Some(entry.key));
    if let Some(meant) = closest(name, keys.keys().map(String::as_str)) {
        return problem.help(format!("did you mean `{meant}`?")).fix(entry.key, meant);
    }
    let homes = FILE.homes(name);
    if !homes.is_empty() && homes.len() <= 3 {
        if homes.iter().any(String::is_empty) {
            return problem.help(format!("`{name}` stands at the top of the file, above the first `[table]`"));
        }
        let headers: Vec<String> = homes.iter().map(|h| format!("[{h}]")).collect();
        return problem.help(format!("`{name}` is a key of {}", listed(headers.iter().map(String::as_str))));
    }
    if keys.is_empty() {
        return problem.help(format!("{place} has no keys at all: remove it"));
    }
    problem.help(format!("it has {}", listed(keys.keys().map(String::as_str))))
}

/// A variant that the choice does not have.
pub(super) fn unknown_variant(path: &str, variants: &Keys, name: &str, entry: &Entry) -> Problem {
    let problem = Problem::new(format!("`{path}` has no choice `{name}`"), Some(entry.key));
    if let Some(meant) = closest(name, variants.keys().map(String::as_str)) {
        return problem.help(format!("did you mean `{meant}`?")).fix(entry.key, meant);
    }
    let holds = |variant: &Key| matches!(&variant.shape, Shape::Table(keys) if keys.contains_key(name));
    let homes: Vec<String> = variants.iter().filter(|(_, v)| holds(v)).map(|(n, _)| format!("[{}]", join(path, n))).collect();
    if homes.is_empty() {
        let headers: Vec<String> = variants.keys().map(|v| format!("[{}]", join(path, v))).collect();
        return problem.help(format!("write {}", either(headers.iter().map(String::as_str))));
    }
    problem.help(format!("`{name}` is a key of {}", listed(homes.iter().map(String::as_str))))
}

/// A choice with nothing chosen.
pub(super) fn no_variant(path: &str, variants: &Keys, span: Span) -> Problem {
    let headers: Vec<String> = variants.keys().map(|v| format!("[{path}.{v}]")).collect();
    let help = format!("leave it out for the default, or write {}", either(headers.iter().map(String::as_str)));
    Problem::new(format!("`{path}` chooses nothing"), Some(span)).help(help)
}

/// A choice with more than one variant.
pub(super) fn several_variants(path: &str, places: &[(&str, Span)]) -> Problem {
    let ((_, last), others) = places.split_last().expect("there are several");
    let title = format!("`{path}` is one choice, got {}", listed(places.iter().map(|(name, _)| *name)));
    let problem = Problem::new(title, Some(*last)).help("keep one of them");
    others.iter().fold(problem, |p, (name, span)| p.also(*span, format!("`{name}` is chosen here")))
}

/// A required key that is not there.
pub(super) fn missing(path: &str, name: &str, key: &Key, span: Span) -> Problem {
    let place = if path.is_empty() { "an experiment".to_owned() } else { format!("`{path}`") };
    let example = if matches!(key.shape, Shape::List { .. }) { "[...]" } else { "\"...\"" };
    let help = format!("write `{name} = {example}`: {}", key.about.trim_end_matches('.'));
    Problem::new(format!("{place} needs the key `{name}`"), Some(span)).help(help)
}

/// A swept key that is not in quotes and so made tables of its parts.
pub(super) fn unquoted_path(name: &str, entry: &Entry) -> Problem {
    let mut path = name.to_owned();
    let mut node = &entry.node;
    while let Some((key, below)) = node.table().and_then(|table| table.iter().next()) {
        path = join(&path, key);
        node = &below.node;
    }
    let help = format!("write `\"{path}\" = [...]`");
    Problem::new("a swept key is one dotted path in quotes", Some(entry.key)).help(help)
}

/// The same item twice.
pub(super) fn twice(path: &str, value: &toml::Value, second: Span, first: Span) -> Problem {
    Problem::new(format!("`{path}` has {value} twice"), Some(second)).also(first, "first here").help("remove one of them")
}

/// A text that must not be empty.
pub(super) fn empty(path: &str, node: &Node) -> Problem {
    Problem::new(format!("{} must not be empty", subject(path)), Some(node.span))
}

/// A name that would do harm in a path.
pub(super) fn bad_name(path: &str, text: &str, node: &Node) -> Option<Problem> {
    if NAMES.is_match(text) {
        return None;
    }
    let title = format!("{} is part of paths and columns, so {} will not do", subject(path), shown(&node.value));
    let help = "up to 100 letters (a to z, A to Z), digits, `-`, `_` and `.`; the first is no `.`";
    let problem = Problem::new(title, Some(node.span));
    let better = better_name(text);
    Some(if NAMES.is_match(&better) { problem.help(help).fix(node.span, format!("\"{better}\"")) } else { problem.help(help) })
}

/// The nearest name that will do, if there is one.
pub(super) fn better_name(text: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = text.chars().map(|c| if good(c) { c } else { '-' }).collect();
    plain.trim_start_matches(['.', '-']).trim_end_matches('-').chars().take(100).collect()
}

/// A text that is no regular expression.
pub(super) fn bad_regex(path: &str, text: &str, node: &Node) -> Option<Problem> {
    let error = Regex::new(text).err()?.to_string();
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let help = "in single quotes a backslash stands for itself: '^(patient\\d+)'";
    Some(Problem::new(format!("{} is no regular expression: {why}", subject(path)), Some(node.span)).help(help))
}
