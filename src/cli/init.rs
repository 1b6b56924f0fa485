//! `umlaut init`: writes the commented template of an experiment, named after its file.

use super::failure::{Failure, mistake};
use super::schema;
use anyhow::Context;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use umlaut::config;

/// The file beside an experiment that its first line tells editors to read.
const SCHEMA: &str = "umlaut.schema.json";

#[derive(clap::Args)]
pub struct Arguments {
    /// The file to write; the experiment is named after it
    #[arg(default_value = "experiment.toml")]
    file: PathBuf,
    /// Write the JSON Schema beside it, which the file's first line points editors to
    #[arg(long)]
    schema: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.file;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let mut file = match File::create_new(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(mistake(format!("{} is there already; give another path", path.display())));
        }
        file => file.with_context(|| format!("creating {}", path.display()))?,
    };
    file.write_all(config::template(&stem).as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    println!("{}: every key with its default; umlaut run {0} runs it", path.display());
    if arguments.schema {
        let beside = path.with_file_name(SCHEMA);
        fs::write(&beside, schema::text()).with_context(|| format!("writing {}", beside.display()))?;
        println!("{}: for completion in editors", beside.display());
    }
    Ok(())
}
