//! How a schedule is watched.

use super::Slot;
use crate::plan::RunSpec;
use crate::record::{Event, Outcome};

/// Which run something happens to.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Its position in the plan, 1-based.
    pub position: usize,
    /// Runs of the plan, as far as it has grown.
    pub of: usize,
    /// The run.
    pub run: &'a RunSpec,
}

/// What follows when an attempt at a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: its outcome stands.
    Over,
    /// It is tried again; with what difference, in words.
    Again(String),
}

/// Hears what happens, all by one thread, in the order in which it happens.
pub trait Watch {
    /// Runs have joined the plan; these are all that there are now, and those that were there before keep their positions.
    fn planned(&mut self, runs: &[RunSpec]) {
        _ = runs;
    }
    /// A run has its outcome from before, or has paused with all that is wanted by now, and is not started.
    fn before(&mut self, at: At<'_>, outcome: &Outcome);
    /// Something about several runs should be known.
    fn said(&mut self, text: &str) {
        _ = text;
    }
    /// Something about a run's files should be known before it is started.
    fn noted(&mut self, at: At<'_>, text: &str);
    /// An attempt at a run begins.
    fn started(&mut self, at: At<'_>, slot: &Slot);
    /// A run that was started reports something.
    fn reported(&mut self, at: At<'_>, event: &Event);
    /// An attempt is over.
    fn ended(&mut self, at: At<'_>, outcome: &Outcome, next: &Next);
    /// Some time has passed, about a fifth of a second; for what moves by itself.
    fn tick(&mut self) {}
}
