//! What may be deleted below `results/`, and deleting it so that a process killed meanwhile leaves nothing that is taken for more than it is.
//!
//! A run of another plan gets a hidden name before anything of it goes: it is gone from then on, and what is left below that name goes with the
//! next [claim](ExperimentDir::claim) of the experiment. Of a finished run the resume state goes before the last weights, so that the run is
//! [whole](RunDir::unfit) at every moment. No symbolic link is followed.

use super::error::{Result, named};
use super::experiment_dir::{ExperimentDir, RUNS, Results};
use super::file::{keep_name, remove, remove_dir};
use super::names::{DELETING, is_passing};
use super::report_files;
use super::run_dir::RunDir;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a clean-up may delete of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spare {
    /// Runs that are not in plan.csv.
    OtherPlans,
    /// Last weights and resume states of finished runs whose best weights are there.
    Resume,
    /// The report's pages, tables and charts.
    Reports,
}

/// Something that may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletable {
    /// What it is.
    pub kind: Spare,
    /// The directory of the run, or of the experiment.
    pub path: PathBuf,
    /// Bytes of the files that would go.
    pub bytes: u64,
}

impl ExperimentDir {
    /// Bytes of all files of the experiment.
    pub fn bytes(&self) -> u64 {
        bytes_below(self.path())
    }

    /// What may be deleted of one kind, by name. Runs of other plans are known only where there is a plan.csv.
    ///
    /// # Errors
    /// If a directory cannot be listed, or plan.csv is damaged.
    pub fn deletable(&self, kind: Spare) -> Result<Vec<Deletable>> {
        match kind {
            Spare::OtherPlans => {
                let dirs = [self.of_other_plans()?, self.half_deleted()?].concat();
                Ok(dirs.into_iter().map(|path| Deletable { kind, bytes: bytes_below(&path), path }).collect())
            }
            Spare::Resume => {
                let runs = self.runs()?.into_iter().map(|run| (run.path().to_owned(), spare_weights(&run)));
                Ok(runs.filter_map(|(path, files)| found(kind, path, &files)).collect())
            }
            Spare::Reports => Ok(found(kind, self.path().to_owned(), &self.report_files()?).into_iter().collect()),
        }
    }

    /// Deletes it. Only for who holds the claim of the experiment.
    ///
    /// # Errors
    /// [`Error::InUse`](super::Error::InUse) if a process is at the run; also if a file cannot be removed.
    pub fn delete(&self, what: &Deletable) -> Result<()> {
        match what.kind {
            Spare::OtherPlans => delete_run(&what.path),
            Spare::Resume => {
                let run = RunDir::at(&what.path);
                let _claim = run.claim()?;
                // What was true before the claim may have changed.
                spare_weights(&run).iter().try_for_each(|file| remove(file))
            }
            Spare::Reports => {
                // Whoever writes a report now writes no further.
                self.begin_report()?;
                self.report_files()?.iter().try_for_each(|file| remove(file))?;
                // Stays if it holds anything else.
                _ = fs::remove_dir(self.charts());
                Ok(())
            }
        }
    }

    fn of_other_plans(&self) -> Result<Vec<PathBuf>> {
        let Some(planned) = self.planned()? else { return Ok(Vec::new()) };
        let hashes: HashSet<&str> = planned.iter().map(|id| id.hash()).collect();
        let runs = self.runs()?.into_iter().filter(|run| !hashes.contains(run.id().hash()));
        Ok(runs.map(|run| run.path().to_owned()).collect())
    }

    fn half_deleted(&self) -> Result<Vec<PathBuf>> {
        Ok(entries(&self.path().join(RUNS))?.into_iter().filter(|path| is_passing(path)).collect())
    }

    fn report_files(&self) -> Result<Vec<PathBuf>> {
        let pages = report_files::NAMES.map(|name| self.path().join(name)).into_iter();
        let drawn = |path: &PathBuf| path.extension().is_some_and(|end| end == "svg" || end == "png");
        let charts = entries(&self.charts())?.into_iter().filter(drawn);
        Ok(pages.chain(charts).filter(|path| is_file(path)).collect())
    }
}

impl RunDir {
    /// Bytes of all files of the run.
    pub fn bytes(&self) -> u64 {
        bytes_below(self.path())
    }
}

impl Results {
    /// Bytes of the decoded data sets that are kept between runs.
    pub fn cached_bytes(&self) -> u64 {
        entries(&self.cache()).map_or(0, |below| below.iter().map(|path| bytes_below(path)).sum())
    }

    /// Deletes them. The directory itself stays, for it may be a link to another disk.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn delete_cached(&self) -> Result<()> {
        entries(&self.cache())?.iter().try_for_each(|path| remove_dir(path))
    }
}

fn delete_run(path: &Path) -> Result<()> {
    if is_passing(path) {
        return remove_dir(path);
    }
    let run = RunDir::at(path);
    let _claim = run.claim()?;
    // The hash alone: with all of the id a name might be too long.
    let hidden = path.with_file_name(format!("{DELETING}{}", run.id().hash()));
    remove_dir(&hidden)?;
    named(fs::rename(path, &hidden), "renaming", path)?;
    keep_name(&hidden)?;
    remove_dir(&hidden)
}

/// The files that a finished run can do without, in the order in which they may go.
fn spare_weights(run: &RunDir) -> Vec<PathBuf> {
    // Of a run that cannot be read, or has no other weights, nothing is spare.
    let Ok(Some(outcome)) = run.finished() else { return Vec::new() };
    if outcome.best_epoch.is_none() || run.lacks_weights(&outcome) {
        return Vec::new();
    }
    [run.resume_state(), run.last_checkpoint()].into_iter().filter(|path| is_file(path)).collect()
}

fn found(kind: Spare, path: PathBuf, files: &[PathBuf]) -> Option<Deletable> {
    let bytes = files.iter().map(|file| bytes_below(file)).sum();
    (!files.is_empty()).then_some(Deletable { kind, path, bytes })
}

/// What a directory holds, by name; nothing if it is not there.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in named(fs::read_dir(dir), "listing", dir)? {
        paths.push(named(entry, "listing", dir)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Bytes of a file or of all files below a directory. What vanishes meanwhile counts nothing.
fn bytes_below(path: &Path) -> u64 {
    let files = walkdir::WalkDir::new(path).into_iter().flatten().filter(|entry| !entry.file_type().is_dir());
    files.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).sum()
}

/// Whether it is a file or a link.
fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| !found.is_dir())
}
