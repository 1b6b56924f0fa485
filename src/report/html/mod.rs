//! report.html: one file with everything, for a browser, a mail, or paper.
//!
//! What the page says is gathered here as plain values; how it looks is in `page.html`, `style.css` and `script.js`. It needs no network,
//! and equal files give equal bytes.

mod configuration;
mod leaderboard;
mod marker;
mod provenance;

use super::chart::{self, Drawn};
use super::collect::{Comparison, Run, State};
use super::data_sets::{List, lists};
use super::overlay::Overlays;
use super::verdict::{Verdict, basis, method, p_value};
use super::{column, constant, describe, grid, searched, thresholds};
use crate::text::counted;
use marker::Marker;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, HtmlEscape, Value, context};
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

/// The page.
pub(super) fn page(comparison: &Comparison, verdict: &Verdict, charts: &[Drawn], overlays: &Overlays) -> String {
    let (pictures, curves): (Vec<&Drawn>, Vec<&Drawn>) =
        charts.iter().partition(|c| ["overlays", "extremes"].contains(&c.name.as_str()));
    let shown = |chart: &&Drawn| context! { name => chart.name.clone(), title => chart.title.replace('`', ""), svg => Value::from_safe_string(chart.svg.clone()) };
    let lists = lists(comparison, verdict);
    let best = if verdict.data_sets() > 1 { "the best group of each data set" } else { "the best group" };
    let values = context! {
        title => comparison.name.clone(),
        css => Value::from_safe_string(format!("{}{}", include_str!("style.css"), colors())),
        script => Value::from_safe_string(include_str!("script.js").to_owned()),
        words => verdict.words.iter().cloned().chain(constant::words(comparison)).collect::<Vec<_>>(),
        counts => describe::counts(comparison),
        underway => underway(comparison),
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
        problems => overlays.problems.clone(),
        troubles => describe::troubled(comparison).into_iter().map(trouble).collect::<Vec<_>>(),
        open => open(comparison),
        notes => describe::noted(comparison).into_iter().map(note).collect::<Vec<_>>(),
        provenance => Value::from(Serde(provenance::of(comparison))),
        configuration => Value::from(Serde(configuration::of(comparison))),
        version => env!("CARGO_PKG_VERSION"),
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.add_filter("joints", joints);
    environment.set_formatter(written_out);
    environment.set_syntax(syntax.expect("the usual delimiters"));
    let page = environment.render_str(include_str!("page.html"), values);
    page.expect("the template names only what is given")
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

/// Escapes as ever, and writes out what would not show; what is safe was made here.
fn written_out(out: &mut minijinja::Output, state: &mut minijinja::State, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|text| !value.is_safe() && text.contains(crate::shown::is_hidden)) {
        Some(text) => minijinja::escape_formatter(out, state, &Value::from(&*crate::shown::lines(text))),
        None => minijinja::escape_formatter(out, state, value),
    }
}

/// Words that may go on in the next line behind a joint, `focal_`|`tversky.`|`weight 1.0`, but not within `0.5`.
fn joints(words: &str) -> Value {
    let mut safe = String::new();
    let words = crate::shown::line(words);
    let mut letters = words.chars().peekable();
    while let Some(letter) = letters.next() {
        safe.push_str(&HtmlEscape(letter.encode_utf8(&mut [0; 4])).to_string());
        let next_is_letter = letters.peek().is_some_and(|next| next.is_alphabetic());
        if matches!(letter, '_' | '/') || letter == '.' && next_is_letter {
            safe.push_str("<wbr>");
        }
    }
    Value::from_safe_string(safe)
}

/// The charts' colours of groups as rules of CSS.
fn colors() -> String {
    let rule = |(at, color): (usize, &String)| format!(".sw{at}{{fill:{color}}}");
    let (light, dark): (Vec<String>, Vec<String>) = chart::swatches().into_iter().unzip();
    let all = |colors: &[String]| colors.iter().enumerate().map(rule).collect::<String>();
    format!("{}@media (prefers-color-scheme: dark){{{}}}", all(&light), all(&dark))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_on_behind_their_joints() {
        for (words, wanted) in [
            ("focal_tversky.weight 1.0", "focal_<wbr>tversky.<wbr>weight 1.0"),
            ("channels 16-32, lr 0.5", "channels 16-32, lr 0.5"),
            ("a_<b>", "a_<wbr>&lt;b&gt;"),
        ] {
            assert_eq!(joints(words).to_string(), wanted);
        }
    }
}
