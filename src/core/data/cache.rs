//! Decoded and fitted samples on disk, one file each, named by the hash of all that they depend on. A file that is torn or
//! changed counts as absent, and a directory that cannot be written only means that nothing is kept.
//!
//! A file is believed if its own hash fits its name and content. That finds what a disk or a death has damaged, and it does not find what was
//! made on purpose: whoever may write the directory can put any image and mask there under a right hash. So the directory must
//! be as trustworthy as the data set itself; where it is shared with others, delete it before numbers that matter.

use super::pixels::{MAPPED_FROM, Pixels};
use crate::regular::{self, Most};
use crate::system::{self, Mapping};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Counts up whenever the same key would mean other bytes than before.
pub(super) const FORMAT: u32 = 4;

/// How the names of files begin that are not whole yet. Who writes one holds its lock.
const WRITING: &str = ".writing-";

const CHECKSUM: usize = blake3::OUT_LEN;

/// A directory of samples.
pub(super) struct Cache<'a> {
    directory: &'a Path,
}

impl<'a> Cache<'a> {
    /// The directory is made when something is to be kept. What a killed process left half-written in it is removed.
    pub fn new(directory: &'a Path) -> Self {
        clear(directory);
        Self { directory }
    }

    fn file(&self, key: &blake3::Hash) -> PathBuf {
        self.directory.join(format!("{}.sample", key.to_hex()))
    }

    /// Image and mask of the lengths expected, if they were kept and are whole.
    pub fn load(&self, key: &blake3::Hash, image_length: usize, mask_length: usize) -> Option<(Pixels, Vec<u8>)> {
        // Values lie in the file with their lowest byte first.
        if cfg!(target_endian = "little")
            && 4 * image_length >= MAPPED_FROM
            && let Some(mapped) = self.mapped(key, image_length, mask_length)
        {
            return Some(mapped);
        }
        let bytes = regular::bytes(&self.file(key), Most::WHOLE).ok()?;
        let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
        if body.len() != 4 * image_length + mask_length || sum(key, body).as_bytes() != checksum {
            return None;
        }
        let (image, mask) = body.split_at(4 * image_length);
        Some((image.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(), mask.to_vec()))
    }

    /// The same of a large image, which is read as far as it is used.
    fn mapped(&self, key: &blake3::Hash, image_length: usize, mask_length: usize) -> Option<(Pixels, Vec<u8>)> {
        let mapping = Mapping::of(&regular::open(&self.file(key)).ok()?).ok()?;
        let (body, checksum) = mapping.bytes().split_at_checked(mapping.bytes().len().checked_sub(CHECKSUM)?)?;
        if body.len() != 4 * image_length + mask_length || sum(key, body).as_bytes() != checksum {
            return None;
        }
        let mask = body[4 * image_length..].to_vec();
        Some((Pixels::of_file(Arc::new(mapping), image_length), mask))
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
        let mut file = beside(self.directory)?;
        // Somebody who clears in this very moment may take it away; then the sample is just not kept.
        file.as_file().lock()?;
        file.write_all(&body)?;
        file.persist(self.file(key))?;
        Ok(())
    }
}

/// A new file that is to get another name; the umask says who may read it.
pub(super) fn beside(directory: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    system::with_umask(&mut builder);
    builder.prefix(WRITING).tempfile_in(directory)
}

/// Removes the files that nobody is writing any more. What cannot be listed or removed does no harm.
fn clear(directory: &Path) {
    let names = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in names.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(WRITING))) {
        if regular::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            _ = fs::remove_file(path);
        }
    }
}

/// Over the key too, so that a file under a wrong name is not taken.
fn sum(key: &blake3::Hash, body: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(key.as_bytes()).update(body).finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_nobody_writes_any_more_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let (left, written, whole) = (path(".writing-a"), path(".writing-b"), path("c.sample"));
        [&left, &written, &whole].into_iter().for_each(|path| fs::write(path, "").unwrap());
        let writer = File::open(&written).unwrap();
        writer.lock().unwrap();
        _ = Cache::new(dir.path());
        assert_eq!([&left, &written, &whole].map(|path| path.exists()), [false, true, true]);
    }
}
