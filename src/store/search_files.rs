//! The files of a hyperparameter search, in `search/` below its experiment.

use super::error::{Result, content, named};
use super::experiment_dir::ExperimentDir;
use super::file::{create_dirs, open_in_place, read_if_there, write_atomic};
use super::table::{csv_bytes, read_csv, write_csv};
use crate::plan::RunId;
use crate::record::{Confirmation, KeyShare, SearchSettings, TrialJob, TrialResult, Winner};
use crate::regular::Most;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// What is done about a damaged file of a search.
const REMEDY: &str =
    "restore it from a copy, or remove the folder, and `umlaut run` makes it anew; no run that is there is trained again";

/// `results/EXPERIMENT/search/`.
#[derive(Debug, Clone)]
pub struct SearchDir {
    path: PathBuf,
}

/// Appends to history.csv, each row on the disk before it returns.
#[derive(Debug)]
pub struct HistoryWriter {
    path: PathBuf,
    file: File,
}

impl ExperimentDir {
    /// Where the files of a search lie.
    pub fn search(&self) -> SearchDir {
        SearchDir { path: self.path().join("search") }
    }
}

impl SearchDir {
    /// The directory itself.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// history.csv: the jobs so far.
    pub fn history_path(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// Reads search.toml; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn settings(&self) -> Result<Option<SearchSettings>> {
        let path = self.path.join("search.toml");
        let text = read_if_there(&path, Most::SMALL, REMEDY)?;
        let parsed = text.map(|text| toml::from_str(&text).map_err(|e: toml::de::Error| content(&path, e.message(), REMEDY)));
        let settings: Option<SearchSettings> = parsed.transpose()?;
        match settings.as_ref().and_then(SearchSettings::problem) {
            Some(problem) => Err(content(&path, &problem, REMEDY)),
            None => Ok(settings),
        }
    }

    /// Replaces search.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_settings(&self, settings: &SearchSettings) -> Result<()> {
        let text = toml::to_string(settings).expect("settings are plain data");
        write_atomic(&self.path.join("search.toml"), text.as_bytes())
    }

    /// The whole rows of history.csv as text, the header first; a torn last one is left out. None if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn history(&self) -> Result<Vec<String>> {
        let text = read_if_there(&self.history_path(), Most::TABLE, REMEDY)?.unwrap_or_default();
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        Ok(whole.split_inclusive('\n').map(str::to_owned).collect())
    }

    /// The jobs of history.csv with the searched keys; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn jobs(&self) -> Result<Option<(Vec<String>, Vec<TrialJob>)>> {
        let (text, path) = (self.history()?.concat(), self.history_path());
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
        let rows: std::result::Result<Vec<Vec<String>>, csv::Error> =
            reader.records().map(|row| row.map(|row| row.iter().map(str::to_owned).collect())).collect();
        let rows = rows.map_err(|e| content(&path, &e.to_string(), REMEDY))?;
        let Some((header, rows)) = rows.split_first() else { return Ok(None) };
        let keys = TrialJob::keys(header).ok_or_else(|| content(&path, "line 1 is no header of a history", REMEDY))?;
        let job = |(at, row): (usize, &Vec<String>)| {
            // A row's number is its job, a trial begins with its first job, runs lie in `runs/`, and every key has its field.
            let possible = |job: &TrialJob| {
                let named = job.runs.iter().all(|run| RunId::from_file(run).is_some());
                job.job == at && job.trial <= at && named && job.values.len() == keys.len()
            };
            let job = TrialJob::from_fields(row).filter(possible);
            job.ok_or_else(|| content(&path, &format!("line {} is no job", at + 2), REMEDY))
        };
        let jobs = rows.iter().enumerate().map(job).collect::<Result<_>>()?;
        Ok(Some((keys, jobs)))
    }

    /// Opens history.csv for appending; a torn last row is removed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn history_writer(&self) -> Result<HistoryWriter> {
        create_dirs(&self.path)?;
        let path = self.history_path();
        let whole = self.history()?.concat();
        if std::fs::metadata(&path).is_ok_and(|found| found.len() != whole.len() as u64) || !path.exists() {
            write_atomic(&path, whole.as_bytes())?;
        }
        let file = open_in_place(&path, OpenOptions::new().append(true))?;
        Ok(HistoryWriter { path, file })
    }

    /// Replaces results.csv.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_results(&self, rows: &[TrialResult]) -> Result<()> {
        let header = TrialResult::COLUMNS.map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(TrialResult::fields)).collect();
        write_csv(&self.path.join("results.csv"), &rows).map(drop)
    }

    /// Reads results.csv; nothing if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn results(&self) -> Result<Vec<TrialResult>> {
        let path = self.path.join("results.csv");
        let rows = read_csv(&path, REMEDY)?.unwrap_or_default();
        let row = |row: &Vec<String>| TrialResult::from_fields(row).ok_or_else(|| content(&path, "a line is no result", REMEDY));
        rows.iter().skip(1).map(row).collect()
    }

    /// Replaces importance.csv.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_importance(&self, rows: &[KeyShare]) -> Result<()> {
        let header = KeyShare::COLUMNS.map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(KeyShare::fields)).collect();
        write_csv(&self.path.join("importance.csv"), &rows).map(drop)
    }

    /// Reads importance.csv; nothing if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn importance(&self) -> Result<Vec<KeyShare>> {
        let path = self.path.join("importance.csv");
        let rows = read_csv(&path, REMEDY)?.unwrap_or_default();
        let row = |row: &Vec<String>| KeyShare::from_fields(row).ok_or_else(|| content(&path, "a line is no share", REMEDY));
        rows.iter().skip(1).map(row).collect()
    }

    /// Replaces confirm.csv.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_confirmations(&self, rows: &[Confirmation]) -> Result<()> {
        let header = Confirmation::COLUMNS.map(str::to_owned).to_vec();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(Confirmation::fields)).collect();
        write_csv(&self.path.join("confirm.csv"), &rows).map(drop)
    }

    /// Reads confirm.csv; nothing if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn confirmations(&self) -> Result<Vec<Confirmation>> {
        let path = self.path.join("confirm.csv");
        let rows = read_csv(&path, REMEDY)?.unwrap_or_default();
        let row = |row: &Vec<String>| Confirmation::from_fields(row).ok_or_else(|| content(&path, "a line is no run", REMEDY));
        rows.iter().skip(1).map(row).collect()
    }

    /// Replaces winner.toml, or removes it where nothing is named yet.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_winner(&self, winner: Option<&Winner>) -> Result<()> {
        let path = self.path.join("winner.toml");
        match winner {
            Some(winner) => write_atomic(&path, toml::to_string(winner).expect("plain data").as_bytes()),
            None if path.exists() => super::file::remove(&path),
            None => Ok(()),
        }
    }

    /// Reads winner.toml; `None` if nothing is named.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn winner(&self) -> Result<Option<Winner>> {
        let path = self.path.join("winner.toml");
        let text = read_if_there(&path, Most::SMALL, REMEDY)?;
        text.map(|text| toml::from_str(&text).map_err(|e: toml::de::Error| content(&path, e.message(), REMEDY))).transpose()
    }
}

impl HistoryWriter {
    /// Appends rows, each already [as text](history_line).
    ///
    /// # Errors
    /// If the disk is full or gone.
    pub fn append(&mut self, line: &str) -> Result<()> {
        named(self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()), "appending", &self.path)
    }
}

/// A row of history.csv as text, with its end of line.
pub fn history_line(fields: &[String]) -> String {
    String::from_utf8(csv_bytes(&[fields.to_vec()])).expect("fields are text")
}
