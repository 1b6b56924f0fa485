//! Whole tables of text as CSV.

use super::error::{Result, content};
use super::file::{read_if_there, write_atomic};
use crate::record::{from_field, to_field};
use crate::regular::Most;
use crate::shown;
use std::path::Path;

/// Rows as CSV.
pub(super) fn csv_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        let fields = row.iter().map(|field| to_field(&shown::lines(field)).into_owned());
        writer.write_record(fields).expect("memory takes every row");
    }
    writer.into_inner().expect("memory takes every row")
}

/// Replaces a file by these rows; returns the hash of what it holds then.
pub(super) fn write_csv(path: &Path, rows: &[Vec<String>]) -> Result<String> {
    let bytes = csv_bytes(rows);
    write_atomic(path, &bytes)?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// The rows of a table of text, the header first; `None` if there is no such file.
pub(super) fn read_csv(path: &Path, remedy: &str) -> Result<Option<Vec<Vec<String>>>> {
    let Some(text) = read_if_there(path, Most::TABLE, remedy)? else { return Ok(None) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.map(|row| row.iter().map(|field| from_field(field).to_owned()).collect()));
    rows.collect::<std::result::Result<_, csv::Error>>().map(Some).map_err(|e| content(path, &e.to_string(), remedy))
}
