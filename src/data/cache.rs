//! Decoded and fitted samples on disk, one file each, named by the hash of all that they depend on. A file that is torn or
//! changed counts as absent, and a directory that cannot be written only means that nothing is kept.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Counts up whenever the same key would mean other bytes than before.
pub(super) const FORMAT: u32 = 1;

const CHECKSUM: usize = blake3::OUT_LEN;

/// A directory of samples.
pub(super) struct Cache<'a> {
    directory: &'a Path,
}

impl<'a> Cache<'a> {
    /// The directory is made when something is to be kept.
    pub fn new(directory: &'a Path) -> Self {
        Self { directory }
    }

    fn file(&self, key: &blake3::Hash) -> PathBuf {
        self.directory.join(format!("{}.sample", key.to_hex()))
    }

    /// Image and mask of the lengths expected, if they were kept and are whole.
    pub fn load(&self, key: &blake3::Hash, image_length: usize, mask_length: usize) -> Option<(Vec<f32>, Vec<u8>)> {
        let bytes = fs::read(self.file(key)).ok()?;
        let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if body.len() != 4 * image_length + mask_length || sum(key, body).as_bytes() != checksum {
            return None;
        }
        let (image, mask) = body.split_at(4 * image_length);
        Some((image.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(), mask.to_vec()))
    }

    /// Keeps a sample, whole or not at all.
    ///
    /// # Errors
    /// What the system said; the caller may go on without.
    pub fn store(&self, key: &blake3::Hash, image: &[f32], mask: &[u8]) -> io::Result<()> {
        let mut body: Vec<u8> = image.iter().flat_map(|value| value.to_le_bytes()).collect();
        body.extend(mask);
        body.extend(sum(key, &body).as_bytes());
        fs::create_dir_all(self.directory)?;
        let mut file = tempfile::NamedTempFile::new_in(self.directory)?;
        file.write_all(&body)?;
        file.persist(self.file(key))?;
        Ok(())
    }
}

/// Over the key too, so that a file under a wrong name is not taken.
fn sum(key: &blake3::Hash, body: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(key.as_bytes()).update(body).finalize()
}
