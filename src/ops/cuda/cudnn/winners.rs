//! Which engine was the fastest for each convolution when several were tried: kept in the user's cache, so that it is tried once and not at
//! every start. What is there belongs to a GPU by name, a version of cuDNN and a precision.

use crate::config::Precision;
use crate::cuda::cache;
use crate::cuda::problem::Convolution;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Engines by convolution, as lines `convolution<tab>engine`.
pub struct Winners {
    path: Option<PathBuf>,
    /// What the lines are about.
    head: String,
    known: BTreeMap<String, String>,
}

impl Winners {
    /// Those that are kept.
    pub fn of(device: &str, library: &str, precision: Precision) -> Self {
        let head = format!("# {device}, {library}, {}", precision.name());
        let hash = blake3::hash(head.as_bytes()).to_hex();
        Self::at(cache::path(&format!("engines-{}.txt", &hash[..16])), head)
    }

    fn at(path: Option<PathBuf>, head: String) -> Self {
        let known = path.as_deref().map(read).unwrap_or_default();
        Self { path, head, known }
    }

    /// The engine that won, with its choices.
    pub fn engine(&self, convolution: Convolution) -> Option<&str> {
        self.known.get(&convolution.words()).map(String::as_str)
    }

    /// Keeps one. Processes that write at the same time may lose each other's, which are tried again some day.
    pub fn keep(&mut self, convolution: Convolution, engine: &str) {
        let Some(path) = &self.path else { return };
        self.known.extend(read(path).into_iter().filter(|(name, _)| !self.known.contains_key(name)).collect::<Vec<_>>());
        self.known.insert(convolution.words(), engine.to_owned());
        let lines = self.known.iter().map(|(name, engine)| format!("{name}\t{engine}\n"));
        // A cache that cannot be written costs the trials of the next start, no more.
        _ = cache::keep(path, format!("{}\n{}", self.head, lines.collect::<String>()).as_bytes());
    }
}

/// What a file holds; lines that are none are passed over.
fn read(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| line.split_once('\t')).map(|(name, engine)| (name.to_owned(), engine.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::problem::{Pass, Problem};

    #[test]
    fn winners_of_two_processes_and_of_a_damaged_file_are_kept() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("umlaut/engines.txt");
        let of = |n: usize| Convolution {
            pass: Pass::Forward,
            problem: Problem { n, h: 8, w: 8, c: 8, k: 16, side: 3, pad: 1, stride: 1 },
        };
        let open = || Winners::at(Some(path.clone()), "# a GPU".to_owned());
        let (mut one, mut other) = (open(), open());
        one.keep(of(1), "62: 17=3");
        other.keep(of(2), "57:");
        let text = std::fs::read_to_string(&path).expect("it was written");
        let line = |n: usize, engine: &str| format!("forward pass, 3×3, ({n}, 8, 8, 8) to 16 channels\t{engine}\n");
        assert_eq!(text, format!("# a GPU\n{}{}", line(1, "62: 17=3"), line(2, "57:")));
        std::fs::write(&path, format!("{}what is this", line(2, "57:"))).expect("it can be written");
        assert_eq!((open().engine(of(1)), open().engine(of(2))), (None, Some("57:")));
    }
}
