//! Whether a run's files are those of one moment: what outcome.toml says against what is there.

use super::error::{Error, Result, content, named};
use super::file::read_bytes;
use super::names::{METRICS, PER_IMAGE, THRESHOLDS};
use super::run_dir::RunDir;
use super::seal::{Header, Seal};
use crate::record::{Outcome, Status};
use crate::regular::{self, Most};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file of a finished run that is not as the run left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, in words.
    pub problem: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.problem)
    }
}

impl Unfit {
    fn new(path: &Path, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

/// The weights of a run's best epoch, found to be that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestWeights {
    /// The file.
    pub path: PathBuf,
    /// The epoch after which it was written, as far as it says so.
    pub epoch: Option<usize>,
    /// Whether the run has finished, so that no later epoch can be better.
    pub settled: bool,
}

impl RunDir {
    /// What is not as a finished run left it, by row counts, hashes of the small files and the headers of the weights: a cheap look. What
    /// may be deleted is not missed: the weights, the resume state, timing.csv. The last epoch's weights are, where the resume state is
    /// there to make them again. Nothing of a run that has not finished.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn unfit(&self, outcome: &Outcome) -> Result<Vec<Unfit>> {
        let mut found = self.unfit_scores(outcome)?;
        if outcome.status != Status::Finished {
            return Ok(found);
        }
        let (best, last, files) = (self.best_checkpoint(), self.last_checkpoint(), &outcome.files);
        found.extend(unfit_weights(&best, files.best.as_deref(), outcome.best_epoch)?);
        match unfit_weights(&last, files.last.as_deref(), Some(outcome.epochs))? {
            None if !last.exists() && files.last.is_some() && self.resume_state().exists() => {
                found.push(Unfit::new(&last, "is missing"));
            }
            unfit => found.extend(unfit),
        }
        Ok(found)
    }

    /// The same of the files that comparisons are made from: metrics.csv, per_image.csv and thresholds.csv.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn unfit_scores(&self, outcome: &Outcome) -> Result<Vec<Unfit>> {
        let mut found = Vec::new();
        if outcome.status != Status::Finished {
            return Ok(found);
        }
        let (metrics, files) = (self.path().join(METRICS), &outcome.files);
        let changed = "is not as the run left it";
        match self.metrics() {
            Ok(rows) if rows.len() != outcome.epochs => {
                let (rows, epochs) = (rows.len(), outcome.epochs);
                found.push(Unfit::new(&metrics, format!("has rows of {rows} of the {epochs} epochs")));
            }
            Ok(_) if differs(files.metrics.as_deref(), Some(&self.metrics_hash(outcome.epochs)?)) => {
                found.push(Unfit::new(&metrics, changed));
            }
            Ok(_) => {}
            Err(Error::Content { .. }) => found.push(Unfit::new(&metrics, "is damaged")),
            Err(error) => return Err(error),
        }
        for (name, hash) in [(PER_IMAGE, &files.per_image), (THRESHOLDS, &files.thresholds)] {
            let table = self.path().join(name);
            match regular::bytes(&table, Most::TABLE) {
                Ok(bytes) if differs(hash.as_deref(), Some(blake3::hash(&bytes).to_hex().as_str())) => {
                    found.push(Unfit::new(&table, changed));
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound && hash.is_some() => {
                    found.push(Unfit::new(&table, "is missing"));
                }
                Err(e) if e.kind() != io::ErrorKind::NotFound => return named(Err(e), "reading", &table),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The outcome of a run that has finished and whose files are as it left them.
    ///
    /// # Errors
    /// If a file cannot be read, or outcome.toml is damaged.
    pub fn finished(&self) -> Result<Option<Outcome>> {
        let Some(outcome) = self.outcome()?.filter(|outcome| outcome.status == Status::Finished) else { return Ok(None) };
        Ok(self.unfit(&outcome)?.is_empty().then_some(outcome))
    }

    /// Whether the weights of the best epoch are gone from a finished run that had some.
    pub fn lacks_weights(&self, outcome: &Outcome) -> bool {
        outcome.status == Status::Finished && outcome.best_epoch.is_some() && !self.best_checkpoint().exists()
    }

    /// The weights of the best epoch, for whoever uses them: every bit as it was written, and those of the epoch that the run says was its
    /// best. Of a run that has not finished, those of the best epoch so far.
    ///
    /// # Errors
    /// If there are none, or they are damaged or of another moment; with what brings them back.
    pub fn best_weights(&self) -> Result<BestWeights> {
        let (path, outcome) = (self.best_checkpoint(), self.outcome()?);
        let finished = outcome.as_ref().filter(|outcome| outcome.status == Status::Finished);
        let dir = self.path().display();
        if !path.is_file() {
            let (problem, remedy) = match (&outcome, finished) {
                (_, Some(Outcome { best_epoch: None, .. })) => (
                    "is missing: no epoch of the run had a number to be judged by, so it has no best weights".to_owned(),
                    "choose another training.best".to_owned(),
                ),
                (_, Some(_)) => (
                    "is missing: the run has finished, but its weights are gone".to_owned(),
                    format!("`umlaut train {dir} --restore` makes them again"),
                ),
                (Some(outcome), None) if outcome.status == Status::Failed => {
                    let cause = outcome.cause.as_deref().unwrap_or("no cause recorded");
                    (format!("the run has no weights, it failed: {cause}"), "choose another run".to_owned())
                }
                _ => ("the run has no weights yet".to_owned(), "finish it with `umlaut run`".to_owned()),
            };
            return Err(content(&path, &problem, &remedy));
        }
        let remedy = match finished {
            Some(_) => format!("restore it from a copy, or make it again with `umlaut train {dir} --restore`"),
            None => format!("restore it from a copy, or go on with the run: `umlaut train {dir}`"),
        };
        let refused = |problem: &str| Err(content(&path, problem, &remedy));
        let Some(header) = named(Header::read(&path), "reading", &path)? else {
            return refused("is damaged: it is not a whole safetensors file");
        };
        let hash = match Seal::of(&read_bytes(&path)?) {
            Seal::Broken => return refused("is damaged: its content does not fit the BLAKE3 hash in its metadata"),
            Seal::Whole(hash) => Some(hash),
            Seal::None => None,
        };
        if let Some(outcome) = finished {
            if let Some(problem) = of_another_epoch(&header, outcome.best_epoch) {
                return refused(&problem);
            }
            if differs(outcome.files.best.as_deref(), hash.as_deref()) {
                return refused("is not the file that the run left");
            }
        }
        Ok(BestWeights { path, epoch: header.epoch, settled: finished.is_some() })
    }
}

/// What is wrong with a file of weights that is there, by its header.
fn unfit_weights(path: &Path, hash: Option<&str>, epoch: Option<usize>) -> Result<Option<Unfit>> {
    if hash.is_none() || !path.exists() {
        return Ok(None);
    }
    let Some(header) = named(Header::read(path), "reading", path)? else {
        return Ok(Some(Unfit::new(path, "is not a whole safetensors file")));
    };
    let other = of_another_epoch(&header, epoch);
    let changed = || differs(hash, header.hash.as_deref()).then(|| "is not as the run left it".to_owned());
    Ok(other.or_else(changed).map(|problem| Unfit::new(path, problem)))
}

fn of_another_epoch(header: &Header, wanted: Option<usize>) -> Option<String> {
    let (found, wanted) = header.epoch.zip(wanted).filter(|(found, wanted)| found != wanted)?;
    Some(format!("holds the weights of epoch {found}, not those of epoch {wanted}"))
}

/// Whether something has another hash than it should, where that is known.
fn differs(should: Option<&str>, has: Option<&str>) -> bool {
    should.is_some() && should != has
}
