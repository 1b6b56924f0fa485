//! Comparison, charts and tables from what lies on disk.
//!
//! [`write()`] reads an experiment's runs through the store and leaves charts, summary.csv and report.md beside them. Runs that
//! are under way, failed or damaged are no obstacle; nothing is run again, and nothing is known here of tensors.

mod chart;
mod collect;
mod column;
mod describe;
mod grid;
#[cfg_attr(not(test), expect(dead_code, reason = "written once a format is asked for"))]
mod latex;
mod markdown;
mod overlay;
mod stats;
mod table;
pub mod tensorboard;
mod verdict;

use crate::store::{self, ExperimentDir};
use chart::Drawn;
use std::path::PathBuf;

/// What was written, and what to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// charts/*.svg, in the order of the report.
    pub charts: Vec<PathBuf>,
    /// summary.csv: a row a run.
    pub summary: PathBuf,
    /// report.md.
    pub report: PathBuf,
    /// The groups as a table for a terminal, at most 80 columns wide, and what failed.
    pub table: String,
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
}

/// Draws and tabulates whatever the runs of an experiment have left so far. Charts without a single value are left out. Equal
/// files give equal bytes.
///
/// # Errors
/// If there are no runs, or the directory cannot be listed or written. A run that cannot be read is listed in the report.
pub fn write(dir: &ExperimentDir) -> Result<Written, Error> {
    let comparison = collect::collect(dir)?;
    let verdict = verdict::judge(&comparison);
    let mut charts = chart::all(&comparison, &verdict);
    let overlays = overlay::draw(&comparison);
    let title = format!("Predictions of `{}`", overlays.run);
    charts.extend(overlays.svg.iter().map(|svg| Drawn { name: "overlays".to_owned(), title: title.clone(), svg: svg.clone() }));
    let report = dir.write_report(&markdown::report(&comparison, &verdict, &charts, &overlays))?;
    let summary = dir.write_summary(&table::summary(&comparison))?;
    dir.write_groups(&table::groups(&comparison, &verdict))?;
    let charts = charts.iter().map(|chart| dir.write_chart(&chart.name, &chart.svg)).collect::<Result<_, _>>()?;
    Ok(Written { charts, summary, report, table: table::terminal(&comparison, &verdict) })
}
