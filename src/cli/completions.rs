//! `umlaut completions SHELL`: what a shell needs to complete commands and options.

use super::failure::Failure;
use clap::Command;
use clap_complete::{Shell, generate};
use std::io::{ErrorKind, Write};

#[derive(clap::Args)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Writes the script to standard output; `command` is the program's.
pub fn run(arguments: &Arguments, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut command, "umlaut", &mut script);
    match std::io::stdout().write_all(&script) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e.into()),
        // Whoever reads may have seen enough.
        _ => Ok(()),
    }
}
