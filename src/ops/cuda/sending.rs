//! Numbers on their way to the device, in memory of this machine that it reads by itself.
//!
//! From memory of any other kind the driver copies before its call returns, if need be after waiting for the work asked for so far. A
//! [`Sender`] has several places that are used in turns: what is asked for next goes into another than the device still reads.

use super::driver::{Driver, Moment, Pinned};
use super::memory::Array;
use candle_core::{Result, bail};
use std::rc::Rc;

/// Every array of a parcel begins at a multiple of so many bytes.
const ALIGNMENT: usize = 16;

/// Places for parcels of some size.
pub struct Sender {
    driver: Rc<Driver>,
    pinned: Pinned,
    /// Of each place, in bytes.
    bytes: usize,
    /// When the device has read what each place held last.
    read: Vec<Option<Moment>>,
    next: usize,
}

impl Sender {
    /// So many places for parcels of up to `arrays` arrays of `bytes` bytes in all.
    pub(super) fn new(driver: &Rc<Driver>, places: usize, arrays: usize, bytes: usize) -> Result<Self> {
        let bytes = (bytes + arrays * ALIGNMENT).next_multiple_of(ALIGNMENT);
        let pinned = Pinned::new(driver, places * bytes / size_of::<f64>())?;
        Ok(Self { driver: driver.clone(), pinned, bytes, read: (0..places).map(|_| None).collect(), next: 0 })
    }

    /// Sends what `fill` puts into a parcel. Waits only if the device has not yet read the parcel that had this place before.
    ///
    /// # Errors
    /// Those of `fill`, and what the driver reports.
    pub fn send(&mut self, fill: impl FnOnce(&mut Parcel) -> Result<()>) -> Result<()> {
        let place = self.next;
        self.next = (place + 1) % self.read.len();
        if let Some(read) = self.read[place].take() {
            read.wait()?;
        }
        let start = place * self.bytes;
        let filled = fill(&mut Parcel { driver: &self.driver, pinned: &self.pinned, at: start, end: start + self.bytes });
        // Even after an error some of it may be under way.
        self.read[place] = Some(self.driver.moment()?);
        filled
    }
}

/// A place that is filled.
pub struct Parcel<'a> {
    driver: &'a Driver,
    pinned: &'a Pinned,
    /// Bytes from the beginning of all places.
    at: usize,
    end: usize,
}

impl Parcel<'_> {
    /// Asks for a copy of these numbers in an array of as many.
    ///
    /// # Errors
    /// If the parcel has no room for them, and what the driver reports.
    ///
    /// # Panics
    /// If the array holds other numbers, or another number of them.
    pub fn put<T: Copy>(&mut self, array: &Array, values: &[T]) -> Result<()> {
        assert_eq!((values.len(), size_of::<T>()), (array.len(), array.kind().size()), "as many numbers of the same kind");
        let end = self.at + array.bytes();
        if end > self.end {
            bail!("{} bytes do not fit a parcel that has room for {}", array.bytes(), self.end - self.at)
        }
        self.pinned.send(self.driver, self.at, array.address(), values)?;
        self.at = end.next_multiple_of(ALIGNMENT);
        Ok(())
    }
}
