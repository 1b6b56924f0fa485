//! Runs a test file again with every other instruction set: a process looks its own up once.

use std::process::Command;
use umlaut::ops::blocked::simd::{Level, level};

/// Runs this very test program once for each instruction set of this processor that is not in use, unless it was started so.
pub fn run_with_every_other() {
    if std::env::var_os("UMLAUT_CPU").is_some() {
        return;
    }
    for other in Level::ALL.into_iter().filter(|l| l.is_supported() && *l != level()) {
        let program = std::env::current_exe().expect("a running program");
        let output = Command::new(program).env("UMLAUT_CPU", other.name()).output().expect("it ran just now");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "with {}:\n{text}{}", other.name(), String::from_utf8_lossy(&output.stderr));
    }
}
