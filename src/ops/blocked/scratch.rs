//! Buffers that kernels use again and again, and pointers that tasks share.

use super::simd::Element;
use std::cell::RefCell;
use std::mem::{ManuallyDrop, MaybeUninit};

/// A cache line in f32; buffers start at a multiple of it.
const LINE: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with a buffer of `len` elements at a multiple of 64 bytes. The contents are whatever an earlier use left; each
/// thread keeps its buffers, so their memory is touched for the first time only once.
pub fn scratch<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(|free| take(free, len + LINE));
    let start = buffer.as_ptr().align_offset(64);
    let result = work(&mut buffer[start..start + len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// Takes the smallest buffer of at least `len` elements; failing that, drops the largest and makes one.
fn take(free: &mut Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let fitting = (0..free.len()).filter(|&i| free[i].len() >= len).min_by_key(|&i| free[i].len());
    if let Some(i) = fitting {
        return free.swap_remove(i);
    }
    if let Some(largest) = (0..free.len()).max_by_key(|&i| free[i].len()) {
        free.swap_remove(largest);
    }
    vec![0.0; len]
}

/// Calls `work` with a pointer to `len` elements at a multiple of 64 bytes, not initialised, that are freed again: for what the tasks of an operation share,
/// up to some 15 MB, which is room for maps between operations.
pub fn shared_scratch<R>(len: usize, work: impl FnOnce(Shared) -> R) -> R {
    let mut buffer = uninitialised::<f32>(len + LINE);
    let start = buffer.as_ptr().align_offset(64);
    work(Shared(buffer[start..].as_mut_ptr().cast()))
}

/// `len` elements as the allocator gives them.
pub fn uninitialised<E>(len: usize) -> Vec<MaybeUninit<E>> {
    let mut data = Vec::with_capacity(len);
    // SAFETY: elements that may be uninitialised need no initialisation, and the capacity is there.
    unsafe { data.set_len(len) };
    data
}

/// The same elements, now initialised.
///
/// # Safety
/// Every element must have been written.
pub unsafe fn assume_initialised<E>(data: Vec<MaybeUninit<E>>) -> Vec<E> {
    let mut data = ManuallyDrop::new(data);
    // SAFETY: E and MaybeUninit<E> have one layout; the caller says that the elements are initialised.
    unsafe { Vec::from_raw_parts(data.as_mut_ptr().cast(), data.len(), data.capacity()) }
}

/// A pointer that tasks running at the same time share, each to write its own part.
#[derive(Debug)]
pub struct Shared<E = f32>(pub *mut E);

impl<E> Clone for Shared<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Shared<E> {}

// SAFETY: it is only an address; whoever writes through it says why no other task touches that part.
unsafe impl<E> Send for Shared<E> {}
// SAFETY: as above.
unsafe impl<E> Sync for Shared<E> {}

impl<E> Shared<E> {
    /// The address `offset` elements further.
    ///
    /// # Safety
    /// It must lie in the same allocation.
    #[inline(always)]
    pub unsafe fn at(self, offset: usize) -> *mut E {
        // SAFETY: the caller's.
        unsafe { self.0.add(offset) }
    }
}

/// A stride of at least `len` elements: an odd number of cache lines, so that many parallel streams at that stride spread over
/// all sets of the cache.
pub fn spread<E: Element>(len: usize) -> usize {
    let line = LINE * size_of::<f32>() / size_of::<E>();
    (len.div_ceil(line) | 1) * line
}

/// The f32 that take the room of `len` elements, whole lines of them.
pub fn room<E: Element>(len: usize) -> usize {
    len * size_of::<E>() / size_of::<f32>()
}
