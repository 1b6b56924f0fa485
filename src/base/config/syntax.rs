//! Parses one text and says what is wrong with its TOML, going on behind each mistake as far as that makes sense.

use super::node::{Node, Span, Table, Value};
use super::problem::Problem;
use std::ops::Range;
use toml::de::DeTable;

/// A text's tree and mistakes.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Values on a line with a mistake are torn.
    pub node: Node,
    pub problems: Vec<Problem>,
    /// Whether a mistake hides where the following keys belong.
    pub hopeless: bool,
}

pub(super) fn parse(text: &str, source: usize) -> Parsed {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut node = Node::of_table(table.get_ref(), source);
    let mut errors: Vec<Mistake> = errors.iter().map(|e| Mistake::new(e, text)).collect();
    errors.sort_by_key(|e| e.at.start);
    if let Some(open) = unclosed(&node, &errors) {
        let problem = Problem::new("this bracket is never closed", Some(Span::new(source, open..open + 1)));
        let mut problems: Vec<Problem> = explain_all(errors.iter().filter(|e| e.at.start < open), text, &node, source);
        problems.push(problem.help("close it behind its last value"));
        return Parsed { node, problems, hopeless: true };
    }
    let hopeless = errors.iter().any(|e| e.message != "duplicate key" && text[e.line.clone()].trim_start().starts_with('['));
    let problems = explain_all(errors.iter(), text, &node, source);
    let torn: Vec<Range<usize>> = errors.into_iter().filter(|e| e.message != "duplicate key").map(|e| e.line).collect();
    tear(node.table_mut().expect("a document is a table"), &torn);
    Parsed { node, problems, hopeless }
}

/// Mistakes of TOML in one text that are explained: some need a look at all that comes before.
const MOST_EXPLAINED: usize = 200;

/// A message of the parser, where, and in which line.
struct Mistake {
    message: String,
    at: Range<usize>,
    line: Range<usize>,
}

impl Mistake {
    fn new(error: &toml::de::Error, text: &str) -> Self {
        let at = error.span().unwrap_or(0..0);
        // at a line's end the parser points behind it, at its newline's other side
        let before = text[..at.start.min(text.len())].trim_end_matches(['\n', '\r']).len();
        let inside = if at.is_empty() && before < at.start { before } else { at.start };
        let line = text[..inside].rfind('\n').map_or(0, |n| n + 1)..text[inside..].find('\n').map_or(text.len(), |n| inside + n);
        Self { message: error.message().to_owned(), at: inside..at.end.max(inside).min(line.end).max(inside), line }
    }
}

/// Where the outermost list opens that the parser never saw closed. Whatever it says behind that place follows from it.
fn unclosed(node: &Node, errors: &[Mistake]) -> Option<usize> {
    let error = errors.iter().find(|e| e.message.starts_with("unclosed array") || e.message.starts_with("unclosed inline"))?;
    let mut spans = Vec::new();
    brackets(node, &mut spans);
    spans.into_iter().filter(|s| s.start < error.at.start && error.at.start <= s.end).map(|s| s.start).min()
}

fn brackets(node: &Node, spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::List(_) => spans.push(node.span.range()),
        Value::Table(table) => {
            spans.extend((node.span.start < node.span.end).then(|| node.span.range()));
            table.values().for_each(|entry| brackets(&entry.node, spans));
        }
        _ => {}
    }
}

/// One problem a line: the others follow from the first.
fn explain_all<'a>(errors: impl Iterator<Item = &'a Mistake>, text: &str, node: &Node, source: usize) -> Vec<Problem> {
    let mut last = None;
    let mut problems = Vec::new();
    for error in errors {
        if problems.len() == MOST_EXPLAINED {
            break;
        }
        if last.replace(error.line.start) != Some(error.line.start) {
            problems.push(explain(error, text, node, source));
        }
    }
    problems
}

fn explain(error: &Mistake, text: &str, node: &Node, source: usize) -> Problem {
    let span = Span::new(source, error.at.clone());
    if error.message == "duplicate key" {
        return duplicate(error, text, node, span);
    }
    let line = &text[error.line.clone()];
    let value = line.split_once('=').map(|(before, value)| (error.line.start + before.len() + 1, value));
    if let Some((start, value)) = value.filter(|_| error.message.starts_with("string values must be quoted")) {
        let word = value.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            let key = line.split('=').next().unwrap_or_default().trim();
            let place = Span::new(source, start - 1..start);
            return Problem::new(format!("`{key}` has no value"), Some(place)).help("write a value, or leave the key out");
        }
        let at = start + value.find(word).unwrap_or(0);
        let place = Span::new(source, at..at + word.len());
        if !word.contains(['"', '\'', '\\']) {
            return Problem::new("a text must stand in quotes", Some(place)).help("quote it").fix(place, format!("\"{word}\""));
        }
    }
    if error.message.starts_with("invalid basic string, expected")
        || error.message.starts_with("invalid literal string, expected")
    {
        return Problem::new("this text is never closed", Some(span)).help("close it with the quote that opens it");
    }
    let message = error.message.trim_end_matches(", expected nothing");
    Problem::new(format!("this is no TOML: {message}"), Some(span))
}

fn duplicate(error: &Mistake, text: &str, node: &Node, span: Span) -> Problem {
    let key = &text[span.range()];
    let line = text[error.line.clone()].trim();
    let header = line.starts_with('[');
    let first = if header { earlier_header(text, error.line.start, line) } else { earlier_key(node, key, span.start) };
    let what = if header { line } else { key };
    let problem = Problem::new(format!("`{what}` stands here a second time"), Some(span)).help("remove one of them");
    match first {
        Some(first) => problem.also(Span { source: span.source, start: first.start, end: first.end }, "first here"),
        None => problem,
    }
}

fn earlier_header(text: &str, before: usize, line: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for earlier in text[..before].split_inclusive('\n') {
        if earlier.trim() == line {
            return Some(start..start + line.len());
        }
        start += earlier.len();
    }
    None
}

/// The last place before `end` where the key stands.
fn earlier_key(node: &Node, key: &str, end: usize) -> Option<Range<usize>> {
    let entries = node.table()?.iter();
    let here = entries.clone().filter(|(name, entry)| *name == key && entry.key.start < end).map(|(_, entry)| entry.key.range());
    let below = entries.filter_map(|(_, entry)| earlier_key(&entry.node, key, end));
    here.chain(below).max_by_key(|range| range.start)
}

/// Marks the values that stand on one of the lines, which are in order.
fn tear(table: &mut Table, lines: &[Range<usize>]) {
    for entry in table.values_mut() {
        let (from, to) = (entry.key.start, entry.node.span.end.max(entry.key.end));
        if let Some(below) = entry.node.table_mut() {
            tear(below, lines);
        } else if lines.get(lines.partition_point(|line| line.end < from)).is_some_and(|line| line.start <= to) {
            entry.node.value = Value::Torn;
        }
    }
}
