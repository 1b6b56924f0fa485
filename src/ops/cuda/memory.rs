//! The device's memory: large segments from the driver, cut to size here and kept until the end.
//!
//! All work runs on one stream, so memory that is given back may be used again at once: whoever gets it comes later on the stream.
//! The driver is asked only for segments, so that steps which repeat cost no call, and a recorded graph may name what it used.

use super::driver::{Driver, NO_ROOM};
use crate::OUT_OF_DEVICE_MEMORY;
use crate::config::Precision;
use candle_core::{Result, bail};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Every address is a multiple of it.
const ALIGNMENT: usize = 512;
/// The least that the driver is asked for.
const SEGMENT: usize = 32 << 20;
/// The most that it is asked for beyond what is needed.
const LARGE_SEGMENT: usize = 1 << 30;

/// The memory of a device.
pub(super) struct Memory {
    state: RefCell<State>,
}

struct State {
    /// Its context must outlive the memory.
    driver: Rc<Driver>,
    /// Where segments begin: free places are not joined across.
    segments: Vec<u64>,
    /// Address to length; neighbours of one segment are joined.
    free: BTreeMap<u64, usize>,
    reserved: usize,
    used: usize,
    peak: usize,
}

impl Memory {
    pub fn of(driver: &Rc<Driver>) -> Rc<Self> {
        let (driver, segments, free) = (driver.clone(), Vec::new(), BTreeMap::new());
        Rc::new(Self { state: RefCell::new(State { driver, segments, free, reserved: 0, used: 0, peak: 0 }) })
    }

    /// Room for so many bytes, whatever lies there.
    pub fn take(self: &Rc<Self>, bytes: usize) -> Result<Block> {
        let length = bytes.max(1).next_multiple_of(ALIGNMENT);
        let mut state = self.state.borrow_mut();
        if state.fit(length).is_none() {
            state.grow(length)?;
        }
        let Some(address) = state.fit(length) else { bail!("{OUT_OF_DEVICE_MEMORY}: {length} bytes are in no segment") };
        state.cut(address, length);
        Ok(Block { memory: self.clone(), address, length, own: false })
    }

    /// Room of its own, for what must keep its place among the work of recorded graphs, which goes on using places that were given back.
    pub fn take_apart(self: &Rc<Self>, bytes: usize) -> Result<Block> {
        let length = bytes.max(1).next_multiple_of(ALIGNMENT);
        let mut state = self.state.borrow_mut();
        let address = state.allocate(length)?;
        state.used += length;
        state.peak = state.peak.max(state.used);
        Ok(Block { memory: self.clone(), address, length, own: true })
    }

    /// Bytes taken from the driver.
    pub fn reserved(&self) -> usize {
        self.state.borrow().reserved
    }

    /// The most bytes in use at a time.
    pub fn peak(&self) -> usize {
        self.state.borrow().peak
    }
}

impl State {
    /// The smallest free place that is large enough.
    fn fit(&self, length: usize) -> Option<u64> {
        self.free.iter().filter(|(_, free)| **free >= length).min_by_key(|(_, free)| **free).map(|(address, _)| *address)
    }

    fn cut(&mut self, address: u64, length: usize) {
        let free = self.free.remove(&address).expect("`fit` found it");
        if free > length {
            self.free.insert(address + length as u64, free - length);
        }
        self.used += length;
        self.peak = self.peak.max(self.used);
    }

    fn grow(&mut self, length: usize) -> Result<()> {
        // The more there is, the larger the next, so that few borders keep free places apart. Where a whole segment has no room, what is
        // needed may.
        let segment = length.max((self.reserved / 4).clamp(SEGMENT, LARGE_SEGMENT));
        let (address, size) = match self.allocate(segment) {
            Ok(address) => (address, segment),
            Err(_) => (self.allocate(length)?, length),
        };
        self.segments.push(address);
        self.free.insert(address, size);
        Ok(())
    }

    /// Memory from the driver.
    fn allocate(&mut self, size: usize) -> Result<u64> {
        let mut address = 0;
        // SAFETY: no more than an allocation.
        match unsafe { self.driver.cuda().cuMemAlloc_v2(&raw mut address, size) } {
            NO_ROOM => bail!(
                "{OUT_OF_DEVICE_MEMORY}: {} MB more are wanted, beside {} MB held",
                size.div_ceil(1_000_000),
                self.reserved / 1_000_000
            ),
            status => self.driver.checked("allocating memory", status)?,
        }
        self.reserved += size;
        Ok(address)
    }

    /// Gives memory back to the driver.
    ///
    /// # Safety
    /// `allocate` returned the address, and nothing uses what lies there.
    unsafe fn free(&self, address: u64) {
        // SAFETY: the caller's; the driver waits for work under way.
        unsafe { _ = self.driver.cuda().cuMemFree_v2(address) }
    }

    fn give_back(&mut self, mut address: u64, mut length: usize) {
        self.used -= length;
        let end = address + length as u64;
        if !self.segments.contains(&end) {
            length += self.free.remove(&end).unwrap_or(0);
        }
        if !self.segments.contains(&address)
            && let Some((&before, &free)) = self.free.range(..address).next_back()
            && before + free as u64 == address
        {
            self.free.remove(&before);
            (address, length) = (before, free + length);
        }
        self.free.insert(address, length);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: every block keeps the memory alive, so none is left.
        self.segments.iter().for_each(|address| unsafe { self.free(*address) });
    }
}

/// Some of the device's memory, given back when dropped.
pub(super) struct Block {
    memory: Rc<Memory>,
    address: u64,
    length: usize,
    /// Whether it is no part of a segment.
    own: bool,
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut state = self.memory.state.borrow_mut();
        if self.own {
            state.used -= self.length;
            state.reserved -= self.length;
            // SAFETY: `take_apart` allocated it, and whoever held it is gone.
            unsafe { state.free(self.address) }
        } else {
            state.give_back(self.address, self.length);
        }
    }
}

/// What numbers are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 32-bit floating point.
    F32,
    /// bfloat16.
    Bf16,
    /// Bytes.
    U8,
    /// 64-bit floating point.
    F64,
}

impl Kind {
    /// What maps are stored as in a precision.
    pub(super) fn of_maps(precision: Precision) -> Self {
        if precision == Precision::Bf16 { Self::Bf16 } else { Self::F32 }
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// Numbers on the device, one after the other; copies of the handle share them.
#[derive(Clone)]
pub struct Array {
    block: Rc<Block>,
    /// Bytes from the block's start.
    offset: usize,
    len: usize,
    kind: Kind,
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Array({} × {:?})", self.len, self.kind)
    }
}

impl Array {
    /// Whatever lies there.
    pub(super) fn uninitialised(memory: &Rc<Memory>, kind: Kind, len: usize) -> Result<Self> {
        Ok(Self { block: Rc::new(memory.take(len * kind.size())?), offset: 0, len, kind })
    }

    /// The same in a place of its own, which no recorded graph touches unless it names it.
    pub(super) fn apart(memory: &Rc<Memory>, kind: Kind, len: usize) -> Result<Self> {
        Ok(Self { block: Rc::new(memory.take_apart(len * kind.size())?), offset: 0, len, kind })
    }

    /// So many numbers of it, from the one at `start` on.
    ///
    /// # Panics
    /// If it has not as many.
    pub fn part(&self, start: usize, len: usize) -> Self {
        assert!(start + len <= self.len, "a part lies within the whole");
        Self { block: self.block.clone(), offset: self.offset + start * self.kind.size(), len, kind: self.kind }
    }

    /// Where it lies on the device.
    pub(super) fn address(&self) -> u64 {
        self.block.address + self.offset as u64
    }

    /// Numbers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What they are stored as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn bytes(&self) -> usize {
        self.len * self.kind.size()
    }

    /// Copies numbers there.
    pub(super) fn upload<T: Copy>(&self, driver: &Driver, from: &[T]) -> Result<()> {
        assert_eq!((from.len(), size_of::<T>()), (self.len, self.kind.size()), "as many numbers of the same kind");
        // SAFETY: the sizes agree.
        unsafe { driver.upload(self.address(), from) }
    }

    /// Copies them here.
    pub(super) fn download<T: Copy + Default>(&self, driver: &Driver) -> Result<Vec<T>> {
        assert_eq!(size_of::<T>(), self.kind.size(), "numbers of the same kind");
        let mut values = vec![T::default(); self.len];
        // SAFETY: the sizes agree, and T is a plain number.
        unsafe { driver.download(&mut values, self.address()) }?;
        Ok(values)
    }

    pub(super) fn clear(&self, driver: &Driver) -> Result<()> {
        // SAFETY: it is the whole of this array.
        unsafe { driver.clear(self.address(), self.bytes()) }
    }

    pub(super) fn copy_from(&self, driver: &Driver, from: &Self) -> Result<()> {
        assert_eq!(self.bytes(), from.bytes(), "arrays of the same size");
        // SAFETY: the sizes agree; two arrays overlap only if they are the same memory, which callers do not do.
        unsafe { driver.copy(self.address(), from.address(), self.bytes()) }
    }
}
