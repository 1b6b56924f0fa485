//! Where the results of all experiments lie, and the files of one.

use super::error::{Result, content, named};
use super::file::{read_if_there, remove, write_atomic};
use super::names::is_passing;
use super::run_dir::RunDir;
use super::table::{read_csv, write_csv};
use crate::plan::RunId;
use crate::record::Command;
use crate::regular::Most;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

const PLAN: &str = "plan.csv";
const COMMAND: &str = "command.toml";

/// The directory that holds everything, `results/` by default.
#[derive(Debug, Clone)]
pub struct Results {
    root: PathBuf,
}

impl Results {
    /// The results below `root`; nothing is created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The experiments that have runs, by name.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn experiments(&self) -> Result<Vec<ExperimentDir>> {
        let mut found = Vec::new();
        for entry in named(fs::read_dir(&self.root), "listing", &self.root)? {
            let path = named(entry, "listing", &self.root)?.path();
            found.extend(path.join(RUNS).is_dir().then(|| ExperimentDir::at(path)));
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// The directory of one experiment.
    pub fn experiment(&self, name: &str) -> ExperimentDir {
        ExperimentDir { path: self.root.join(name) }
    }

    /// Where decoded data sets are kept between runs; may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join(".cache")
    }
}

/// Where the runs of an experiment lie, below its directory.
pub(super) const RUNS: &str = "runs";

/// `results/EXPERIMENT/`.
#[derive(Debug, Clone)]
pub struct ExperimentDir {
    path: PathBuf,
}

impl ExperimentDir {
    /// An existing directory of an experiment.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of a run; nothing is created yet.
    pub fn run(&self, id: &RunId) -> RunDir {
        RunDir::at(self.path.join(RUNS).join(id.as_str()))
    }

    /// The directories of runs, existing or not. An existing one is known by the hash at its id's end: what is readable before it
    /// changes with the sweep that the run stands in.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn places<'a>(&self, ids: impl IntoIterator<Item = &'a RunId>) -> Result<Vec<RunDir>> {
        let existing: HashMap<String, RunDir> = self.runs()?.into_iter().map(|run| (run.id().hash().to_owned(), run)).collect();
        Ok(ids.into_iter().map(|id| existing.get(id.hash()).cloned().unwrap_or_else(|| self.run(id))).collect())
    }

    /// Where charts lie.
    pub(super) fn charts(&self) -> PathBuf {
        self.path.join("charts")
    }

    /// Removes what earlier reports drew of swept parameters and this one, with the charts of these names, does not; everything else stays.
    ///
    /// # Errors
    /// If the directory cannot be listed or a file not removed.
    pub(super) fn remove_charts_but(&self, drawn: &[&str]) -> Result<()> {
        let dir = self.charts();
        if !dir.is_dir() {
            return Ok(());
        }
        for entry in named(fs::read_dir(&dir), "listing", &dir)? {
            let file = named(entry, "listing", &dir)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let Some(stem) = name.strip_suffix(".svg").or_else(|| name.strip_suffix(".png")) else { continue };
            let swept =
                ["parameter-", "heat-"].iter().any(|start| stem.starts_with(start)) || ["parallel", "importance"].contains(&stem);
            if swept && !drawn.contains(&stem) {
                remove(&file)?;
            }
        }
        Ok(())
    }

    /// Where exports for TensorBoard go if nothing else is said.
    pub fn tensorboard(&self) -> PathBuf {
        self.path.join("tensorboard")
    }

    /// Where a search for a learning rate goes if nothing else is said.
    pub fn find_lr(&self) -> PathBuf {
        self.path.join("find-lr")
    }

    /// The runs that exist, by name.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn runs(&self) -> Result<Vec<RunDir>> {
        let dir = self.path.join(RUNS);
        if !dir.exists() {
            return Ok(Vec::new());
        }
        let mut runs = Vec::new();
        for entry in named(fs::read_dir(&dir), "listing", &dir)? {
            let run = RunDir::at(named(entry, "listing", &dir)?.path());
            if run.run_toml().is_file() && !is_passing(run.path()) {
                runs.push(run);
            }
        }
        runs.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(runs)
    }

    /// Replaces plan.csv by these rows, the header first.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_plan(&self, rows: &[Vec<String>]) -> Result<()> {
        write_csv(&self.path.join(PLAN), rows).map(drop)
    }

    /// Replaces command.toml; removes it without a command, since another one must not be taken for it.
    ///
    /// # Errors
    /// If it cannot be written or removed.
    pub fn write_command(&self, command: Option<&Command>) -> Result<()> {
        let path = self.path.join(COMMAND);
        let Some(command) = command else { return if path.exists() { remove(&path) } else { Ok(()) } };
        let text = toml::to_string(command).expect("a command is plain data");
        write_atomic(&self.path.join(COMMAND), text.as_bytes())
    }

    /// Reads command.toml: the command that began or continued the experiment last; `None` if there is none.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn command(&self) -> Result<Option<Command>> {
        let path = self.path.join(COMMAND);
        let remedy = "the next `umlaut run` writes it anew";
        let Some(text) = read_if_there(&path, Most::SMALL, remedy)? else { return Ok(None) };
        let command: Command = toml::from_str(&text).map_err(|error| content(&path, error.message(), remedy))?;
        if command.is_run() { Ok(Some(command)) } else { Err(content(&path, "is no `umlaut run`", remedy)) }
    }

    /// What a command said that a web view has started.
    pub fn command_log(&self) -> PathBuf {
        self.path.join("command.log")
    }

    /// The ids in plan.csv, in its order; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or a line names what cannot be a directory of `runs/`.
    pub fn planned(&self) -> Result<Option<Vec<RunId>>> {
        let (path, remedy) = (self.path.join(PLAN), "`umlaut run` writes it anew");
        let Some(rows) = read_csv(&path, remedy)? else { return Ok(None) };
        let named =
            rows.iter().enumerate().skip(1).filter_map(|(at, row)| row.first().filter(|id| !id.is_empty()).map(|id| (at, id)));
        let id = |(at, id): (usize, &String)| {
            RunId::from_file(id).ok_or_else(|| content(&path, &format!("line {}: {id:?} is no name of a run", at + 1), remedy))
        };
        named.map(id).collect::<Result<_>>().map(Some)
    }
}
