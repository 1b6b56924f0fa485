//! How a run is watched.

use crate::record::{EpochRecord, Outcome};

/// Is told how a run goes. Every method does nothing unless implemented; `()` watches nothing.
pub trait Progress {
    /// Training begins with epoch `first` of `epochs` (1-based; above `epochs` if only the end is left to do), each of `steps`
    /// batches.
    fn started(&mut self, first: usize, epochs: usize, steps: usize) {
        _ = (first, epochs, steps);
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

    /// Something that a reader of the run should know, a sentence, which standard error has already and the outcome will have.
    fn note(&mut self, text: &str) {
        _ = text;
    }

    /// The run has ended.
    fn ended(&mut self, outcome: &Outcome) {
        _ = outcome;
    }
}

impl Progress for () {}
