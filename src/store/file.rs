//! Whole files: replaced so that nobody sees a part, and read.

use super::error::{Result, told};
use crate::regular::{self, Most};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// How the names of files begin that are not whole yet.
pub(super) const WRITING: &str = ".writing-";

/// Replaces `path` by `bytes`: whoever reads sees the old content or the new, never a part.
///
/// # Errors
/// If the directory cannot be created or the file not be written.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| file.write_all(bytes))
}

/// Replaces `path` by what `write` writes, as [`write_atomic`] does.
///
/// # Errors
/// If the directory cannot be created or the file not be written.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    told(fs::create_dir_all(dir), "creating", dir)?;
    let mut beside = told(tempfile::Builder::new().prefix(WRITING).tempfile_in(dir), "writing", path)?;
    told(write(beside.as_file_mut()).and_then(|()| beside.as_file().sync_all()), "writing", path)?;
    told(make_readable(beside.as_file()), "writing", path)?;
    told(beside.persist(path).map(drop).map_err(|e| e.error), "writing", path)
}

/// Temporary files are private; results are for everybody who may read the directory.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// The beginning of a file's name, of at most so many bytes: of a longer one the beginning, and a hash that keeps it apart from others
/// that begin alike. Folders before it, with `/`, stay as they are. File systems allow names of 255 bytes, with whatever comes behind.
pub fn fitting(stem: &str, most: usize) -> String {
    let (folders, last) = stem.rsplit_once('/').map_or(("", stem), |(folders, last)| (&stem[..=folders.len()], last));
    if last.len() <= most {
        return stem.to_owned();
    }
    let hash = &blake3::hash(stem.as_bytes()).to_hex()[..16];
    let room = most.saturating_sub(1 + hash.len());
    let end = (0..=room).rev().find(|at| last.is_char_boundary(*at)).unwrap_or(0);
    format!("{folders}{}-{hash}", &last[..end])
}

/// The whole content of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    told(regular::bytes(path, Most::WHOLE), "reading", path)
}

/// The text of a file of at most this size; `None` if there is none.
pub(super) fn read_if_there(path: &Path, most: Most) -> Result<Option<String>> {
    match regular::text(path, most) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => told(Err(e), "reading", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        assert_eq!((fitting("a", 40), fitting("b/a", 1)), ("a".into(), "b/a".into()));
        let long = |last: &str| fitting(&("b/".to_owned() + &"眼".repeat(100) + last), 40);
        assert!(long("a").len() <= 42 && long("a").starts_with("b/眼眼眼眼眼眼眼-") && long("a") != long("b"));
        assert_eq!(fitting(&long("a"), 40), long("a"));
    }

    #[test]
    fn a_failed_replacement_leaves_the_old_content_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/x.txt");
        write_atomic(&path, b"old").unwrap();
        let failed = replace(&path, |file| file.write_all(b"ne").and(Err(io::Error::other("torn"))));
        assert!(failed.unwrap_err().to_string().contains("x.txt: writing failed: torn"));
        assert_eq!(read_bytes(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(read_if_there(&dir.path().join("none"), Most::SMALL).unwrap(), None);
    }
}
