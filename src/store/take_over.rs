//! One run's rows and checkpoints as another's.

use super::error::{Result, named};
use super::experiment_dir::ExperimentDir;
use super::file::replace;
use super::names::{METRICS, TIMING};
use super::run_dir::RunDir;
use crate::regular;
use std::io;
use std::path::{Path, PathBuf};

impl RunDir {
    /// The other runs of the same experiment, by name; none for a directory that is not below an experiment's `runs/`.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn siblings(&self) -> Result<Vec<RunDir>> {
        let runs = self.path().parent().filter(|runs| runs.ends_with(super::experiment_dir::RUNS));
        let Some(experiment) = runs.and_then(Path::parent) else { return Ok(Vec::new()) };
        let others = ExperimentDir::at(experiment).runs()?.into_iter();
        Ok(others.filter(|other| other.path() != self.path()).collect())
    }

    /// Copies rows and checkpoints of another run, the resume state last, because it vouches for the rest.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn take_over(&self, other: &RunDir) -> Result<()> {
        let small = [METRICS, TIMING].map(|name| (other.path().join(name), self.path().join(name)));
        let large: [fn(&RunDir) -> PathBuf; 3] = [RunDir::best_checkpoint, RunDir::last_checkpoint, RunDir::resume_state];
        for (from, to) in small.into_iter().chain(large.map(|path| (path(other), path(self)))) {
            // A run none of whose epochs had a number to be judged by has no best one.
            if from.exists() {
                let mut source = named(regular::open(&from), "opening", &from)?;
                replace(&to, |file| io::copy(&mut source, file).map(drop))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn siblings_are_the_other_runs_of_an_experiment() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| RunDir::at(dir.path().join(path));
        for path in ["x/runs/a-1", "x/runs/b-2", "elsewhere/c-3", "elsewhere/d-4"] {
            fs::create_dir_all(at(path).path()).unwrap();
            fs::write(at(path).run_toml(), "").unwrap();
        }
        let ids = |path: &str| at(path).siblings().unwrap().iter().map(|run| run.id().to_string()).collect::<Vec<_>>();
        assert_eq!(ids("x/runs/a-1"), ["b-2"]);
        assert_eq!(ids("x/runs/new-5"), ["a-1", "b-2"]);
        assert!(ids("elsewhere/c-3").is_empty());
    }

    #[test]
    fn the_other_run_stays_as_it_is_and_what_it_lacks_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (RunDir::at(dir.path().join("old")), RunDir::at(dir.path().join("new")));
        fs::create_dir_all(old.path().join("checkpoints")).unwrap();
        for (file, text) in [(old.resume_state(), "state"), (old.path().join(METRICS), "rows")] {
            fs::write(file, text).unwrap();
        }
        new.take_over(&old).unwrap();
        for run in [&old, &new] {
            assert_eq!(fs::read_to_string(run.resume_state()).unwrap(), "state");
            assert_eq!(fs::read_to_string(run.path().join(METRICS)).unwrap(), "rows");
            assert!(!run.best_checkpoint().exists() && !run.path().join(TIMING).exists());
        }
    }
}
