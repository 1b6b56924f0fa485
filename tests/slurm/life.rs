//! What happens to tasks one by one: time limits, cancelling, holding, a schedule that goes and comes back.

use crate::cluster::{Cluster, processes, signal};
use crate::desk::{Desk, TINY, expect_code, words};
use nix::sys::signal::Signal;
use std::fs;

/// One run, long enough to be met while it trains.
pub fn long(epochs: usize) -> String {
    TINY.replace("epochs = 3", &format!("epochs = {epochs}")).replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]")
}

pub fn rows(desk: &Desk) -> usize {
    if !desk.path("results/tiny/runs").exists() {
        return 0;
    }
    desk.metrics("results").iter().map(|(_, csv)| csv.lines().count()).sum()
}

fn outcome(desk: &Desk) -> String {
    desk.read_all("results", "outcome.toml").concat()
}

#[test]
fn a_detached_sweep_is_joined_again_and_nothing_is_submitted_twice() {
    let desk = Desk::with(TINY);
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    // Nothing may begin before it is looked at.
    cluster.slurm("scontrol", &["update", "partitionname=main", "state=down"]);
    let detached = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--detach"]);
    expect_code(&detached, 0);
    assert!(words(&detached).contains("4 runs left in Slurm's queue"), "{}", words(&detached));
    let status = words(&cluster.umlaut(&desk, &["status"]));
    assert!(status.contains("4 new (4 in Slurm's queue) of 4 runs"), "{status}");
    let added = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--detach", "--set", "training.seeds=3"]);
    assert!(words(&added).contains("4 runs in Slurm's queue from before"), "{}", words(&added));
    assert_eq!(cluster.slurm("squeue", &["-r", "-h"]).lines().count(), 6, "two seeds more");
    cluster.slurm("scontrol", &["update", "partitionname=main", "state=up"]);
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--set", "training.seeds=3"]), 0);
    assert_eq!(cluster.submissions(&desk), 2);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm", "--set", "training.seeds=3"]), 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}

#[test]
fn a_task_without_time_saves_within_the_epoch_and_goes_on_after_a_requeue() {
    let desk = Desk::with(&long(300));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    for requeue in ["requeue=true", "requeue=false"] {
        _ = fs::remove_dir_all(desk.path("results/tiny"));
        let schedule = cluster.schedule(&desk, &["run", "x.toml", "--on", "slurm", "--slurm", requeue, "--retries", "0"]);
        cluster.until("some epochs", || (rows(&desk) > 3).then_some(()));
        let task = processes(&["slurm-task", &desk.path("results").display().to_string()]);
        signal(task[0], Signal::SIGUSR1);
        let ended = schedule.ended();
        expect_code(&ended, 0);
        assert!(words(&ended).contains("goes on after epoch"), "{}", words(&ended));
        assert_eq!(words(&ended).contains("once more, from where it saved"), requeue == "requeue=false", "{}", words(&ended));
        assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    }
}

#[test]
fn what_others_cancel_is_interrupted_and_what_is_held_is_reported() {
    let desk = Desk::with(&long(2000));
    let Some(cluster) = Cluster::start() else { return };
    let schedule = cluster.schedule(&desk, &["run", "x.toml", "--on", "slurm"]);
    cluster.until("some epochs", || (rows(&desk) > 3).then_some(()));
    cluster.slurm("scancel", &["-u", "root"]);
    let ended = schedule.ended();
    expect_code(&ended, 130);
    assert!(outcome(&desk).contains("status = \"interrupted\""), "{}", outcome(&desk));
    let before = rows(&desk);

    let held = ["run", "x.toml", "--on", "slurm", "--set", "training.epochs=2001", "--slurm", "sbatch=--hold"];
    let schedule = cluster.schedule(&desk, &held);
    cluster.until("it is held", || cluster.slurm("squeue", &["-h", "-o", "%r"]).contains("JobHeldUser").then_some(()));
    let cancelled = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--cancel"]);
    expect_code(&cancelled, 0);
    assert!(words(&cancelled).contains("1 run in Slurm's queue asked to end"), "{}", words(&cancelled));
    let ended = schedule.ended();
    expect_code(&ended, 130);
    assert!(words(&ended).contains("scontrol release"), "{}", words(&ended));
    assert!(before > 3 && outcome(&desk).contains("its job was cancelled"), "{}", outcome(&desk));
}

#[test]
fn ctrl_c_leaves_jobs_and_cancel_lets_them_save() {
    let desk = Desk::with(&long(3000));
    let Some(cluster) = Cluster::start() else { return };
    let schedule = cluster.schedule(&desk, &["run", "x.toml", "--on", "slurm"]);
    cluster.until("some epochs", || (rows(&desk) > 3).then_some(()));
    schedule.signal(Signal::SIGINT);
    let left = schedule.ended();
    expect_code(&left, 130);
    assert!(words(&left).contains("1 run left in Slurm's queue"), "{}", words(&left));
    let reached = rows(&desk);
    cluster.until("it goes on", || (rows(&desk) > reached).then_some(()));
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--cancel"]), 0);
    cluster.until("it has ended", || cluster.slurm("squeue", &["-h"]).trim().is_empty().then_some(()));
    assert!(outcome(&desk).contains("status = \"interrupted\""), "{}", outcome(&desk));
}

/// Slurm 22.05 does not know sacct here, and a controller that is down answers nothing: neither is an end.
#[test]
fn a_controller_that_is_down_is_no_end() {
    let desk = Desk::with(&long(400));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let schedule = cluster.schedule(&desk, &["run", "x.toml", "--on", "slurm", "--retries", "0"]);
    cluster.until("some epochs", || (rows(&desk) > 3).then_some(()));
    cluster.kill("ctld");
    let ended = schedule.ended();
    expect_code(&ended, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    let refused = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--set", "training.epochs=401"]);
    expect_code(&refused, 1);
    assert!(words(&refused).contains("slurm"), "{}", words(&refused));
    cluster.restart("ctld");
}

/// Trials join the queue as results come in, and some wait there for a rung: the history is that of one machine.
#[test]
fn a_search_in_the_queue_is_the_search_of_one_machine() {
    let trial = long(4);
    let (head, _) = trial.split_once("[sweep.grid]").expect("it sweeps");
    let search = "[search]\ntrials = 6\nparallel = 2\nsampler = \"tpe\"\nconfirm.top = 2\nhalving.lowest = 1\n\
                  draw.\"optimizer.adam.lr\" = { log_uniform = [1e-3, 1e-1] }\n";
    let desk = Desk::with(&format!("{head}{search}"));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm"]), 0);
    let of = |results: &str, file: &str| fs::read_to_string(desk.path(results).join("tiny/search").join(file)).expect("a search");
    assert_eq!(of("results", "history.csv"), of("calm", "history.csv"));
    assert_eq!(of("results", "winner.toml"), of("calm", "winner.toml"));
    // Slots that wait train what will probably be wanted, which depends on the moment; whatever both have trained is the same.
    let (queued, calm) = (desk.metrics("results"), desk.metrics("calm"));
    let both = queued.iter().filter(|(name, _)| calm.iter().any(|(other, _)| other == name));
    assert!(both.clone().count() >= 9, "six trials and the winner's three fresh runs");
    assert!(both.clone().all(|run| calm.contains(run)), "other bytes");
}
