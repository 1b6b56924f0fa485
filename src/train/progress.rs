//! How a run is watched.

use crate::record::{EpochRecord, Outcome};

/// Receives the progress of a run. Every method does nothing unless implemented; `()` watches nothing.
pub trait Progress {
    /// Training begins with epoch `first` of `epochs` (1-based; above `epochs` if only the end is left to do), each of `steps`
    /// batches.
    fn started(&mut self, first: usize, epochs: usize, steps: usize) {
        _ = (first, epochs, steps);
    }

    /// Something about the run's files should be known: what did not fit, and what is done about it.
    fn note(&mut self, text: &str) {
        _ = text;
    }

    /// A batch of an epoch is done (both 1-based) and had this training loss.
    fn step(&mut self, epoch: usize, step: usize, loss: f64) {
        _ = (epoch, step, loss);
    }

    /// An epoch is done, validated and kept.
    fn epoch_ended(&mut self, record: &EpochRecord) {
        _ = record;
    }

    /// The run takes so many bytes of its GPU, as far as it is known after the first epoch.
    fn device_memory(&mut self, bytes: usize) {
        _ = bytes;
    }

    /// Something about the device should be known, a sentence, which standard error has already and the outcome will have.
    fn device_note(&mut self, text: &str) {
        _ = text;
    }

    /// The run has ended.
    fn ended(&mut self, outcome: &Outcome) {
        _ = outcome;
    }
}

impl Progress for () {}
