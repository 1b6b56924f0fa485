//! Reads an experiment file, the files it extends and the `--set`s of the command line into layers, the lowest first.

use super::node::{Node, Span, Table, Value};
use super::problem::{Problem, Source};
use super::syntax::{self, Parsed};
use crate::regular::{self, Most};
use std::fs;
use std::path::{Path, PathBuf};

/// Files that may extend each other in a row: more are a slip, or made by somebody who means ill.
const LONGEST_CHAIN: usize = 32;

/// What was read so far.
#[derive(Debug)]
pub(super) struct Sources {
    /// Every text, in the order of reading: the file asked for is the first.
    pub texts: Vec<Source>,
    /// Every text's tree: ancestors, the file itself, `--set`s.
    pub layers: Vec<Node>,
    pub problems: Vec<Problem>,
    /// The dotted keys that are set on the command line.
    pub set: Vec<(Vec<String>, Span)>,
    /// Whether a text is missing or so broken that it is left out, so that nothing can be said of what is not there.
    pub partial: bool,
    /// How much all files together may still have.
    left: Most,
}

impl Sources {
    /// Nothing read yet, and files of at most this size together.
    pub fn of(most: Most) -> Self {
        Self { texts: Vec::new(), layers: Vec::new(), problems: Vec::new(), set: Vec::new(), partial: false, left: most }
    }

    /// A file and its ancestors.
    pub fn add_file(&mut self, path: &Path) {
        self.add_ancestor(path, None, &mut Vec::new());
    }

    /// `chain` holds the files that led here, `wanted` the `extends` that did.
    fn add_ancestor(&mut self, path: &Path, wanted: Option<Span>, chain: &mut Vec<(PathBuf, String)>) {
        let name = path.display().to_string();
        let text = match self.read(path) {
            Ok(text) => text,
            Err(why) => {
                let problem = Problem::new(format!("{name} {why}"), wanted);
                let help = match wanted {
                    Some(_) => "a path in `extends` is relative to the file that it stands in".to_owned(),
                    None => format!("`umlaut init {name}` writes a commented template there"),
                };
                self.problems.push(if path.exists() { problem } else { problem.help(help) });
                self.partial = true;
                return;
            }
        };
        chain.push((fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()), name.clone()));
        let mut node = self.add_text(name, text);
        if wanted.is_some() {
            let table = node.table_mut().expect("a document is a table");
            table.retain(|key, _| key != "name" && key != "description");
        }
        if let Some((parent, span)) = self.take_extends(&mut node) {
            self.extend(&path.parent().unwrap_or(Path::new("")).join(parent), span, chain);
        }
        self.layers.push(node);
    }

    fn extend(&mut self, parent: &Path, span: Span, chain: &mut Vec<(PathBuf, String)>) {
        if chain.len() >= LONGEST_CHAIN {
            let title = format!("more than {LONGEST_CHAIN} files extend each other in a row");
            self.problems.push(Problem::new(title, Some(span)).help("write what several of them say into one file"));
            self.partial = true;
            return;
        }
        let place = fs::canonicalize(parent).unwrap_or_else(|_| parent.to_owned());
        let Some(first) = chain.iter().position(|(known, _)| *known == place) else {
            return self.add_ancestor(parent, Some(span), chain);
        };
        let names: Vec<&str> = chain[first..].iter().chain([&chain[first]]).map(|(_, name)| name.as_str()).collect();
        let title = format!("`extends` goes in a circle: {}", names.join(" -> "));
        self.problems.push(Problem::new(title, Some(span)).help("remove `extends` from one of these files"));
    }

    fn take_extends(&mut self, node: &mut Node) -> Option<(String, Span)> {
        let entry = node.table_mut()?.remove("extends")?;
        match entry.node.value {
            Value::Text(path) if !path.is_empty() => Some((path, entry.node.span)),
            Value::Torn => None,
            _ => {
                let title = "`extends` must be the path of one experiment file, in quotes";
                self.problems.push(Problem::new(title, Some(entry.node.span)));
                None
            }
        }
    }

    fn read(&mut self, path: &Path) -> Result<String, String> {
        if path.is_dir() {
            return Err(
                "is a folder; name an experiment file (`umlaut init` writes one; [dataset] says where the images are)".to_owned()
            );
        }
        let bytes = regular::bytes(path, self.left).map_err(|e| format!("cannot be read: {e}"))?;
        self.left = Most(self.left.0.saturating_sub(bytes.len() as u64));
        String::from_utf8(bytes).map_err(|e| {
            let good = e.utf8_error().valid_up_to();
            let line = 1 + e.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
            format!("is not UTF-8 text: line {line} has the byte 0x{:02x}; save it as UTF-8", e.as_bytes()[good])
        })
    }

    /// A text that belongs to no file's place, so that it cannot extend another.
    pub fn add_loose(&mut self, name: &str, text: &str) {
        let mut node = self.add_text(name.to_owned(), text.to_owned());
        self.refuse_extends(&mut node);
        self.layers.push(node);
    }

    fn refuse_extends(&mut self, node: &mut Node) {
        if let Some(entry) = node.table_mut().and_then(|table| table.remove("extends")) {
            let help = "write `extends` into an experiment file";
            self.problems.push(Problem::new("`extends` has no meaning here", Some(entry.key)).help(help));
        }
    }

    fn add_text(&mut self, name: String, text: String) -> Node {
        let source = self.texts.len();
        let parsed = syntax::parse(&text, source);
        self.texts.push(Source { name, text });
        self.accept(parsed)
    }

    /// The tree of a text, an empty one if the text is hopeless.
    fn accept(&mut self, parsed: Parsed) -> Node {
        self.problems.extend(parsed.problems);
        self.partial |= parsed.hopeless;
        if parsed.hopeless { Node { value: Value::Table(Table::new()), ..parsed.node } } else { parsed.node }
    }

    /// `key.path=value` of the command line. A bare word that is no TOML value counts as a text.
    pub fn add_set(&mut self, set: &str) {
        let source = self.texts.len();
        self.texts.push(Source { name: format!("--set {set}"), text: set.to_owned() });
        let Some(equals) = set.find('=') else {
            let title = format!("`--set {set}` gives no value");
            let help = "write `--set key.path=value`, such as `--set training.epochs=10`";
            self.problems.push(Problem::new(title, Some(Span::new(source, 0..set.len()))).help(help));
            return;
        };
        let parsed = syntax::parse(set, source);
        let mut node = match bare_word(set, equals, source) {
            Some(node) if !parsed.problems.is_empty() => node,
            _ => self.accept(parsed),
        };
        self.refuse_extends(&mut node);
        note_leaves(node.table().expect("a document is a table"), &mut Vec::new(), &mut self.set);
        self.layers.push(node);
    }
}

/// `key=word` with the word as a text, unless it starts like a text, a list or a table.
fn bare_word(set: &str, equals: usize, source: usize) -> Option<Node> {
    let word = set[equals + 1..].trim();
    if word.is_empty() || word.starts_with(['"', '\'', '[', '{']) {
        return None;
    }
    let parsed = syntax::parse(&format!("{}=0", &set[..equals]), source);
    let mut node = parsed.problems.is_empty().then_some(parsed.node)?;
    let start = equals + 1 + set[equals + 1..].find(word)?;
    *leaf(&mut node)? = Node { span: Span::new(source, start..start + word.len()), value: Value::Text(word.to_owned()) };
    Some(node)
}

/// The one value of a tree of one value.
fn leaf(node: &mut Node) -> Option<&mut Node> {
    if node.table().is_none() {
        return Some(node);
    }
    leaf(&mut node.table_mut()?.values_mut().next()?.node)
}

fn note_leaves(table: &Table, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Span)>) {
    for (key, entry) in table {
        path.push(key.clone());
        match entry.node.table() {
            Some(below) => note_leaves(below, path, found),
            None => found.push((path.clone(), entry.node.span)),
        }
        path.pop();
    }
}
