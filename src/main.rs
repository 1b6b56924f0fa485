//! The `umlaut` program: parses arguments, dispatches, prints the error, sets the exit code.

mod cli;

use std::process::ExitCode;

#[global_allocator]
static MEMORY: umlaut::memory::Caching = umlaut::memory::Caching::new();

fn main() -> ExitCode {
    cli::main()
}
