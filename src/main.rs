//! The `umlaut` program: parses arguments, dispatches, prints the error, sets the exit code.

fn main() {}
