//! The directory of a run: its small files, and the paths of its large ones.

use super::error::{Result, content, told};
use super::file::{read_if_there, write_atomic};
use super::rows::{read_csv, write_csv};
use crate::plan::{RunId, RunSpec};
use crate::record::{ImageScores, Outcome, Status};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const RUN: &str = "run.toml";
const PLACE: &str = "place.toml";
const PROVENANCE: &str = "provenance.toml";
const OUTCOME: &str = "outcome.toml";
const LOG: &str = "log.txt";
const PER_IMAGE: &str = "per_image.csv";

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
    /// run has finished: the same run may find its files elsewhere now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(&self, spec: &RunSpec, run_toml: &str) -> Result<()> {
        told(fs::create_dir_all(self.checkpoints()), "creating", &self.path)?;
        let rows = spec.differs.iter().map(|(key, value)| (key.clone(), toml::Value::String(value.clone())));
        let text = rows.collect::<toml::Table>().to_string();
        let place = self.path.join(PLACE);
        if read_if_there(&place)?.as_ref() != Some(&text) {
            write_atomic(&place, text.as_bytes())?;
        }
        let path = self.path.join(RUN);
        let finished = || Ok::<_, super::Error>(self.outcome()?.is_some_and(|outcome| outcome.status == Status::Finished));
        match read_if_there(&path)? {
            Some(text) if text == run_toml || finished()? => Ok(()),
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
        let text = told(fs::read_to_string(&path), "reading", &path)?;
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| content(&path, e.message()))?;
        let mut rows: Vec<(String, String)> =
            table.into_iter().map(|(key, value)| (key, value.as_str().unwrap_or_default().to_owned())).collect();
        rows.sort_by_key(|(key, _)| (key == "seed", key == "fold"));
        Ok(rows)
    }

    /// Replaces provenance.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_provenance(&self, table: &toml::Table) -> Result<()> {
        write_atomic(&self.path.join(PROVENANCE), table.to_string().as_bytes())
    }

    /// Reads provenance.toml; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn provenance(&self) -> Result<Option<toml::Table>> {
        let path = self.path.join(PROVENANCE);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        text.parse().map(Some).map_err(|e: toml::de::Error| content(&path, e.message()))
    }

    /// Replaces outcome.toml.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_outcome(&self, outcome: &Outcome) -> Result<()> {
        let text = toml::to_string(outcome).expect("an outcome is plain data");
        write_atomic(&self.path.join(OUTCOME), text.as_bytes())
    }

    /// Reads outcome.toml; `None` if the run has not ended yet.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn outcome(&self) -> Result<Option<Outcome>> {
        let path = self.path.join(OUTCOME);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        toml::from_str(&text).map(Some).map_err(|e| content(&path, e.message()))
    }

    /// Replaces per_image.csv.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_image_scores(&self, scores: &ImageScores) -> Result<()> {
        write_csv(&self.path.join(PER_IMAGE), &scores.table())
    }

    /// Reads per_image.csv; nothing if the run has none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn image_scores(&self) -> Result<ImageScores> {
        let path = self.path.join(PER_IMAGE);
        let Some(table) = read_csv(&path)? else { return Ok(ImageScores::default()) };
        ImageScores::from_table(&table).map_err(|problem| content(&path, &problem))
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
        told(OpenOptions::new().create(true).append(true).open(&path), "opening", &path)
    }

    /// The last lines of log.txt after its first `since` bytes, `most` at the most; none if there is no log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn last_words(&self, since: u64, most: usize) -> Result<Vec<String>> {
        const ENOUGH: u64 = 16 * 1024;
        let path = self.path.join(LOG);
        let Ok(mut file) = File::open(&path) else { return Ok(Vec::new()) };
        let from = since.max(self.log_length().saturating_sub(ENOUGH));
        let mut bytes = Vec::new();
        told(file.seek(SeekFrom::Start(from)).and_then(|_| file.read_to_end(&mut bytes)), "reading", &path)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        Ok(lines[lines.len().saturating_sub(most)..].to_vec())
    }

    /// Bytes of log.txt; 0 if there is none.
    pub fn log_length(&self) -> u64 {
        fs::metadata(self.path.join(LOG)).map_or(0, |found| found.len())
    }

    /// Removes outcome.toml because another attempt begins, unless it says that the run is finished. Only for who holds the claim.
    ///
    /// # Errors
    /// If it is damaged or cannot be removed.
    pub fn forget_outcome(&self) -> Result<()> {
        if self.outcome()?.is_none_or(|outcome| outcome.status == Status::Finished) {
            return Ok(());
        }
        let path = self.path.join(OUTCOME);
        told(fs::remove_file(&path), "removing", &path)
    }

    /// Parts that batches are split into for want of memory, by provenance.toml; 1 if nothing is said.
    ///
    /// # Errors
    /// If that is damaged.
    pub fn micro_batches(&self) -> Result<usize> {
        let parts = self.provenance()?.and_then(|table| table.get("micro_batches")?.as_integer());
        Ok(parts.and_then(|parts| usize::try_from(parts).ok()).unwrap_or(1).max(1))
    }

    pub(super) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
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

    /// The picture `samples/NAME_KIND.png`.
    pub fn sample_picture(&self, name: &str, kind: &str) -> PathBuf {
        let safe: String =
            name.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
        self.samples().join(format!("{safe}_{kind}.png"))
    }

    /// The names of the samples that have a picture of the image, short ones first: `slice-3` before `slice-11`.
    ///
    /// # Errors
    /// If the directory cannot be listed; one that is missing has no samples.
    pub fn sample_names(&self) -> Result<Vec<String>> {
        let dir = self.samples();
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in told(fs::read_dir(&dir), "listing", &dir)? {
            let file = told(entry, "listing", &dir)?.file_name().to_string_lossy().into_owned();
            names.extend(file.strip_suffix("_image.png").map(str::to_owned));
        }
        names.sort_by_key(|name| (name.len(), name.clone()));
        Ok(names)
    }

    /// Where pictures of predictions lie.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }
}
