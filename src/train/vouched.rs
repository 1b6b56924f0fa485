//! Whether the files of a run are those of one moment: what the resume state vouches for, held against what is there.
//!
//! A copy or a backup of a running results folder, a disk that writes in another order, or a hand that deletes a file leaves rows, weights and
//! resume state of different epochs beside each other. Nothing is gone on with that does not fit. What the resume state
//! can make again is made again, and otherwise the run begins anew, which gives the same bytes; whoever watches gets a line.

use super::Error;
use super::checkpoint::{self, Best, Resume, State};
use super::lr_schedule::Plateau;
use super::safetensors::Contents;
use crate::record::{Files, Outcome};
use crate::store::{self, RunDir, Seal};
use candle_core::Device;
use std::path::Path;

/// A resume state, and what is to be done before a run goes on from it.
pub struct Vouched {
    /// The state.
    pub resume: Resume,
    /// The weights of the best epoch.
    pub best: Weights,
    /// Those of the last.
    pub last: Weights,
}

/// How a file of weights stands to the resume state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// It is the right one, or there is none to be had.
    Fit,
    /// It is of an epoch after the state, which is trained again, and writes it again.
    Later,
    /// It is another one or missing; the state holds its numbers.
    Again,
}

/// What lies at a path where weights belong.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Damaged,
    /// Those that are wanted, by their hash.
    Wanted,
    /// Weights as they were written, and the epoch after which that was.
    Whole(Option<usize>),
}

/// The resume state of a run whose other files fit it, or a reason, in words, why there is nothing to go on from; without one nothing was ever kept.
/// `columns` are those of metrics.csv.
///
/// # Errors
/// If a file cannot be read, or another version wrote it.
pub fn look(run: &RunDir, columns: Option<&[String]>) -> Result<Result<Vouched, Option<String>>, Error> {
    let path = run.resume_state();
    let rows = match run.metrics() {
        Ok(rows) => rows,
        Err(store::Error::Content { path, problem, .. }) => return Ok(Err(Some(format!("{path}: {problem}")))),
        Err(error) => return Err(error.into()),
    };
    if !path.exists() {
        return Ok(Err((!rows.is_empty()).then(|| format!("{} is missing", path.display()))));
    }
    let Some(resume) = Resume::read(path.clone())? else {
        return Ok(Err(Some(format!("{} is damaged: its content does not fit the BLAKE3 hash in its metadata", path.display()))));
    };
    let State { epoch, files, .. } = &resume.state;
    let of_epoch = format!("resume.safetensors is of epoch {epoch}");
    if rows.len() < *epoch {
        return Ok(Err(Some(format!("metrics.csv has {} rows, but {of_epoch}", rows.len()))));
    }
    if columns.is_some_and(|columns| rows.first().is_some_and(|row| row.header() != columns)) {
        return Err(Error::Setup(format!(
            "{}: its metrics.csv has other columns than this version of umlaut writes: another version began the run, or the file was \
             changed; finish it with that version, restore the file from a copy, or move the directory away to train the run again",
            run.path().display()
        )));
    }
    if *epoch > 0 && files.metrics != Some(run.metrics_hash(*epoch)?) {
        return Ok(Err(Some(format!("metrics.csv does not hold the rows that were written with it, {of_epoch}"))));
    }
    let best = match best(run, &resume.state)? {
        Ok(best) => best,
        Err(problem) => return Ok(Err(Some(format!("{problem}, and {of_epoch}")))),
    };
    let last = last(run, &resume.state)?;
    Ok(Ok(Vouched { resume, best, last }))
}

fn best(run: &RunDir, state: &State) -> Result<Result<Weights, String>, Error> {
    let Some(best) = &state.best else { return Ok(Ok(Weights::Fit)) };
    let path = run.best_checkpoint();
    let found = Found::at(&path, state.files.best.as_deref())?;
    Ok(match &found {
        Found::Wanted => Ok(Weights::Fit),
        Found::Whole(Some(epoch)) if *epoch > state.epoch => Ok(Weights::Later),
        _ if best.epoch == state.epoch && state.within.is_none() => Ok(Weights::Again),
        _ => Err(format!("{} {}, not those of the best epoch {}", path.display(), found.words(), best.epoch)),
    })
}

fn last(run: &RunDir, state: &State) -> Result<Weights, Error> {
    Ok(match Found::at(&run.last_checkpoint(), state.files.last.as_deref())? {
        _ if state.epoch == 0 => Weights::Fit,
        Found::Wanted => Weights::Fit,
        // In the midst of an epoch the state holds later weights; the end of the epoch writes the file.
        _ if state.within.is_some() => Weights::Later,
        _ => Weights::Again,
    })
}

impl Found {
    /// What lies at a path; weights of the hash that is wanted are distinguished from others.
    fn at(path: &Path, wanted: Option<&str>) -> Result<Self, Error> {
        if !path.exists() {
            return Ok(Self::Nothing);
        }
        let Ok(contents) = Contents::read(&store::read_bytes(path)?, &Device::Cpu) else { return Ok(Self::Damaged) };
        let epoch = contents.metadata.get("epoch").and_then(|epoch| epoch.parse().ok());
        match contents.seal {
            Seal::Whole(_) if wanted.is_some_and(|wanted| checkpoint::are_of(&contents, wanted)) => Ok(Self::Wanted),
            Seal::Whole(_) => Ok(Self::Whole(epoch)),
            Seal::Broken | Seal::None => Ok(Self::Damaged),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Nothing => "is missing".to_owned(),
            Self::Damaged => "is damaged".to_owned(),
            Self::Whole(Some(epoch)) => format!("holds the weights of epoch {epoch}"),
            Self::Whole(None) => "holds other weights".to_owned(),
            Self::Wanted => "holds the weights that are wanted".to_owned(),
        }
    }
}

/// The state at the end of a run that has finished, by its outcome, if rows and the best weights are as it says: enough to score its images again,
/// where the resume state was deleted.
///
/// # Errors
/// If a file cannot be read.
pub fn scored(run: &RunDir, outcome: &Outcome, plateau: &Plateau) -> Result<Option<State>, Error> {
    let Files { metrics, best, last, .. } = &outcome.files;
    let (Some(metrics), Some(best), Some(best_epoch)) = (metrics, best, outcome.best_epoch) else { return Ok(None) };
    let rows = run.metrics().unwrap_or_default();
    let whole = rows.len() == outcome.epochs && run.metrics_hash(outcome.epochs)? == *metrics;
    let row = rows.iter().find(|row| row.epoch == best_epoch).filter(|_| whole);
    let last_fits = matches!(Found::at(&run.last_checkpoint(), last.as_deref())?, Found::Nothing | Found::Wanted);
    let Some(row) = row.filter(|_| last_fits) else { return Ok(None) };
    if Found::at(&run.best_checkpoint(), Some(best))? != Found::Wanted {
        return Ok(None);
    }
    Ok(Some(State {
        epoch: outcome.epochs,
        steps: 0,
        plateau: plateau.clone(),
        best: Some(Best::of(row)),
        within: None,
        files: Files { per_image: None, thresholds: None, ..outcome.files.clone() },
    }))
}
