//! A cluster of Slurm that lives as long as a value.

use crate::desk::Desk;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What is waited for comes long before, or never.
const AT_LAST: Duration = Duration::from_secs(180);

/// Slurm on this machine's loopback; ended when dropped.
pub struct Cluster {
    dir: tempfile::TempDir,
}

impl Cluster {
    /// A new one; `None`, said aloud, where there can be none.
    pub fn start() -> Option<Self> {
        let installed = ["slurmctld", "slurmd", "munged", "sbatch"].iter().all(|program| which(program));
        if !installed || !is_root() {
            eprintln!("skipped: needs Slurm (slurmctld, slurmd, munge) and root");
            return None;
        }
        let cluster = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let started = cluster.script(&["up"], &[&free_ports().to_string()]);
        assert!(started, "the cluster comes up");
        Some(cluster)
    }

    fn script(&self, verb: &[&str], rest: &[&str]) -> bool {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster.sh");
        let mut command = Command::new("bash");
        command.arg(script).args(verb).arg(self.dir.path()).args(rest).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().expect("bash is there").success()
    }

    /// Ends a daemon at once: `ctld`, `n1`, `n2`.
    pub fn kill(&self, daemon: &str) {
        assert!(self.script(&["kill"], &[daemon]), "{daemon} is killed");
    }

    /// Starts it again.
    pub fn restart(&self, daemon: &str) {
        assert!(self.script(&["start"], &[daemon]), "{daemon} starts");
    }

    /// Lets nodes work again that Slurm has drained, as whoever runs a cluster does: of jobs whose end a killed daemon has missed it says "duplicate
    /// jobid". Releases jobs too.
    pub fn tend(&self) {
        for node in self.slurm("sinfo", &["-h", "-N", "-p", "main", "-t", "drain,down", "-o", "%N"]).lines() {
            self.slurm("scontrol", &["update", &format!("nodename={}", node.trim()), "state=resume"]);
        }
        // Held by the test, whose release came before Slurm had them in the queue again.
        for line in self.slurm("squeue", &["-r", "-h", "-t", "PD", "-o", "%i|%r"]).lines() {
            if let Some(job) = line.trim().strip_suffix("|job requeued in held state") {
                self.slurm("scontrol", &["release", job]);
            }
        }
    }

    /// One of Slurm's commands; what it says, whether it succeeds or not.
    pub fn slurm(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        let output = command.args(arguments).env("SLURM_CONF", self.conf()).stdin(Stdio::null()).output().expect("installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn conf(&self) -> PathBuf {
        self.dir.path().join("slurm.conf")
    }

    /// The program as it sees this cluster, with short pauses.
    pub fn command(&self, desk: &Desk, arguments: &[&str]) -> Command {
        let settings = desk.path("settings/umlaut");
        fs::create_dir_all(&settings).expect("writable");
        fs::write(settings.join("umlaut.toml"), "[slurm]\nmemory = '50M'\nlook = 1\n").expect("writable");
        let mut command = desk.command(arguments);
        command.env("SLURM_CONF", self.conf());
        command
    }

    pub fn umlaut(&self, desk: &Desk, arguments: &[&str]) -> Output {
        self.command(desk, arguments).output().expect("the program starts")
    }

    /// The program beside the test.
    pub fn schedule(&self, desk: &Desk, arguments: &[&str]) -> Schedule {
        Schedule::of(desk, self.command(desk, arguments))
    }

    /// Batches that Slurm has accepted.
    pub fn submissions(&self, desk: &Desk) -> usize {
        let Ok(batches) = fs::read_dir(desk.path("results/tiny/slurm")) else { return 0 };
        // The number of a batch that is over before the queue was asked is written down nowhere.
        let has = |batch: &Path, what: &str| {
            fs::read_dir(batch)
                .is_ok_and(|mut files| files.any(|file| file.expect("listed").file_name().to_string_lossy().ends_with(what)))
        };
        batches.map(|batch| batch.expect("listed").path()).filter(|batch| has(batch, "job") || has(batch, ".attempt")).count()
    }

    /// Waits until something holds.
    pub fn until<T>(&self, what: &str, mut holds: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = holds() {
                return value;
            }
            assert!(began.elapsed() < AT_LAST, "waited in vain: {what}\n{}", self.slurm("squeue", &["-r", "-t", "all"]));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script(&["down"], &[]);
    }
}

/// A schedule beside the test. It writes to a file: a pipe that nobody reads is full in the end, and whoever writes to it stands still.
pub struct Schedule {
    child: Child,
    said: PathBuf,
}

impl Schedule {
    pub fn of(desk: &Desk, mut command: Command) -> Self {
        let said = desk.path("schedule.log");
        let file = fs::File::create(&said).expect("writable");
        let child = command.stdout(Stdio::null()).stderr(file).spawn().expect("the program starts");
        Self { child, said }
    }

    pub fn signal(&self, what: nix::sys::signal::Signal) {
        signal(self.child.id().cast_signed(), what);
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("ours").is_some()
    }

    /// How it ended, and what it has said.
    pub fn ended(mut self) -> Output {
        let status = self.child.wait().expect("ours");
        Output { status, stdout: Vec::new(), stderr: fs::read(&self.said).expect("its words") }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            _ = self.child.kill();
            _ = self.child.wait();
        }
        if std::thread::panicking() {
            let all = fs::read_to_string(&self.said).unwrap_or_default();
            let lines: Vec<&str> = all.lines().collect();
            eprintln!("the schedule's last words:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

/// Processes whose command line has all of these words, by number.
pub fn processes(words: &[&str]) -> Vec<i32> {
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let number: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read(format!("/proc/{number}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        words.iter().all(|word| line.contains(word)).then_some(number)
    };
    let mut found: Vec<i32> = fs::read_dir("/proc").expect("Linux").filter_map(of).collect();
    found.sort_unstable();
    found
}

/// The process that has started another one.
pub fn parent(process: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    after_name.split_whitespace().nth(1).expect("a state and a parent").parse().expect("a number")
}

/// A variable of a process's environment.
pub fn variable(process: i32, name: &str) -> Option<String> {
    let all = fs::read(format!("/proc/{process}/environ")).ok()?;
    let all = String::from_utf8_lossy(&all).into_owned();
    all.split('\0').find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

pub fn signal(process: i32, signal: nix::sys::signal::Signal) {
    // It may just have ended.
    _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), signal);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

fn which(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// The first of three ports that nobody uses now, other than those of other tests of this process.
fn free_ports() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = (std::process::id() % 500) as u16 * 64;
    loop {
        let port = 20000 + own + 4 * NEXT.fetch_add(1, Ordering::Relaxed) % 64;
        if (port..port + 3).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}
