//! A process has one instruction set for all its kernels; this runs a test executable again in processes of the others.

use std::process::Command;
use umlaut::ops::blocked::simd::{Level, level};

/// Runs every test of this executable at each supported level but this process's own. Does nothing in those processes, beyond
/// making sure that they are at the level asked for.
pub fn repeat_at_the_other_levels() {
    let asked = std::env::var("UMLAUT_CPU").unwrap_or_default();
    if !asked.is_empty() {
        assert_eq!(level().name(), asked);
        return;
    }
    for other in Level::ALL.into_iter().filter(|other| other.is_supported() && *other != level()) {
        let this = std::env::current_exe().unwrap();
        let output = Command::new(this).env("UMLAUT_CPU", other.name()).output().unwrap();
        let shown = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "at {}:\n{shown}", other.name());
    }
}
