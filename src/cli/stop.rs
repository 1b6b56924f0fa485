//! Ctrl-C and `kill`: the first asks to stop, the second ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use umlaut::machine::threads;
use umlaut::schedule;

/// Lets a write beyond the allowed size of a file fail, which is reported and recorded, instead of ending the process.
///
/// # Errors
/// If the system refuses.
pub fn survive_file_limits() -> std::io::Result<()> {
    #[cfg(unix)]
    flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
    Ok(())
}

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

    /// Counts the end of standard input as being asked: whoever started this process is gone.
    ///
    /// # Errors
    /// If the system has no thread to wait for it.
    pub fn at_end_of_input(&self) -> std::io::Result<()> {
        let asked = self.0.clone();
        threads::spawn("wait for the end of input", move || {
            // What comes before the end says nothing; neither does how it ended.
            _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            asked.store(true, Ordering::Relaxed);
        })
    }

    /// Whether somebody asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends this process when its standard input ends, because whoever started it is gone: what it was to do has no reader any more.
pub fn exit_at_end_of_input() {
    std::thread::spawn(|| {
        _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(1);
    });
}

/// For work that may end anywhere but while it writes: the first signal ends the process with exit code 130 as soon as nothing is
/// written, however long what goes on would still take. The second ends it at once.
pub struct Latch(Arc<Mutex<()>>);

impl Latch {
    /// Listens from now on, in a thread of its own.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        // For the second signal.
        Stop::on_signals()?;
        let latch = Self(Arc::default());
        let writing = Arc::clone(&latch.0);
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        std::thread::Builder::new().spawn(move || {
            if signals.forever().next().is_some() {
                let _nothing_is_written = writing.lock();
                // Not by `exit`, which would wait for what goes on.
                signal_hook::low_level::exit(130);
            }
        })?;
        Ok(latch)
    }

    /// While this is held the first signal waits.
    pub fn held(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As [`Stop`], for a process that waits for others: the first signal asks gently, the second at once.
pub struct Asked(Arc<AtomicUsize>);

impl Asked {
    /// Listens from now on, in a thread of its own.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        let asked = Self(Arc::default());
        let count = Arc::clone(&asked.0);
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        threads::spawn("wait for signals", move || {
            for _ in signals.forever() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(asked)
    }

    /// What was asked for, if anything was.
    pub fn how(&self) -> Option<schedule::Stop> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(schedule::Stop::Gently),
            _ => Some(schedule::Stop::Now),
        }
    }
}
