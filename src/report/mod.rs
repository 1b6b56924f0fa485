//! Comparison, charts and tables from what lies on disk.
//!
//! [`write()`] reads an experiment's runs through the store and leaves charts, summary.csv and report.md beside them. Runs that
//! are under way, failed or damaged are no obstacle; nothing is run again, and nothing is known here of tensors.
#![doc = include_str!("design.md")]

mod best;
mod chart;
mod collect;
mod column;
mod comparable;
mod constant;
mod contact;
mod data_sets;
mod describe;
mod design;
mod grid;
mod html;
mod images;
mod importance;
pub mod inference;
mod latex;
mod markdown;
mod methods;
mod of_group;
mod overlay;
mod own;
mod paint;
mod png;
mod rows;
mod search;
mod searched;
mod stats;
mod sweep;
mod table;
pub mod tensorboard;
mod thresholds;
mod verdict;

pub use best::{Best, best};
pub use contact::{Tile, contact_sheet};
pub use html::{chart_style, environment, script, style};
pub use paint::paint;

use crate::find::Found;
use crate::metric::Split;
use crate::record::LrSearch;
use crate::store::{self, ExperimentDir};
use chart::Drawn;
use collect::Comparison;
use overlay::Overlays;
use std::path::PathBuf;
use verdict::Verdict;

pub use verdict::RankBy;

/// What was written, and what to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// charts/*.svg, in the order of the report.
    pub charts: Vec<PathBuf>,
    /// summary.csv: one row per run.
    pub summary: PathBuf,
    /// groups.csv: one row per group.
    pub groups: PathBuf,
    /// report.md, if it was wanted.
    pub report: Option<PathBuf>,
    /// report.html, if it was wanted.
    pub html: Option<PathBuf>,
    /// tables.tex, if it was wanted; supplement.tex and methods.tex lie beside it.
    pub latex: Option<PathBuf>,
    /// The groups as a table for a terminal, as wide as was wanted, and what failed.
    pub table: String,
}

/// What a report is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The metric that groups are compared by, a column without its part (`iou`, `dice_disc`); `None` for Dice.
    pub by: Option<String>,
    /// Which scores put groups in order.
    pub rank_by: RankBy,
    /// What is written beside charts/*.svg, summary.csv and groups.csv.
    pub formats: Vec<Format>,
    /// The metrics that tables show beside the one that groups are compared by, each a column without its part (`iou`, `dice_disc`); `None`
    /// for the usual ones.
    pub metrics: Option<Vec<String>>,
    /// Every chart as PNG too.
    pub png: bool,
    /// Whether somebody is at the runs: a page of runs that are not finished reads itself again then.
    pub goes_on: bool,
    /// Columns that the table for a terminal may take.
    pub columns: usize,
}

/// Columns of a table that is not for a terminal of known width.
pub const COLUMNS: usize = 80;

/// What the words and tables of a report are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// report.html: one file with everything.
    Html,
    /// report.md: words and tables, with links to the charts.
    Markdown,
    /// tables.tex, supplement.tex and methods.tex: tables for a paper with the package booktabs, and a draft of its Methods.
    Latex,
}

impl Default for Wanted {
    /// What a sweep ends with: HTML and Markdown, compared by Dice, ranked by validation.
    fn default() -> Self {
        Self {
            by: None,
            rank_by: RankBy::Validation,
            formats: vec![Format::Html, Format::Markdown],
            metrics: None,
            png: false,
            goes_on: false,
            columns: COLUMNS,
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files could not be listed or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is nothing to compare.
    #[error("{path} holds no runs; start the experiment with `umlaut run`, or check the path")]
    NoRuns {
        /// The experiment's directory.
        path: String,
    },
    /// No run has finished with its weights.
    #[error(
        "{path}: no run has finished with weights, so there is none to predict with; `umlaut status {path}` shows how far they are"
    )]
    NoneFinished {
        /// The experiment's directory.
        path: String,
    },
    /// A chart could not be made a PNG.
    #[error("charts/{chart}.png: {cause}")]
    Picture {
        /// The chart's name.
        chart: String,
        /// Why.
        cause: String,
    },
    /// No run has a value of the metric that was asked for.
    #[error("no run has a metric {by:?}; there are {there}")]
    NoMetric {
        /// What was asked for.
        by: String,
        /// Those that there are, with commas.
        there: String,
    },
}

/// The groups of experiments, and single runs, as a table for a terminal with the verdict on them, in lines of so many columns.
/// Writes nothing.
///
/// # Errors
/// If a place holds no runs or cannot be listed, or no run has the metric.
pub fn compare(found: &[Found], by: Option<&str>, rank_by: RankBy, columns: usize) -> Result<String, Error> {
    let comparison = collect::collect_several(found)?;
    let verdict = verdict(&comparison, by, rank_by)?;
    Ok(table::terminal(&comparison, &verdict, columns))
}

/// The report of an experiment, or of any runs and experiments side by side, as sections of a page: verdict, what would settle it, tables, charts
/// with their values, configuration, provenance. The page brings [`style()`], [`chart_style()`] and [`script()`] along. Writes nothing.
///
/// # Errors
/// If a place holds no runs or cannot be listed, or no run has the metric.
pub fn sections(found: &[Found], by: Option<&str>, rank_by: RankBy) -> Result<String, Error> {
    let comparison = match found {
        [Found::Experiment(dir)] => collect::collect(dir)?,
        several => collect::collect_several(several)?,
    };
    let verdict = verdict(&comparison, by, rank_by)?;
    let overlays = overlay::draw(&comparison, &verdict);
    Ok(html::sections(&comparison, &verdict, &drawn(&comparison, &verdict, &overlays), &overlays))
}

/// The report of an experiment as one page, what [`write()`] leaves as report.html. Writes nothing.
///
/// # Errors
/// As [`sections`].
pub fn page(dir: &ExperimentDir, by: Option<&str>, rank_by: RankBy) -> Result<String, Error> {
    let comparison = collect::collect(dir)?;
    let verdict = verdict(&comparison, by, rank_by)?;
    let overlays = overlay::draw(&comparison, &verdict);
    Ok(html::page(&comparison, &verdict, &drawn(&comparison, &verdict, &overlays), &overlays, false))
}

/// The chart of a search for a learning rate as SVG: the losses over the learning rate, with the suggestion; `of` says in a few words what was
/// trained. `None` if no loss is a finite number.
pub fn lr_search(search: &LrSearch, of: &str) -> Option<String> {
    chart::find_lr(search, of)
}

fn verdict(comparison: &Comparison, by: Option<&str>, rank_by: RankBy) -> Result<Verdict, Error> {
    let columns = comparison.columns();
    let there: Vec<&str> =
        columns.iter().filter_map(|c| Split::of(c)).filter(|(split, _)| *split == Split::Val).map(|(_, stem)| stem).collect();
    let tested = of_group::tested(comparison);
    let tested: Vec<&str> = tested.iter().map(|column| Split::of(column).map_or(column.as_str(), |(_, stem)| stem)).collect();
    let unheard = |stem: &str| !there.contains(&stem) && !tested.contains(&stem);
    let shown = comparison.metrics.iter().flatten().map(String::as_str).find(|stem| unheard(stem));
    match by.filter(|by| !there.contains(by)).or(shown).filter(|_| !there.is_empty()) {
        Some(by) => Err(Error::NoMetric { by: by.to_owned(), there: there.join(", ") }),
        None => {
            let mut judged = verdict::judge(comparison, by, rank_by);
            if let Some(search) = &comparison.search {
                judged.words = searched::words(search, constant::values(comparison, search.by()).last().copied());
            }
            Ok(judged)
        }
    }
}

/// Draws and tabulates whatever the runs of an experiment have left so far. Charts without a single value are left out. Equal
/// files give equal bytes.
///
/// # Errors
/// If there are no runs, the directory cannot be listed or written, or another report begins meanwhile ([`store::Error::Superseded`]). A run that cannot
/// be read is listed in the report.
pub fn write(dir: &ExperimentDir, wanted: &Wanted) -> Result<Written, Error> {
    if dir.runs()?.is_empty() {
        return Err(Error::NoRuns { path: dir.path().display().to_string() });
    }
    // Before anything is read: whoever begins later sees more.
    let files = dir.begin_report()?;
    let comparison = Comparison { metrics: wanted.metrics.clone(), ..collect::collect(dir)? };
    let verdict = verdict(&comparison, wanted.by.as_deref(), wanted.rank_by)?;
    let overlays = overlay::draw(&comparison, &verdict);
    let charts = drawn(&comparison, &verdict, &overlays);
    let has = |format: Format| wanted.formats.contains(&format);
    let report = has(Format::Markdown).then(|| files.write_report(&markdown::report(&comparison, &verdict, &charts, &overlays)));
    let html =
        has(Format::Html).then(|| files.write_html(&html::page(&comparison, &verdict, &charts, &overlays, wanted.goes_on)));
    let latex = has(Format::Latex).then(|| {
        files.write_supplement(&latex::supplement(&comparison, &verdict))?;
        if let Some(methods) = methods::of(&comparison, &verdict) {
            files.write_methods(&latex::methods(&comparison, &methods))?;
        }
        files.write_latex(&latex::tables(&comparison, &verdict))
    });
    if wanted.png {
        for chart in &charts {
            let png = png::render(&chart.svg, 1.0).map_err(|cause| Error::Picture { chart: chart.name.clone(), cause })?;
            files.write_picture(&chart.name, &png)?;
        }
    }
    files.remove_charts_but(&charts.iter().map(|chart| chart.name.as_str()).collect::<Vec<_>>())?;
    Ok(Written {
        report: report.transpose()?,
        html: html.transpose()?,
        latex: latex.transpose()?,
        summary: files.write_summary(&table::summary(&comparison))?,
        groups: files.write_groups(&table::groups(&comparison, &verdict))?,
        charts: charts.iter().map(|chart| files.write_chart(&chart.name, &chart.svg)).collect::<Result<_, _>>()?,
        table: table::terminal(&comparison, &verdict, wanted.columns),
    })
}

/// All charts, and the pictures of predictions behind them.
fn drawn(comparison: &Comparison, verdict: &Verdict, overlays: &Overlays) -> Vec<Drawn> {
    let picture = |name: &str, title: &str, svg: &Option<String>| {
        let title = format!("{title} of `{}`", overlays.run);
        svg.clone().map(|svg| Drawn { name: name.to_owned(), title, svg })
    };
    let mut charts: Vec<Drawn> = comparison.search.as_ref().map(chart::of_search).unwrap_or_default();
    charts.extend(chart::all(comparison, verdict));
    charts.extend(picture("overlays", "Predictions", &overlays.svg));
    charts.extend(picture("course", "Predictions over epochs", &overlays.course));
    charts.extend(picture("extremes", "Worst and best predictions", &overlays.extremes));
    let title = "The worst images, by the best group and its rival".to_owned();
    charts.extend(overlays.worst.clone().map(|svg| Drawn { name: "worst".to_owned(), title, svg }));
    charts
}
