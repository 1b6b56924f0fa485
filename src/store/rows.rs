//! Rows of CSV: one an epoch, each on the disk before the next; and whole tables.

use super::damage::REMEDY;
use super::error::{Result, content, told};
use super::file::{read_if_there, write_atomic};
use super::run_dir::RunDir;
use crate::record::{EpochRecord, from_field, to_field};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(super) const METRICS: &str = "metrics.csv";
pub(super) const TIMING: &str = "timing.csv";

/// Appends rows to metrics.csv and timing.csv, each flushed to the disk before it returns.
#[derive(Debug)]
pub struct MetricsWriter {
    metrics: (PathBuf, File),
    timing: (PathBuf, File),
    empty: bool,
}

impl RunDir {
    /// The whole rows of metrics.csv, in order; a torn last row is left out.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn metrics(&self) -> Result<Vec<EpochRecord>> {
        read_rows(&self.path().join(METRICS))
    }

    /// The rows of timing.csv: seconds of each epoch.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn timing(&self) -> Result<Vec<EpochRecord>> {
        read_rows(&self.path().join(TIMING))
    }

    /// When metrics.csv was written last, which is when the last epoch ended; `None` if there is none.
    pub fn last_epoch_at(&self) -> Option<SystemTime> {
        std::fs::metadata(self.path().join(METRICS)).and_then(|found| found.modified()).ok()
    }

    /// Opens metrics.csv and timing.csv for appending after dropping every row later than `epoch` (0 for an empty start).
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn metrics_after(&self, epoch: usize) -> Result<MetricsWriter> {
        let open = |name: &str| -> Result<(PathBuf, File, bool)> {
            let path = self.path().join(name);
            let rows: Vec<EpochRecord> = read_rows(&path)?.into_iter().filter(|r| r.epoch <= epoch).collect();
            let table: Vec<Vec<String>> =
                rows.first().map(EpochRecord::header).into_iter().chain(rows.iter().map(EpochRecord::fields)).collect();
            write_csv(&path, &table)?;
            let file = told(OpenOptions::new().append(true).open(&path), "opening", &path)?;
            Ok((path, file, rows.is_empty()))
        };
        let (path, file, empty) = open(METRICS)?;
        let (timing_path, timing_file, _) = open(TIMING)?;
        Ok(MetricsWriter { metrics: (path, file), timing: (timing_path, timing_file), empty })
    }
}

impl MetricsWriter {
    /// Appends an epoch's row, and its seconds to timing.csv.
    ///
    /// # Errors
    /// If the disk is full or gone.
    pub fn append(&mut self, record: &EpochRecord, seconds: f64) -> Result<()> {
        let timing = EpochRecord::timed(record.epoch, seconds);
        append_row(&mut self.metrics, record, self.empty)?;
        append_row(&mut self.timing, &timing, self.empty)?;
        self.empty = false;
        Ok(())
    }
}

fn append_row((path, file): &mut (PathBuf, File), record: &EpochRecord, with_header: bool) -> Result<()> {
    let mut rows = if with_header { vec![record.header()] } else { Vec::new() };
    rows.push(record.fields());
    told(file.write_all(&csv_bytes(&rows)).and_then(|()| file.sync_data()), "appending", path)
}

fn csv_bytes(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|field| to_field(field).into_owned())).expect("memory takes every row");
    }
    writer.into_inner().expect("memory takes every row")
}

/// Replaces a file by these rows.
pub(super) fn write_csv(path: &Path, rows: &[Vec<String>]) -> Result<()> {
    write_atomic(path, &csv_bytes(rows))
}

/// The rows of a table of text, the header first; `None` if there is no such file.
pub(super) fn read_csv(path: &Path, remedy: &'static str) -> Result<Option<Vec<Vec<String>>>> {
    let Some(text) = read_if_there(path, remedy)? else { return Ok(None) };
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.map(|row| row.iter().map(|field| from_field(field).to_owned()).collect()));
    rows.collect::<std::result::Result<_, csv::Error>>().map(Some).map_err(|e| content(path, &e.to_string(), remedy))
}

/// Reads epochs; a missing file has none. A last line without its newline, or with fields missing, was cut off by a death.
fn read_rows(path: &Path) -> Result<Vec<EpochRecord>> {
    let Some(text) = read_if_there(path, REMEDY)? else { return Ok(Vec::new()) };
    let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(whole.as_bytes());
    let header = reader.headers().map_err(|e| content(path, &e.to_string(), REMEDY))?.clone();
    let mut rows = Vec::new();
    for fields in reader.records() {
        let fields = fields.map_err(|e| content(path, &e.to_string(), REMEDY))?;
        let line = fields.position().map_or(0, csv::Position::line);
        let row = EpochRecord::from_fields(&header, &fields)
            .ok_or_else(|| content(path, &format!("line {line} does not fit the header"), REMEDY))?;
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record(epoch: usize) -> EpochRecord {
        EpochRecord { epoch, values: vec![("val_loss".into(), 1.0 / epoch as f64)] }
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_repaired() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let mut writer = run.metrics_after(0).unwrap();
        (1..=2).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let whole = fs::read(run.path().join(METRICS)).unwrap();
        fs::write(run.path().join(METRICS), [&whole[..], b"3,0.33"].concat()).unwrap();
        assert_eq!(run.metrics().unwrap(), vec![record(1), record(2)]);
        run.metrics_after(2).unwrap();
        assert_eq!(fs::read(run.path().join(METRICS)).unwrap(), whole);
    }

    #[test]
    fn a_resume_writes_the_bytes_of_an_uninterrupted_run() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (RunDir::at(dir.path().join("a")), RunDir::at(dir.path().join("b")));
        let mut writer = a.metrics_after(0).unwrap();
        (1..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let mut writer = b.metrics_after(0).unwrap();
        (1..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        let mut writer = b.metrics_after(1).unwrap();
        (2..=3).for_each(|e| writer.append(&record(e), 0.5).unwrap());
        assert_eq!(fs::read(a.path().join(METRICS)).unwrap(), fs::read(b.path().join(METRICS)).unwrap());
    }
}
