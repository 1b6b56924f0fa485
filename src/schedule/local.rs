//! Runs as child processes of this machine.

use super::{Exit, Launcher};
use crate::store::RunDir;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

/// Starts `PROGRAM train RUN_DIR` and waits. The child inherits the terminal, but not its process group: Ctrl-C reaches this
/// process, which passes it on once.
#[derive(Debug, Clone)]
pub struct Local {
    program: PathBuf,
    arguments: Vec<String>,
    child: Arc<Mutex<Option<u32>>>,
}

impl Local {
    /// A launcher of this program; `arguments` come after the run directory.
    pub fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments, child: Arc::default() }
    }

    /// Asks the running child to stop: `hard` ends it at once, otherwise it finishes its step and saves.
    pub fn stop_child(&self, hard: bool) {
        if let Some(id) = *self.child.lock().expect("no panic while it is held") {
            signal(id, hard);
        }
    }

    fn spawn(&self, run: &RunDir) -> std::io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg("train").arg(run.path()).args(&self.arguments);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn()
    }
}

impl Launcher for Local {
    fn launch(&mut self, run: &RunDir) -> std::io::Result<Exit> {
        let mut child = self.spawn(run)?;
        *self.child.lock().expect("no panic while it is held") = Some(child.id());
        let status = child.wait();
        *self.child.lock().expect("no panic while it is held") = None;
        status.map(how_it_ended)
    }
}

#[cfg(unix)]
fn how_it_ended(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or(1)),
    }
}

#[cfg(not(unix))]
fn how_it_ended(status: std::process::ExitStatus) -> Exit {
    Exit::Code(status.code().unwrap_or(1))
}

#[cfg(unix)]
fn signal(id: u32, hard: bool) {
    use nix::{sys::signal, unistd::Pid};
    let signal = if hard { signal::Signal::SIGKILL } else { signal::Signal::SIGTERM };
    // A child that has just ended needs no signal.
    let _ = signal::kill(Pid::from_raw(id.cast_signed()), signal);
}

#[cfg(not(unix))]
fn signal(_: u32, _: bool) {}
