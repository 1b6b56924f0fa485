//! Which run executes when and where: takes runs from a source, starts a process for each that is not finished, and keeps plan.csv true.
//!
//! [`execute`] gives the runs of a [`Source`] to [`Slot`]s, one process per run, and judges how each ended: done, failed, again. How a process is
//! started is a [`Launcher`]'s business; what happens inside it is known only by the events and files that it leaves in the run directory.
#![doc = include_str!("design.md")]

mod execute;
mod launcher;
mod local;
mod queue;
mod ready;
mod room;
mod slot;
pub mod slurm;
mod source;
mod standing;
mod verdict;
mod watch;
mod work;

pub use execute::execute;
pub use launcher::{Exit, JobId, JobState, Launcher, Order, Stop};
pub use local::Local;
pub use slot::Slot;
pub use source::{Ended, Listed, Source, Wanted};
pub use standing::{Epochs, Standing, standing};
pub use watch::{At, Next, Watch};
pub use work::{Error, Policy, RunCounts, Work};
