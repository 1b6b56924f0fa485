//! One swept key with its values: does it exist, may it be swept, does each value fit by itself?

use super::super::conform::Conform;
use super::super::node::{Entry, Node, Span, Table, Value};
use super::super::problem::Problem;
use super::super::shape::{FILE, Key, Shape, join};
use super::super::suggest::{closest, either, listed};

/// The part of a sweep that a key stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SweepSection {
    Grid,
    Zip,
    /// The how-manieth of the points.
    Point(usize),
    Random,
    /// Keys of a search, which draws as the part before does.
    Search,
}

impl SweepSection {
    /// The table as a path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Grid => "sweep.grid",
            Self::Zip => "sweep.zip",
            Self::Point(_) => "sweep.points",
            Self::Random => "sweep.random.draw",
            Self::Search => "search.draw",
        }
    }

    /// What happens to a key there, in a word.
    pub fn verb(self) -> &'static str {
        if self == Self::Search { "searched" } else { "swept" }
    }

    /// Whether values are drawn.
    pub fn is_drawn(self) -> bool {
        matches!(self, Self::Random | Self::Search)
    }
}

/// A swept key with the values that are good by themselves; of a draw, what it says.
pub(super) struct Axis<'a> {
    pub part: SweepSection,
    pub name: &'a str,
    pub path: Vec<String>,
    pub key: Span,
    pub values: Vec<&'a Node>,
    /// Whether every value was good.
    pub whole: bool,
}

impl<'a> Axis<'a> {
    /// Checks a key and its values; `None` if the key is no good.
    pub fn read(part: SweepSection, name: &'a str, entry: &'a Entry, problems: &mut Vec<Problem>) -> Option<Self> {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if let Some(remedy) = refused(&path).or_else(|| if part == SweepSection::Search { of_search(&path) } else { None }) {
            problems.push(Problem::new(format!("`{name}` cannot be {}", part.verb()), Some(entry.key)).help(remedy));
            return None;
        }
        let key = find(name, &path, entry.key, problems)?;
        let before = problems.len();
        let values: Vec<&Node> = match (part, &entry.node.value) {
            (SweepSection::Grid | SweepSection::Zip, Value::List(values)) => {
                values.iter().filter(|one| fits(name, key, one, problems)).collect()
            }
            (SweepSection::Grid | SweepSection::Zip, _) => return None,
            (SweepSection::Point(_), _) => [&entry.node].into_iter().filter(|one| fits(name, key, one, problems)).collect(),
            (SweepSection::Random | SweepSection::Search, _) => drawn(name, key, entry, problems),
        };
        Some(Self { part, name, path, key: entry.key, values, whole: problems.len() == before })
    }
}

/// The key at a path, or the mistake that there is none.
pub(super) fn find(name: &str, path: &[String], span: Span, problems: &mut Vec<Problem>) -> Option<&'static Key> {
    FILE.find(path).map_err(|(depth, known)| problems.push(no_such_key(name, path, depth, &known, span))).ok()
}

/// Whether a value is good for a key, whatever the rest is.
pub(super) fn fits(name: &str, key: &Key, value: &Node, problems: &mut Vec<Problem>) -> bool {
    let mut alone = Conform { swept: true, ..Conform::default() };
    let good = alone.value(name, key, value).is_some() && alone.broken.is_empty() && alone.problems.is_empty();
    problems.append(&mut alone.problems);
    good
}

/// The good values that a draw names: its bounds, or its choices.
fn drawn<'a>(name: &str, key: &Key, entry: &'a Entry, problems: &mut Vec<Problem>) -> Vec<&'a Node> {
    let Some((kind, of)) = entry.node.table().filter(|table: &&Table| table.len() == 1).and_then(|table| table.iter().next())
    else {
        return Vec::new();
    };
    let Value::List(values) = &of.node.value else { return Vec::new() };
    let good: Vec<&Node> = values.iter().filter(|one| fits(name, key, one, problems)).collect();
    if ["choice", "ordered"].contains(&kind.as_str()) || good.len() != 2 {
        return good;
    }
    let [low, high] = [number(good[0]), number(good[1])];
    let problem = |title: String| Problem::new(title, Some(of.node.span));
    if matches!(key.shape, Shape::Integer(_)) && !["int", "log_int"].contains(&kind.as_str()) {
        let help = format!("write {{ int = [{low}, {high}] }}, or {{ choice = [...] }}");
        problems.push(Problem::new(format!("`{name}` is a whole number, which `{kind}` does not draw"), Some(of.key)).help(help));
    } else if low >= high {
        problems.push(problem(format!("`{name}` is drawn from {low} to {high}: the first must be below the second")));
    } else if let Some(plain) = kind.strip_prefix("log_").filter(|_| low <= 0.0) {
        let help = format!("use `{plain}`");
        problems.push(problem(format!("`{name}`: a logarithm needs numbers above 0, got {low}")).help(help));
    }
    good
}

fn number(node: &Node) -> f64 {
    match node.value {
        Value::Integer(i) => i as f64,
        Value::Float(x) => x,
        _ => f64::NAN,
    }
}

/// Why a key that exists makes no sense in a sweep, and what to do instead.
fn refused(path: &[String]) -> Option<&'static str> {
    match (path[0].as_str(), path.get(1).map(String::as_str)) {
        ("name" | "description", _) => Some("every run of an experiment has the experiment's name; leave it out"),
        ("sweep" | "search", _) => Some("list the keys themselves"),
        ("extends", _) => Some("write a file for each parent"),
        ("training", Some("seeds")) => Some("every combination runs with every seed: list them in `training.seeds`"),
        ("training", None) => Some("sweep single keys of it, such as `training.batch_size`"),
        _ => None,
    }
}

/// Why a key makes no sense in a search though it may be swept, and what to do instead.
fn of_search(path: &[String]) -> Option<&'static str> {
    match (path[0].as_str(), path.get(1).map(String::as_str)) {
        ("dataset" | "split", _) => Some("scores on different images cannot be compared: write an experiment for each"),
        ("training", Some("epochs")) => {
            Some("all trials have as many: write `training.epochs` itself, and [search.halving] to stop the worse ones early")
        }
        _ => None,
    }
}

fn no_such_key(name: &str, path: &[String], depth: usize, known: &[&str], span: Span) -> Problem {
    let (above, wrong) = (path[..depth].join("."), &path[depth]);
    let title =
        if above.is_empty() { format!("an experiment has no key `{wrong}`") } else { format!("`{above}` has no key `{wrong}`") };
    let problem = Problem::new(title, Some(span));
    if let Some(meant) = closest(wrong, known.iter().copied()) {
        let mut better = path.to_vec();
        better[depth] = meant.to_owned();
        let better = better.join(".");
        return problem.help(format!("did you mean `{better}`?")).fix(span, format!("\"{better}\""));
    }
    let homes = FILE.homes(path.last().map_or(name, String::as_str));
    let full: Vec<String> = homes.iter().map(|home| join(home, path.last().map_or(name, String::as_str))).collect();
    if !full.is_empty() && full.len() <= 3 {
        return problem.help(format!("write the whole path: {}", either(full.iter().map(String::as_str))));
    }
    if known.is_empty() { problem } else { problem.help(format!("it has {}", listed(known.iter().copied()))) }
}
