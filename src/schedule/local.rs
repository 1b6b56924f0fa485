//! Runs as child processes of this machine.

use super::{Exit, JobId, JobState, Launcher, Order, Slot, Stop};
use crate::system;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Starts `PROGRAM train RUN_DIR …`, one process per run.
///
/// A child has a pipe as its standard input, which ends if this process dies, however it dies: it stops then. Its standard error is the run's log.
/// It has a process group of its own: Ctrl-C reaches this process alone, which passes it on.
#[derive(Debug)]
pub struct Local {
    program: PathBuf,
    arguments: Vec<String>,
    free_memory: fn(&str) -> Option<u64>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    children: Mutex<Children>,
    /// Is notified when a child has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Children {
    started: u64,
    /// Process numbers of those that run.
    alive: HashMap<JobId, u32>,
    /// Those that have ended, and what the system said of how.
    over: HashMap<JobId, Result<Exit, String>>,
    /// Whether one has ended since somebody waited for that last.
    news: bool,
}

impl Local {
    /// A launcher of this program; `arguments` are added to each call.
    pub fn new(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments, free_memory: |_| None, shared: Arc::default() }
    }

    /// With this way to read what bytes of a GPU nobody uses; it is given what [`Slot::gpu`] names it by.
    pub fn reading(self, free_memory: fn(&str) -> Option<u64>) -> Self {
        Self { free_memory, ..self }
    }

    fn command(&self, order: Order<'_>) -> io::Result<Command> {
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
        if let Some(until) = order.until {
            command.args(["--until", &until.to_string()]);
        }
        command.env("RAYON_NUM_THREADS", order.slot.threads.to_string());
        let log = order.run.log().map_err(io::Error::other)?;
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        system::own_group(&mut command);
        Ok(command)
    }
}

impl Shared {
    fn children(&self) -> MutexGuard<'_, Children> {
        self.children.lock().expect("no panic while it is held")
    }

    /// Waits for the end of a child.
    fn watch(&self, job: &JobId, mut child: Child) {
        let killed_before = killed_for_memory();
        // Not `Child::wait` with the pipe in place, which would end it first and so ask the child to stop.
        let parent_death_pipe = child.stdin.take();
        let status = child.wait();
        drop(parent_death_pipe);
        let exit = status.map_err(|e| e.to_string()).map(|status| match how_it_ended(status) {
            Exit::Signal(9) if killed_for_memory() > killed_before => Exit::OutOfMemory,
            exit => exit,
        });
        let mut children = self.children();
        children.alive.remove(job);
        children.over.insert(job.clone(), exit);
        children.news = true;
        self.ended.notify_all();
    }
}

impl Launcher for Local {
    fn submit(&self, order: Order<'_>) -> io::Result<JobId> {
        let mut command = self.command(order)?;
        let (sender, receiver) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        // The thread comes first: a child that nobody waits for must not be.
        std::thread::Builder::new().spawn(move || {
            let spawned = command.spawn().map(|child| {
                let mut children = shared.children();
                children.started += 1;
                let job = JobId::new(children.started.to_string());
                children.alive.insert(job.clone(), child.id());
                (job, child)
            });
            // The receiver waits for it.
            match spawned {
                Ok((job, child)) => {
                    _ = sender.send(Ok(job.clone()));
                    shared.watch(&job, child);
                }
                Err(error) => _ = sender.send(Err(error)),
            }
        })?;
        receiver.recv().expect("the thread sends once")
    }

    fn poll(&self, jobs: &[JobId]) -> Vec<JobState> {
        let children = self.shared.children();
        let state = |job: &JobId| match children.over.get(job) {
            Some(Ok(exit)) => JobState::Ended(*exit),
            // It was waited for, so it cannot be asked again.
            Some(Err(_)) => JobState::Ended(Exit::Unknown),
            None => JobState::Running,
        };
        jobs.iter().map(state).collect()
    }

    fn cancel(&self, job: &JobId, how: Stop) -> io::Result<()> {
        // Held meanwhile, so that the number is not yet another process's.
        if let Some(process) = self.shared.children().alive.get(job) {
            system::end_process(*process, how == Stop::Now);
        }
        Ok(())
    }

    fn wait(&self, most: Duration) {
        let children = self.shared.children();
        let waited = self.shared.ended.wait_timeout_while(children, most, |children| !children.news);
        waited.expect("no panic while it is held").0.news = false;
    }

    fn free_memory(&self, slot: &Slot) -> Option<u64> {
        (self.free_memory)(slot.gpu.as_deref()?)
    }
}

/// Processes that the kernel has killed for want of memory since it started; 0 where it does not say.
fn killed_for_memory() -> u64 {
    let counts = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    counts.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}

fn how_it_ended(status: ExitStatus) -> Exit {
    match system::signal_of(status) {
        Some(signal) => Exit::Signal(signal),
        None => Exit::Code(status.code().unwrap_or(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunDir;

    /// Arguments after the run's directory, and what the child may see.
    fn command(slot: &Slot, micro_batches: usize) -> (Vec<String>, String) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let order = Order { run: &run, slot, micro_batches, until: (micro_batches > 1).then_some(3) };
        let command = Local::new("umlaut".into(), vec!["--cache".into(), "c".into()]).command(order).unwrap();
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
        assert_eq!(arguments.join(" "), "--child --cache c --device cpu --micro-batches 2 --until 3");
        assert_eq!(visible, "");
    }

    /// A program that stays until its standard input ends, or somebody asks it to end.
    #[cfg(unix)]
    #[test]
    fn a_job_runs_until_it_is_asked_to_end_and_is_ended_whenever_it_is_asked_for() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("stays");
        std::fs::write(&program, "#!/bin/sh\nexec cat\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (run, slot) = (RunDir::at(dir.path()), Slot { device: "cpu".into(), threads: 1, gpu: None, measured: false });
        let order = Order { run: &run, slot: &slot, micro_batches: 1, until: None };
        let local = Local::new(program, Vec::new());
        let jobs = [local.submit(order).unwrap(), local.submit(order).unwrap()];
        assert_eq!(local.poll(&jobs), [JobState::Running, JobState::Running]);
        local.cancel(&jobs[1], Stop::Now).unwrap();
        while local.poll(&jobs[1..]) == [JobState::Running] {
            local.wait(Duration::from_secs(1));
        }
        for _ in 0..2 {
            assert_eq!(local.poll(&jobs), [JobState::Running, JobState::Ended(Exit::Signal(9))]);
        }
        local.cancel(&jobs[1], Stop::Now).unwrap();
        local.cancel(&jobs[0], Stop::Gently).unwrap();
        while local.poll(&jobs[..1]) == [JobState::Running] {
            local.wait(Duration::from_secs(1));
        }
        assert_eq!(local.poll(&jobs[..1]), [JobState::Ended(Exit::Signal(15))]);
        assert!(Local::new(dir.path().join("none"), Vec::new()).submit(order).is_err());
    }
}
