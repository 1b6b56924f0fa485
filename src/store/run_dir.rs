//! The directory of a run: its small files, and the paths of its large ones.

use super::error::{Error, Result, content, named};
use super::file::{create_dirs, open_in_place, read_if_there, remove, write_atomic};
use super::names::{CHECKPOINTS, LOG, OUTCOME, PER_IMAGE, PLACE, PROVENANCE, REMEDY, RUN, SAMPLES, THRESHOLDS};
use super::table::{read_csv, write_csv};
use crate::plan::{self, RunId, RunSpec};
use crate::record::{ImageScores, Outcome, Provenance, Status, ThresholdScores, without_backtrace};
use crate::regular::{self, Most};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// `results/EXPERIMENT/runs/RUN/`: all that a run is.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// An existing or future directory of a run.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory that a file of weights lies in; `None` if it is no run's.
    pub fn of_checkpoint(file: &Path) -> Option<Self> {
        let run = Self::at(file.parent()?.parent()?);
        (file.parent() == Some(&run.checkpoints()) && run.run_toml().is_file()).then_some(run)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id, which is the directory's name.
    pub fn id(&self) -> RunId {
        RunId::from_name(&self.path.file_name().unwrap_or_default().to_string_lossy())
    }

    /// Creates the directory with run.toml. Of one that is there already its place among the other runs is made new, and run.toml unless the
    /// run has finished and is whole: the same run may find its files elsewhere now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(&self, spec: &RunSpec, run_toml: &str) -> Result<()> {
        create_dirs(&self.checkpoints())?;
        let rows = spec.differs.iter().map(|(key, value)| (key.clone(), toml::Value::String(value.clone())));
        let text = rows.collect::<toml::Table>().to_string();
        let place = self.path.join(PLACE);
        if read_if_there(&place, Most::SMALL, REMEDY)?.as_ref() != Some(&text) {
            write_atomic(&place, text.as_bytes())?;
        }
        let path = self.path.join(RUN);
        match read_if_there(&path, Most::SMALL, REMEDY)? {
            Some(text) if text == run_toml || self.finished()?.is_some() => Ok(()),
            _ => write_atomic(&path, run_toml.as_bytes()),
        }
    }

    /// run.toml: the complete resolved input.
    pub fn run_toml(&self) -> PathBuf {
        self.path.join(RUN)
    }

    /// What differs between this run and the others of its experiment: dotted keys and values, seed and fold last.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn differs(&self) -> Result<Vec<(String, String)>> {
        let path = self.path.join(PLACE);
        let missing = || content(&path, "is not there", REMEDY);
        let text = read_if_there(&path, Most::SMALL, REMEDY)?.ok_or_else(missing)?;
        let table: BTreeMap<String, String> = toml::from_str(&text).map_err(|e| damaged(&path, &text, &e))?;
        let mut rows: Vec<(String, String)> = table.into_iter().collect();
        rows.sort_by_key(|(key, _)| (key == plan::SEED, key == plan::FOLD));
        Ok(rows)
    }

    /// What is wrong with place.toml, if it is there.
    pub(super) fn place_problem(&self) -> Option<Error> {
        if self.path.join(PLACE).exists() { self.differs().err() } else { None }
    }

    /// What is wrong with run.toml as a file of TOML; nothing if it is not there.
    pub(super) fn run_toml_problem(&self) -> Option<Error> {
        let path = self.run_toml();
        let parsed = |text: String| text.parse::<toml::Table>().map(drop).map_err(|e| damaged(&path, &text, &e));
        read_if_there(&path, Most::SMALL, REMEDY).and_then(|text| text.map_or(Ok(()), parsed)).err()
    }

    /// Replaces provenance.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_provenance(&self, provenance: &Provenance) -> Result<()> {
        write_atomic(&self.path.join(PROVENANCE), provenance.to_toml().as_bytes())
    }

    /// Reads provenance.toml; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn provenance(&self) -> Result<Option<Provenance>> {
        let path = self.path.join(PROVENANCE);
        let Some(text) = read_if_there(&path, Most::SMALL, REMEDY)? else { return Ok(None) };
        Provenance::from_toml(&text).map(Some).map_err(|e| damaged(&path, &text, &e))
    }

    /// Replaces outcome.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_outcome(&self, outcome: &Outcome) -> Result<()> {
        // Causes of failures may come with a backtrace of the library that failed.
        let plain = Outcome { cause: outcome.cause.as_deref().map(without_backtrace), ..outcome.clone() };
        let text = toml::to_string(&plain).expect("an outcome is plain data");
        write_atomic(&self.path.join(OUTCOME), text.as_bytes())
    }

    /// Reads outcome.toml; `None` if the run has not ended yet.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        let path = self.path.join(OUTCOME);
        let Some(text) = read_if_there(&path, Most::SMALL, REMEDY)? else { return Ok(None) };
        toml::from_str(&text).map(Some).map_err(|e| damaged(&path, &text, &e))
    }

    /// Replaces per_image.csv; returns the BLAKE3 hash of what it holds then, in hexadecimal digits.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_image_scores(&self, scores: &ImageScores) -> Result<String> {
        write_csv(&self.path.join(PER_IMAGE), &scores.table())
    }

    /// Reads per_image.csv; nothing if the run has none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn image_scores(&self) -> Result<ImageScores> {
        let path = self.path.join(PER_IMAGE);
        let Some(table) = read_csv(&path, REMEDY)? else { return Ok(ImageScores::default()) };
        ImageScores::from_table(&table).map_err(|problem| content(&path, &problem, REMEDY))
    }

    /// Replaces thresholds.csv; returns the BLAKE3 hash of what it holds then, in hexadecimal digits.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_threshold_scores(&self, scores: &ThresholdScores) -> Result<String> {
        write_csv(&self.path.join(THRESHOLDS), &scores.table())
    }

    /// Reads thresholds.csv; nothing if the run has none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn threshold_scores(&self) -> Result<ThresholdScores> {
        let path = self.path.join(THRESHOLDS);
        let Some(table) = read_csv(&path, REMEDY)? else { return Ok(ThresholdScores::default()) };
        ThresholdScores::from_table(&table).map_err(|problem| content(&path, &problem, REMEDY))
    }

    /// log.txt: the run's own lines.
    pub fn log_path(&self) -> PathBuf {
        self.path.join(LOG)
    }

    /// log.txt, for appending.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn log(&self) -> Result<File> {
        let path = self.path.join(LOG);
        open_in_place(&path, OpenOptions::new().create(true).append(true))
    }

    /// The last lines of log.txt after its first `since` bytes, without backtraces, `most` at the most; none if there is no log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_log_lines(&self, since: u64, most: usize) -> Result<Vec<String>> {
        // A long backtrace may follow what was said.
        const ENOUGH: u64 = 256 * 1024;
        let path = self.path.join(LOG);
        let mut file = match regular::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return named(Err(e), "reading", &path),
        };
        let from = since.max(self.log_length().saturating_sub(ENOUGH));
        let mut bytes = Vec::new();
        named(file.seek(SeekFrom::Start(from)).and_then(|_| file.take(ENOUGH).read_to_end(&mut bytes)), "reading", &path)?;
        let text = without_backtrace(&String::from_utf8_lossy(&bytes));
        let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        Ok(lines[lines.len().saturating_sub(most)..].to_vec())
    }

    /// Bytes of log.txt; 0 if there is none.
    pub fn log_length(&self) -> u64 {
        fs::metadata(self.path.join(LOG)).map_or(0, |found| found.len())
    }

    /// Removes outcome.toml and events.jsonl because another attempt begins, unless the run is finished. Only for who holds the claim.
    ///
    /// # Errors
    /// If it is damaged or cannot be removed.
    pub fn forget_outcome(&self) -> Result<()> {
        if self.outcome()?.is_some_and(|outcome| outcome.status == Status::Finished) {
            return Ok(());
        }
        self.forget_events()?;
        self.reopen()
    }

    /// Removes outcome.toml, if there is one, whatever it says. Only for who holds the claim.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn reopen(&self) -> Result<()> {
        let path = self.path.join(OUTCOME);
        if fs::symlink_metadata(&path).is_ok() { remove(&path) } else { Ok(()) }
    }

    /// Micro-batches that batches are split into for want of memory, by provenance.toml; 1 if nothing is said.
    ///
    /// # Errors
    /// If that is damaged.
    pub fn micro_batches(&self) -> Result<usize> {
        Ok(self.provenance()?.and_then(|named| named.micro_batches).unwrap_or(1).max(1))
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// Weights of the best epoch (safetensors).
    pub fn best_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("best.safetensors")
    }

    /// Weights of the last epoch (safetensors).
    pub fn last_checkpoint(&self) -> PathBuf {
        self.checkpoints().join("last.safetensors")
    }

    /// What a resume needs beside the weights (safetensors): optimizer moments and counters.
    pub fn resume_state(&self) -> PathBuf {
        self.checkpoints().join("resume.safetensors")
    }

    /// The image `samples/NAME_KIND.png`. In a name that no file should have, dashes stand for characters, and a hash follows, so that
    /// `a/b` and `a-b` are two files.
    pub fn sample_picture(&self, name: &str, kind: &str) -> PathBuf {
        /// Bytes; file systems take 255. A name that has its hash is no longer, so that it stays as it is.
        const LONGEST: usize = 210;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let mut safe: String = name.chars().map(|c| if plain(c) { c } else { '-' }).collect();
        if safe.len() > LONGEST {
            safe = safe.chars().take(LONGEST / 5).collect();
        }
        if safe != name {
            safe = format!("{safe}-{}", &blake3::hash(name.as_bytes()).to_hex()[..8]);
        }
        self.samples().join(format!("{safe}_{kind}.png"))
    }

    /// The mask of a sample as it was predicted after an epoch: `samples/NAME_epoch-8.png`.
    pub fn epoch_picture(&self, name: &str, epoch: usize) -> PathBuf {
        self.sample_picture(name, &format!("epoch-{epoch}"))
    }

    /// The epochs of which there is a mask of a sample, in ascending order.
    ///
    /// # Errors
    /// If the directory cannot be listed; one that is missing has none.
    pub fn pictured_epochs(&self, name: &str) -> Result<Vec<usize>> {
        let dir = self.samples();
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let any = self.sample_picture(name, "epoch-");
        let start = any.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut epochs = Vec::new();
        for entry in named(fs::read_dir(&dir), "listing", &dir)? {
            let file = named(entry, "listing", &dir)?.file_name().to_string_lossy().into_owned();
            let epoch = file.strip_prefix(&start).and_then(|rest| rest.strip_suffix(".png"));
            epochs.extend(epoch.and_then(|epoch| epoch.parse::<usize>().ok()));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// The names of the samples that have an image of their input, short ones first: `slice-3` before `slice-11`.
    ///
    /// # Errors
    /// If the directory cannot be listed; one that is missing has no samples.
    pub fn sample_names(&self) -> Result<Vec<String>> {
        let dir = self.samples();
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in named(fs::read_dir(&dir), "listing", &dir)? {
            let file = named(entry, "listing", &dir)?.file_name().to_string_lossy().into_owned();
            names.extend(file.strip_suffix("_image.png").map(str::to_owned));
        }
        names.sort_by_key(|name| (name.len(), name.clone()));
        Ok(names)
    }

    /// Where images of predictions lie.
    pub fn samples(&self) -> PathBuf {
        self.path.join(SAMPLES)
    }
}

/// A file of TOML that cannot be read, with the line where.
fn damaged(path: &Path, text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    content(path, &format!("line {line}: {}", error.message().replace('\n', ", ")), REMEDY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_samples_have_one_picture() {
        let run = RunDir::at("r");
        let long = "é".repeat(300);
        let names = ["a-b", "a/b", "a:b", long.as_str(), &long[2..]];
        let files: std::collections::BTreeSet<PathBuf> = names.iter().map(|name| run.sample_picture(name, "truth")).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        for file in &files {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(name.len() <= 255);
            // As `sample_names` reads it.
            assert_eq!(run.sample_picture(name.strip_suffix("_truth.png").unwrap(), "truth"), *file);
        }
    }
}
