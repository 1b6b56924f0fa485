//! The verdict in sentences.

use super::phrases::{basis, data_set, find, listed, quoted};
use super::scores::{Scores, Untested};
use super::{Pair, RankBy, Standing, Tested, Verdict, design};
use crate::metric::{self, Direction, Split};
use crate::report::collect::{Comparison, State};
use crate::report::describe::shown;
use crate::report::inference::LEVEL;
use crate::report::{column, stats};
use crate::text::counted;

/// Ranks below the first that get a sentence of their own.
const RANKS: usize = 4;

/// How the numbers come about, for whoever doubts them.
const METHOD: &str = "Scores are those of the weights of each run's best epoch. Means and sample standard deviations of a group are over \
     its finished runs. Groups are tested on the images that all of them have, in a random-effects model of all groups \
     together: seeds vary within each configuration, images within the data, and each configuration may find other images hard. \
     p and the 95 % interval of a difference come from one t with Satterthwaite's degrees of freedom; p is corrected for all pairs (Holm), \
     intervals are not. A difference is significant where the corrected p is below 0.05; a group without a significant difference to \
     the first of a rank shares it. Where the split names patients (group), the mean of each patient counts once; in a cross-validation \
     the mean of each fold, with the correction of Nadeau and Bengio for shared training images. The interval of a group's mean is its \
     part of the same t, without what makes an image hard for all; of a group that was not tested it is Student's t over its runs. A \
     group whose seeds vary much more than those of the others is tested by its own spread.";

/// How the numbers come about, and what those of a column mean.
pub(crate) fn method(column: &str) -> String {
    let Some(metric) = metric::describe(column) else { return METHOD.to_owned() };
    let better = if metric.direction == Direction::Higher { "more" } else { "less" };
    let title = column::title(metric.name);
    format!("{METHOD} {title}: {better} is better; where the truth marks nothing: {}.", metric.empty)
}

/// Best group, differences, what the design could have found, and what to be careful about.
pub(super) fn of(
    comparison: &Comparison,
    scores: &Scores,
    verdict: &Verdict,
    untested: &[(usize, Untested)],
    rank_by: RankBy,
) -> Vec<String> {
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
        match reason(verdict, untested) {
            Some(reason) => words.push(reason),
            None => words.extend(differences(comparison, verdict)),
        }
        words.extend(verdict.tested.iter().filter_map(|tested| design::found(comparison, verdict, tested)));
        words.extend(cautions(comparison, scores, verdict, untested));
    }
    words.extend(lost(comparison));
    words.extend(ranking(scores, verdict, rank_by));
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
    let split = scores.split.word();
    let what = format!("{split} {}", column::phrase(&verdict.column));
    let (spread, runs) = (stats::spread(&values, 4), counted(values.len(), "run"));
    if comparison.groups.len() == 1 {
        return format!("Best {what}{so_far}: {spread} ({runs}).");
    }
    let whose = match verdict.data_sets() {
        1 => String::new(),
        _ => format!(" on {}", data_set(best.data, group.data())),
    };
    let untested = |other: &&Standing| other.rank == best.rank && find(verdict, best.group, other.group).is_none();
    let alike = of[1..].iter().filter(untested).count();
    let with = if alike > 0 { format!(" and {} alike", counted(alike, "other")) } else { String::new() };
    let chosen = match verdict.ranked_by == verdict.column {
        true => String::new(),
        false => format!(", chosen by its validation {}", chosen_by(verdict, &group.values(&verdict.ranked_by))),
    };
    format!("Best{so_far}{whose}: {}{with}, {what} {spread} ({runs}){chosen}.", shown(&group.name))
}

fn chosen_by(verdict: &Verdict, values: &[f64]) -> String {
    format!("{} of {}", column::phrase(&verdict.ranked_by), stats::plain(values, 4))
}

/// Why nothing was tested.
fn reason(verdict: &Verdict, untested: &[(usize, Untested)]) -> Option<String> {
    if !verdict.pairs.is_empty() {
        return None;
    }
    let count = |why: Untested| untested.iter().filter(|(_, own)| *own == why).count();
    let groups = verdict.standings.len();
    let scored = groups - count(Untested::NoScores);
    let why = if scored < 2 {
        "scores of single images, which a run writes when it is finished, are there of fewer than two groups"
    } else if scored - count(Untested::OneSeed) < 2 {
        "with one seed a difference between groups may be the luck of its initial weights; run several, such as seeds = 3"
    } else if count(Untested::FoldsMissing) > 0 {
        "fewer than two seeds of a group have finished all folds"
    } else if of_data(verdict).all(|of| of.len() < 2) {
        "groups of different data sets have no images in common"
    } else if count(Untested::OtherImages) > 0 {
        "the groups have too few images, or patients, in common"
    } else if verdict.data_sets() > 1 {
        "no data set has two groups that could be tested"
    } else {
        "no two groups are judged on the same images at one size"
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
            words.push(better(comparison, verdict, pair, before[0]));
        }
        words.extend(together(comparison, verdict, rank));
    }
    if ranks.len() > RANKS {
        words.push(format!("{} follow.", counted(ranks[RANKS..].iter().map(Vec::len).sum(), "further group")));
    }
    words
}

/// `ahead` is the one that the ranking has before the other.
fn better(comparison: &Comparison, verdict: &Verdict, pair: &Pair, ahead: usize) -> String {
    let name = |group: usize| quoted(&comparison.groups[group].name);
    let by = format!("by {} {}, {}", number(pair.difference, pair), column::title(&verdict.column), interval(pair));
    let but = if ahead == pair.better { "" } else { ", although its validation scores are behind" };
    format!("{} is better than {} {by} ({}; {}){but}.", name(pair.better), name(pair.worse), p(pair.p_holm), basis(pair))
}

fn together(comparison: &Comparison, verdict: &Verdict, rank: &[usize]) -> Option<String> {
    let others: Vec<usize> = rank[1..].iter().copied().filter(|other| find(verdict, rank[0], *other).is_some()).collect();
    let pair = find(verdict, rank[0], *others.first()?)?;
    let name = |group: &usize| quoted(&comparison.groups[*group].name);
    if let [other] = &others[..] {
        let by = format!("{} {}, {}", number(pair.difference, pair), column::title(&verdict.column), interval(pair));
        let but = if pair.p < LEVEL { format!(" after correction for {} pairs", verdict.pairs.len()) } else { String::new() };
        return Some(format!(
            "No significant difference between {} and {}: {by} ({}{but}; {}).",
            name(&rank[0]),
            name(other),
            p(pair.p_holm),
            basis(pair)
        ));
    }
    let names = listed(&others.iter().map(name).collect::<Vec<_>>());
    Some(format!("No significant difference between {} and each of {names} ({}).", name(&rank[0]), basis(pair)))
}

fn cautions(comparison: &Comparison, scores: &Scores, verdict: &Verdict, untested: &[(usize, Untested)]) -> Vec<String> {
    let mut words = Vec::new();
    let keys: Vec<_> = verdict.standings.iter().map(|standing| (standing, comparison.groups[standing.group].key())).collect();
    let other_pixels =
        keys.windows(2).any(|pair| pair[0].0.data == pair[1].0.data && !pair[0].1.compares_with(&pair[1].1, scores.stem()));
    if other_pixels {
        words.push(
            "The groups are judged at different sizes (preprocess.size and fit, or other folds), which makes the same prediction score \
             differently: they are ranked together, but tested only where these are equal."
                .to_owned(),
        );
    }
    let named = |why: Untested| {
        let names = untested.iter().filter(|(_, own)| *own == why).map(|(group, _)| quoted(&comparison.groups[*group].name));
        Some(names.collect::<Vec<_>>()).filter(|names| !names.is_empty() && !verdict.pairs.is_empty()).map(|names| listed(&names))
    };
    for (why, because) in [
        (Untested::OneSeed, "one seed says nothing of the spread between seeds"),
        (Untested::NoScores, "no finished run has scores of single images"),
        (Untested::FoldsMissing, "fewer than two seeds have all folds"),
        (Untested::OtherImages, "too few images are those of the other groups too"),
    ] {
        words.extend(named(why).map(|names| format!("Not tested: {names}; {because}.")));
    }
    words.extend(verdict.tested.iter().filter_map(|tested| uneven(comparison, tested)));
    words
}

/// The groups that are not pooled with the others.
fn uneven(comparison: &Comparison, tested: &Tested) -> Option<String> {
    let groups = (0..tested.groups.len()).filter(|group| tested.table.is_uneven(*group));
    let name = |group: usize| {
        let deviation = design::rough(tested.table.own_seed_deviation(group));
        format!("{} (standard deviation {deviation})", quoted(&comparison.groups[tested.groups[group]].name))
    };
    let names: Vec<String> = groups.map(name).collect();
    let listed = if names.is_empty() { return None } else { listed(&names) };
    Some(format!(
        "Seeds vary much more than in the other groups: {listed}; tested by that spread, which few seeds tell only roughly."
    ))
}

/// Groups that are judged by fewer runs than were started.
fn lost(comparison: &Comparison) -> Option<String> {
    let lost = comparison.groups.iter().filter(|group| group.lost() > 0 && group.lost() < group.runs.len());
    let names: Vec<String> =
        lost.map(|group| format!("{} ({} of {})", quoted(&group.name), group.lost(), counted(group.runs.len(), "run"))).collect();
    let who = if names.is_empty() { return None } else { listed(&names) };
    Some(format!("Failed runs have no part in the scores, which may flatter: {who}."))
}

/// What the ranking does to the scores.
fn ranking(scores: &Scores, verdict: &Verdict, rank_by: RankBy) -> Option<String> {
    if verdict.standings.len() < 2 {
        return None;
    }
    let words = match (scores.split, rank_by) {
        (Split::Test, RankBy::Test) => {
            "Ranked by test scores, as asked: the score of the best is optimistic, since of equal groups the luckiest comes first."
        }
        (Split::Test, RankBy::Validation) if verdict.ranked_by == verdict.column => {
            "Ranked by test scores, since not every group has validation scores: the score of the best is optimistic."
        }
        (Split::Test, _) => return None,
        (_, RankBy::Test) => {
            "Ranked by validation scores, since not every group has test scores. These images also chose the best epochs, so that all \
             scores are optimistic; a test share in [split] would not be."
        }
        _ if scores.split == Split::Val => {
            "The images are those that chose the best epochs and the best group, so that its score is optimistic; that of a test share in \
             [split] would not be."
        }
        _ => return None,
    };
    Some(words.to_owned())
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
