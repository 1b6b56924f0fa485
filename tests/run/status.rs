//! `umlaut status` of single experiments and runs, for programs, and again and again.

use crate::desk::{Desk, TINY, expect_code, words};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use umlaut::store::{ExperimentDir, RunDir};

/// Two runs of two epochs; one of them diverges at once.
fn ran() -> Desk {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 2").replace("[1, 2]", "[1]").replace("1e-3]", "1e30]"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 1);
    desk
}

/// The run that finished, and the one that failed.
fn runs(desk: &Desk) -> (PathBuf, PathBuf) {
    let entries =
        fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there").map(|entry| entry.expect("listed").path());
    let (good, bad): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.to_string_lossy().contains("lr-0.01"));
    (good[0].clone(), bad[0].clone())
}

fn hash(run: &std::path::Path) -> String {
    RunDir::at(run).id().hash().to_owned()
}

#[test]
fn an_experiment_or_a_run_is_meant_by_its_name() {
    let desk = ran();
    let (good, _) = runs(&desk);
    for word in ["tiny", "results/tiny", "results", "./results/tiny/"] {
        assert!(desk.said(&["status", word]).starts_with("tiny: 1 finished, 1 failed of 2 runs; "), "{word}");
    }
    for word in [hash(&good), good.display().to_string(), good.file_name().expect("a name").to_string_lossy().into_owned()] {
        let said = desk.said(&["status", &word]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.starts_with("finished lr-0.01") && said.contains(": epoch 2/2, val dice "), "{said}");
        assert!(said.contains("; best val_loss ") && said.ends_with(" kB"), "{said}");
    }
    fs::rename(desk.path("results"), desk.path("kept")).expect("on one disk");
    assert!(desk.said(&["status", "tiny", "--results", "kept"]).starts_with("tiny: 1 finished"));
    let unknown = desk.umlaut(&["status", "tinny", "--results", "kept"]);
    expect_code(&unknown, 2);
    assert!(words(&unknown).contains("tinny is no directory of runs, no experiment in kept"), "{}", words(&unknown));
}

/// Oracle: the files themselves.
#[test]
fn json_has_what_the_files_say() {
    let desk = ran();
    let (good, bad) = runs(&desk);
    let document: Value = serde_json::from_str(&desk.said(&["status", "--json"])).expect("JSON");
    assert_eq!(document["path"], "results");
    let experiment = &document["experiments"][0];
    assert_eq!(
        (&experiment["name"], &experiment["held_by"], &experiment["runs_of_other_plans"]),
        (&"tiny".into(), &Value::Null, &0.into())
    );
    let of = |path: &PathBuf| {
        let runs = experiment["runs"].as_array().expect("a list");
        assert_eq!(runs.len(), 2);
        runs.iter().find(|run| run["id"] == *path.file_name().expect("a name").to_string_lossy()).expect("both are there").clone()
    };
    let outcome = RunDir::at(&good).outcome().expect("readable").expect("finished");
    let message = of(&good);
    assert_eq!(
        (&message["state"], &message["epoch"], &message["epochs"], &message["cause"]),
        (&"finished".into(), &2.into(), &2.into(), &Value::Null)
    );
    assert_eq!((&message["device"], &message["without_weights"]), (&"cpu".into(), &false.into()));
    assert_eq!(message["best"]["epoch"].as_u64(), outcome.best_epoch.map(|epoch| epoch as u64));
    assert_eq!(
        (message["best"]["column"].as_str(), message["best"]["value"].as_f64()),
        (Some("val_loss"), outcome.best.get("val_loss").copied())
    );
    assert!(message["seconds_since_last_epoch"].is_u64());
    let sizes = walkdir::WalkDir::new(&good).into_iter().map(|entry| entry.expect("listed").metadata().expect("known"));
    let bytes: u64 = sizes.filter(|found| found.is_file()).map(|found| found.len()).sum();
    assert_eq!(message["bytes"].as_u64(), Some(bytes));
    let message = of(&bad);
    assert!(
        message["state"] == "failed" && message["cause"].as_str().is_some_and(|cause| cause.contains("training loss")),
        "{message}"
    );
    let one: Value = serde_json::from_str(&desk.said(&["status", &hash(&bad), "--json"])).expect("JSON");
    assert_eq!(one["experiments"][0]["runs"].as_array().expect("a list").len(), 1);
}

/// The best so far of a run that has not finished, by its rows.
#[test]
fn the_best_epoch_of_a_stopped_run_is_that_of_its_rows() {
    let desk = ran();
    let (good, _) = runs(&desk);
    let before = RunDir::at(&good).outcome().expect("readable").expect("finished");
    fs::remove_file(good.join("outcome.toml")).expect("it was there");
    let document: Value = serde_json::from_str(&desk.said(&["status", &hash(&good), "--json"])).expect("JSON");
    let message = &document["experiments"][0]["runs"][0];
    assert_eq!(message["state"], "resumable");
    assert_eq!(message["best"]["epoch"].as_u64(), before.best_epoch.map(|epoch| epoch as u64));
    let value = message["best"]["value"].as_f64().expect("a number");
    assert!((value - before.best["val_loss"]).abs() < 1e-9, "{value}");
}

#[test]
fn watching_ends_when_nothing_runs() {
    let desk = ran();
    let once = desk.said(&["status", "--watch"]);
    assert_eq!(once.matches("tiny: 1 finished").count(), 1, "{once}");
    for arguments in [&["status", "--watch", "0"] as &[&str], &["status", "--watch", "tiny"], &["status", "--watch", "--json"]] {
        expect_code(&desk.umlaut(arguments), 2);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn watching_goes_on_while_a_process_is_at_it() {
    let desk = ran();
    let dir = ExperimentDir::at(desk.path("results/tiny"));
    let held = dir.claim().expect("free");
    let mut child =
        desk.command(&["status", "tiny", "--watch", "0.1"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    assert!(lines.by_ref().filter(|line| line.starts_with("tiny: ")).nth(2).is_some(), "three times");
    drop(held);
    let last = lines.filter(|line| line.starts_with("tiny: ")).last().expect("once more at least");
    assert!(!last.contains("held by"), "{last}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn watching_ends_on_ctrl_c() {
    use nix::sys::signal::{Signal, kill};
    let desk = ran();
    let _held = ExperimentDir::at(desk.path("results/tiny")).claim().expect("free");
    let mut child = desk.command(&["status", "--watch", "3600"]).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("text");
    assert!(first.starts_with("tiny: "), "{first}");
    kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("it is there");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}
