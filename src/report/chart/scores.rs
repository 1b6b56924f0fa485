//! Strips of final scores and of seconds per epoch.

use super::axes::Axis;
use super::strip::{Row, Strip};
use super::style::CLOSE;
use super::{Drawn, Source};
use crate::metric::quantile;
use crate::report::collect::State;
use crate::report::sweep::{scores, short};
use crate::report::{column, describe, stats};
use crate::text::counted;

/// The most groups in a strip.
const MOST: usize = 20;

/// The values of all runs by which groups are compared, the best group on top; `None` if there are none.
pub(crate) fn draw(source: &Source) -> Option<Drawn> {
    let column = &source.verdict.column;
    let standings = source.verdict.standings.iter().filter(|s| s.mean.is_finite());
    let means: Vec<f64> = standings.clone().map(|s| s.mean).collect();
    let reach = means.iter().copied().fold(f64::NEG_INFINITY, f64::max) - means.iter().copied().fold(f64::INFINITY, f64::min);
    let decimals = if reach < CLOSE { 4 } else { 3 };
    let several = source.verdict.data_sets() > 1;
    let mut rows: Vec<Row> = standings
        .clone()
        .map(|s| Row {
            rank: Some(s.rank),
            words: format!("{:.decimals$}", s.mean),
            mean: s.mean,
            interval: s.interval,
            failed: failed(source, s.group),
            ..row(source, s.group, scores(&source.comparison.groups[s.group], column))
        })
        .collect();
    if several {
        rows.iter_mut().zip(standings).for_each(|(row, s)| row.name = format!("data set {}: {}", s.data + 1, row.name));
    }
    let apart = if several { " Each data set has ranks of its own." } else { "" };
    let said = |r: &Row| format!("{}: {} ({})", r.name, stats::spread(&r.dots, 3), counted(r.dots.len(), "run"));
    let words: Vec<String> = rows.iter().take(MOST).map(said).collect();
    let title = format!("{} at the best epoch", source.score());
    let strip = strip("scores", rows, column::range(column), &title)?;
    let description = format!(
        "One dot per run, a tick at the mean of each group, a line over the 95 % interval of the mean (by the t of the differences; \
         where there is no test, Student's t over runs). Groups without a significant difference to the first of a rank share it.{apart} \
         Best first, by {}: {}.",
        column::phrase_of_split(&source.verdict.ranked_by),
        words.join("; ")
    );
    Some(Drawn { name: "scores".to_owned(), svg: strip.draw(&title, &description), title })
}

/// Seconds per epoch, groups in the same order; `None` if no run has recorded its times.
pub(crate) fn time(source: &Source) -> Option<Drawn> {
    let median = |seconds: &[f64]| {
        let mut seconds: Vec<f64> = seconds.iter().copied().filter(|s| s.is_finite() && *s >= 0.0).collect();
        seconds.sort_by(f64::total_cmp);
        (!seconds.is_empty()).then(|| quantile(&seconds, 0.5))
    };
    let of = |group: usize| {
        let dots = source.comparison.groups[group].settled().iter().filter_map(|run| median(&run.epoch_seconds)).collect();
        let row = row(source, group, dots);
        let mean = stats::mean(&row.dots)?;
        Some(Row { mean, words: short_seconds(mean), interval: stats::interval(&row.dots), ..row })
    };
    let rows: Vec<Row> = source.verdict.order(source.comparison).into_iter().filter_map(of).collect();
    let words: Vec<String> = rows.iter().take(MOST).map(|r| format!("{}: {} s", r.name, r.words)).collect();
    let mut strip = strip("time", rows, (0.0, f64::INFINITY), "Seconds per epoch")?;
    strip.dot = "median of a run".to_owned();
    let description =
        format!("The median epoch of each run, and the mean of each group with its 95 % interval. {}.", words.join("; "));
    let title = "Seconds per epoch".to_owned();
    Some(Drawn { name: "time".to_owned(), svg: strip.draw(&title, &description), title })
}

fn row(source: &Source, group: usize, dots: Vec<f64>) -> Row {
    let name = match describe::shown(&source.comparison.groups[group].name) {
        name if name.is_empty() => "all runs".to_owned(),
        name => name,
    };
    Row { group, name, rank: None, words: String::new(), dots, mean: 0.0, interval: None, failed: 0 }
}

fn failed(source: &Source, group: usize) -> usize {
    source.comparison.groups[group].runs.iter().filter(|run| run.state == State::Failed).count()
}

/// Seconds with three digits that count, or whole ones.
fn short_seconds(seconds: f64) -> String {
    if seconds >= 100.0 { format!("{seconds:.0}") } else { short(seconds) }
}

fn strip(id: &'static str, mut rows: Vec<Row>, range: (f64, f64), title: &str) -> Option<Strip<'static>> {
    let more = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let values: Vec<f64> = rows.iter().flat_map(|r| r.dots.iter().copied().chain([r.mean])).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    // Intervals of few runs are wide: they may take half of the axis, and go on beyond it.
    let most = 0.5 * (high - low);
    let ends = rows.iter().filter_map(|r| r.interval);
    let (low, high) = ends.fold((low, high), |(l, h), (a, b)| (l.min(a.max(low - most)), h.max(b.min(high + most))));
    let (low, high) = (low.max(range.0), high.min(range.1));
    let axis = Axis::values(if id == "time" { 0.0 } else { low }, high, range, title);
    let dot = "run".to_owned();
    Some(Strip { id, axis: axis.padded(0.03), rows, more, head: "mean".to_owned(), dot })
}
