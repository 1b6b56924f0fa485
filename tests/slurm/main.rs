//! Sweeps on a cluster of Slurm: the same files as on one machine, whatever is killed meanwhile.
//!
//! The oracle of every sweep is the same sweep on this machine. Each test starts a cluster of its own on the loopback (`cluster.sh`); where Slurm
//! is not installed, or the test is not root, it says so and checks nothing. What is waited for are conditions, never times.

#![cfg(target_os = "linux")]

mod chaos;
mod cluster;
#[path = "../run/desk.rs"]
#[expect(dead_code, reason = "the tests of whole runs have more to do with it")]
mod desk;
mod ends;
mod life;
mod protocol;
#[path = "../software_cuda/mod.rs"]
#[cfg(feature = "cudnn")]
mod software_cuda;

use cluster::Cluster;
use desk::{Desk, TINY, expect_code, words};

/// Twelve runs of an epoch or two.
fn twelve() -> String {
    TINY.replace("epochs = 3", "epochs = 2").replace("seeds = [1, 2]", "seeds = 6")
}

#[test]
fn a_sweep_on_slurm_leaves_what_one_on_this_machine_does() {
    let desk = Desk::with(&twelve());
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let planned = cluster.umlaut(&desk, &["plan", "x.toml", "--on", "slurm", "--slurm", "array_limit=3"]);
    expect_code(&planned, 0);
    for part in ["12 runs would be submitted to Slurm in 1 array", "#SBATCH --array=0-11%3", "slurm-task"] {
        assert!(words(&planned).contains(part), "{part}: {}", words(&planned));
    }
    assert!(!desk.path("results/tiny").exists(), "nothing is begun");

    let swept = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm"]);
    expect_code(&swept, 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
    assert_eq!(cluster.submissions(&desk), 1, "all runs ask for the same");
    for table in ["report.md", "results.csv"] {
        let read = |results: &str| std::fs::read_to_string(desk.path(results).join("tiny").join(table)).ok();
        assert_eq!(read("results").is_some(), read("calm").is_some(), "{table}");
    }

    let again = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm"]);
    expect_code(&again, 0);
    assert_eq!(cluster.submissions(&desk), 1, "nothing is left to submit");
}

#[test]
fn runs_whose_time_is_known_share_tasks_and_seeds_are_added() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 2"));
    let Some(cluster) = Cluster::start() else { return };
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm"]), 0);
    let more = ["--set", "training.seeds=5", "--set", "training.epochs=3"];
    let command = |verb, rest: &[&'static str]| [&[verb, "x.toml"], &more[..], rest].concat();
    let planned = cluster.umlaut(&desk, &command("plan", &["--on", "slurm"]));
    assert!(words(&planned).contains("1 task with 10 runs"), "{}", words(&planned));
    expect_code(&cluster.umlaut(&desk, &command("run", &["--on", "slurm"])), 0);
    assert_eq!(cluster.submissions(&desk), 2);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    expect_code(&desk.umlaut(&command("run", &["--results", "calm"])), 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}

#[test]
fn what_slurm_refuses_for_good_is_the_users_mistake() {
    let desk = Desk::with(TINY);
    let Some(cluster) = Cluster::start() else { return };
    let refused = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--slurm", "partition=absent"]);
    expect_code(&refused, 2);
    assert!(words(&refused).contains("partition"), "{}", words(&refused));
    for (option, part) in [("tiem=1", "`time`"), ("time=soon", "HH:MM:SS"), ("gpus=2", "one GPU")] {
        let mistaken = cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--slurm", option]);
        expect_code(&mistaken, 2);
        assert!(words(&mistaken).contains(part), "{}", words(&mistaken));
    }
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm", "--device", "cpu"]), 2);
    // The corrected command goes on as if nothing had been.
    expect_code(&cluster.umlaut(&desk, &["run", "x.toml", "--on", "slurm"]), 0);
    assert_eq!(desk.metrics("results").len(), 4);
}
