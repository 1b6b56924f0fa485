//! A sweep on Slurm whose tasks, daemons and schedule are killed at random moments: repeating the command ends with the files of an undisturbed sweep.
//!
//! `UMLAUT_SLURM_SEED` repeats the choices of a failed test, though not the moments at which the system lets things happen;
//! `UMLAUT_SLURM_KILLS` asks for more of them, `UMLAUT_SLURM_RUNS` for more runs, `UMLAUT_SLURM_EPOCHS` for longer or shorter ones.

use crate::cluster::{Cluster, Schedule, processes, signal};
use crate::desk::{Desk, TINY, expect_code, words};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::fs;
use std::time::{Duration, Instant};

/// While nothing trains, drained nodes are looked for so often.
const RESUMED: Duration = Duration::from_secs(5);

/// What is done to a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    TaskKilled,
    RunKilled,
    TaskTerminated,
    TimeNearlyOver,
    Requeued,
    Cancelled,
    Held,
    NodeDaemonKilled,
    ControllerKilled,
    ScheduleKilled,
    ScheduleInterrupted,
}

use Disturbance::*;

const ALL: [Disturbance; 11] = [
    TaskKilled,
    RunKilled,
    TaskTerminated,
    TimeNearlyOver,
    Requeued,
    Cancelled,
    Held,
    NodeDaemonKilled,
    ControllerKilled,
    ScheduleKilled,
    ScheduleInterrupted,
];

/// A sweep that is disturbed.
struct Sweep<'a> {
    cluster: &'a Cluster,
    desk: &'a Desk,
    schedule: Option<Schedule>,
    /// How often the command was repeated.
    starts: usize,
    random: StdRng,
    below: String,
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn whatever_is_killed_the_files_are_those_of_an_undisturbed_sweep() {
    let runs = number("UMLAUT_SLURM_RUNS", 10);
    let kills = number("UMLAUT_SLURM_KILLS", 22);
    let toml = TINY.replace("seeds = [1, 2]", &format!("seeds = {}", runs.div_ceil(2)));
    let toml = toml.replace("epochs = 3", &format!("epochs = {}", number("UMLAUT_SLURM_EPOCHS", 40)));
    let desk = Desk::with(&toml);
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm", "--jobs", "2"]), 0);
    let seed = number("UMLAUT_SLURM_SEED", 1) as u64;
    eprintln!("UMLAUT_SLURM_SEED={seed}");
    let below = desk.path("results").display().to_string();
    let mut sweep =
        Sweep { cluster: &cluster, desk: &desk, schedule: None, starts: 0, random: StdRng::seed_from_u64(seed), below };
    let mut done = 0;
    // Each kind once at least, then any.
    while done < kills && sweep.goes_on() {
        // Of many runs all are disturbed alike, not only the first.
        if (sweep.ended() + 40) * kills < done * runs {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        }
        let what = ALL.get(done).copied().unwrap_or_else(|| *ALL.choose(&mut sweep.random).expect("some"));
        eprintln!("{done}: {what:?}");
        sweep.disturb(what);
        done += 1;
    }
    eprintln!("{done} disturbances");
    sweep.finish();
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    let weights = |results: &str| {
        let runs = fs::read_dir(desk.path(results).join("tiny/runs")).expect("runs");
        let mut all: Vec<(String, Vec<u8>)> = runs
            .map(|run| run.expect("listed").path())
            .map(|run| (run.file_name().expect("named").to_string_lossy().into_owned(), run.join("checkpoints/best.safetensors")))
            .map(|(name, file)| (name, fs::read(file).expect("weights")))
            .collect();
        all.sort();
        all
    };
    assert!(weights("results") == weights("calm"), "weights are the same bit by bit");
    assert!(done >= ALL.len(), "only {done} disturbances before everything was finished");
}

impl Sweep<'_> {
    /// Has a schedule, and waits until a run trains; `false` when everything has finished.
    fn goes_on(&mut self) -> bool {
        let mut looked = Instant::now();
        loop {
            if let Some(schedule) = &mut self.schedule
                && schedule.is_over()
                && self.end_of_schedule()
            {
                return false;
            }
            self.start();
            if !processes(&["train", &self.below, "--child"]).is_empty() {
                return true;
            }
            if looked.elapsed() > RESUMED {
                looked = Instant::now();
                self.cluster.tend();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn start(&mut self) {
        if self.schedule.is_none() {
            self.starts += 1;
            self.schedule = Some(self.cluster.schedule(self.desk, &["run", "x.toml", "--on", "slurm", "--retries", "1000"]));
        }
    }

    /// Whether it has finished everything; one that was disturbed says that runs are left.
    fn end_of_schedule(&mut self) -> bool {
        let ended = self.schedule.take().expect("there is one").ended();
        let code = ended.status.code();
        assert!(matches!(code, Some(0 | 130) | None) || words(&ended).contains("slurm"), "{code:?}: {}", words(&ended));
        code == Some(0)
    }

    /// Runs that have ended.
    fn ended(&self) -> usize {
        let runs = fs::read_dir(self.desk.path("results/tiny/runs")).into_iter().flatten();
        runs.filter(|run| run.as_ref().is_ok_and(|run| run.path().join("outcome.toml").exists())).count()
    }

    fn task(&mut self) -> Option<i32> {
        processes(&["slurm-task", &self.below]).choose(&mut self.random).copied()
    }

    fn job(&mut self) -> Option<String> {
        let jobs = self.cluster.slurm("squeue", &["-r", "-h", "-t", "R,PD", "-o", "%i"]);
        jobs.lines().collect::<Vec<_>>().choose(&mut self.random).map(|job| job.trim().to_owned())
    }

    fn disturb(&mut self, what: Disturbance) {
        match what {
            TaskKilled | TaskTerminated | TimeNearlyOver => {
                let how = match what {
                    TaskKilled => Signal::SIGKILL,
                    TaskTerminated => Signal::SIGTERM,
                    _ => Signal::SIGUSR1,
                };
                self.task().into_iter().for_each(|task| signal(task, how));
            }
            RunKilled => {
                let runs = processes(&["train", &self.below, "--child"]);
                runs.choose(&mut self.random).into_iter().for_each(|run| signal(*run, Signal::SIGKILL));
            }
            Requeued | Cancelled | Held => {
                let Some(job) = self.job() else { return };
                match what {
                    Requeued => _ = self.cluster.slurm("scontrol", &["requeue", &job]),
                    Cancelled => _ = self.cluster.slurm("scancel", &[&job]),
                    _ => {
                        self.cluster.slurm("scontrol", &["requeuehold", &job]);
                        self.cluster.slurm("scontrol", &["release", &job]);
                    }
                }
            }
            NodeDaemonKilled => {
                let node = if self.random.random() { "n1" } else { "n2" };
                self.cluster.kill(node);
                self.cluster.restart(node);
            }
            ControllerKilled => {
                self.cluster.kill("ctld");
                self.cluster.restart("ctld");
            }
            ScheduleKilled | ScheduleInterrupted => {
                let Some(schedule) = &self.schedule else { return };
                schedule.signal(if what == ScheduleKilled { Signal::SIGKILL } else { Signal::SIGINT });
                self.end_of_schedule();
            }
        }
    }

    /// Repeats the command until everything has finished.
    fn finish(&mut self) {
        let before = self.starts;
        while self.goes_on() {
            assert!(self.starts < before + 20, "the command was repeated twenty times in vain");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
