//! The values of an image: in memory, or, where they are many, in the cache's file, of which only what is used is read.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// Images of fewer bytes are held in memory.
pub(super) const MAPPED_FROM: usize = 16 << 20;

/// Values as a slice, wherever they are. A clone of mapped ones is the same mapping.
#[derive(Clone)]
pub struct Pixels(Kept);

#[derive(Clone)]
enum Kept {
    Memory(Vec<f32>),
    #[cfg_attr(not(all(unix, target_endian = "little")), expect(dead_code, reason = "nothing is mapped there"))]
    File(Arc<Mapping>, usize),
}

impl Pixels {
    /// The first `count` values of a mapped file.
    ///
    /// # Panics
    /// If the file is shorter.
    pub(super) fn of_file(mapping: Arc<Mapping>, count: usize) -> Self {
        assert!(mapping.bytes().len() >= count * size_of::<f32>(), "the file holds the image");
        Self(Kept::File(mapping, count))
    }
}

impl Deref for Pixels {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.0 {
            Kept::Memory(values) => values,
            // SAFETY: a mapping begins at a page, so it is aligned; it is long enough, as `of_file` saw; every bit pattern is an f32.
            Kept::File(mapping, count) => unsafe { std::slice::from_raw_parts(mapping.bytes().as_ptr().cast(), *count) },
        }
    }
}

impl Default for Pixels {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<f32>> for Pixels {
    fn from(values: Vec<f32>) -> Self {
        Self(Kept::Memory(values))
    }
}

impl FromIterator<f32> for Pixels {
    fn from_iter<I: IntoIterator<Item = f32>>(values: I) -> Self {
        Vec::from_iter(values).into()
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: AsRef<[f32]>> PartialEq<T> for Pixels {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A file's content as memory that is read when it is used, and given back when others need memory.
pub(super) struct Mapping {
    #[cfg(all(unix, target_endian = "little"))]
    start: std::ptr::NonNull<std::ffi::c_void>,
    length: usize,
}

// SAFETY: nobody writes what is mapped.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

#[cfg(all(unix, target_endian = "little"))]
impl Mapping {
    /// Maps all of a file that nobody changes. One that is removed or replaced stays mapped as it was.
    ///
    /// # Errors
    /// If it is empty, or what the system says.
    pub fn of(file: &File) -> io::Result<Self> {
        use nix::sys::mman::{MapFlags, ProtFlags, mmap};
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let wanted = std::num::NonZeroUsize::new(length).ok_or_else(|| io::Error::other("it is empty"))?;
        // SAFETY: a new mapping at a place of the system's choice, which is only read; files of the cache get their names when they are whole, and
        // are never written again.
        let start = unsafe { mmap(None, wanted, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, file, 0) }?;
        Ok(Self { start, length })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is as long, and lives as long as this value.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
    }
}

#[cfg(all(unix, target_endian = "little"))]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and nobody has a reference any more.
        _ = unsafe { nix::sys::mman::munmap(self.start, self.length) };
    }
}

#[cfg(not(all(unix, target_endian = "little")))]
impl Mapping {
    /// Nothing is mapped here.
    ///
    /// # Errors
    /// Always.
    pub fn of(_: &File) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn bytes(&self) -> &[u8] {
        unreachable!("{} bytes are mapped nowhere", self.length)
    }
}
