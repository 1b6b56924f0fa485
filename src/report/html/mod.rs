//! report.html: one file with everything, for a browser, a mail, or paper.
//!
//! What the page says is gathered here as plain values; how it looks is in the templates `head.html`, `grid.html`, `sections.html` and
//! `foot.html`, in `style.css` and `script.js`. It needs no network, and equal files give equal bytes. The same sections stand in the pages of
//! `umlaut serve`.

mod configuration;
mod leaderboard;
mod live;
mod marker;
mod provenance;

use super::chart::Drawn;
use super::collect::{Comparison, Run, State};
use super::data_sets::{List, lists};
use super::overlay::Overlays;
use super::verdict::{Verdict, basis, method, p_value};
use super::{column, constant, describe, grid, methods, searched, thresholds};
use crate::text::counted;
pub(super) use live::sections;
pub use live::{chart_style, environment, script, style};
use marker::Marker;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

/// Pairs at most: with more, only those with the best group are shown.
const PAIRS: usize = 200;
/// Lines of a failed run's log that are shown.
const LAST_WORDS: usize = 12;

/// A table that can be sorted and filtered.
#[derive(Serialize)]
struct Grid {
    head: Vec<Head>,
    rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Serialize)]
struct Head {
    words: String,
    /// Whether its cells are numbers, which stand at the right.
    number: bool,
}

/// What stands in a row.
#[derive(Serialize, Default)]
struct Cell {
    words: String,
    /// What it is sorted by, where that is not its words.
    sort: Option<f64>,
    /// What a style sheet calls it.
    class: Option<&'static str>,
    /// The marker that charts give the group.
    marker: Option<Marker>,
}

impl Head {
    fn text(words: impl Into<String>) -> Self {
        Self { words: words.into(), number: false }
    }

    fn number(words: impl Into<String>) -> Self {
        Self { words: words.into(), number: true }
    }
}

impl Cell {
    fn text(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// A group's name behind its marker.
    fn group(at: usize, name: &str) -> Self {
        Self { marker: marker::of(at), class: Some("group"), ..Self::text(describe::shown(name)) }
    }

    /// A dash where there is no value.
    fn number(value: Option<f64>, words: impl FnOnce(f64) -> String) -> Self {
        let value = value.filter(|value| value.is_finite());
        Self { words: value.map_or("–".to_owned(), words), sort: value, ..Self::default() }
    }
}

/// Seconds after which a page of runs that go on is read again: as many as lie between two reports at least.
const REFRESH: u32 = 20;

/// The page; of runs that go on one that reads itself again.
pub(super) fn page(comparison: &Comparison, verdict: &Verdict, charts: &[Drawn], overlays: &Overlays, goes_on: bool) -> String {
    const PAGE: &str =
        concat!(include_str!("head.html"), include_str!("grid.html"), include_str!("sections.html"), include_str!("foot.html"));
    let values = context! {
        title => comparison.name.clone(),
        css => Value::from_safe_string(style()),
        script => Value::from_safe_string(script().to_owned()),
        version => env!("CARGO_PKG_VERSION"),
        refresh => (goes_on && !underway(comparison).is_empty()).then_some(REFRESH),
        ..values(comparison, verdict, charts, overlays)
    };
    environment().render_str(PAGE, values).expect("the template names only what is given")
}

/// What the sections name.
fn values(comparison: &Comparison, verdict: &Verdict, charts: &[Drawn], overlays: &Overlays) -> Value {
    let (pictures, curves): (Vec<&Drawn>, Vec<&Drawn>) =
        charts.iter().partition(|c| ["overlays", "course", "extremes", "worst"].contains(&c.name.as_str()));
    let shown = |chart: &&Drawn| context! { name => chart.name.clone(), title => chart.title.replace('`', ""), svg => Value::from_safe_string(chart.svg.clone()) };
    let lists = lists(comparison, verdict);
    let best = if verdict.data_sets() > 1 { "the best group of each data set" } else { "the best group" };
    context! {
        words => verdict.words.iter().cloned().chain(constant::words(comparison)).collect::<Vec<_>>(),
        counts => describe::counts(comparison),
        underway => underway(comparison),
        methods => methods::of(comparison, verdict).map(|of| context! { paragraph => of.paragraph(), facts => of.facts }),
        all_runs => counted(comparison.runs().count(), "run"),
        method => method(&verdict.column),
        best_by => comparison.best_by.clone(),
        metric => column::title(&verdict.column),
        groups => listed(&lists, |list| leaderboard::groups(comparison, verdict, list)),
        less => grid::less_is_better(&leaderboard::beside(comparison, verdict)),
        tested => listed(&lists, |list| leaderboard::tested(comparison, list)),
        confusion => confusion(comparison, &lists),
        rungs => comparison.search.as_ref().map(|search| plain(search.rungs())),
        trials => comparison.search.as_ref().map(|search| plain(searched::trials(search))),
        tested_less => grid::less_is_better(&grid::tested_columns(comparison)),
        runs => Value::from(Serde(leaderboard::runs(comparison))),
        pairs => Value::from(Serde(pairs(comparison, verdict))),
        pairs_left_out => if verdict.pairs.len() > PAIRS { format!("; of {} pairs those with {best}", verdict.pairs.len()) } else { String::new() },
        charts => curves.iter().map(shown).collect::<Vec<_>>(),
        pictures => pictures.iter().map(shown).collect::<Vec<_>>(),
        pictured => overlays.run.clone(),
        worst => overlays.worst.is_some(),
        problems => overlays.problems.clone(),
        troubles => describe::troubled(comparison).into_iter().map(trouble).collect::<Vec<_>>(),
        open => open(comparison),
        notes => describe::noted(comparison).into_iter().map(note).collect::<Vec<_>>(),
        provenance => Value::from(Serde(provenance::of(comparison))),
        configuration => Value::from(Serde(configuration::of(comparison))),
    }
}

/// A table for each data set, with the words that say which where there are several.
fn listed(lists: &[List], table: impl Fn(&List) -> Grid) -> Vec<Value> {
    lists
        .iter()
        .map(|list| context! { of => list.title.clone().unwrap_or_default(), grid => Value::from(Serde(table(list))) })
        .collect()
}

/// The tables of pixels by truth and prediction, of the data sets that have them.
fn confusion(comparison: &Comparison, lists: &[List]) -> Vec<Value> {
    let table = |list: &List| {
        let super::rows::Grid { header, rows, words, note } = thresholds::confusion(comparison, list)?;
        let head = header.into_iter().enumerate().map(|(at, words_of)| Head { words: words_of, number: !words.contains(&at) });
        let rows = rows.into_iter().map(|row| row.cells.into_iter().map(Cell::text).collect());
        let grid = Grid { head: head.collect(), rows: rows.collect() };
        Some(context! { of => list.title.clone().unwrap_or_default(), note => note, grid => Value::from(Serde(grid)) })
    };
    lists.iter().filter_map(table).collect()
}

/// A table of a search.
fn plain(table: super::rows::Grid) -> Value {
    let super::rows::Grid { header, rows, words, note } = table;
    let head = header.into_iter().enumerate().map(|(at, words_of)| Head { words: words_of, number: !words.contains(&at) });
    let cell = |cell: String| Cell { sort: cell.parse().ok(), ..Cell::text(cell) };
    let rows = rows.into_iter().map(|row| row.cells.into_iter().map(cell).collect());
    let grid = Grid { head: head.collect(), rows: rows.collect() };
    context! { note => note, grid => Value::from(Serde(grid)) }
}

/// What is still going on; empty if nothing is.
fn underway(comparison: &Comparison) -> String {
    let open: Vec<&Run> = comparison.runs().filter(|run| run.state == State::Unfinished).collect();
    if open.is_empty() {
        return String::new();
    }
    let epochs: usize = open.iter().map(|run| run.rows.len()).sum();
    let (are, runs) = (if open.len() == 1 { "is" } else { "are" }, counted(open.len(), "run"));
    format!("{runs} {are} not finished, with {} done so far. What is said here may change.", counted(epochs, "epoch"))
}

fn pairs(comparison: &Comparison, verdict: &Verdict) -> Grid {
    let titles = [Head::text("significant"), Head::text("better mean"), Head::text("worse mean"), Head::number("difference")];
    let tests = [Head::number("95 % interval"), Head::number("p (Holm)"), Head::number("p"), Head::number("seeds × units")];
    let name = |group: usize| Cell::group(group, &comparison.groups[group].name);
    let best: Vec<usize> = verdict.bests().map(|standing| standing.group).collect();
    let all = verdict.pairs.len();
    let shown = verdict.pairs.iter().filter(|pair| all <= PAIRS || best.contains(&pair.better) || best.contains(&pair.worse));
    let rows = shown.map(|pair| {
        let p = |p: f64| Cell::number(Some(p), |p| p_value(p).replace("p = ", "").replace("p ", ""));
        let number = |value: f64| super::verdict::number(value, pair);
        let significant = if pair.significant { "yes" } else { "no" };
        vec![
            Cell { class: Some(significant), ..Cell::text(significant) },
            name(pair.better),
            name(pair.worse),
            Cell::number(Some(pair.difference), number),
            Cell {
                sort: Some(pair.interval.0),
                ..Cell::text(format!("{} to {}", number(pair.interval.0), number(pair.interval.1)))
            },
            p(pair.p_holm),
            p(pair.p),
            Cell::text(basis(pair).replace(", ", " × ")),
        ]
    });
    Grid { head: titles.into_iter().chain(tests).collect(), rows: rows.collect() }
}

fn trouble((run, cause): (&Run, String)) -> Value {
    let log = run.dir.last_log_lines(0, LAST_WORDS).unwrap_or_default();
    context! { id => run.id.clone(), state => run.state.word(), cause => cause, log => log.join("\n") }
}

fn note((words, runs): (String, Vec<&Run>)) -> Value {
    context! { words => words, runs => runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>() }
}

fn open(comparison: &Comparison) -> Vec<String> {
    let open = comparison.runs().filter(|run| matches!(run.state, State::Interrupted | State::Unfinished));
    open.map(|run| format!("{}: {} after {}", run.id, run.state.word(), counted(run.rows.len(), "epoch"))).collect()
}
