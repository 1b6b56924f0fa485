//! Checks of a sweep: its keys, each value alone, its parts beside each other, and what the points make of the rest.

use super::super::Search;
use super::super::conform::Conform;
use super::super::node::{Node, Span, Table, Value};
use super::super::problem::Problem;
use super::super::resolve::{findings, meaning, too_many_runs};
use super::super::shape::{FILE, Shape};
use super::super::suggest::listed;
use super::Sweep;
use super::axis::{Axis, SweepSection, find, fits};
use crate::config::Experiment;
use std::collections::HashSet;

/// Sweeps of more points are refused: one that large is a slip.
const MOST_POINTS: usize = 100_000;

/// Sweeps of more points are checked value by value only; [`Experiment::at`](super::Experiment::at) checks each again.
const MOST_CHECKED: usize = 4096;

/// The mistakes of a sweep. `node` is the table of `experiment`'s sweep, `base` the merged tree without it, `whole` with it,
/// `set` the keys given on the command line.
pub(in crate::config) fn check(
    experiment: &Experiment,
    node: &Node,
    base: &Node,
    whole: &Node,
    set: &[(Vec<String>, Span)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let axes = axes(node, &mut problems);
    for (at, axis) in axes.iter().enumerate() {
        problems.extend(overlaps(axis, &axes[..at], &experiment.sweep, set));
    }
    let lengths_fit = same_lengths(node, &mut problems);
    let conditions_fit = conditions(&experiment.sweep, node, &axes, &mut problems);
    problems.extend(draws_nothing(&experiment.sweep, node));
    let good = good_part(&experiment.sweep, &axes, lengths_fit, conditions_fit);
    let folded = axes.iter().all(|axis| axis.path[0] != "split");
    let too_many = problems.is_empty().then(|| too_many_runs(experiment, folded, whole)).flatten();
    if too_many.is_some() && good.count().is_some_and(|n| n <= MOST_POINTS) {
        problems.extend(too_many);
        return problems;
    }
    match good.count() {
        Some(n) if n <= MOST_CHECKED => check_points(&experiment.varied(good), &axes, base, &mut problems),
        Some(n) if n <= MOST_POINTS => {}
        _ => {
            let first = axes.iter().map(|axis| axis.key).min();
            let title = format!("the sweep has more than {MOST_POINTS} combinations");
            problems.push(Problem::new(title, first).help("list fewer values, or sweep fewer keys at once"));
        }
    }
    problems
}

/// The mistakes of a search in its own table `node`: as those of a sweep that draws at random, some of whose points are looked at. `base` is
/// the merged tree without it.
pub(in crate::config) fn check_search(
    experiment: &Experiment,
    search: &Search,
    node: &Node,
    base: &Node,
    set: &[(Vec<String>, Span)],
) -> Vec<Problem> {
    let (mut problems, sweep) = (Vec::new(), search.samples());
    let axes = axes(node, &mut problems);
    for (at, axis) in axes.iter().enumerate() {
        problems.extend(overlaps(axis, &axes[..at], &sweep, set));
    }
    let mut conditions_fit = conditions(&sweep, node, &axes, &mut problems);
    if conditions_fit && problems.is_empty() {
        let plain = experiment.varied(Sweep::default());
        let plain = toml::Value::try_from(plain).expect("an experiment is plain data, its numbers fit TOML");
        for (name, entry) in node.entry("when").and_then(|when| when.node.table()).into_iter().flatten() {
            problems.extend(search.parents(name, &plain).err().map(|words| Problem::new(words, Some(entry.key))));
        }
        conditions_fit = problems.is_empty();
    }
    let good = good_part(&sweep, &axes, true, conditions_fit);
    check_points(&experiment.varied(good), &axes, base, &mut problems);
    problems
}

/// The swept keys of all parts that are good.
fn axes<'a>(node: &'a Node, problems: &mut Vec<Problem>) -> Vec<Axis<'a>> {
    let mut axes = Vec::new();
    let mut read = |part: SweepSection, table: &'a Table| {
        axes.extend(table.iter().filter_map(|(name, entry)| Axis::read(part, name, entry, problems)));
    };
    for (part, path) in [
        (SweepSection::Grid, "grid"),
        (SweepSection::Zip, "zip"),
        (SweepSection::Random, "random.draw"),
        (SweepSection::Search, "draw"),
    ] {
        if let Some(table) = node.entry(path).and_then(|entry| entry.node.table()) {
            read(part, table);
        }
    }
    for (at, point) in tables(node, "points").enumerate() {
        read(SweepSection::Point(at), point);
    }
    axes
}

/// The tables of a list.
fn tables<'a>(node: &'a Node, list: &str) -> impl Iterator<Item = &'a Table> {
    let items = match node.entry(list).map(|entry| &entry.node.value) {
        Some(Value::List(items)) => &items[..],
        _ => &[],
    };
    items.iter().filter_map(Node::table)
}

/// Keys that get in each other's way: one above the other, two variants of a choice, one that is also set.
/// With a condition of their own, keys below a choice may be swept together with it.
fn overlaps(axis: &Axis<'_>, others: &[Axis<'_>], sweep: &Sweep, set: &[(Vec<String>, Span)]) -> Vec<Problem> {
    let conditional = |other: &Axis<'_>| [axis.name, other.name].iter().any(|name| sweep.when.contains_key(*name));
    let nested = |a: &[String], b: &[String]| a.starts_with(b) || b.starts_with(a);
    let mut problems = Vec::new();
    for other in others.iter().filter(|other| !never_at_once(axis.part, other.part)) {
        let verb = axis.part.verb();
        let problem = |title: String| Problem::new(title, Some(axis.key)).also(other.key, format!("{verb} here"));
        if axis.path == other.path {
            let title = format!("`{}` is swept in two parts of the sweep", axis.name);
            problems.push(problem(title).help("keep it in one of them"));
        } else if conditional(other) {
            // Whether they go together is seen at every point.
        } else if nested(&axis.path, &other.path) {
            let title = format!("`{}` and `{}` are {verb} at once, but one is part of the other", other.name, axis.name);
            problems.push(problem(title).help("keep one of them"));
        } else if let Some(choice) = rivals(&axis.path, &other.path) {
            let title = format!("`{}` and `{}` are two choices of `{choice}`: no run can have both", other.name, axis.name);
            let vary = if axis.part == SweepSection::Search { "search" } else { "sweep" };
            let help = format!("{vary} `{choice}` itself, with a table for each choice, or keep one of them");
            problems.push(problem(title).help(help));
        }
    }
    for (_, span) in set.iter().filter(|(path, _)| nested(path, &axis.path)) {
        let verb = axis.part.verb();
        let title = format!("`{}` is {verb}, so setting it would change nothing", axis.name);
        let problem = Problem::new(title, Some(*span)).also(axis.key, format!("{verb} here"));
        problems.push(match axis.part {
            SweepSection::Grid | SweepSection::Zip => {
                problem.help(format!("set its values: --set '{}.\"{}\"=[...]'", axis.part.path(), axis.name))
            }
            SweepSection::Point(_) | SweepSection::Random | SweepSection::Search => problem.help("change it in the file"),
        });
    }
    problems
}

fn never_at_once(a: SweepSection, b: SweepSection) -> bool {
    matches!((a, b), (SweepSection::Point(a), SweepSection::Point(b)) if a != b)
}

/// The choice of which two paths take different variants.
fn rivals(a: &[String], b: &[String]) -> Option<String> {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let above = FILE.find(&a[..common]).ok()?;
    matches!(above.shape, Shape::Choice(_)).then(|| a[..common].join("."))
}

/// Whether the lists of a zip are of one length.
fn same_lengths(node: &Node, problems: &mut Vec<Problem>) -> bool {
    let lists = node.entry("zip").and_then(|zip| zip.node.table()).into_iter().flatten();
    let mut lengths = lists.filter_map(|(name, entry)| match &entry.node.value {
        Value::List(values) => Some((name, entry, values.len())),
        _ => None,
    });
    let Some((first_name, first, length)) = lengths.next() else { return true };
    let before = problems.len();
    for (name, entry, other) in lengths.filter(|(_, _, other)| *other != length) {
        let title = format!("zipped lists are of one length, but `{first_name}` has {length} values and `{name}` {other}");
        problems.push(
            Problem::new(title, Some(entry.node.span)).also(first.node.span, "").help("for every combination use [sweep.grid]"),
        );
    }
    problems.len() == before
}

/// Whether `exclude` and `when` name keys and values that there can be.
fn conditions(sweep: &Sweep, node: &Node, axes: &[Axis<'_>], problems: &mut Vec<Problem>) -> bool {
    let before = problems.len();
    if let Some(Value::List(items)) = node.entry("exclude").map(|entry| &entry.node.value) {
        for item in items.iter().filter(|item| item.table().is_some_and(Table::is_empty)) {
            let title = format!("an empty `[[{}.exclude]]` would leave out every point", table_of(axes));
            problems.push(
                Problem::new(title, Some(item.span)).help("name the keys and values that do not go together, or remove it"),
            );
        }
    }
    tables(node, "exclude").for_each(|table| condition(table, problems));
    for (name, entry) in node.entry("when").and_then(|when| when.node.table()).into_iter().flatten() {
        if axes.iter().all(|axis| axis.name != name) {
            let title = format!("`{name}` has a condition, but is not {}", verb_of(axes));
            let help = format!("write the key as it stands in the {}, or remove the condition", table_of(axes));
            problems.push(Problem::new(title, Some(entry.key)).help(help));
        }
        condition(entry.node.table().unwrap_or(&Table::new()), problems);
    }
    problems.extend(circle(sweep, node));
    problems.len() == before
}

/// The table that keys are varied by: `sweep` or `search`.
fn table_of(axes: &[Axis<'_>]) -> &'static str {
    if axes.iter().any(|axis| axis.part == SweepSection::Search) { "search" } else { "sweep" }
}

fn verb_of(axes: &[Axis<'_>]) -> &'static str {
    axes.first().map_or("swept", |axis| axis.part.verb())
}

/// Conditions that wait for each other.
fn circle(sweep: &Sweep, node: &Node) -> Option<Problem> {
    let mut open: Vec<&str> = sweep.when.keys().map(String::as_str).collect();
    while let Some(next) = open.iter().position(|key| sweep.decidable(key, open.iter().copied())) {
        open.remove(next);
    }
    let first = node.entry("when")?.node.table()?.get(*open.first()?)?;
    let title = format!("the conditions of {} ask for each other", listed(open));
    Some(Problem::new(title, Some(first.key)).help("let one of them be varied without a condition"))
}

/// Checks the keys of a condition and what they are compared with: a value, a list of values, or the name of a choice.
fn condition(table: &Table, problems: &mut Vec<Problem>) {
    for (name, entry) in table {
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        let Some(key) = find(name, &path, entry.key, problems) else { continue };
        let good = |value: &Node, problems: &mut Vec<Problem>| match (&key.shape, &value.value) {
            (Shape::Choice(variants), Value::Text(word)) if variants.contains_key(word) => true,
            _ => fits(name, key, value, problems),
        };
        match &entry.node.value {
            Value::List(values) if !good(&entry.node, &mut Vec::new()) => {
                values.iter().for_each(|value| _ = good(value, problems));
            }
            _ => _ = good(&entry.node, problems),
        }
    }
}

/// `[sweep.random]` without a key to draw.
fn draws_nothing(sweep: &Sweep, node: &Node) -> Option<Problem> {
    let random = node.entry("random").filter(|_| sweep.random.draw.is_empty())?;
    let written = random.node.entry("draw").and_then(|draw| draw.node.table()).is_some_and(|draw| !draw.is_empty());
    let help = "write [sweep.random.draw] with lines such as \"optimizer.adam.lr\" = { log_uniform = [1e-4, 1e-2] }";
    (!written).then(|| Problem::new("`sweep.random` draws no key", Some(random.key)).help(help))
}

/// The sweep without what is known to be wrong, so that one mistake does not hide another.
fn good_part(sweep: &Sweep, axes: &[Axis<'_>], lengths_fit: bool, conditions_fit: bool) -> Sweep {
    let axis = |part: SweepSection, name: &str| axes.iter().find(|axis| axis.part == part && axis.name == name);
    let whole = |part: SweepSection, name: &String| axis(part, name).is_some_and(|axis| axis.whole);
    let mut good = sweep.clone();
    good.grid.retain(|name, values| {
        let kept: Vec<_> = axis(SweepSection::Grid, name)
            .map(|axis| axis.values.iter().map(|value| value.plain()).collect())
            .unwrap_or_default();
        *values = kept;
        axis(SweepSection::Grid, name).is_some()
    });
    if !lengths_fit || !sweep.zip.keys().all(|name| whole(SweepSection::Zip, name)) {
        good.zip.clear();
    }
    let points = sweep.points.iter().enumerate();
    good.points = points
        .filter(|(at, point)| point.keys().all(|name| whole(SweepSection::Point(*at), name)))
        .map(|(_, p)| p.clone())
        .collect();
    good.random.draw.retain(|name, _| whole(SweepSection::Random, name) || whole(SweepSection::Search, name));
    if !conditions_fit {
        (good.exclude, good.when) = Default::default();
    }
    good
}

/// Reports what every point breaks, each thing once, with the first point that breaks it.
fn check_points(experiment: &Experiment, axes: &[Axis<'_>], base: &Node, problems: &mut Vec<Problem>) {
    let points = experiment.points();
    if problems.is_empty() && points.iter().all(|point| point.left_out.is_some()) && !experiment.sweep.exclude.is_empty() {
        let title = format!("every point of the {} is excluded: no run is left", table_of(axes));
        problems.push(Problem::new(title, axes.iter().map(|axis| axis.key).min()).help("exclude fewer points"));
    }
    // The many values of a draw stand at one place, where one of them is enough.
    let drawn = |place: Span| axes.iter().any(|axis| axis.part.is_drawn() && axis.key == place);
    let mark = |problem: &Problem| match problem.place {
        Some(place) if drawn(place) => format!("{place:?}"),
        _ => problem.title.clone(),
    };
    let mut known: HashSet<String> = HashSet::new();
    for point in points.iter().filter(|point| point.left_out.is_none()) {
        let mut tree = base.clone();
        for (name, value) in &point.values {
            let (path, node, key) = placed(name, value, axes);
            tree.merge(node.below(&path, key), Some(&FILE.shape));
        }
        let mut conform = Conform::default();
        let value = conform.file(&tree);
        let Ok(experiment) = meaning(value) else { continue };
        let found = conform.problems.iter().cloned().chain(findings(&experiment, &conform, &tree));
        problems.extend(found.filter(|problem| known.insert(mark(problem))));
    }
}

/// A value with its place in the sweep; one that was drawn stands where its draw does.
fn placed(name: &str, value: &toml::Value, axes: &[Axis<'_>]) -> (Vec<String>, Node, Span) {
    let mut of_name = axes.iter().filter(|axis| axis.name == name);
    let written =
        of_name.clone().find_map(|axis| axis.values.iter().find(|node| node.plain() == *value).map(|node| (axis, *node)));
    match written {
        Some((axis, node)) => (axis.path.clone(), node.clone(), axis.key),
        None => {
            let axis = of_name.next().expect("every key of a point is swept");
            (axis.path.clone(), Node::of_plain(value, axis.key), axis.key)
        }
    }
}
