//! The one door to the disk: whole files that are replaced so that nobody sees a part, files that are written where they lie, and
//! directories.
//!
//! - What is written or created here outlives a loss of power once the call has returned: a file is synced before it gets its name,
//!   and the directory that holds the name afterwards.
//! - No file is written through a symbolic link. A replaced file takes the link's place, and the link's target stays as it is. A
//!   file that is written where it lies (rows, log, lock) is refused if it is a link. Directories may be links.
//! - The umask alone decides who may read a file.

use super::error::{Result, content, named};
use crate::regular::{self, Most};
use crate::system;
use std::fs::{self, File, OpenOptions};
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
    let dir = parent(path);
    create_dirs(dir)?;
    let mut beside = named(beside(dir), "writing", path)?;
    named(write(beside.as_file_mut()).and_then(|()| beside.as_file().sync_all()), "writing", path)?;
    named(beside.persist(path).map(drop).map_err(|e| e.error), "writing", path)?;
    named(system::sync_dir(dir), "writing", path)
}

/// A new file that is to get another name. The system takes the umask off what is asked for.
fn beside(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    system::with_umask(&mut builder);
    builder.prefix(WRITING).tempfile_in(dir)
}

/// Creates a directory with all above it that are missing.
pub(super) fn create_dirs(dir: &Path) -> Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    named(fs::create_dir_all(dir), "creating", dir)?;
    missing.into_iter().try_for_each(|dir| named(system::sync_dir(parent(dir)), "creating", dir))
}

/// Makes the name of something existing outlive a loss of power.
pub(super) fn keep_name(path: &Path) -> Result<()> {
    named(system::sync_dir(parent(path)), "writing", path)
}

/// Removes a file.
pub(super) fn remove(path: &Path) -> Result<()> {
    named(fs::remove_file(path), "removing", path)?;
    named(system::sync_dir(parent(path)), "removing", path)
}

/// Removes a directory with all that it holds, if it is there; of a link the link alone.
pub(super) fn remove_dir(path: &Path) -> Result<()> {
    let Ok(found) = path.symlink_metadata() else { return Ok(()) };
    named(if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }, "removing", path)?;
    keep_name(path)
}

/// Opens a file that is written where it lies.
pub(super) fn open_in_place(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let opened = system::in_place(options).open(path);
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Err(content(
            path,
            "is a symbolic link, and the file that it names would be overwritten",
            "remove the link and repeat the command",
        )),
        Ok(found) if !found.is_file() => Err(content(path, "is not a regular file", "remove it and repeat the command")),
        _ => named(opened, "opening", path),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    named(regular::bytes(path, Most::WHOLE), "reading", path)
}

/// The text of a file of at most this size; `None` if there is none. `remedy` says what to do where it is no text.
pub(super) fn read_if_there(path: &Path, most: Most, remedy: &str) -> Result<Option<String>> {
    match regular::text(path, most) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(content(path, "is no text in UTF-8", remedy)),
        Err(e) => named(Err(e), "reading", path),
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
        assert_eq!(read_if_there(&dir.path().join("none"), Most::SMALL, "").unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| dir.path().join(name));
        fs::write(&target, "theirs").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let refused = open_in_place(&link, OpenOptions::new().create(true).append(true)).unwrap_err().to_string();
        assert!(refused.contains("link: is a symbolic link") && refused.contains("remove the link"), "{refused}");
        let refused = open_in_place(dir.path(), OpenOptions::new().read(true)).unwrap_err().to_string();
        assert!(refused.contains("is not a regular file"), "{refused}");
        write_atomic(&link, b"ours").unwrap();
        assert_eq!((read_bytes(&target).unwrap(), read_bytes(&link).unwrap()), (b"theirs".to_vec(), b"ours".to_vec()));
    }
}
