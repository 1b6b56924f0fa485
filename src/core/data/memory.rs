//! Whether the memory at hand suffices for a picture, asked before it is decoded.
//!
//! What several threads are about to take counts: each holds a [`Promise`] while it decodes.

use crate::machine;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// So much in all is decoded without asking the system.
const SMALL: u64 = 64 << 20;

/// No promise is for more, so that sums do not overflow.
const MOST: u64 = 1 << 50;

static PROMISED: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Bytes that somebody is about to take; dropped when they are taken and the system knows.
#[derive(Debug)]
pub(super) struct Promise(u64);

impl Promise {
    /// Asks for so many bytes.
    ///
    /// # Errors
    /// In words, the picture not named: how much it needs and how much there is.
    pub fn of(bytes: u64, [height, width]: [usize; 2]) -> Result<Self, String> {
        let bytes = bytes.min(MOST);
        let promise = Self(bytes);
        let all = PROMISED.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if all > SMALL
            && let Some(available) = machine::available_memory()
            && all > available
        {
            REFUSED.store(true, Ordering::Relaxed);
            return Err(format!(
                "its {height} × {width} pixels (height × width) need about {} of memory, {} are available; free some, or cut it into \
                 smaller images",
                amount(bytes),
                amount(available)
            ));
        }
        Ok(promise)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        PROMISED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// All results in order; `of` runs in parallel. What fails while memory is refused to anybody is done again by itself, when the others
/// have given back what they took.
pub(super) fn each<T: Send, I: Sync>(items: &[I], of: impl Fn(&I) -> Result<T, String> + Sync) -> Vec<Result<T, String>> {
    use rayon::prelude::*;
    REFUSED.store(false, Ordering::Relaxed);
    let mut results: Vec<Result<T, String>> = items.par_iter().map(&of).collect();
    if REFUSED.load(Ordering::Relaxed) && items.len() > 1 {
        let failed = items.iter().zip(&mut results).filter(|(_, result)| result.is_err());
        failed.for_each(|(item, result)| *result = of(item));
    }
    results
}

/// Bytes in the largest unit that leaves a number of two digits at least.
pub(super) fn amount(bytes: u64) -> String {
    match bytes {
        ..10_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        10_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
