//! Checks of `[sweep.grid]`: its keys, each value alone, and what the combinations make of the rest.

use super::conform::Conform;
use super::node::{Entry, Node, Span, Table, Value};
use super::problem::Problem;
use super::resolve::{findings, meaning};
use super::shape::FILE;
use super::suggest::{closest, either, listed};
use std::collections::HashSet;

/// Grids of more combinations are refused: a grid that large is a slip.
const MOST_COMBINATIONS: usize = 100_000;

/// Grids of more combinations are checked value by value only; [`Experiment::at`](super::Experiment::at) checks each again.
const MOST_CHECKED: usize = 4096;

/// A swept key with the values that are good by themselves.
struct Axis<'a> {
    name: &'a str,
    path: Vec<String>,
    key: Span,
    values: Vec<&'a Node>,
}

/// The mistakes of a sweep. `base` is the merged tree without the sweep, `set` the keys given on the command line.
pub(super) fn check(grid: &Table, base: &Node, set: &[(Vec<String>, Span)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut axes: Vec<Axis<'_>> = Vec::new();
    for (name, entry) in grid {
        if let Some(axis) = axis(name, entry, &mut problems) {
            problems.extend(overlaps(&axis, &axes, set));
            axes.push(axis);
        }
    }
    let combinations = axes.iter().try_fold(1_usize, |n, axis| n.checked_mul(axis.values.len()));
    match combinations {
        Some(n) if n <= MOST_CHECKED => check_combinations(&axes, base, n, &mut problems),
        Some(n) if n <= MOST_COMBINATIONS => {}
        _ => {
            let first = axes.iter().map(|axis| axis.key).min();
            let title = format!("the sweep has more than {MOST_COMBINATIONS} combinations");
            problems.push(Problem::new(title, first).help("list fewer values, or sweep fewer keys at once"));
        }
    }
    problems
}

/// Checks one key of the grid and its values, each alone.
fn axis<'a>(name: &'a str, entry: &'a Entry, problems: &mut Vec<Problem>) -> Option<Axis<'a>> {
    let Value::List(values) = &entry.node.value else { return None };
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    if let Some(remedy) = refused(&path) {
        problems.push(Problem::new(format!("`{name}` cannot be swept"), Some(entry.key)).help(remedy));
        return None;
    }
    let key = match FILE.find(&path) {
        Ok(key) => key,
        Err((depth, known)) => {
            problems.push(no_such_key(name, &path, depth, &known, entry.key));
            return None;
        }
    };
    let mut good = Vec::new();
    for value in values {
        let mut alone = Conform { swept: true, ..Conform::default() };
        let fits = alone.value(name, key, value).is_some() && alone.broken.is_empty() && alone.problems.is_empty();
        problems.append(&mut alone.problems);
        good.extend(fits.then_some(value));
    }
    Some(Axis { name, path, key: entry.key, values: good })
}

/// Why a key that exists makes no sense in a sweep, and what to do instead.
fn refused(path: &[String]) -> Option<&'static str> {
    match (path[0].as_str(), path.get(1).map(String::as_str)) {
        ("name" | "description", _) => Some("every run of an experiment has the experiment's name; leave it out"),
        ("sweep", _) => Some("list the keys themselves"),
        ("extends", _) => Some("write a file for each parent"),
        ("training", Some("seeds")) => Some("every combination runs with every seed: list them in `training.seeds`"),
        ("training", None) => Some("sweep single keys of it, such as `training.batch_size`"),
        _ => None,
    }
}

fn no_such_key(name: &str, path: &[String], depth: usize, known: &[&str], span: Span) -> Problem {
    let (above, wrong) = (path[..depth].join("."), &path[depth]);
    let title = if above.is_empty() {
        format!("an experiment has no key `{wrong}` to sweep")
    } else {
        format!("`{above}` has no key `{wrong}` to sweep")
    };
    let problem = Problem::new(title, Some(span));
    if let Some(meant) = closest(wrong, known.iter().copied()) {
        let mut better = path.to_vec();
        better[depth] = meant.to_owned();
        let better = better.join(".");
        return problem.help(format!("did you mean `{better}`?")).fix(span, format!("\"{better}\""));
    }
    let homes = FILE.homes(path.last().map_or(name, String::as_str));
    let full: Vec<String> = homes.iter().map(|home| super::shape::join(home, path.last().map_or(name, String::as_str))).collect();
    if !full.is_empty() && full.len() <= 3 {
        return problem.help(format!("write the whole path: {}", either(full.iter().map(String::as_str))));
    }
    if known.is_empty() { problem } else { problem.help(format!("it has {}", listed(known.iter().copied()))) }
}

/// Keys that get in each other's way: one above the other, two variants of a choice, one that is also set.
fn overlaps(axis: &Axis<'_>, others: &[Axis<'_>], set: &[(Vec<String>, Span)]) -> Vec<Problem> {
    let nested = |a: &[String], b: &[String]| a.starts_with(b) || b.starts_with(a);
    let mut problems = Vec::new();
    for other in others {
        if nested(&axis.path, &other.path) {
            let title = format!("`{}` and `{}` are swept at once, but one is part of the other", other.name, axis.name);
            problems.push(Problem::new(title, Some(axis.key)).also(other.key, "swept here").help("keep one of them"));
        } else if let Some(choice) = rivals(&axis.path, &other.path) {
            let title = format!("`{}` and `{}` are two choices of `{choice}`: no run can have both", other.name, axis.name);
            let help = format!("sweep `{choice}` itself, with a table for each choice, or keep one of them");
            problems.push(Problem::new(title, Some(axis.key)).also(other.key, "swept here").help(help));
        }
    }
    for (_, span) in set.iter().filter(|(path, _)| nested(path, &axis.path)) {
        let title = format!("`{}` is swept, so setting it would change nothing", axis.name);
        let help = format!("set its values: --set 'sweep.grid.\"{}\"=[...]'", axis.name);
        problems.push(Problem::new(title, Some(*span)).also(axis.key, "swept here").help(help));
    }
    problems
}

/// The choice of which two paths take different variants.
fn rivals(a: &[String], b: &[String]) -> Option<String> {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let above = FILE.find(&a[..common]).ok()?;
    matches!(above.shape, super::shape::Shape::Choice(_)).then(|| a[..common].join("."))
}

/// Reports what every combination breaks, each thing once, with the first combination that breaks it.
fn check_combinations(axes: &[Axis<'_>], base: &Node, combinations: usize, problems: &mut Vec<Problem>) {
    let mut known: HashSet<String> = HashSet::new();
    for number in 0..combinations {
        let mut tree = base.clone();
        let mut rest = number;
        for axis in axes.iter().rev() {
            let value = axis.values[rest % axis.values.len()];
            rest /= axis.values.len();
            tree.merge(value.clone().below(&axis.path, axis.key), Some(&FILE.shape));
        }
        let mut conform = Conform::default();
        let value = conform.file(&tree);
        let Ok(experiment) = meaning(value) else { continue };
        let found = conform.problems.iter().cloned().chain(findings(&experiment, &conform, &tree));
        problems.extend(found.filter(|problem| known.insert(problem.title.clone())));
    }
}
