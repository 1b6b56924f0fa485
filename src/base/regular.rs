//! Files that somebody else has named: how are they opened so that nothing blocks and nothing grows without end?
//!
//! The one door for reading. A path of a configuration, of the command line or of a results directory may lead to a named pipe, a
//! device or an endless file. Only regular files are opened, without waiting, and at most [`Most`] bytes of them are read.

use crate::system;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// How many bytes of a file are read at most; a larger one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most(pub u64);

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

impl Most {
    /// An experiment file together with what it extends, `umlaut.toml`: texts that people write.
    pub const WRITTEN: Self = Self(MIB);
    /// A small text that the program wrote: run.toml, place.toml, provenance.toml, outcome.toml, a lock.
    pub const SMALL: Self = Self(16 * MIB);
    /// A table that the program wrote: a row for each epoch or image.
    pub const TABLE: Self = Self(1024 * MIB);
    /// An image, a file of weights, a sample of the cache: what is held in memory whole.
    pub const WHOLE: Self = Self(16 * 1024 * MIB);
}

/// Opens a regular file, or a link to one, for reading.
///
/// # Errors
/// As the system says; [`io::ErrorKind::InvalidInput`] with what it is and a remedy if the path leads to anything else.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true))
}

/// Opens a regular file as `options` say, without waiting for whoever may be at the other end of a pipe.
///
/// # Errors
/// As [`open`].
pub fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Opening a device may do something by itself, so it is looked at before; what is opened is looked at again, because it
    // may have been replaced in between.
    match fs::metadata(path) {
        Ok(found) => check(&found)?,
        // It may be about to be created.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let file = system::without_waiting(options).open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// The whole content of a regular file.
///
/// # Errors
/// As [`open`]; [`io::ErrorKind::InvalidData`] with the sizes if it holds more than `most`.
pub fn bytes(path: &Path, most: Most) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata()?.len();
    if length > most.0 {
        return Err(too_large(Some(length), most));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(|_| io::ErrorKind::OutOfMemory)?;
    // A file may grow, and those of the system do not say how long they are.
    file.take(most.0.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most.0 { Err(too_large(None, most)) } else { Ok(bytes) }
}

/// The text of a regular file.
///
/// # Errors
/// As [`bytes`]; also if it is not UTF-8.
pub fn text(path: &Path, most: Most) -> io::Result<String> {
    let not_text = |e: std::string::FromUtf8Error| {
        let good = e.utf8_error().valid_up_to();
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is not UTF-8 text: the byte at {good} is 0x{:02x}", e.as_bytes()[good]),
        )
    };
    String::from_utf8(bytes(path, most)?).map_err(not_text)
}

/// What a path leads to if it is neither a regular file nor a folder, such as `a named pipe`; `None` too if nothing is there.
pub fn oddity(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    (!kind.is_file() && !kind.is_dir()).then(|| system::kind(kind))
}

fn check(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let remedy = if kind.is_dir() { "name a file in it" } else { "write its content to a file and name that" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}, not a regular file; {remedy}", system::kind(kind))))
}

fn too_large(length: Option<u64>, most: Most) -> io::Error {
    let has = length.map_or_else(|| "it does not end there".to_owned(), |length| format!("it has {}", size(length)));
    let text = format!("at most {} are read of such a file, {has}; put the right file there", size(most.0));
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// `16 MiB`, `17.5 MiB`, `300 bytes`.
fn size(bytes: u64) -> String {
    let rounded = |unit: u64| (bytes as f64 / unit as f64 * 10.0).ceil() / 10.0;
    match bytes {
        ..MIB => format!("{bytes} bytes"),
        _ if bytes < 1024 * MIB => format!("{} MiB", rounded(MIB)),
        _ => format!("{} GiB", rounded(1024 * MIB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_is_allowed_is_read_and_a_byte_more_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, "four").unwrap();
        assert_eq!(bytes(&path, Most(4)).unwrap(), b"four");
        let refused = bytes(&path, Most(3)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        assert_eq!(refused.to_string(), "at most 3 bytes are read of such a file, it has 4 bytes; put the right file there");
        assert_eq!(bytes(&dir.path().join("none"), Most(4)).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(&path, [b'a', 0xff]).unwrap();
        assert!(text(&path, Most(4)).unwrap_err().to_string().contains("the byte at 1 is 0xff"));
    }

    #[test]
    fn sizes_are_rounded_up_so_that_too_large_never_reads_as_equal() {
        assert_eq!([5, MIB, MIB + 1, 1024 * MIB].map(size), ["5 bytes", "1 MiB", "1.1 MiB", "1 GiB"]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_but_regular_files_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| open(path).unwrap_err().to_string();
        assert!(message(dir.path()).contains("it is a folder"));
        assert!(message(Path::new("/dev/zero")).contains("it is a device"));
        let socket = dir.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(message(&socket).contains("it is a socket"));
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(message(&link).contains("it is a device"));
        assert_eq!(oddity(&link), Some("a device"));
        assert_eq!(oddity(dir.path()), None);
    }
}
