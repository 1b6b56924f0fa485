//! Rows of CSV: one per epoch, each on the disk before the next.

use super::error::{Result, content, named};
use super::file::{open_in_place, read_if_there, write_atomic};
use super::names::{METRICS, REMEDY, TIMING};
use super::run_dir::RunDir;
use super::table::csv_bytes;
use crate::record::EpochRecord;
use crate::regular::{self, Most};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Appends rows to metrics.csv and timing.csv, each flushed to the disk before it returns.
#[derive(Debug)]
pub struct MetricsWriter {
    metrics: Table,
    timing: Table,
}

/// A file that rows are appended to.
#[derive(Debug)]
struct Table {
    path: PathBuf,
    file: File,
    /// Whether its header is still to be written.
    empty: bool,
    /// Of all that it holds.
    hasher: blake3::Hasher,
}

impl RunDir {
    /// The whole rows of metrics.csv, in order; a torn last row is left out.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn metrics(&self) -> Result<Vec<EpochRecord>> {
        read_rows(&self.path().join(METRICS))
    }

    /// The rows of timing.csv: seconds of each epoch. Only the clock depends on them, so a line that cannot be read is skipped, and a
    /// file that cannot be read has none.
    pub fn timing(&self) -> Vec<EpochRecord> {
        let text = regular::bytes(&self.path().join(TIMING), Most::TABLE).unwrap_or_default();
        let whole = &text[..text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0)];
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(whole);
        let header = csv::StringRecord::from(EpochRecord::timed(0, 0.0).header());
        let rows = reader.records().filter_map(|fields| EpochRecord::from_fields(&header, &fields.ok()?));
        rows.filter(|row| row.seconds().is_some_and(|seconds| seconds.is_finite() && seconds >= 0.0)).collect()
    }

    /// The hash of the rows of metrics.csv up to `epoch`, the header first, as [`MetricsWriter::hash`] gives it after that epoch.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn metrics_hash(&self, epoch: usize) -> Result<String> {
        let rows: Vec<EpochRecord> = self.metrics()?.into_iter().filter(|row| row.epoch <= epoch).collect();
        Ok(blake3::hash(&csv_bytes(&table(&rows))).to_hex().to_string())
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
        // Whatever a run that starts over has there, nothing of it stays.
        let metrics = if epoch > 0 { self.metrics()? } else { Vec::new() };
        Ok(MetricsWriter {
            metrics: Table::after(epoch, metrics, self.path().join(METRICS))?,
            timing: Table::after(epoch, self.timing(), self.path().join(TIMING))?,
        })
    }
}

impl MetricsWriter {
    /// Appends an epoch's row, and its seconds to timing.csv.
    ///
    /// # Errors
    /// If the disk is full or gone.
    pub fn append(&mut self, record: &EpochRecord, seconds: f64) -> Result<()> {
        self.metrics.append(record)?;
        self.timing.append(&EpochRecord::timed(record.epoch, seconds))
    }

    /// The BLAKE3 hash of all that metrics.csv holds, in hexadecimal digits.
    pub fn hash(&self) -> String {
        self.metrics.hasher.finalize().to_hex().to_string()
    }
}

impl Table {
    /// The file with those of the rows that are not later than `epoch`.
    fn after(epoch: usize, mut rows: Vec<EpochRecord>, path: PathBuf) -> Result<Self> {
        rows.retain(|row| row.epoch <= epoch);
        let bytes = csv_bytes(&table(&rows));
        write_atomic(&path, &bytes)?;
        let file = open_in_place(&path, OpenOptions::new().append(true))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes);
        Ok(Self { path, file, empty: rows.is_empty(), hasher })
    }

    fn append(&mut self, record: &EpochRecord) -> Result<()> {
        let mut rows = if self.empty { vec![record.header()] } else { Vec::new() };
        rows.push(record.fields());
        let bytes = csv_bytes(&rows);
        named(self.file.write_all(&bytes).and_then(|()| self.file.sync_data()), "appending", &self.path)?;
        self.hasher.update(&bytes);
        self.empty = false;
        Ok(())
    }
}

/// Rows as text, the header first; nothing at all without rows.
fn table(rows: &[EpochRecord]) -> Vec<Vec<String>> {
    rows.first().map(EpochRecord::header).into_iter().chain(rows.iter().map(EpochRecord::fields)).collect()
}

/// Reads epochs; a missing file has none. A last line without its newline, or with fields missing, was cut off by a death.
fn read_rows(path: &Path) -> Result<Vec<EpochRecord>> {
    let Some(text) = read_if_there(path, Most::TABLE, REMEDY)? else { return Ok(Vec::new()) };
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
