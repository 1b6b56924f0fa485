//! Finished runs of other experiments in the same results, and one of them as this experiment's own: what defines a run's numbers is in its id, and
//! the experiment's name is no part of it.

use super::error::{Error, Result, named};
use super::experiment_dir::{ExperimentDir, Results};
use super::file::{create_dirs, keep_name, remove_dir, replace};
use super::names::{LOG, METRICS, OUTCOME, PER_IMAGE, PROVENANCE, TAKING, THRESHOLDS, TIMING};
use super::run_dir::RunDir;
use crate::plan::{RunId, RunSpec};
use crate::regular;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The runs of all other experiments in the same results.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// By the hashes of their ids.
    runs: HashMap<String, Vec<RunDir>>,
}

impl ExperimentDir {
    /// The runs of the other experiments beside this one. What cannot be listed has none.
    pub fn elsewhere(&self) -> Elsewhere {
        let path = std::path::absolute(self.path()).unwrap_or_default();
        let results = path.parent().map(Results::new);
        let all = results.and_then(|results| results.experiments().ok()).unwrap_or_default();
        let others = all.iter().filter(|other| other.path() != path);
        let mut runs: HashMap<String, Vec<RunDir>> = HashMap::new();
        for run in others.flat_map(|other| other.runs().unwrap_or_default()) {
            runs.entry(run.id().hash().to_owned()).or_default().push(run);
        }
        Elsewhere { runs }
    }
}

impl Elsewhere {
    /// A run of this id that has finished and, by a cheap look, is as it was left; the first by name. One that cannot be read is none.
    pub fn finished(&self, id: &RunId) -> Option<&RunDir> {
        self.runs.get(id.hash())?.iter().find(|run| matches!(run.finished(), Ok(Some(_))))
    }
}

impl RunDir {
    /// The name of the experiment that the run belongs to, by its directory.
    pub fn experiment_name(&self) -> String {
        let dir = self.path().ancestors().nth(2).and_then(Path::file_name);
        dir.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Takes over a finished run of the same id as this one, which must not be there yet; `false` if the other turns out to be damaged or in use.
    /// Everybody sees all of it or nothing. Weights are linked where the file system can: they are only ever replaced, never written in place.
    /// Only for who holds the claim of this run's experiment.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn adopt(&self, other: &RunDir, spec: &RunSpec, run_toml: &str) -> Result<bool> {
        // So that nothing is deleted meanwhile. Where it cannot be claimed because nobody may write there, nobody deletes either.
        let claim = other.claim();
        if matches!(claim, Err(Error::InUse { .. })) || !is_sound(other) {
            return Ok(false);
        }
        // The hash alone: with all of the id a name might be too long.
        let hidden = RunDir::at(self.path().with_file_name(format!("{TAKING}{}", self.id().hash())));
        remove_dir(hidden.path())?;
        hidden.create(spec, run_toml)?;
        hidden.copy_of(other)?;
        if !matches!(hidden.finished(), Ok(Some(_))) {
            remove_dir(hidden.path())?;
            return Ok(false);
        }
        named(fs::rename(hidden.path(), self.path()), "renaming", hidden.path())?;
        keep_name(self.path())?;
        Ok(true)
    }

    /// Copies what a finished run consists of, its outcome last.
    fn copy_of(&self, other: &RunDir) -> Result<()> {
        let weights: [fn(&RunDir) -> PathBuf; 3] = [RunDir::best_checkpoint, RunDir::last_checkpoint, RunDir::resume_state];
        for (from, to) in weights.map(|path| (path(other), path(self))) {
            if is_regular(&from) && fs::hard_link(&from, &to).is_ok() {
                keep_name(&to)?;
            } else {
                copy(&from, &to)?;
            }
        }
        if other.samples().is_dir() {
            create_dirs(&self.samples())?;
            for entry in named(fs::read_dir(other.samples()), "listing", &other.samples())? {
                let from = named(entry, "listing", &other.samples())?.path();
                copy(&from, &self.samples().join(from.file_name().unwrap_or_default()))?;
            }
        }
        for name in [PROVENANCE, METRICS, TIMING, PER_IMAGE, THRESHOLDS, LOG] {
            copy(&other.path().join(name), &self.path().join(name))?;
        }
        let path = self.log_path();
        named(writeln!(self.log()?, "taken over from {}, where it has finished", other.path().display()), "writing", &path)?;
        copy(&other.path().join(OUTCOME), &self.path().join(OUTCOME))
    }
}

/// Whether a run has finished and every bit of its weights, if they are there, is as it was written.
fn is_sound(run: &RunDir) -> bool {
    let Ok(Some(outcome)) = run.finished() else { return false };
    outcome.best_epoch.is_none() || run.lacks_weights(&outcome) || run.best_weights().is_ok()
}

/// Copies a file, if it is there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_file() {
        return Ok(());
    }
    let mut source = named(regular::open(from), "opening", from)?;
    replace(to, |file| io::copy(&mut source, file).map(drop))
}

fn is_regular(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_experiment_is_named_by_the_directory_above_runs() {
        assert_eq!(RunDir::at("results/tiny/runs/lr-1-0123456789").experiment_name(), "tiny");
        assert_eq!(RunDir::at("alone").experiment_name(), "");
    }

    #[test]
    fn of_a_run_that_is_damaged_or_held_nothing_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let other = RunDir::at(dir.path().join("a/runs/x-0123456789"));
        create_dirs(other.path()).unwrap();
        fs::write(other.run_toml(), "").unwrap();
        fs::write(other.path().join(OUTCOME), "status = ").unwrap();
        let elsewhere = ExperimentDir::at(dir.path().join("b")).elsewhere();
        assert!(elsewhere.finished(&RunId::from_name("y-0123456789")).is_none());
        fs::write(other.path().join(OUTCOME), "status = \"finished\"\nepochs = 0\nbest_by = \"val_loss\"\n").unwrap();
        assert!(elsewhere.finished(&RunId::from_name("y-0123456789")).is_some());
        assert!(
            ExperimentDir::at(dir.path().join("a")).elsewhere().finished(&RunId::from_name("y-0123456789")).is_none(),
            "its own"
        );
    }
}
