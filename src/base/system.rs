//! What is asked of the operating system beyond the standard library, each once: a port to another system is this file, and `cli/stop.rs` for its
//! signals. What a system does not have is answered in the way that costs least.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};

#[cfg(unix)]
mod unix {
    use super::*;
    use nix::libc;
    use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
    use nix::sys::signal::{Signal, kill};
    use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    /// Files that [`tempfile`] makes are for those whom the umask lets read them, as all others are.
    pub fn with_umask(builder: &mut tempfile::Builder<'_, '_>) {
        builder.permissions(PermissionsExt::from_mode(0o666));
    }

    /// Opening does not wait for the other end of a pipe, and takes no terminal.
    pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
    }

    /// Opening follows no symbolic link at the path's end, and does not wait for the other end of a pipe.
    pub fn in_place(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
    }

    /// What is no regular file, in words.
    pub fn kind(kind: FileType) -> &'static str {
        match () {
            () if kind.is_dir() => "a folder",
            () if kind.is_fifo() => "a pipe (FIFO)",
            () if kind.is_socket() => "a socket",
            () if kind.is_char_device() || kind.is_block_device() => "a device",
            () => "no file",
        }
    }

    /// When a file's content or name changed last, in nanoseconds since 1970, and its number.
    pub fn change_and_number(found: &Metadata) -> (i128, u64) {
        (i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec()), found.ino())
    }

    /// Whether both are of the same file.
    pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    }

    /// Fills `bytes` from a place of a file, whoever else reads it.
    ///
    /// # Errors
    /// If the file ends before, or what the system says.
    pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
        file.read_exact_at(bytes, at)
    }

    /// Makes names in a directory outlive a loss of power.
    ///
    /// # Errors
    /// What the system says, but for what some network file systems do not have, and directories that may not be listed.
    pub fn sync_dir(dir: &Path) -> io::Result<()> {
        use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        match File::open(dir).and_then(|dir| dir.sync_all()) {
            Err(e) if matches!(e.kind(), InvalidInput | Unsupported | PermissionDenied) => Ok(()),
            synced => synced,
        }
    }

    /// A process of its own group, which Ctrl-C at a terminal does not reach.
    pub fn own_group(command: &mut Command) {
        command.process_group(0);
    }

    /// Asks a process to end, `at_once` or when it has saved. One that has just ended needs no signal.
    pub fn end_process(id: u32, at_once: bool) {
        let signal = if at_once { Signal::SIGKILL } else { Signal::SIGTERM };
        _ = kill(nix::unistd::Pid::from_raw(id.cast_signed()), signal);
    }

    /// The signal that ended a process.
    pub fn signal_of(status: ExitStatus) -> Option<i32> {
        status.signal()
    }

    /// A file's content as memory that is read when it is used, and given back when others need memory.
    pub struct Mapping {
        start: std::ptr::NonNull<std::ffi::c_void>,
        length: usize,
    }

    // SAFETY: nobody writes what is mapped.
    unsafe impl Send for Mapping {}
    // SAFETY: as above.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        /// Maps all of a file that nobody changes. One that is removed or replaced stays mapped as it was.
        ///
        /// # Errors
        /// If it is empty, or what the system says.
        pub fn of(file: &File) -> io::Result<Self> {
            let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
            let wanted = std::num::NonZeroUsize::new(length).ok_or_else(|| io::Error::other("it is empty"))?;
            // SAFETY: a new mapping at a place of the system's choice, which is only read, of a file that is not written any more.
            let start = unsafe { mmap(None, wanted, ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE, file, 0) }?;
            Ok(Self { start, length })
        }

        /// The content; it begins at a page of memory.
        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the mapping is as long, and lives as long as this value.
            unsafe { std::slice::from_raw_parts(self.start.as_ptr().cast(), self.length) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: it was mapped so, and nobody has a reference any more.
            _ = unsafe { munmap(self.start, self.length) };
        }
    }
}

#[cfg(unix)]
pub use unix::*;

#[cfg(not(unix))]
mod other {
    use super::*;
    use std::io::{Read, Seek, SeekFrom};

    /// The system's own rules say who may read new files.
    pub fn with_umask(_: &mut tempfile::Builder<'_, '_>) {}

    /// Opening waits for nothing.
    pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// Links are looked for before and after opening alone.
    pub fn in_place(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// What is no regular file, in words.
    pub fn kind(kind: FileType) -> &'static str {
        if kind.is_dir() { "a folder" } else { "no file" }
    }

    /// Neither is known.
    pub fn change_and_number(_: &Metadata) -> (i128, u64) {
        (0, 0)
    }

    /// Whether both were created at the same time.
    pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
        one.created().ok() == other.created().ok()
    }

    /// Fills `bytes` from a place of a file.
    ///
    /// # Errors
    /// If the file ends before, or what the system says.
    pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
        // A handle of its own has a place of its own only where it is opened anew, so readers wait for each other.
        static READING: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _reading = READING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut file = file;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(bytes)
    }

    /// Names last as the system has it.
    ///
    /// # Errors
    /// None.
    pub fn sync_dir(_: &Path) -> io::Result<()> {
        Ok(())
    }

    /// There are no groups.
    pub fn own_group(_: &mut Command) {}

    /// Nobody can be asked.
    pub fn end_process(_: u32, _: bool) {}

    /// There are no signals.
    pub fn signal_of(_: ExitStatus) -> Option<i32> {
        None
    }

    /// Nothing is mapped.
    pub struct Mapping(std::convert::Infallible);

    impl Mapping {
        /// Nothing is mapped.
        ///
        /// # Errors
        /// Always.
        pub fn of(_: &File) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Of none there is no content.
        pub fn bytes(&self) -> &[u8] {
            match self.0 {}
        }
    }
}

#[cfg(not(unix))]
pub use other::*;
