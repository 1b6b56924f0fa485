//! Comparison, charts and tables from what lies on disk.
//!
//! [`write`] reads an experiment's runs through the store and leaves charts, summary.csv and report.md beside them. Runs that
//! are under way, failed or damaged are no obstacle; nothing is run again, and nothing is known here of tensors.

mod chart;
mod collect;
mod column;
mod describe;
mod markdown;
mod overlay;
mod stats;
mod table;

use crate::store::{self, ExperimentDir};
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

/// Columns that have a chart, without `train_` and `val_`.
const CHARTS: [&str; 4] = ["loss", "bce", "dice", "iou"];

/// Draws and tabulates whatever the runs of an experiment have left so far. Charts without a single value are left out. Equal
/// files give equal bytes.
///
/// # Errors
/// If there are no runs, or the directory cannot be listed or written. A run that cannot be read is listed in the report.
pub fn write(dir: &ExperimentDir) -> Result<Written, Error> {
    let comparison = collect::collect(dir)?;
    let mut charts: Vec<(&str, String)> =
        CHARTS.into_iter().filter_map(|stem| Some((stem, chart::curves(&comparison, stem)?))).collect();
    charts.extend(chart::lr(&comparison).map(|svg| ("lr", svg)));
    let overlays = overlay::draw(&comparison);
    charts.extend(overlays.svg.iter().map(|svg| ("overlays", svg.clone())));
    let names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
    let report = dir.write_report(&markdown::report(&comparison, &names, &overlays))?;
    let summary = dir.write_summary(&table::summary(&comparison))?;
    let charts = charts.iter().map(|(name, svg)| dir.write_chart(name, svg)).collect::<Result<_, _>>()?;
    Ok(Written { charts, summary, report, table: table::terminal(&comparison) })
}
