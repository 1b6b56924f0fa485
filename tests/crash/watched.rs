//! A program whose changes of files are noted before the kernel makes them, and may be refused: seccomp's user notification (seccomp_unotify(2)).
//! Processes that it starts are watched with it.

use nix::libc;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitStatus};

/// What a process does to a file or a directory. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Create(PathBuf),
    /// At its end where there is no place.
    Write {
        path: PathBuf,
        place: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        path: PathBuf,
        length: u64,
    },
    Rename(PathBuf, PathBuf),
    Unlink(PathBuf),
    MakeDir(PathBuf),
    RemoveDir(PathBuf),
    Sync(PathBuf),
    /// A file is opened as it is.
    Read(PathBuf),
}

/// An operation, and the thread that does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub thread: u32,
    pub op: Op,
}

/// Runs a program to its end. Before each change below `root`, each sync there, and each file that is opened, `refuse` is asked, and whatever error it gives is what the process
/// gets. What was not refused, in order. `None`, said aloud, where processes cannot be watched.
pub fn watch(command: &mut Command, root: &Path, mut refuse: impl FnMut(&Op) -> Option<i32>) -> Option<(ExitStatus, Vec<Noted>)> {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let socket = theirs.as_raw_fd();
    // SAFETY: system calls alone, on memory that was there before.
    unsafe {
        command.pre_exec(move || send(socket, install(&CALLS)?));
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(cause) => {
            eprintln!("skipped: this system lets no process be watched ({cause})");
            return None;
        }
    };
    drop(theirs);
    let listener = receive(&ours).expect("the watched process has sent it");
    let mut done = Vec::new();
    while let Some(call) = next(&listener) {
        let op = call.op().filter(|op| op.path().starts_with(root));
        let refused = op.as_ref().and_then(&mut refuse);
        if let (Some(op), None) = (op, refused) {
            done.push(Noted { thread: call.thread, op });
        }
        answer(&listener, call.id, refused);
    }
    Some((child.wait().expect("ours"), done))
}

impl Op {
    /// What is changed; of a renaming the new name.
    pub fn path(&self) -> &Path {
        match self {
            Op::Create(path) | Op::Unlink(path) | Op::MakeDir(path) | Op::RemoveDir(path) | Op::Sync(path) | Op::Read(path) => {
                path
            }
            Op::Write { path, .. } | Op::Truncate { path, .. } | Op::Rename(_, path) => path,
        }
    }
}

/// Calls that change files or directories, or sync them. Others would be missed, and what was noted would not be what is on the disk.
const CALLS: [libc::c_long; 16] = [
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_creat,
    libc::SYS_write,
    libc::SYS_pwrite64,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
];

/// Lets this thread, and all that it becomes and starts, ask before each of the calls; where it is asked.
pub fn install(calls: &[libc::c_long]) -> io::Result<libc::c_int> {
    let code = |code: u32| code as u16;
    let all = calls.len();
    // Offset 0 of seccomp_data is the number of the call.
    let mut filter = [libc::sock_filter { code: code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS), jt: 0, jf: 0, k: 0 }; 64];
    for (at, call) in calls.iter().enumerate() {
        let jump = code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
        filter[at + 1] = libc::sock_filter { code: jump, jt: (all - at) as u8, jf: 0, k: *call as u32 };
    }
    let ends = code(libc::BPF_RET | libc::BPF_K);
    filter[all + 1] = libc::sock_filter { code: ends, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    filter[all + 2] = libc::sock_filter { code: ends, jt: 0, jf: 0, k: libc::SECCOMP_RET_USER_NOTIF };
    let program = libc::sock_fprog { len: (all + 3) as u16, filter: filter.as_mut_ptr() };
    // A call that waits for its answer is not begun anew because of a signal.
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the program and its filter outlive the calls.
    let listener = unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if listener < 0 { Err(io::Error::last_os_error()) } else { Ok(listener as libc::c_int) }
}

/// A message of one byte with room for one descriptor.
fn message(byte: &mut u8, part: &mut libc::iovec, control: &mut [u64; 4]) -> libc::msghdr {
    *part = libc::iovec { iov_base: std::ptr::from_mut(byte).cast(), iov_len: 1 };
    // SAFETY: of plain integers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (part, 1);
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: arithmetic alone.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(4) } as usize;
    message
}

/// Sends a descriptor (unix(7)).
fn send(socket: libc::c_int, descriptor: libc::c_int) -> io::Result<()> {
    let (mut byte, mut part, mut control) = (0, libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }, [0; 4]);
    let message = message(&mut byte, &mut part, &mut control);
    // SAFETY: the header and its data lie in `control`, which has room for them.
    let sent = unsafe {
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        ((*head).cmsg_level, (*head).cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        (*head).cmsg_len = libc::CMSG_LEN(4) as usize;
        libc::CMSG_DATA(head).cast::<libc::c_int>().write_unaligned(descriptor);
        libc::sendmsg(socket, &raw const message, 0)
    };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let (mut byte, mut part, mut control) = (0, libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }, [0; 4]);
    let mut message = message(&mut byte, &mut part, &mut control);
    // SAFETY: as above; the kernel has made the descriptor for this process.
    unsafe {
        if libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) != 1 {
            return Err(io::Error::last_os_error());
        }
        let head = libc::CMSG_FIRSTHDR(&raw const message);
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(head).cast::<libc::c_int>().read_unaligned()))
    }
}

/// A call that waits.
pub struct Call {
    pub id: u64,
    /// The thread.
    thread: u32,
    pub number: libc::c_long,
    pub arguments: [u64; 6],
}

/// The next one; `None` when all processes have ended.
pub fn next(listener: &OwnedFd) -> Option<Call> {
    loop {
        let mut waits = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: of plain integers.
        let mut asked: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: both structures are ours, and as the kernel wants them.
        let received = unsafe {
            libc::poll(&raw mut waits, 1, -1);
            if waits.revents & libc::POLLIN == 0 {
                if waits.revents & libc::POLLHUP != 0 {
                    return None;
                }
                continue;
            }
            libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV as _, &raw mut asked)
        };
        // Whoever asked may have been killed meanwhile.
        if received == 0 {
            let number = libc::c_long::from(asked.data.nr);
            return Some(Call { id: asked.id, thread: asked.pid, number, arguments: asked.data.args });
        }
    }
}

/// Lets a call go on, or end with an error.
pub fn answer(listener: &OwnedFd, id: u64, error: Option<i32>) {
    let flags = if error.is_none() { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 };
    let mut answer = libc::seccomp_notif_resp { id, val: 0, error: -error.unwrap_or(0), flags };
    // SAFETY: the structure is ours. Whoever asked may have been killed meanwhile, which is no error.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND as _, &raw mut answer) };
}

impl Call {
    /// What it will do, as things are now; `None` for what changes nothing, or fails by itself.
    fn op(&self) -> Option<Op> {
        let [a, b, c, d, ..] = self.arguments;
        match self.number {
            libc::SYS_open => self.opened(libc::AT_FDCWD as u64, a, b),
            libc::SYS_openat => self.opened(a, b, c),
            libc::SYS_creat => self.opened(libc::AT_FDCWD as u64, a, (libc::O_CREAT | libc::O_TRUNC) as u64),
            libc::SYS_write => self.written(a, b, c, None),
            libc::SYS_pwrite64 => self.written(a, b, c, Some(d)),
            libc::SYS_ftruncate => Some(Op::Truncate { path: self.descriptor(a)?, length: b }),
            libc::SYS_fsync | libc::SYS_fdatasync => Some(Op::Sync(self.descriptor(a)?)),
            libc::SYS_rename => self.renamed([libc::AT_FDCWD as u64, a, libc::AT_FDCWD as u64, b], 0),
            libc::SYS_renameat => self.renamed([a, b, c, d], 0),
            libc::SYS_renameat2 => self.renamed([a, b, c, d], self.arguments[4]),
            libc::SYS_unlink => there(self.path(libc::AT_FDCWD as u64, a)?).map(Op::Unlink),
            libc::SYS_rmdir => there(self.path(libc::AT_FDCWD as u64, a)?).map(Op::RemoveDir),
            libc::SYS_unlinkat => {
                let path = there(self.path(a, b)?)?;
                Some(if c & libc::AT_REMOVEDIR as u64 != 0 { Op::RemoveDir(path) } else { Op::Unlink(path) })
            }
            libc::SYS_mkdir => new(self.path(libc::AT_FDCWD as u64, a)?).map(Op::MakeDir),
            libc::SYS_mkdirat => new(self.path(a, b)?).map(Op::MakeDir),
            _ => None,
        }
    }

    fn opened(&self, dir: u64, name: u64, flags: u64) -> Option<Op> {
        let flags = flags as libc::c_int;
        let path = self.path(dir, name)?;
        if flags & (libc::O_CREAT | libc::O_TRUNC) == 0 {
            return path.is_file().then_some(Op::Read(path));
        }
        match fs::symlink_metadata(&path) {
            Ok(found) if flags & libc::O_EXCL == 0 && flags & libc::O_TRUNC != 0 && found.is_file() && found.len() > 0 => {
                Some(Op::Truncate { path, length: 0 })
            }
            Ok(_) => None,
            Err(_) if flags & libc::O_CREAT != 0 => new(path).map(Op::Create),
            Err(_) => None,
        }
    }

    fn written(&self, descriptor: u64, address: u64, length: u64, place: Option<u64>) -> Option<Op> {
        let path = self.descriptor(descriptor)?;
        if !path.is_file() {
            return None;
        }
        let place = place.or_else(|| self.place(descriptor));
        Some(Op::Write { path, place, bytes: self.memory(address, length as usize)? })
    }

    fn renamed(&self, [from_dir, from, to_dir, to]: [u64; 4], flags: u64) -> Option<Op> {
        let (from, to) = (there(self.path(from_dir, from)?)?, self.path(to_dir, to)?);
        if flags & u64::from(libc::RENAME_NOREPLACE) != 0 && to.symlink_metadata().is_ok() {
            return None;
        }
        to.parent()?.is_dir().then_some(Op::Rename(from, to))
    }

    /// Where a descriptor writes next; `None` at the file's end.
    pub fn place(&self, descriptor: u64) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/fdinfo/{descriptor}", self.thread)).ok()?;
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let flags = i32::from_str_radix(value("flags:")?, 8).ok()?;
        if flags & libc::O_APPEND != 0 { None } else { value("pos:")?.parse().ok() }
    }

    /// The file behind a descriptor.
    pub fn descriptor(&self, descriptor: u64) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{}", self.thread, descriptor as libc::c_int)).ok()
    }

    /// The path of a name in the process's memory.
    pub fn path(&self, dir: u64, address: u64) -> Option<PathBuf> {
        let mut name = self.memory(address, 4096)?;
        name.truncate(name.iter().position(|byte| *byte == 0)?);
        let name = Path::new(std::ffi::OsStr::from_bytes(&name)).to_owned();
        let base = match dir as libc::c_int {
            libc::AT_FDCWD => fs::read_link(format!("/proc/{}/cwd", self.thread)).ok()?,
            dir => self.descriptor(dir as u64)?,
        };
        let mut path = PathBuf::new();
        for part in base.join(name).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => _ = path.pop(),
                part => path.push(part),
            }
        }
        Some(path)
    }

    /// At most so many bytes of the process's memory.
    fn memory(&self, address: u64, most: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut read = 0;
        let memory = File::open(format!("/proc/{}/mem", self.thread)).ok()?;
        // A name may lie before the end of what is mapped.
        while read < most {
            let until = (most - read).min(4096 - (address as usize + read) % 4096);
            match memory.read_at(&mut bytes[read..read + until], address + read as u64) {
                Ok(some) if some > 0 => read += some,
                _ => break,
            }
        }
        bytes.truncate(read);
        (read > 0 || most == 0).then_some(bytes)
    }
}

/// A path that something is at.
fn there(path: PathBuf) -> Option<PathBuf> {
    path.symlink_metadata().is_ok().then_some(path)
}

/// A path that nothing is at, in a directory that is there.
fn new(path: PathBuf) -> Option<PathBuf> {
    (path.symlink_metadata().is_err() && path.parent()?.is_dir()).then_some(path)
}
