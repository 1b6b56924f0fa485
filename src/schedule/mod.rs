//! Which run executes when: takes a plan, starts a process for each run that is not finished, and keeps plan.csv true.
//!
//! How a process is started is a [`Launcher`]'s business; what happens inside it is known only by the files that it leaves.

mod local;
mod queue;

pub use local::Local;
pub use queue::{Ending, Error, Tally, Watch, execute};

use crate::store::RunDir;

/// Starts a run somewhere and waits until it ends.
pub trait Launcher {
    /// Runs to the end, or until the process dies. The run directory says how the run itself went.
    ///
    /// # Errors
    /// If no process could be started.
    fn launch(&mut self, run: &RunDir) -> std::io::Result<Exit>;
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}
