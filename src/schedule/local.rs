//! Runs as child processes of this machine.

use super::{Exit, Launcher, Order, Slot};
use crate::record::Event;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};

/// Starts `PROGRAM train RUN_DIR …` and waits.
///
/// A child tells its events on its standard output and stops when its standard input ends, which is what it sees if this process is
/// killed. Its standard error is the run's log. It has a process group of its own: Ctrl-C reaches this process alone, which passes it on.
#[derive(Debug, Clone)]
pub struct Local {
    program: PathBuf,
    arguments: Vec<String>,
    free_memory: fn(&str) -> Option<u64>,
    children: Arc<Mutex<Children>>,
}

#[derive(Debug, Default)]
struct Children {
    alive: HashSet<u32>,
    /// Whether all were asked to stop; `Some(true)` at once.
    asked: Option<bool>,
}

impl Local {
    /// A launcher of this program; `arguments` are added to each call.
    pub fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments, free_memory: |_| None, children: Arc::default() }
    }

    /// With this way to read what bytes of a GPU nobody uses; it is given what [`Slot::gpu`] names it by.
    pub fn reading(self, free_memory: fn(&str) -> Option<u64>) -> Self {
        Self { free_memory, ..self }
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().expect("no panic while it is held")
    }

    fn command(&self, order: Order<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("train").arg(order.run.path()).arg("--child").args(&self.arguments);
        match &order.slot.gpu {
            // It sees no other, so this one is its first.
            Some(_) => command.args(["--device", "cuda:0", "--device-name", &order.slot.device]),
            None => command.args(["--device", &order.slot.device]),
        };
        command.env("CUDA_VISIBLE_DEVICES", order.slot.gpu.as_deref().unwrap_or_default());
        if order.micro_batches > 1 {
            command.args(["--micro-batches", &order.micro_batches.to_string()]);
        }
        command.env("RAYON_NUM_THREADS", order.slot.threads.to_string());
        command
    }

    fn spawn(&self, order: Order<'_>) -> io::Result<Child> {
        let log = order.run.log().map_err(io::Error::other)?;
        let mut command = self.command(order);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        // Held meanwhile, so that whoever asks all to stop either sees this child or is seen here.
        let mut children = self.children();
        let child = command.spawn()?;
        children.alive.insert(child.id());
        if let Some(hard) = children.asked {
            signal(child.id(), hard);
        }
        Ok(child)
    }
}

impl Launcher for Local {
    fn launch(&self, order: Order<'_>, tell: &mut dyn FnMut(Event)) -> io::Result<Exit> {
        let killed_before = killed_for_memory();
        let mut child = self.spawn(order)?;
        let told = BufReader::new(child.stdout.take().expect("it is piped"));
        told.lines().map_while(Result::ok).filter_map(|line| Event::from_line(&line)).for_each(tell);
        // Not `Child::wait`, which would end its standard input first and so ask it to stop.
        let input = child.stdin.take();
        let status = child.wait();
        drop(input);
        self.children().alive.remove(&child.id());
        Ok(match how_it_ended(status?) {
            Exit::Signal(9) if killed_for_memory() > killed_before => Exit::OutOfMemory,
            exit => exit,
        })
    }

    fn stop(&self, hard: bool) {
        let mut children = self.children();
        children.asked = Some(hard || children.asked.unwrap_or(false));
        children.alive.iter().for_each(|id| signal(*id, hard));
    }

    fn free_memory(&self, slot: &Slot) -> Option<u64> {
        (self.free_memory)(slot.gpu.as_deref()?)
    }
}

/// Processes that the kernel has killed for want of memory since it started; 0 where it does not tell.
fn killed_for_memory() -> u64 {
    let counts = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(unix)]
fn how_it_ended(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or(1)),
    }
}

#[cfg(not(unix))]
fn how_it_ended(status: ExitStatus) -> Exit {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunDir;

    /// Arguments after the run's directory, and what the child may see.
    fn command(slot: &Slot, micro_batches: usize) -> (Vec<String>, String) {
        let run = RunDir::at("results/a/runs/seed-1-00");
        let command =
            Local::new("umlaut".into(), vec!["--cache".into(), "c".into()]).command(Order { run: &run, slot, micro_batches });
        let arguments = command.get_args().skip(2).map(|word| word.to_string_lossy().into_owned()).collect();
        let visible = command.get_envs().find(|(name, _)| *name == "CUDA_VISIBLE_DEVICES").and_then(|(_, value)| value);
        (arguments, visible.expect("always set").to_string_lossy().into_owned())
    }

    #[test]
    fn a_child_sees_its_own_gpu_or_none() {
        let gpu = Slot { device: "cuda:3".into(), threads: 1, gpu: Some("GPU-33".into()), measured: true };
        let (arguments, visible) = command(&gpu, 1);
        assert_eq!(arguments.join(" "), "--child --cache c --device cuda:0 --device-name cuda:3");
        assert_eq!(visible, "GPU-33");
        let cpu = Slot { device: "cpu".into(), threads: 1, gpu: None, measured: false };
        let (arguments, visible) = command(&cpu, 2);
        assert_eq!(arguments.join(" "), "--child --cache c --device cpu --micro-batches 2");
        assert_eq!(visible, "");
    }
}
