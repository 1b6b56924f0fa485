//! The values of an image: in memory, or, where they are many, in the cache's file, of which only what is used is read.

use crate::system::Mapping;
use std::fmt;
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
