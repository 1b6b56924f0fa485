//! Every door that bytes of others come in by, each as a function that is fuzzed: the library's own functions, called as the program calls them.
//!
//! A door returns if the bytes are read or refused with a message, and panics if a promise is broken. cargo-fuzz calls it with bytes that it makes up
//! (`targets/`, `scripts/fuzz.sh`), `tests/fuzz_corpus.rs` with those of the corpora and everything that was ever found. What an input may allocate at once is bounded
//! by [`Bounded`], time and memory in all by cargo-fuzz.

mod bounded;
mod data;
mod results;
mod served;
mod weights;

pub use data::{annotation, image, mask, plan};
pub use results::{history, report, run_files};
pub use served::request;
pub use weights::weights;

use std::fs;
use std::path::{Path, PathBuf};

#[global_allocator]
static MEMORY: bounded::Bounded = bounded::Bounded;

/// What is called with a directory of its own and an input. What it leaves in the directory it finds again.
pub type Door = fn(&Path, &[u8]);

/// All doors, by the names of their targets and corpora.
pub const DOORS: [(&str, Door); 9] = [
    ("plan", plan),
    ("image", image),
    ("mask", mask),
    ("annotation", annotation),
    ("weights", weights),
    ("run_files", run_files),
    ("report", report),
    ("history", history),
    ("request", request),
];

/// A directory for a door of this process.
pub fn scratch() -> &'static Path {
    static SCRATCH: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    // cargo-fuzz ends the process without a word; scripts/fuzz.sh removes what lies there.
    SCRATCH.get_or_init(|| tempfile::tempdir().expect("a temporary directory").keep())
}

/// Where the files lie that are right, and what else the doors need.
fn base() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = here.join("base");
    if inside.is_dir() { inside } else { here.join("tests/fuzz/base") }
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
