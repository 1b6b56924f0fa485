//! history.csv as it grows: what is stored is compared with what follows now, what is new is appended before anything starts.

use super::Error;
use crate::record::{SearchSettings, TrialJob};
use crate::store::{HistoryWriter, SearchDir, history_line};

/// The stored part of a history, and where its rest goes.
pub(super) struct History {
    dir: SearchDir,
    keys: Vec<String>,
    /// The rows that were there, the header first.
    stored: Vec<String>,
    /// `None` until something is written.
    writer: Option<HistoryWriter>,
    /// Whether the settings are on the disk.
    settled: bool,
    /// Whether new rows are written at all.
    writes: bool,
}

impl History {
    /// Of a search of these keys.
    ///
    /// # Errors
    /// If it cannot be read, or was made by other settings; what they leave open is taken from it.
    pub fn open(dir: SearchDir, keys: Vec<String>, settings: &SearchSettings) -> Result<Self, Error> {
        let before = dir.settings()?;
        let settled = before.is_some();
        if let Some(before) = before {
            let differences =
                before.differences(settings).into_iter().map(|(name, was, is)| format!("{name} was {was} and is {is}"));
            let differences: Vec<String> = differences.collect();
            if !differences.is_empty() {
                let path = dir.path().display().to_string();
                return Err(Error::Settings { path, differences: differences.join("; ") });
            }
        }
        let (stored, header) = (dir.history()?, history_line(&TrialJob::header(&keys)));
        if let Some(before) = stored.first().filter(|before| **before != header) {
            let differences = format!("its header was {} and is {}", before.trim_end(), header.trim_end());
            return Err(Error::Settings { path: dir.history_path().display().to_string(), differences });
        }
        Ok(Self { stored, dir, keys, writer: None, settled, writes: true })
    }

    /// From now on rows are compared, and new ones not written.
    pub fn only_compare(&mut self) {
        self.writes = false;
    }

    /// Keeps the next row: on the disk when it returns.
    ///
    /// # Errors
    /// If another row is stored in its place, or it cannot be written.
    pub fn keep(&mut self, row: &TrialJob, settings: &SearchSettings) -> Result<(), Error> {
        let line = history_line(&row.fields());
        match self.stored.get(row.job + 1) {
            Some(stored) if *stored == line => Ok(()),
            Some(stored) => Err(self.other(row, stored)),
            None if self.writes => self.append(&line, settings),
            None => Ok(()),
        }
    }

    fn append(&mut self, line: &str, settings: &SearchSettings) -> Result<(), Error> {
        if !std::mem::replace(&mut self.settled, true) {
            self.dir.write_settings(settings)?;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(self.dir.history_writer()?),
        };
        if self.stored.is_empty() {
            let header = history_line(&TrialJob::header(&self.keys));
            writer.append(&header)?;
            self.stored.push(header);
        }
        writer.append(line)?;
        self.stored.push(line.to_owned());
        Ok(())
    }

    /// What differs between a row and the stored one.
    fn other(&self, row: &TrialJob, stored: &str) -> Error {
        let columns = TrialJob::header(&self.keys);
        let stored: Vec<String> = fields(stored);
        let pairs = columns.iter().zip(row.fields()).enumerate();
        let differing = pairs.filter_map(|(at, (column, now))| {
            let before = stored.get(at).map_or("nothing", String::as_str);
            (before != now).then(|| format!("{column} was {before} and is {now}"))
        });
        let differences = differing.collect::<Vec<_>>().join("; ");
        Error::History { path: self.dir.history_path().display().to_string(), job: row.job, differences }
    }
}

/// The fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(line.as_bytes());
    let row = reader.records().next().and_then(Result::ok);
    row.map(|row| row.iter().map(str::to_owned).collect()).unwrap_or_default()
}
