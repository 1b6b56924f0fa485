//! Ctrl-C and `kill`: the first asks to stop, the second ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on. The second signal ends the process with exit code 130.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // Order matters: the first registered acts first, so it sees the flag of an earlier signal only.
            flag::register_conditional_shutdown(signal, 130, stop.0.clone())?;
            flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// As [`Stop`], for a process that waits for a child: a signal is passed on to it, a second one kills it.
pub struct PassedOn(Stop);

impl PassedOn {
    /// Listens from now on, in a thread of its own.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn to(child: umlaut::schedule::Local) -> std::io::Result<Self> {
        let stop = Stop::default();
        let asked = stop.clone();
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        std::thread::spawn(move || {
            for _ in signals.forever() {
                child.stop_child(asked.0.swap(true, Ordering::Relaxed));
            }
        });
        Ok(Self(stop))
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.asked()
    }
}
