//! Whole files: replaced so that nobody sees a part, and read.

use super::error::{Result, content, told};
use std::fs::{self, File};
use std::io::{self, Read, Write};
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

/// The whole content of a file.
///
/// # Errors
/// If it cannot be read.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    told(File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)), "reading", path)?;
    Ok(bytes)
}

/// The text of a file; `None` if there is none. `remedy` says what to do where it is no text.
pub(super) fn read_if_there(path: &Path, remedy: &'static str) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(content(path, "is no text in UTF-8", remedy)),
        Err(e) => told(Err(e), "reading", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_replacement_leaves_the_old_content_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/x.txt");
        write_atomic(&path, b"old").unwrap();
        let failed = replace(&path, |file| file.write_all(b"ne").and(Err(io::Error::other("torn"))));
        assert!(failed.unwrap_err().to_string().contains("x.txt: writing failed: torn"));
        assert_eq!(read_bytes(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(read_if_there(&dir.path().join("none"), "").unwrap(), None);
    }
}
