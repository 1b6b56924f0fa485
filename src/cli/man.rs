//! `umlaut man DIR`: man pages, one for each command, from the same words as `--help`.

use super::failure::Failure;
use super::volume;
use anyhow::Context;
use clap::Command;
use std::fs;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where umlaut.1, umlaut-run.1 and the others go, such as ~/.local/share/man/man1
    dir: PathBuf,
}

/// Writes the pages; `command` is the program's.
pub fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let dir = &arguments.dir;
    fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    clap_mangen::generate_to(command, dir).with_context(|| format!("writing man pages to {}", dir.display()))?;
    volume::wrote(dir, &format!("man pages: {}; man -l {}", dir.display(), dir.join("umlaut.1").display()));
    Ok(())
}
