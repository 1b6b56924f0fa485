//! What a search for a learning rate leaves: a table and a chart, apart from all runs.

use super::error::Result;
use super::file::write_atomic;
use super::table::write_csv;
use crate::record::LrSearch;
use std::path::{Path, PathBuf};

/// Replaces find-lr.csv and find-lr.svg in a directory, which need not exist; returns where they lie.
///
/// # Errors
/// If they cannot be written.
pub fn write_lr_search(dir: &Path, search: &LrSearch, chart: &str) -> Result<[PathBuf; 2]> {
    let [table, picture] = ["find-lr.csv", "find-lr.svg"].map(|name| dir.join(name));
    write_csv(&table, &search.table())?;
    write_atomic(&picture, chart.as_bytes())?;
    Ok([table, picture])
}
