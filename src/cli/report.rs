//! `umlaut report results/EXPERIMENT`: charts and tables again, from what lies on disk.

use super::{Failure, mistake};
use std::path::PathBuf;
use umlaut::store::ExperimentDir;

#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of an experiment's results, such as results/quickstart
    dir: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let dir = ExperimentDir::at(&arguments.dir);
    if dir.runs()?.is_empty() {
        return Err(mistake(format!(
            "{} holds no runs; name the directory of an experiment, such as results/quickstart",
            arguments.dir.display()
        )));
    }
    super::run::write_report(&dir)
}
