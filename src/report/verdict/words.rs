//! The verdict in sentences.

use super::scores::Scores;
use super::{ALL_PAIRS, LEVEL, Pair, Standing, Verdict};
use crate::metric::{self, Direction, Part};
use crate::report::collect::{Comparison, State};
use crate::report::describe::{plural, shown};
use crate::report::{column, data_sets, stats};

/// Ranks below the first that get a sentence of their own.
const RANKS: usize = 4;
/// Fewer images cannot give p < 0.05, whatever they show: 2/2⁵ is more.
const FEWEST_IMAGES: usize = 6;

/// How the numbers come about, for whoever doubts them.
const METHOD: &str = "Scores are those of the weights of each run's best epoch. Means, sample standard deviations and 95 % \
     intervals (Student's t) of a group are over its finished runs. Two groups are compared on the seeds and images that both have: the \
     difference is that of their means; its 95 % interval is a percentile bootstrap of 5000 draws of seeds, then images, an image drawn \
     for all seeds at once, with the spread between seeds corrected for their small number; p is Wilcoxon's signed-rank test over \
     images, each in the mean over seeds, two-sided, with Holm's correction for all pairs listed. Groups are told apart where that p is \
     below 0.05 and the interval leaves out zero; those that cannot be told apart from the first of a rank share it. Images count \
     as independent of each other: for slices of one volume or several images of one patient the intervals are too narrow.";

/// How the numbers come about, and what those of a column mean.
pub(crate) fn method(column: &str) -> String {
    let Some(metric) = metric::describe(column) else { return METHOD.to_owned() };
    let better = if metric.direction == Direction::Higher { "more" } else { "less" };
    let title = column::title(metric.name);
    format!("{METHOD} {title}: {better} is better; where the truth marks nothing: {}.", metric.empty)
}

/// Best group, differences, what cannot be told apart, and what to be careful about.
pub(super) fn of(comparison: &Comparison, scores: &Scores, verdict: &Verdict) -> Vec<String> {
    let mut words: Vec<String> = of_data(verdict).map(|of| headline(comparison, scores, verdict, of)).collect();
    if words.is_empty() {
        words.push("No run has ended an epoch yet.".to_owned());
    }
    if words.len() > 1 {
        words.insert(
            0,
            format!(
                "The groups are of {} data sets, whose scores do not compare with each other: each has a list and ranks of its own, \
                 nothing is tested between them, and swept parameters are not drawn.",
                words.len()
            ),
        );
    }
    if verdict.standings.len() > 1 {
        match reason(scores, verdict) {
            Some(reason) => words.push(reason),
            None => words.extend(differences(comparison, verdict)),
        }
        words.extend(cautions(scores, verdict));
    }
    words
}

/// The standings of each data set.
fn of_data(verdict: &Verdict) -> impl Iterator<Item = &[Standing]> {
    verdict.standings.chunk_by(|a, b| a.data == b.data)
}

/// The best group of a data set, and those that the digits do not tell from it where there is no test.
fn headline(comparison: &Comparison, scores: &Scores, verdict: &Verdict, of: &[Standing]) -> String {
    let best = &of[0];
    let group = &comparison.groups[best.group];
    let values = group.values(&verdict.column);
    let so_far = if group.runs.iter().any(|run| run.state == State::Finished) { "" } else { " so far" };
    let part = if scores.part == Part::Test { "test" } else { "validation" };
    let what = format!("{part} {}", column::phrase(&verdict.column));
    let (spread, runs) = (stats::spread(&values, 4), plural(values.len(), "run"));
    let whose = match verdict.data_sets() {
        1 => String::new(),
        _ => format!(" on {}", data_sets::title(best.data, group.data())),
    };
    match comparison.groups.len() {
        1 => format!("Best {what}{so_far}: {spread} ({runs})."),
        _ => {
            let untested = |other: &&Standing| other.rank == best.rank && find(verdict, best.group, other.group).is_none();
            let alike = of[1..].iter().filter(untested).count();
            let with = if alike > 0 { format!(" and {} alike", plural(alike, "other")) } else { String::new() };
            format!("Best{so_far}{whose}: {}{with}, {what} {spread} ({runs}).", shown(&group.name))
        }
    }
}

/// Why nothing was tested.
fn reason(scores: &Scores, verdict: &Verdict) -> Option<String> {
    if !verdict.pairs.is_empty() {
        return None;
    }
    let seeds: Vec<usize> = verdict.standings.iter().map(|standing| scores.seeds(standing.group)).collect();
    let scored = seeds.iter().filter(|seeds| **seeds > 0).count();
    let why = if scored < 2 {
        "scores of single images, which a run writes when it is finished, are there of fewer than two groups"
    } else if seeds.iter().filter(|seeds| **seeds > 1).count() < 2 {
        "with one seed a difference between groups may be the luck of its initial weights; run several, such as seeds = 3"
    } else if verdict.data_sets() > 1 {
        "groups of different data sets have no images in common"
    } else {
        "the groups have no images in common"
    };
    Some(format!("No test is shown: {why}."))
}

/// A sentence for each rank: who shares it, and how far it is behind the one before.
fn differences(comparison: &Comparison, verdict: &Verdict) -> Vec<String> {
    let mut words = Vec::new();
    let ranks: Vec<Vec<usize>> = verdict
        .standings
        .chunk_by(|a, b| (a.data, a.rank) == (b.data, b.rank))
        .map(|rank| rank.iter().map(|standing| standing.group).collect())
        .collect();
    for (at, rank) in ranks.iter().enumerate().take(RANKS) {
        if let Some(before) = at.checked_sub(1).map(|at| &ranks[at])
            && let Some(pair) = find(verdict, before[0], rank[0])
        {
            words.push(better(comparison, verdict, pair));
        }
        if rank.len() > 1 {
            words.extend(together(comparison, verdict, rank));
        }
    }
    if ranks.len() > RANKS {
        words.push(format!("{} follow.", plural(ranks[RANKS..].iter().map(Vec::len).sum(), "further group")));
    }
    words
}

fn find(verdict: &Verdict, a: usize, b: usize) -> Option<&Pair> {
    verdict.pairs.iter().find(|pair| [(a, b), (b, a)].contains(&(pair.better, pair.worse)))
}

fn better(comparison: &Comparison, verdict: &Verdict, pair: &Pair) -> String {
    let name = |group: usize| quoted(&comparison.groups[group].name);
    let (title, of) = (column::title(&verdict.column), basis(pair));
    let by = format!("by {} {title}, {}", number(pair.difference, pair), interval(pair));
    match pair.apart {
        true => format!("{} is better than {} {by} ({}; {of}).", name(pair.better), name(pair.worse), p(pair.p_holm)),
        false => format!(
            "{} is ahead of {} {by}, which may be chance ({}; {of}).",
            name(pair.better),
            name(pair.worse),
            p(pair.p_holm)
        ),
    }
}

fn together(comparison: &Comparison, verdict: &Verdict, rank: &[usize]) -> Option<String> {
    let pair = find(verdict, rank[0], rank[1])?;
    let with = plural(pair.seeds, "seed");
    if let [a, b] = rank {
        let names = format!("{} and {}", quoted(&comparison.groups[*a].name), quoted(&comparison.groups[*b].name));
        let by = format!("difference {}, {}", number(pair.difference, pair), interval(pair));
        let but = if pair.p_holm < LEVEL { ": the interval includes zero" } else { "" };
        let images = plural(pair.images, "image");
        return Some(format!("{names} cannot be told apart with {with} and {images} ({by}; {}{but}).", p(pair.p_holm)));
    }
    let names = match rank {
        [first, rest @ ..] if rest.len() > 3 => format!("{} and {} others", quoted(&comparison.groups[*first].name), rest.len()),
        [start @ .., last] => {
            let start: Vec<String> = start.iter().map(|group| quoted(&comparison.groups[*group].name)).collect();
            format!("{} and {}", start.join(", "), quoted(&comparison.groups[*last].name))
        }
        [] => return None,
    };
    Some(format!("{names} cannot be told apart with {with} and {}.", plural(pair.images, "image")))
}

fn cautions(scores: &Scores, verdict: &Verdict) -> Vec<String> {
    let mut words = Vec::new();
    let least = |of: fn(&Pair) -> usize| verdict.pairs.iter().map(of).min();
    if let Some(images) = least(|pair| pair.images).filter(|images| *images < FEWEST_IMAGES) {
        let are = if images == 1 { "is" } else { "are" };
        words.push(format!(
            "{} {are} too few for the test to find any difference; it needs {FEWEST_IMAGES}.",
            plural(images, "image")
        ));
    }
    if let Some(seeds) = least(|pair| pair.seeds).filter(|seeds| *seeds < 5) {
        let say = if seeds == 1 { "says" } else { "say" };
        words
            .push(format!("{} {say} little about the spread between seeds: take the intervals as rough.", plural(seeds, "seed")));
    }
    if scores.part == Part::Val && !verdict.pairs.is_empty() {
        let why = "The images are those that chose the best epoch, which flatters every group; a test part in [split] would not.";
        words.push(why.to_owned());
    }
    if of_data(verdict).any(|of| of.len() > ALL_PAIRS) && !verdict.pairs.is_empty() {
        words.push(format!("With more than {ALL_PAIRS} groups each is tested against the best alone."));
    }
    words
}

fn quoted(name: &str) -> String {
    format!("“{}”", shown(name))
}

fn basis(pair: &Pair) -> String {
    format!("{}, {}", plural(pair.seeds, "seed"), plural(pair.images, "image"))
}

fn interval(pair: &Pair) -> String {
    format!("95 % {} to {}", number(pair.interval.0, pair), number(pair.interval.1, pair))
}

/// With as many decimals as the interval's width deserves, and as show that its lower end is not zero.
pub(crate) fn number(value: f64, pair: &Pair) -> String {
    let (low, high) = pair.interval;
    let is_zero = |text: &str| text.chars().all(|c| matches!(c, '0' | '.'));
    let least = if high > low && high - low < 0.02 { 4 } else { 3 };
    let enough = (least..6).find(|decimals| low == 0.0 || !is_zero(&format!("{:.decimals$}", low.abs()))).unwrap_or(least);
    let text = format!("{:.enough$}", value.abs());
    if value < 0.0 && !is_zero(&text) { format!("−{text}") } else { text }
}

/// `p = 0.012`, or a bound where it is less than a thousandth.
pub(crate) fn p(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}
