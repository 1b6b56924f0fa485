//! Bars of how much each parameter matters.

use super::axes::{AXIS_WORDS, Axis, Room, plot};
use super::ink::{Anchor, Face, Ink, Pen};
use super::style::{AXIS, AXIS_WIDTH, COLUMN, EDGE, MUTED, TEXT};
use super::{Drawn, Source, text};
use crate::report::importance::{MOST_LEVELS, Share};
use crate::report::search::Search;

const ROW: i32 = 130;
const BAR: i32 = 76;
const WIDEST: i32 = 900;

/// The chart; `None` where there is nothing is known of any parameter.
pub(crate) fn draw(source: &Source) -> Option<Drawn> {
    let shares = source.shares.as_ref().filter(|shares| shares.iter().any(|s| s.share.is_some()))?;
    let named = |share: &Share| source.factors.iter().find(|f| f.key == share.key).map(|f| source.name(f).to_owned());
    let rows: Vec<(String, Option<f64>)> = shares.iter().map(|share| (named(share).unwrap_or_default(), share.share)).collect();
    Some(bars("importance", &rows, "% of the variance of the groups’ means", &description(source, shares)))
}

/// The chart of a search's keys, by what a model predicts; `None` before the search is over.
pub(crate) fn of_search(search: &Search) -> Option<Drawn> {
    let shares = search.importance();
    let first = shares.first()?;
    let keys: Vec<&str> = shares.iter().map(|share| share.key.as_str()).collect();
    let rows: Vec<(String, Option<f64>)> =
        crate::plan::names(&keys).into_iter().zip(&shares).map(|(name, share)| (name.to_owned(), Some(share.share))).collect();
    let words = format!(
        "The share of the variance of a Gaussian process's predictions over the whole searched space that a key accounts for by itself, fitted to \
         the {} results after epoch {}. What keys do only together is in none.",
        first.results, first.epochs
    );
    let axis = format!("% of the variance predicted over the space ({} results)", first.results);
    Some(bars("search-importance", &rows, &axis, &words))
}

fn bars(file: &str, rows: &[(String, Option<f64>)], axis: &str, description: &str) -> Drawn {
    let names: Vec<String> = rows.iter().map(|(name, _)| text::fit(name, TEXT, WIDEST)).collect();
    let left = 2 * EDGE + names.iter().map(|name| text::width(name, TEXT)).max().unwrap_or(0) + 20;
    let right = text::width("100 %", TEXT) + 60;
    let ticks = [0, 25, 50, 75, 100].map(|t| (f64::from(t), format!("{t}")));
    let x = Axis { low: 0.0, high: 100.0, ticks: ticks.to_vec(), title: axis.to_owned() };
    let y = Axis { low: 0.0, high: 1.0, ticks: Vec::new(), title: String::new() };
    let frame = ROW * rows.len() as i32;
    let ink = Ink::new(file, COLUMN, 40 + frame + AXIS_WORDS + EDGE);
    let plot = plot(&ink, &x, &y, &Room { left: Some(left), ..Room::new(40, right, EDGE) });
    for (k, ((_, share), name)) in rows.iter().zip(&names).enumerate() {
        let middle = plot.y.0 + ROW * k as i32 + ROW / 2;
        ink.text(name, (left - 30, middle), Anchor::End, Face::WORDS);
        let (end, _) = plot.at(100.0 * share.unwrap_or(0.0), 0.0);
        ink.rect((plot.x.0, middle - BAR / 2), (end - plot.x.0, BAR), MUTED, 1.0);
        let words = share.map_or("unknown".to_owned(), |s| format!("{:.0} %", 100.0 * s));
        ink.text(&words, (end + 30, middle), Anchor::Start, Face::WORDS);
    }
    ink.line(&[(plot.x.0, plot.y.0), (plot.x.0, plot.y.1)], Pen::new(AXIS, AXIS_WIDTH));
    let title = "Importance of parameters".to_owned();
    let svg = ink.finish(&title, description);
    Drawn { name: file.to_owned(), title, svg }
}

fn description(source: &Source, shares: &[Share]) -> String {
    let word = |s: &Share| match s.share {
        Some(share) => format!("{}: {:.1} %", s.key, 100.0 * share),
        None => format!("{}: unknown, since every group has a value of its own", s.key),
    };
    format!(
        "The share of the variance of the groups' means of {} that the values of a parameter account for by themselves: epsilon squared of \
         a one-way analysis of variance (Kelley 1935), what is negative as 0. What parameters do only together, and chance, is in \
         none. Numbers with more than {MOST_LEVELS} values are taken in quarters. {}.",
        source.verdict.column,
        shares.iter().map(word).collect::<Vec<_>>().join("; ")
    )
}
