//! An allocator that keeps large buffers for the next one of their size.
//!
//! A training step takes and frees the same buffers as the step before. Handed back to the system each time, they would have to
//! be mapped and zeroed anew, page by page, which costs more than many of the operations that fill them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smallest buffer that is kept, in bytes.
const SMALLEST: usize = 1 << 16;
/// From this size on, huge pages are asked for: fewer entries for the processor to look up.
const HUGE: usize = 1 << 22;
/// Bytes of a huge page.
const HUGE_PAGE: usize = 1 << 21;
/// Alignment of every other buffer that is kept: a cache line.
const LINE: usize = 64;
/// Sizes to each doubling. A buffer is at most an eighth longer than what was asked for.
const STEPS: usize = 8;
/// Number of sizes, up to 2^48 bytes.
const SIZES: usize = (48 - SMALLEST.trailing_zeros() as usize) * STEPS;

/// The system's allocator with a list of free buffers for each size of 64 KiB and more.
///
/// What lies in the lists never exceeds what is in use, or was when it was freed: before more is asked of the system, lists that
/// hold more than is in use are emptied.
pub struct Caching {
    state: Mutex<State>,
}

struct State {
    /// For each size the first free buffer; the first word of each holds the address of the next.
    free: [*mut u8; SIZES],
    cached: usize,
    used: usize,
}

// SAFETY: the addresses are of memory that belongs to nobody but the lists.
unsafe impl Send for State {}

impl Caching {
    /// With empty lists.
    pub const fn new() -> Self {
        Self { state: Mutex::new(State { free: [null_mut(); SIZES], cached: 0, used: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeps(layout: Layout) -> bool {
        layout.size() >= SMALLEST && layout.align() <= LINE && layout.size() < 1 << 47
    }
}

impl Default for Caching {
    fn default() -> Self {
        Self::new()
    }
}

/// The index of the smallest size of at least `len` bytes.
fn class(len: usize) -> usize {
    // len lies in (2^k, 2^(k+1)]; that range has STEPS sizes.
    let k = (len - 1).ilog2() as usize;
    let step = (len - 1 - (1 << k)) / ((1 << k) / STEPS);
    (k + 1 - SMALLEST.trailing_zeros() as usize) * STEPS + step
}

/// The layout of all buffers of a size.
fn layout(class: usize) -> Layout {
    let base = (SMALLEST / 2) << (class / STEPS);
    let len = base + base / STEPS * (class % STEPS + 1);
    let align = if len >= HUGE { HUGE_PAGE } else { LINE };
    Layout::from_size_align(len, align).expect("a length below 2^48 and a power of two")
}

impl State {
    /// A free buffer of the size, if there is one.
    fn take(&mut self, class: usize) -> Option<*mut u8> {
        let first = self.free[class];
        if first.is_null() {
            return None;
        }
        // SAFETY: the first word of a free buffer holds the address of the next.
        self.free[class] = unsafe { first.cast::<*mut u8>().read() };
        self.cached -= layout(class).size();
        Some(first)
    }

    fn put(&mut self, class: usize, buffer: *mut u8) {
        // SAFETY: the buffer is nobody's any more, and at least a word long.
        unsafe { buffer.cast::<*mut u8>().write(self.free[class]) };
        self.free[class] = buffer;
        self.cached += layout(class).size();
    }

    /// Gives every free buffer back to the system.
    fn empty(&mut self) {
        for class in 0..SIZES {
            while let Some(buffer) = self.take(class) {
                // SAFETY: it came from the system with this layout.
                unsafe { System.dealloc(buffer, layout(class)) };
            }
        }
    }
}

// SAFETY: every buffer comes from the system's allocator with a layout that fits the one asked for, and goes back with the same;
// whether it is kept, and its size, follow from the caller's layout alone. A buffer is in a list or in use, never both.
unsafe impl GlobalAlloc for Caching {
    unsafe fn alloc(&self, wanted: Layout) -> *mut u8 {
        if !Self::keeps(wanted) {
            // SAFETY: the caller's.
            return unsafe { System.alloc(wanted) };
        }
        let class = class(wanted.size());
        let layout = layout(class);
        let mut state = self.state();
        state.used += layout.size();
        if let Some(buffer) = state.take(class) {
            return buffer;
        }
        if state.cached > state.used {
            state.empty();
        }
        drop(state);
        // SAFETY: the layout's size is not 0.
        let buffer = unsafe { System.alloc(layout) };
        if buffer.is_null() {
            self.state().used -= layout.size();
        } else if layout.align() == HUGE_PAGE {
            ask_for_huge_pages(buffer, layout.size());
        }
        buffer
    }

    unsafe fn dealloc(&self, buffer: *mut u8, wanted: Layout) {
        if !Self::keeps(wanted) {
            // SAFETY: the caller's; it came from the system with this layout.
            return unsafe { System.dealloc(buffer, wanted) };
        }
        let class = class(wanted.size());
        let mut state = self.state();
        state.used -= layout(class).size();
        state.put(class, buffer);
    }

    unsafe fn alloc_zeroed(&self, wanted: Layout) -> *mut u8 {
        if !Self::keeps(wanted) {
            // SAFETY: the caller's.
            return unsafe { System.alloc_zeroed(wanted) };
        }
        // SAFETY: the caller's.
        let buffer = unsafe { self.alloc(wanted) };
        if !buffer.is_null() {
            // SAFETY: the buffer is at least as long as wanted.
            unsafe { buffer.write_bytes(0, wanted.size()) };
        }
        buffer
    }

    unsafe fn realloc(&self, old: *mut u8, wanted: Layout, len: usize) -> *mut u8 {
        // SAFETY: the caller's: a length that does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(len, wanted.align()) };
        match (Self::keeps(wanted), Self::keeps(new)) {
            // SAFETY: the caller's.
            (false, false) => unsafe { System.realloc(old, wanted, len) },
            (true, true) if class(wanted.size()) == class(len) => old,
            _ => {
                // SAFETY: the caller's; both buffers are as long as what is copied.
                unsafe {
                    let buffer = self.alloc(new);
                    if !buffer.is_null() {
                        buffer.copy_from_nonoverlapping(old, wanted.size().min(len));
                        self.dealloc(old, wanted);
                    }
                    buffer
                }
            }
        }
    }
}

/// Only a wish: whether the system grants it changes nothing but speed.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(buffer: *mut u8, len: usize) {
    use nix::sys::mman::{MmapAdvise, madvise};
    if let Some(start) = std::ptr::NonNull::new(buffer.cast()) {
        // SAFETY: whole huge pages of a buffer that is ours; the advice leaves contents as they are.
        let _ = unsafe { madvise(start, len / HUGE_PAGE * HUGE_PAGE, MmapAdvise::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_at_most_an_eighth_too_long() {
        for len in (SMALLEST..1 << 22).step_by(4093).chain([SMALLEST, SMALLEST + 1, 1 << 30, (1 << 30) + 1, (1 << 46) - 3]) {
            let size = layout(class(len)).size();
            assert!(size >= len && size <= len + len / 8 + 1, "{size} for {len}");
            assert_eq!(class(size), class(len), "a size is its own");
        }
    }

    #[test]
    fn a_freed_buffer_serves_again_and_zeroed_means_zeroed() {
        let memory = Caching::new();
        let layout = Layout::from_size_align(3 << 20, 4).unwrap();
        // SAFETY: the layouts given back are those asked for.
        unsafe {
            let first = memory.alloc(layout);
            first.write_bytes(7, layout.size());
            memory.dealloc(first, layout);
            assert_eq!(memory.state().cached, super::layout(class(layout.size())).size());
            let shorter = Layout::from_size_align((3 << 20) - 100, 4).unwrap();
            let second = memory.alloc_zeroed(shorter);
            assert_eq!(second, first);
            assert!(std::slice::from_raw_parts(second, shorter.size()).iter().all(|x| *x == 0));
            memory.dealloc(second, shorter);
            memory.state().empty();
        }
        let state = memory.state();
        assert_eq!((state.cached, state.used), (0, 0));
    }

    #[test]
    fn no_more_is_kept_than_is_in_use() {
        let memory = Caching::new();
        let [large, small] = [1 << 20, 1 << 17].map(|len| Layout::from_size_align(len, 4).unwrap());
        // SAFETY: as above.
        unsafe {
            let buffer = memory.alloc(large);
            memory.dealloc(buffer, large);
            let other = memory.alloc(small);
            assert_eq!(memory.state().cached, 0, "the large one went back before more was asked for");
            memory.dealloc(other, small);
            memory.state().empty();
        }
    }

    #[test]
    fn a_grown_buffer_keeps_its_bytes() {
        let memory = Caching::new();
        // SAFETY: as above.
        unsafe {
            let mut layout = Layout::from_size_align(1000, 4).unwrap();
            let mut buffer = memory.alloc(layout);
            buffer.write_bytes(9, layout.size());
            for len in [70_000, 71_000, 5 << 20, 500] {
                buffer = memory.realloc(buffer, layout, len);
                layout = Layout::from_size_align(len, 4).unwrap();
                assert!(std::slice::from_raw_parts(buffer, 500).iter().all(|x| *x == 9), "{len}");
            }
            memory.dealloc(buffer, layout);
            memory.state().empty();
        }
    }
}
