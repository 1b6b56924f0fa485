//! Every door that bytes of others come in by, each as a function that is fuzzed: the library's own functions, called as the program calls them.
//!
//! A door returns if the bytes are read or refused with a message, and panics if a promise is broken. cargo-fuzz calls it with bytes that it makes up
//! (`targets/`, `scripts/fuzz.sh`), `tests/fuzz_corpus.rs` with those of the corpora and everything that was ever found. What an input may allocate at once is bounded
//! by [`Bounded`], time and memory in all by cargo-fuzz.

mod bounded;
mod data;
mod results;
mod resumed;
mod served;
mod weights;

pub use data::{annotation, image, mask, plan, series};
pub use results::{history, report, run_files};
pub use resumed::resume;
pub use served::{control, request};
pub use weights::weights;

use std::fs;
use std::path::{Path, PathBuf};

#[global_allocator]
static MEMORY: bounded::Bounded = bounded::Bounded;

/// What is called with a directory of its own and an input. What it leaves in the directory it finds again.
pub type Door = fn(&Path, &[u8]);

/// All doors, by the names of their targets and corpora.
pub const DOORS: [(&str, Door); 12] = [
    ("plan", plan),
    ("image", image),
    ("mask", mask),
    ("series", series),
    ("annotation", annotation),
    ("weights", weights),
    ("resume", resume),
    ("run_files", run_files),
    ("report", report),
    ("history", history),
    ("request", request),
    ("control", control),
];

/// Who may read an input of a door, by its first byte: of the byte's remainder by the first number, which says what is read, and so many ways to read it.
pub fn ways(name: &str) -> (usize, usize) {
    match name {
        "run_files" => (results::FILES.len(), 3),
        "history" => (results::SEARCH.len(), 2),
        "report" => (1, results::LOOKS),
        "weights" => (2, 3),
        _ => (256, 1),
    }
}

/// A directory for a door of this process.
pub fn scratch() -> &'static Path {
    static SCRATCH: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    // cargo-fuzz ends the process without a word; scripts/fuzz.sh removes what lies there.
    SCRATCH.get_or_init(|| tempfile::tempdir().expect("a temporary directory").keep())
}

/// The same for a door that works in one thread: what could be done in several is done in this one, which nothing has to be handed to.
pub fn alone() -> &'static Path {
    static POOL: std::sync::Once = std::sync::Once::new();
    POOL.call_once(|| umlaut::machine::threads::start().expect("nothing has been computed yet"));
    scratch()
}

/// Where the files lie that are right, and what else the doors need.
fn base() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = here.join("base");
    if inside.is_dir() { inside } else { here.join("tests/fuzz/base") }
}

/// An input with words exchanged that no seed can know.
fn with_words(bytes: &[u8], words: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match words.iter().find(|(word, _)| bytes[at..].starts_with(word.as_bytes())) {
            Some((word, with)) => {
                out.extend(with.as_bytes());
                at += word.len();
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

/// Copies a directory of the base into a scratch directory, once.
fn copied(scratch: &Path, name: &str) -> PathBuf {
    let to = scratch.join(name);
    if !to.exists() {
        copy(&base().join(name), &to);
    }
    to
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a directory can be made");
        let entries = fs::read_dir(from).expect("the base can be listed");
        entries.for_each(|entry| {
            let entry = entry.expect("the base can be listed");
            copy(&entry.path(), &to.join(entry.file_name()));
        });
    } else {
        fs::copy(from, to).expect("the base can be copied");
    }
}
