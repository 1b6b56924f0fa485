//! How much a command says: `-q` only errors and where its result lies, `-v` also what it goes by and how long it took.
//!
//! Chosen once, at the start. Whoever prints asks here; what a command is asked for, such as a table, is printed at any volume.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;
use umlaut::machine;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Volume {
    /// Errors, and the path of what was written.
    Quiet,
    /// What most want to know.
    Usual,
    /// What the command goes by, one line per epoch of each run, and how long it took.
    Verbose,
}

static VOLUME: AtomicU8 = AtomicU8::new(Volume::Usual as u8);

/// Options of every command.
#[derive(clap::Args)]
pub struct Choice {
    /// Print only errors and where the result lies
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 900)]
    quiet: bool,
    /// Print more: threads and instructions in use, one line per epoch of each run, the time that it took
    #[arg(short, long, global = true, display_order = 901)]
    verbose: bool,
}

impl Choice {
    /// From now on it is said so much.
    pub fn take_effect(&self) {
        let volume = match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Usual,
        };
        VOLUME.store(volume as u8, Ordering::Relaxed);
    }
}

/// Whether only errors and the path of the result are wanted.
pub fn is_quiet() -> bool {
    VOLUME.load(Ordering::Relaxed) == Volume::Quiet as u8
}

/// Whether more is wanted.
pub fn is_verbose() -> bool {
    VOLUME.load(Ordering::Relaxed) == Volume::Verbose as u8
}

/// Whether progress may be drawn on standard error.
pub fn may_draw() -> bool {
    !is_quiet() && std::io::stderr().is_terminal()
}

/// Prints what was written: its path alone if quiet, else these words.
pub fn wrote(path: &Path, words: &str) {
    if is_quiet() {
        println!("{}", path.display());
    } else {
        println!("{}", words.trim_end_matches('\n'));
    }
}

/// Says, if verbose, what the command goes by; when dropped, how long it took.
pub struct Told(Instant);

impl Told {
    /// Begins.
    pub fn new() -> Self {
        if is_verbose() {
            let level = umlaut::ops::blocked::simd::level().name();
            let (version, threads) = (env!("CARGO_PKG_VERSION"), rayon::current_num_threads());
            eprintln!("umlaut {version} on {}: {threads} threads, {level}", machine::processor());
        }
        Self(Instant::now())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if is_verbose() {
            eprintln!("took {:.1} s", self.0.elapsed().as_secs_f64());
        }
    }
}
