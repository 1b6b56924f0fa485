//! Which run executes when and where: takes a plan, starts a process for each run that is not finished, and keeps plan.csv true.
//!
//! [`execute`] gives runs to [`Slot`]s, a process each, and judges how each ended: done, failed, again. How a process is started is a
//! [`Launcher`]'s business; what happens inside it is known only by the events that it tells and the files that it leaves.

mod execute;
mod local;
mod queue;
mod room;
mod standing;
mod verdict;
mod watch;

pub use execute::{Error, Policy, Tally, Work, execute};
pub use local::Local;
pub use standing::{Standing, standing};
pub use watch::{At, Next, Watch};

use crate::record::Event;
use crate::store::RunDir;

/// A place where one run at a time can execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// Threads that a run has there, 1 or more.
    pub threads: usize,
    /// What `CUDA_VISIBLE_DEVICES` of a run there is, so that it sees this GPU alone; `None` for the CPU.
    pub gpu: Option<String>,
    /// Whether runs start there only as far as the GPU's free memory goes.
    pub measured: bool,
}

/// What is to be started where.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The run.
    pub run: &'a RunDir,
    /// Its place.
    pub slot: &'a Slot,
    /// Parts that a batch is split into for want of memory; 1 for none.
    pub micro_batches: usize,
}

/// Starts a run somewhere and waits until it ends.
pub trait Launcher: Sync {
    /// Runs to the end, or until the process dies, telling its events. The run directory says how the run itself went.
    ///
    /// # Errors
    /// If no process could be started.
    fn launch(&self, order: Order<'_>, tell: &mut dyn FnMut(Event)) -> std::io::Result<Exit>;

    /// Asks everything that runs to stop: `hard` ends it at once, otherwise it finishes its step and saves.
    fn stop(&self, hard: bool);

    /// Bytes of the slot's GPU that nobody uses at the moment; `None` if that cannot be known.
    fn free_memory(&self, slot: &Slot) -> Option<u64> {
        _ = slot;
        None
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// The system killed it because no memory was left.
    OutOfMemory,
}
