//! Layers of trees become one checked experiment, or all their mistakes.

use super::Experiment;
use super::conform::Conform;
use super::node::{Entry, Node, Span, Value};
use super::problem::Problem;
use super::rules;
use super::shape::FILE;
use super::sweep;
use super::training::MOST_SEEDS;

/// Merges the layers, the lowest first, and checks the result; of a `partial` one only what is there.
pub(super) fn resolve(layers: Vec<Node>, set: &[(Vec<String>, Span)], partial: bool) -> (Option<Experiment>, Vec<Problem>) {
    let mut tree = merged(layers);
    count_seeds(&mut tree);
    let mut conform = Conform { partial, ..Conform::default() };
    let value = conform.file(&tree);
    let experiment = meaning(value);
    let mut problems = std::mem::take(&mut conform.problems);
    match &experiment {
        Ok(_) if partial => {}
        Ok(experiment) => problems.extend(beyond_shape(experiment, &conform, tree, set)),
        Err(message) => problems.push(Problem::new(message, Some(tree.span))),
    }
    (experiment.ok(), problems)
}

/// A problem at the first of these keys that some layer writes out.
pub(super) fn at_keys(layers: Vec<Node>, keys: &[&'static str], title: &str, help: &str) -> Problem {
    place(rules::Finding::new(title.to_owned(), keys, help), &merged(layers))
}

fn merged(layers: Vec<Node>) -> Node {
    let mut tree = Node { span: Span::default(), value: Value::Table(Default::default()) };
    for layer in layers {
        tree.merge(layer, Some(&FILE.shape));
    }
    tree
}

/// `seeds = 3` becomes `seeds = [1, 2, 3]`.
fn count_seeds(tree: &mut Node) {
    let seeds = tree.table_mut().and_then(|table| table.get_mut("training")?.node.table_mut()?.get_mut("seeds"));
    let Some(Entry { node: Node { span, value }, .. }) = seeds else { return };
    if let Value::Integer(count @ 1..=MOST_SEEDS) = *value {
        *value = Value::List((1..=count).map(|seed| Node { span: *span, value: Value::Integer(seed) }).collect());
    }
}

fn beyond_shape(experiment: &Experiment, conform: &Conform, tree: Node, set: &[(Vec<String>, Span)]) -> Vec<Problem> {
    let mut base = tree.clone();
    let mut remove = |table: &str| base.table_mut().and_then(|tables| tables.remove(table));
    match (remove("sweep"), remove("search")) {
        (sweep, Some(search)) => searched(experiment, conform, (&tree, &base), &search, sweep.as_ref(), set),
        (Some(sweep), None) => sweep::check(experiment, &sweep.node, &base, &tree, set),
        (None, None) => findings(experiment, conform, &tree),
    }
}

/// The mistakes of an experiment with a search, `base` being its tree without it.
fn searched(
    experiment: &Experiment,
    conform: &Conform,
    (tree, base): (&Node, &Node),
    entry: &Entry,
    sweep: Option<&Entry>,
    set: &[(Vec<String>, Span)],
) -> Vec<Problem> {
    let Some(search) = &experiment.search else { return Vec::new() };
    let mut problems = Vec::new();
    if let Some(sweep) = sweep {
        let problem = Problem::new("an experiment has either a sweep or a search", Some(entry.key)).also(sweep.key, "swept here");
        problems.push(problem.help("move the swept keys to [search.draw] as choices, or write an experiment for each"));
    }
    problems.extend(placed(rules::search::check(experiment, search), conform, tree));
    problems.extend(sweep::check_search(experiment, search, &entry.node, base, set));
    problems
}

/// The experiment that a tree of the right shape means.
pub(super) fn meaning(value: toml::Value) -> Result<Experiment, String> {
    let experiment = value.try_into().map_err(|e: toml::de::Error| e.message().trim_end().to_owned());
    experiment.map(grouped)
}

/// Where the data set has groups of its own and the split names none, it has those.
fn grouped(mut experiment: Experiment) -> Experiment {
    if let Some(group) = experiment.dataset.group()
        && let Some(asked @ None) = experiment.split.group_mut()
    {
        *asked = Some(group.to_owned());
    }
    experiment
}

/// The broken rules, without those that only follow from a value already reported.
pub(super) fn findings(experiment: &Experiment, conform: &Conform, tree: &Node) -> Vec<Problem> {
    placed(rules::check(experiment), conform, tree)
}

fn placed(found: Vec<rules::Finding>, conform: &Conform, tree: &Node) -> Vec<Problem> {
    let found = found.into_iter().filter(|finding| !finding.about.iter().any(|key| conform.is_broken(key)));
    found.map(|finding| place(finding, tree)).collect()
}

/// The broken rule of how many runs there may be; `folded` if the split is not swept.
pub(super) fn too_many_runs(experiment: &Experiment, folded: bool, tree: &Node) -> Option<Problem> {
    rules::runs(experiment, folded).map(|finding| place(finding, tree))
}

/// Puts the caret on the first key that is written out, and marks the others.
fn place(finding: rules::Finding, tree: &Node) -> Problem {
    let mut written = finding.about.iter().filter_map(|key| tree.entry(key)).map(|entry| entry.node.span);
    let nearest = || finding.about.iter().find_map(|key| tree.nearest(key)).map(|entry| entry.key);
    let main = written.next().or_else(nearest).unwrap_or(tree.span);
    let problem = Problem::new(finding.title, Some(main)).help(finding.help);
    written.fold(problem, |problem, span| problem.also(span, ""))
}
