//! The table of a search's trials: how far each came, with which score, and what ended it.

use crate::plan::names;
use crate::report::rows::{Grid, Row};
use crate::report::search::Search;
use crate::report::{column, sweep};

/// Trials in the table at the most.
const MOST: usize = 100;

/// A row for each trial, those first that came furthest, then by score.
pub(in crate::report) fn of(search: &Search) -> Grid {
    let keys: Vec<&str> = search.keys.iter().map(String::as_str).collect();
    let header = ["trial"].into_iter().chain(names(&keys)).chain(["epochs", "score", "end"]).map(str::to_owned).collect();
    let better = |score: Option<f64>| {
        score.filter(|s| s.is_finite()).map_or(f64::NEG_INFINITY, |s| if column::higher_is_better(search.by()) { s } else { -s })
    };
    let mut rows: Vec<(usize, f64, Row)> = Vec::new();
    for first in search.jobs.iter().filter(|job| job.rung == 0) {
        let last = search.jobs.iter().filter(|job| job.trial == first.trial).max_by_key(|job| job.rung).unwrap_or(first);
        let score = search.results.iter().find(|result| result.job == last.job).and_then(|result| result.score);
        let values = first.values.iter().map(|value| shown(value));
        let words = score.map_or("–".to_owned(), |score| if score.is_finite() { format!("{score:.4}") } else { "–".to_owned() });
        let cells = [first.trial.to_string()].into_iter().chain(values).chain([
            last.epochs.to_string(),
            words,
            end(search, last.rung, last.trial, score),
        ]);
        rows.push((last.rung, better(score), Row { cells: cells.collect(), strong: None }));
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let left_out = rows.len().saturating_sub(MOST);
    let more =
        if left_out > 0 { format!(" {left_out} more are in search/history.csv and search/results.csv.") } else { String::new() };
    let note = format!(
        "Scores are the means of the last validations at the rung that a trial reached; scores of different rungs do not compare. All are of the \
         search's own seeds, and so the best are flattered.{more}"
    );
    let columns = keys.len() + 4;
    let words = (1..=keys.len()).chain([columns - 1]).collect();
    Grid { header, rows: rows.into_iter().take(MOST).map(|(.., row)| row).collect(), words, note }
}

/// What ended a trial, or how it stands.
fn end(search: &Search, rung: usize, trial: usize, score: Option<f64>) -> String {
    match score {
        None => "no result yet".to_owned(),
        Some(score) if !score.is_finite() => "diverged".to_owned(),
        Some(_) if search.winner() == Some(trial) => "confirmed and named".to_owned(),
        Some(_) if search.fresh.iter().any(|fresh| fresh.trial == trial) => "confirmed, not named".to_owned(),
        Some(_) if rung + 1 == search.epochs().len() => "trained to the end".to_owned(),
        Some(score) => {
            let at = search.results.iter().filter(|result| result.rung == rung);
            let scores: Vec<f64> = at.filter_map(|result| result.score).collect();
            let higher = column::higher_is_better(search.by());
            let before = scores.iter().filter(|other| if higher { **other > score } else { **other < score }).count();
            format!("not gone on: {} of {} there", before + 1, scores.len())
        }
    }
}

/// A value as readers are shown it, numbers with few digits.
fn shown(value: &str) -> String {
    match value.parse::<f64>() {
        _ if value.is_empty() => "–".to_owned(),
        Ok(number) => sweep::short(number),
        Err(_) => crate::plan::spoken(value),
    }
}
