//! The threads that compute: how many `RAYON_NUM_THREADS` asks for, and what is said if the system has none to give.

use crate::text::counted;

/// Says how many threads compute; unset, empty or 0, as many as there are cores.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The most threads for each core: more only wait for each other, and some hundred thousand take forever to start.
const FOR_EACH_CORE: usize = 4;

/// As many may be asked for on any machine, so that small ones can try what large ones do.
const ANYWHERE: usize = 64;

/// Why no threads compute.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The variable asks for what cannot be.
    #[error("{0}")]
    Asked(String),
    /// The system starts no more threads.
    #[error("{threads} threads to compute with could not be started: {cause}; {REMEDY}, or set {VARIABLE}=1")]
    Refused {
        /// How many were to compute.
        threads: usize,
        /// What the system said.
        cause: rayon::ThreadPoolBuildError,
    },
}

impl Error {
    /// Whether it is the user's mistake.
    pub fn is_mistake(&self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

/// Starts the pool that everything computes in. The thread that calls it is one of them: handing every operation over and waiting for it
/// costs more than a small one takes.
///
/// # Errors
/// If the variable asks for what cannot be, or the system starts no more threads.
pub fn start() -> Result<(), Error> {
    let asked = std::env::var_os(VARIABLE).unwrap_or_default();
    let threads = wanted(&asked.to_string_lossy(), super::cores()).map_err(Error::Asked)?;
    let started = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    started.map_err(|cause| Error::Refused { threads, cause })
}

/// What a user can do where the system starts no more threads.
pub const REMEDY: &str = "raise the limits on processes and memory (ulimit -u, ulimit -v, pids.max of a container)";

/// A thread beside those that compute, with what is said if there is none.
///
/// # Errors
/// If the system starts no more threads.
pub fn spawn(what: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let spawned = std::thread::Builder::new().name(what.to_owned()).spawn(work);
    spawned.map(|_| ()).map_err(|e| std::io::Error::new(e.kind(), format!("no thread to {what} could be started: {e}; {REMEDY}")))
}

fn wanted(text: &str, cores: usize) -> Result<usize, String> {
    let most = (FOR_EACH_CORE * cores).max(ANYWHERE);
    let core = counted(cores, "core");
    match text.trim() {
        "" => Ok(cores),
        number => match number.parse::<usize>() {
            Ok(0) => Ok(cores),
            Ok(threads) if threads <= most => Ok(threads),
            Err(_) if !number.bytes().all(|byte| byte.is_ascii_digit()) => Err(format!(
                "{VARIABLE}={text}: this is no number of threads; use a whole number from 1 to {most}, or leave it unset"
            )),
            _ => Err(format!(
                "{VARIABLE}={text}: this machine has {core}, for which {most} threads are the most; use a smaller number, or leave it unset"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_threads_as_are_asked_for_within_reason() {
        for (text, threads) in [("", 6), ("0", 6), ("1", 1), (" 3 ", 3), ("64", 64)] {
            assert_eq!(wanted(text, 6), Ok(threads), "{text}");
        }
        assert_eq!(wanted("128", 32), Ok(128));
        for text in ["65", "999999", "99999999999999999999999"] {
            assert!(wanted(text, 6).unwrap_err().contains("64 threads are the most"), "{text}");
        }
        for text in ["-1", "many", "1.5", "1 2"] {
            assert!(wanted(text, 6).unwrap_err().contains("no number of threads"), "{text}");
        }
    }
}
