//! Every seed of the fuzz corpora, and every input that ever broke something, through the doors that cargo-fuzz calls (`scripts/fuzz.sh`), as cargo-fuzz
//! calls them: a panic in any thread ends the program, with the input's path.
#![cfg(feature = "serve")]

#[path = "fuzz/doors.rs"]
#[expect(dead_code, reason = "a fuzzer has one scratch directory")]
mod doors;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Once, PoisonError, RwLock};

/// The inputs that are in a door at the moment.
static INSIDE: RwLock<Vec<PathBuf>> = RwLock::new(Vec::new());

/// A panic in another thread, such as one of the server, would pass unseen.
fn panics_end_it() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            // What tests print is kept back until they end.
            let inside = INSIDE.read().unwrap_or_else(PoisonError::into_inner);
            _ = writeln!(std::io::stderr(), "{panic}\nwhile these were read: {inside:#?}");
            std::process::abort();
        }));
    });
}

/// The seeds of a door, and what was found there.
fn inputs(name: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let dirs = [dir.join("corpus").join(name), dir.join("found").join(name)];
    let listed = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten();
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Puts the inputs of some doors through one of them.
fn through(name: &str, of: &[&str]) {
    panics_end_it();
    let (_, door) = doors::DOORS.into_iter().find(|(known, _)| *known == name).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let inputs: Vec<PathBuf> = of.iter().flat_map(|name| inputs(name)).collect();
    assert!(inputs.len() > 5, "{name} has {} inputs", inputs.len());
    for path in inputs {
        let bytes = fs::read(&path).unwrap();
        INSIDE.write().unwrap().push(path.clone());
        door(scratch.path(), &bytes);
        INSIDE.write().unwrap().retain(|inside| *inside != path);
    }
}

#[test]
fn experiments() {
    through("plan", &["plan"]);
}

#[test]
fn images() {
    through("image", &["image"]);
}

#[test]
fn masks() {
    through("mask", &["mask"]);
}

#[test]
fn annotations() {
    through("annotation", &["annotation"]);
}

#[test]
fn weights() {
    through("weights", &["weights"]);
}

#[test]
fn files_of_a_run() {
    through("run_files", &["run_files"]);
}

#[test]
fn reports() {
    through("report", &["run_files", "report"]);
}

#[test]
fn searches() {
    through("history", &["history"]);
}

#[test]
fn requests() {
    through("request", &["request"]);
}
