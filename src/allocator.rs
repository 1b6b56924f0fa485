//! What mimalloc, the allocator of the program and of the benchmarks, does with memory that was freed.

use std::ffi::c_int;

/// Milliseconds until freed memory goes back to the system, tenfold for what lies in large regions. libmimalloc-sys has the numbers of its neighbours.
const PURGE_DELAY: c_int = libmimalloc_sys::mi_option_eager_commit_delay + 1;

/// Keeps freed memory for half a second instead of a hundredth: a step of a small network takes less and wants the same memory again, which the system
/// would have to empty first. That was a sixth of the time of predicting an image of 256² pixels with 16 to 256 channels.
pub fn keep_freed_memory() {
    // SAFETY: options are single numbers, which may be set at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 500) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_option_is_that_of_mimalloc() {
        // SAFETY: reads a number.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 10, "mimalloc's documented default");
        keep_freed_memory();
        assert_eq!(delay(), 500);
    }
}
