//! Batches that are made before they are wanted, on threads of their own, while a step computes.
//!
//! What a batch holds does not depend on when or where it is made. At most [`AHEAD`] wait; whoever stops taking them ends the making.

use super::{Batch, Dataset, Draw, Normaliser, batch};
use candle_core::{Device, Result};
use std::sync::mpsc::{Receiver, sync_channel};

/// Batches that wait at the most.
const AHEAD: usize = 2;

/// What batches are made of.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// Where samples are.
    pub dataset: &'a Dataset,
    /// How they change.
    pub draw: Draw<'a>,
    /// What happens to the images then.
    pub normaliser: &'a Normaliser,
}

impl Making<'_> {
    fn make(&self, indices: &[usize]) -> Result<Batch> {
        batch(self.dataset, indices, Some(self.draw), &Device::Cpu)?.normalised(self.normaliser, self.dataset)
    }
}

/// Batches, one after the other.
pub struct Supply<'a> {
    making: Making<'a>,
    source: Source<'a>,
}

enum Source<'a> {
    /// Made when asked for.
    Now(std::slice::Iter<'a, &'a [usize]>),
    /// Made ahead.
    Ahead(Receiver<Result<Batch>>),
}

impl Supply<'_> {
    /// The next batch; `None` after the last.
    pub fn take(&mut self) -> Option<Result<Batch>> {
        match &mut self.source {
            Source::Now(batches) => batches.next().map(|indices| self.making.make(indices)),
            Source::Ahead(made) => made.recv().ok(),
        }
    }
}

/// Hands a supply of the batches with these indices to `taker`. They are made ahead if pixels are calculated anew and the system has threads
/// for it; copies that change places alone are cheaper than handing them over.
pub fn supply<T>(making: Making<'_>, batches: &[&[usize]], taker: impl FnOnce(&mut Supply) -> T) -> T {
    // A pool of its own, for the making must not sit between the parts of a step, and small, for it takes time from the step's threads;
    // scripts/bench_augment.rs measures whether it keeps up.
    let threads = rayon::current_num_threads().div_ceil(4);
    let pool = making.draw.augment.resamples().then(|| rayon::ThreadPoolBuilder::new().num_threads(threads).build().ok());
    let Some(pool) = pool.flatten() else {
        return taker(&mut Supply { making, source: Source::Now(batches.iter()) });
    };
    std::thread::scope(|scope| {
        let (hand, made) = sync_channel(AHEAD);
        let maker = std::thread::Builder::new().spawn_scoped(scope, move || {
            for indices in batches {
                // Nobody takes any more.
                if hand.send(pool.install(|| making.make(indices))).is_err() {
                    break;
                }
            }
        });
        // The receiver goes with the supply, before the scope waits for the thread.
        let source = if maker.is_ok() { Source::Ahead(made) } else { Source::Now(batches.iter()) };
        taker(&mut Supply { making, source })
    })
}
