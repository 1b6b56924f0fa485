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

/// Puts the inputs of a door through it, in every way that there is to read them.
fn through(name: &str) {
    panics_end_it();
    let (_, door) = doors::DOORS.into_iter().find(|(known, _)| *known == name).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let inputs = inputs(name);
    assert!(inputs.len() > 5, "{name} has {} inputs", inputs.len());
    for path in inputs {
        let bytes = fs::read(&path).unwrap();
        INSIDE.write().unwrap().push(path.clone());
        door(scratch.path(), &bytes);
        in_all_ways(name, bytes).iter().for_each(|bytes| door(scratch.path(), bytes));
        INSIDE.write().unwrap().retain(|inside| *inside != path);
    }
}

/// The same with every first byte that says who reads it; none where it is nobody else.
fn in_all_ways(name: &str, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let (modulus, ways) = doors::ways(name);
    let Some(first) = bytes.first().filter(|_| ways > 1) else { return Vec::new() };
    let what = usize::from(*first) % modulus;
    let other = |way: usize| [&[u8::try_from(what + way * modulus).unwrap()], &bytes[1..]].concat();
    (0..ways).map(other).collect()
}

#[test]
fn experiments() {
    through("plan");
}

#[test]
fn images() {
    through("image");
}

#[test]
fn masks() {
    through("mask");
}

#[test]
fn series_of_files() {
    through("series");
}

#[test]
fn annotations() {
    through("annotation");
}

#[test]
fn weights() {
    through("weights");
}

#[test]
fn states_of_stopped_runs() {
    through("resume");
}

#[test]
fn files_of_a_run() {
    through("run_files");
}

#[test]
fn reports() {
    through("report");
}

#[test]
fn searches() {
    through("history");
}

#[test]
fn requests() {
    through("request");
}

#[test]
fn requests_for_more_than_a_look() {
    through("control");
}
