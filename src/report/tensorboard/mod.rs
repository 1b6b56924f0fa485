//! Runs as TensorBoard's event files: one directory a run, one file in it.
//!
//! Scalars of every epoch, the values of the best one, pictures of samples, the configuration as text and for the hparams plugin. Steps
//! are epochs. A file is replaced as a whole, so exporting again appends nothing twice.

mod event;
mod hparams;
mod pictures;
mod run;
mod wire;

use crate::store::{self, ExperimentDir, RunDir};
use hparams::Swept;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// The files written, in the order of the runs.
    pub files: Vec<PathBuf>,
    /// Runs that have no file, by directory, and why.
    pub skipped: Vec<(PathBuf, String)>,
    /// What is missing in files: pictures that could not be drawn.
    pub problems: Vec<String>,
}

/// The runs of an experiment's present plan, or all if nothing was planned, as in its report.
///
/// # Errors
/// If the directory cannot be listed.
pub fn runs(experiment: &ExperimentDir) -> Result<Vec<RunDir>, store::Error> {
    let planned: Option<HashSet<String>> = experiment.planned()?.map(|ids| ids.iter().map(|id| id.hash().to_owned()).collect());
    let in_plan = |run: &RunDir| planned.as_ref().is_none_or(|planned| planned.contains(run.id().hash()));
    Ok(experiment.runs()?.into_iter().filter(in_plan).collect())
}

/// Writes an event file for each run that finished or failed into the directory named beside it. Runs that may still go on are
/// skipped, as are those whose files cannot be read. `progress` receives how many runs of how many are done.
///
/// Times are the start of the run and the seconds of its epochs; a run that does not say when it started begins in 1970. Equal runs
/// give equal bytes.
///
/// # Errors
/// If a file cannot be written.
pub fn export(runs: &[(RunDir, PathBuf)], progress: &dyn Fn(usize, usize)) -> Result<Exported, store::Error> {
    let mut exported = Exported::default();
    let mut ended = Vec::new();
    for (dir, out) in runs {
        match run::read(dir) {
            Ok(run) => ended.push((run, out)),
            Err(reason) => exported.skipped.push((dir.path().to_owned(), reason)),
        }
    }
    let swept = Swept::of(ended.iter().map(|(run, _)| run.differs.as_slice()));
    let metrics = metrics(ended.iter().map(|(run, _)| run));
    for (done, (run, out)) in ended.iter().enumerate() {
        progress(done, ended.len());
        let path = event_file(out);
        store::write_atomic(&path, &run.file(&swept, &metrics, &mut exported.problems))?;
        exported.files.push(path);
    }
    Ok(exported)
}

/// Always the same name, unlike those of programs that write while they train: TensorBoard would show two files in a directory as
/// one run with every value twice.
fn event_file(dir: &Path) -> PathBuf {
    dir.join("events.out.tfevents.umlaut")
}

fn metrics<'a>(runs: impl Iterator<Item = &'a run::Ended>) -> Vec<String> {
    let mut metrics: Vec<String> = Vec::new();
    for tag in runs.flat_map(run::Ended::compared) {
        if !metrics.contains(&tag) {
            metrics.push(tag);
        }
    }
    metrics
}
