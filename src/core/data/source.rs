//! The bytes of a picture's file, read where they are wanted, so that a volume need not be in memory to read one page.

use crate::{regular, system};
use std::fs::File;
use std::path::Path;

/// An open file.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    length: u64,
}

impl Source {
    /// Opens a file. Pipes and devices are refused: they have no end, or none yet.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn open(path: &Path) -> Result<Self, String> {
        let message = |e: std::io::Error| format!("cannot be read: {e}");
        let file = regular::open(path).map_err(message)?;
        let length = file.metadata().map_err(message)?.len();
        Ok(Self { file, length })
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// So many bytes from a place on.
    ///
    /// # Errors
    /// In words, the file not named: if they lie beyond the end, before anything is allocated.
    pub fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, String> {
        if at.checked_add(length).is_none_or(|end| end > self.length) {
            return Err("the file ends before the image does; restore it, or save it again".into());
        }
        let mut bytes = vec![0; length as usize];
        system::read_at(&self.file, &mut bytes, at).map_err(|e| format!("cannot be read: {e}"))?;
        Ok(bytes)
    }

    /// The first bytes, at most so many.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn start(&self, length: u64) -> Result<Vec<u8>, String> {
        self.bytes(0, length.min(self.length))
    }
}
