//! Where memory comes from, and when it goes back.

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`: milliseconds after which freed memory goes back to the system, -1 for never.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps what is freed: the maps of one step are those of the next, and to take them from the system anew costs a tenth of a step.
pub fn keep_freed() {
    // SAFETY: it sets a number.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: mimalloc's default, a second, which no other option has.
    #[test]
    fn the_option_is_the_right_one() {
        let delay = || {
            // SAFETY: it reads a number.
            unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
        };
        assert_eq!(delay(), 1000);
        keep_freed();
        assert_eq!(delay(), -1);
    }
}
