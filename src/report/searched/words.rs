//! The sentences: the winner by fresh seeds alone, how flattered the search's own score was, and what remains undecided.

use crate::record::Winner;
use crate::report::constant::LEARNT;
use crate::report::search::Search;
use crate::report::{column, stats};
use crate::text::counted;
use std::collections::BTreeMap;

/// Why no verdict is given on the groups.
const UNTESTED: &str =
    "Groups of a search were chosen by their scores: neither their order nor the differences between them are tested.";

/// The answer of a search. `constant` is what the best constant mask has in the column that is made better, if that is known.
pub(in crate::report) fn of(search: &Search, constant: Option<f64>) -> Vec<String> {
    let mut words = match &search.winner {
        None => unnamed(search),
        Some(winner) => {
            let undecided = undecided(search, winner);
            [Some(named(search, winner)), flattered(winner), undecided, Some(UNTESTED.to_owned())].into_iter().flatten().collect()
        }
    };
    words.extend(constant.and_then(|constant| unlearnt(search, constant)));
    words
}

/// Whether most trials were compared when they had learnt nothing yet: then the lowest rung has stopped them by chance, and favours what learns fast.
fn unlearnt(search: &Search, constant: f64) -> Option<String> {
    let [lowest, next, ..] = search.settings.rungs[..] else { return None };
    let scores = search.results.iter().filter(|result| result.rung == 0).filter_map(|result| result.score);
    let scores: Vec<f64> = scores.filter(|score| score.is_finite()).collect();
    let unlearnt = scores.iter().filter(|score| **score - constant <= LEARNT).count();
    (2 * unlearnt > scores.len()).then(|| {
        format!(
            "After epoch {lowest} most trials, {unlearnt} of {}, had learnt nothing yet (the best constant mask has {constant:.3}), and yet most were \
             stopped there: a search with `search.halving.lowest = {next}` would compare what they have learnt.",
            scores.len()
        )
    })
}

/// What there is to say while no winner is named, or where there is none.
fn unnamed(search: &Search) -> Vec<String> {
    let trials = counted(search.jobs.iter().filter(|job| job.rung == 0).count(), "trial");
    if let Some((trial, score)) = search.best() {
        let by = search.score();
        let first = format!(
            "The search is under way: {trials} so far. The best so far is trial {trial}, {by} {score:.4}, which is flattered: the best \
             of many is."
        );
        return vec![first, UNTESTED.to_owned()];
    }
    let diverged = search.results.iter().filter(|result| result.score.is_some()).count();
    let none = format!("No trial has a score: {trials} so far");
    match diverged {
        0 => vec![format!("{none}, none of them with a result.")],
        _ => {
            let all =
                if diverged == search.jobs.len() { "all of them diverged".to_owned() } else { format!("{diverged} diverged") };
            let then = "So there is nothing to confirm and no winner is named. Learning rates that are drawn too high are the usual cause";
            vec![format!("{none}, {all}. {then}; a search over other values needs another name.")]
        }
    }
}

fn named(search: &Search, winner: &Winner) -> String {
    let values: Vec<String> = winner.values.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let (by, trial, n) = (search.score(), winner.trial, winner.scores.len());
    let diverged = winner.scores.iter().filter(|score| !score.is_finite()).count();
    if diverged > 0 {
        return format!(
            "Trial {trial} ({}) came first in the confirmation, but {diverged} of its {n} last fresh runs diverged: it has no score that \
             holds, and should not be used as it is.",
            values.join(", ")
        );
    }
    let interval =
        stats::interval(&winner.scores).map_or(String::new(), |(low, high)| format!(" (95 % interval {low:.4} to {high:.4})"));
    format!(
        "Named by the search: trial {trial} ({}), {by} {:.4}{interval}, the mean over {} that chose nothing.",
        values.join(", "),
        winner.confirmed,
        counted(n, "fresh seed")
    )
}

/// How much better the winner was in the search than it is.
fn flattered(winner: &Winner) -> Option<String> {
    let too_good = better_by(&winner.by, winner.searched, winner.confirmed);
    let judged = match too_good {
        x if !x.is_finite() => return None,
        x if x > 0.0 => format!("{x:.4} too good, as the best of {} trials is apt to be", winner.trials),
        x => format!("{:.4} worse than with fresh seeds", -x),
    };
    Some(format!("In the search it had {:.4}: {judged}.", winner.searched))
}

/// Whether the fresh seeds tell the winner and the last that it was compared with apart.
fn undecided(search: &Search, winner: &Winner) -> Option<String> {
    let mut scores: BTreeMap<usize, BTreeMap<u64, f64>> = BTreeMap::new();
    for fresh in &search.fresh {
        if let Some(score) = fresh.score.filter(|score| score.is_finite()) {
            scores.entry(fresh.trial).or_default().insert(fresh.seed, score);
        }
    }
    let of_winner = scores.remove(&winner.trial)?;
    let common = |of: &BTreeMap<u64, f64>| -> Vec<f64> {
        of.iter().filter_map(|(seed, score)| Some(better_by(&winner.by, *of_winner.get(seed)?, *score))).collect()
    };
    // The rival of the last round is the one with the most seeds.
    let (rival, less) = scores
        .iter()
        .map(|(trial, of)| (trial, common(of)))
        .max_by_key(|(trial, less)| (less.len(), std::cmp::Reverse(**trial)))?;
    let (mean, seeds) = (stats::mean(&less)?, counted(less.len(), "fresh seed"));
    let first = format!(
        "The last rival, trial {rival}, was {:.4} {} on the {seeds} of both",
        mean.abs(),
        if mean < 0.0 { "better" } else { "worse" }
    );
    Some(match stats::interval(&less) {
        Some((low, high)) if low > 0.0 => format!(
            "{first} (95 % interval {low:.4} to {high:.4}): the winner is better, unless these seeds, which chose it, flatter it."
        ),
        Some((low, high)) => {
            format!("{first} (95 % interval {low:.4} to {high:.4}): which of the two is better remains undecided.")
        }
        None => format!("{first}: one seed does not say which of the two is better."),
    })
}

/// By how much a value of a column is better than another.
fn better_by(by: &str, value: f64, than: f64) -> f64 {
    if column::higher_is_better(by) { value - than } else { than - value }
}

#[cfg(test)]
mod tests;
