//! How a task may end that nobody here has ended: preempted, with its node, by its time limit; and tasks with GPUs.

use crate::cluster::{Cluster, Schedule, parent, processes, signal, variable};
use crate::desk::{Desk, expect_code, words};
use crate::life::{long, rows};
#[cfg(feature = "cudnn")]
use crate::software_cuda;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::fs;
#[cfg(feature = "cudnn")]
use std::process::Command;

/// The sweep on Slurm, with a schedule that retries nothing unless it is asked to.
fn begin(cluster: &Cluster, desk: &Desk, options: &[&str]) -> Schedule {
    let schedule = cluster.schedule(desk, &[&["run", "x.toml", "--on", "slurm"], options].concat());
    cluster.until("some epochs", || (rows(desk) > 3).then_some(()));
    schedule
}

/// The process of the one task that runs.
fn task(desk: &Desk) -> i32 {
    processes(&["slurm-task", &desk.path("results").display().to_string()])[0]
}

/// What Slurm says of all jobs, in this form.
fn queue(cluster: &Cluster, form: &str) -> String {
    cluster.slurm("squeue", &["-r", "-h", "-t", "all", "-o", form])
}

#[test]
fn a_preempted_task_saves_and_goes_on_when_there_is_room() {
    let desk = Desk::with(&long(400));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let schedule = begin(&cluster, &desk, &["--slurm", "partition=main", "--retries", "0"]);
    let urgent = ["--parsable", "-p", "urgent", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1000"];
    let urgent = cluster.slurm("sbatch", &urgent).trim().to_owned();
    cluster.until("it has no processors any more", || queue(&cluster, "%P %T").contains("main PENDING").then_some(()));
    let reached = rows(&desk);
    assert!(reached < 401, "it had not ended by itself");
    cluster.slurm("scancel", &[&urgent]);
    let ended = schedule.ended();
    expect_code(&ended, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    assert_eq!(cluster.submissions(&desk), 1, "Slurm has queued it again");
}

/// Slurm signals all processes of a job one after the other: the run may have saved and ended before its task hears of anything.
#[test]
fn a_run_that_is_signalled_before_its_task_goes_on_after_a_requeue() {
    let desk = Desk::with(&long(300));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let schedule = begin(&cluster, &desk, &["--retries", "0"]);
    let below = desk.path("results").display().to_string();
    signal(task(&desk), Signal::SIGSTOP);
    processes(&["train", &below, "--child"]).into_iter().for_each(|run| signal(run, Signal::SIGTERM));
    cluster.until("the run has ended", || processes(&["train", &below, "--child"]).is_empty().then_some(()));
    assert!(rows(&desk) < 301, "it had not ended by itself");
    let job = queue(&cluster, "%i");
    // Slurm lets its processes go on before it signals them.
    cluster.slurm("scontrol", &["requeue", job.trim()]);
    let ended = schedule.ended();
    expect_code(&ended, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    assert_eq!(cluster.submissions(&desk), 1, "Slurm has queued it again");
}

/// Slurm queues a task of a failed node again where it may; else the schedule does, as a retry.
#[test]
fn what_fails_with_its_node_goes_on_at_another() {
    let desk = Desk::with(&long(300));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    for (requeue, submissions) in [("requeue=true", 1), ("requeue=false", 2)] {
        _ = fs::remove_dir_all(desk.path("results/tiny"));
        let schedule = begin(&cluster, &desk, &["--slurm", requeue, "--retries", "1"]);
        let node = cluster.slurm("squeue", &["-h", "-t", "R", "-o", "%N"]).trim().to_owned();
        cluster.kill(&node);
        // All that ran there: the daemon of the job, its task and the run.
        let task = task(&desk);
        let below = desk.path("results").display().to_string();
        for process in [vec![parent(task), task], processes(&["train", &below, "--child"])].concat() {
            signal(process, Signal::SIGKILL);
        }
        let ended = schedule.ended();
        expect_code(&ended, 0);
        assert_eq!(cluster.submissions(&desk), submissions, "{requeue}: {}", words(&ended));
        assert_eq!(words(&ended).contains("the node of its job failed"), submissions == 2, "{}", words(&ended));
        assert_eq!(desk.metrics("results"), desk.metrics("calm"));
        cluster.restart(&node);
    }
}

/// A minute is the shortest limit, and Slurm looks twice a minute: asked for with `UMLAUT_SLOW_TESTS=1`.
#[test]
fn what_its_time_limit_ends_without_a_warning_goes_on_where_it_saved() {
    if std::env::var_os("UMLAUT_SLOW_TESTS").is_none() {
        eprintln!("skipped: waits for a time limit; UMLAUT_SLOW_TESTS=1 asks for it");
        return;
    }
    let desk = Desk::with(&long(1_000_000));
    let Some(cluster) = Cluster::start() else { return };
    // The warning is replaced by one that nobody hears.
    let options = ["time=1", "requeue=false", "sbatch=--signal=B:CONT@1"].map(|option| ["--slurm", option]).concat();
    let schedule = begin(&cluster, &desk, &[&options[..], &["--retries", "1"]].concat());
    cluster.until("its time is over", || queue(&cluster, "%T").contains("TIMEOUT").then_some(()));
    let reached = rows(&desk);
    cluster.until("it goes on", || (cluster.submissions(&desk) == 2 && rows(&desk) > reached).then_some(()));
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--cancel"]), 0);
    let ended = schedule.ended();
    expect_code(&ended, 130);
    // It saves when Slurm ends it, if it is given the time for that; else it has failed, and is tried again from its last epoch.
    let said = words(&ended);
    let how = ["once more, from where it saved", "killed at its time limit; ask for more time"];
    assert!(how.iter().any(|how| said.contains(how)) && said.contains("goes on after epoch"), "{said}");
}

#[test]
#[cfg(feature = "cudnn")]
fn tasks_with_a_gpu_have_one_each() {
    let toml = long(6).replace("seeds = [1]", "seeds = [1, 2]").replace("[4, 8]", "[8, 12]\nnorm = \"group\"\ngroups = 4");
    let desk = Desk::with(&toml);
    if !software_cuda::can_emulate() {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    let emulated = |command: Command| {
        let mut command = software_cuda::emulated(command);
        command.env("SOFTWARE_CUDA_DEVICES", "2");
        command
    };
    let alone = emulated(desk.command(&["run", "x.toml", "--results", "calm", "--device", "cuda:0"])).output().expect("starts");
    expect_code(&alone, 0);
    let command = cluster.command(&desk, &["run", "x.toml", "--on", "slurm", "--slurm", "gpus=1", "--retries", "0"]);
    let schedule = Schedule::of(&desk, emulated(command));
    let below = desk.path("results").display().to_string();
    cluster.until("both train, each with a GPU of its own", || {
        let runs = processes(&["train", &below, "--child"]);
        let of: BTreeSet<String> = runs.iter().filter_map(|run| variable(*run, "CUDA_VISIBLE_DEVICES")).collect();
        (of.len() == 2).then_some(())
    });
    let ended = schedule.ended();
    expect_code(&ended, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}
