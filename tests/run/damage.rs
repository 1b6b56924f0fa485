//! Files of runs that cannot be read: they cost their run alone, the remedy is named, and the same command makes it again.

use crate::chaos::children_of;
use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

fn runs(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there");
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    runs.sort();
    runs
}

#[test]
fn a_damaged_file_costs_its_run_and_the_same_command_makes_it_again() {
    let desk = Desk::with(&TINY.replace("[1e-2, 1e-3]", "[1e-2, 3e-3, 1e-3]"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let (whole, runs) = (desk.metrics("results"), runs(&desk));
    let damaged = ["outcome.toml", "provenance.toml", "place.toml", "metrics.csv", "per_image.csv"];
    for (run, file) in runs.iter().zip(damaged) {
        fs::write(run.join(file), [b'=', 0xff, b'\n', b'"']).expect("writable");
    }
    // A value of another kind is no better than no TOML, and no torn file.
    fs::write(runs[5].join("outcome.toml"), "status = 3\n").expect("writable");
    let remedy = "`umlaut run` puts it aside";
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (arguments, message) in [
        (vec!["status"], vec!["outcome.toml"]),
        (vec!["plan", "x.toml", "--csv"], vec!["outcome.toml"]),
        (vec!["report", "results/tiny"], damaged.to_vec()),
        (vec!["compare", "tiny"], damaged.to_vec()),
    ] {
        let said = flat(desk.said(&arguments));
        assert!(said.contains("damaged") && said.contains(remedy), "{arguments:?}: {said}");
        message.iter().for_each(|file| assert!(said.replace(' ', "").contains(file), "{arguments:?}: {file}: {said}"));
    }
    let report = fs::read_to_string(desk.path("results/tiny/report.md")).expect("written");
    assert!(report.contains("6 damaged") && report.contains("line 1: "), "{report}");
    let why = desk.umlaut(&["why", &runs[1].display().to_string(), &runs[2].display().to_string()]);
    expect_code(&why, 2);
    assert!(words(&why).contains("provenance.toml") && words(&why).contains(remedy), "{}", words(&why));

    let again = desk.umlaut(&["run", "x.toml"]);
    expect_code(&again, 0);
    let said = flat(words(&again));
    for file in damaged {
        assert!(said.contains(file), "{file}: {said}");
    }
    assert_eq!(desk.metrics("results"), whole, "with the same numbers");
    for run in &runs {
        let kept = fs::read_dir(run.join("damaged-1")).expect("put aside").count();
        assert!(kept > 0 && run.join("outcome.toml").is_file() && run.join("per_image.csv").is_file(), "{}", run.display());
    }
    // Of the run whose rows are lost nothing was written over.
    assert!(runs[3].join("damaged-1/checkpoints/best.safetensors").is_file());
    let status = desk.said(&["status"]);
    assert!(status.starts_with("tiny: 6 finished of 6 runs; "), "{status}");
}

#[test]
fn a_damaged_plan_is_told_and_all_runs_are_shown() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    fs::write(desk.path("results/tiny/plan.csv"), [0xff]).expect("writable");
    for arguments in [vec!["status"], vec!["report", "results/tiny"], vec!["compare", "tiny"]] {
        let said = desk.said(&arguments).split_whitespace().collect::<Vec<_>>().join(" ");
        for part in ["plan.csv", "4 finished", "`umlaut run` writes it anew"] {
            assert!(said.contains(part), "{arguments:?}: {part}: {said}");
        }
    }
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert!(!desk.said(&["status"]).contains("plan.csv"));
}

/// A directory where a file should be cannot be read either, and one that may not be moved costs its run alone.
#[test]
fn a_file_of_another_kind_costs_its_run() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let outcome = runs(&desk)[0].join("outcome.toml");
    fs::remove_file(&outcome).expect("it was there");
    fs::create_dir(&outcome).expect("writable");
    expect_code(&desk.umlaut(&["report", "results/tiny"]), 0);
    let again = desk.umlaut(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert!(words(&again).contains("outcome.toml") && outcome.is_file(), "{}", words(&again));
}

/// What a child that died said last becomes the cause: here it writes as the standard library does before it is killed.
#[test]
fn causes_have_no_backtraces() {
    let desk =
        Desk::with(&TINY.replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]").replace("epochs = 3", "epochs = 1000000"));
    let mut command = desk.command(&["run", "x.toml", "--retries", "0"]);
    let schedule = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let run = loop {
        let begun = |run: &PathBuf| fs::read_to_string(run.join("log.txt")).is_ok_and(|log| log.contains("epoch 2/"));
        let listed = fs::read_dir(desk.path("results/tiny/runs")).into_iter().flatten();
        if let Some(run) = listed.map(|entry| entry.expect("listed").path()).find(begun) {
            break run;
        }
        std::thread::yield_now();
    };
    let trains =
        |pid: &nix::unistd::Pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.contains("train"));
    let child = children_of(schedule.id()).into_iter().find(trains).expect("it trains");
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGSTOP).expect("it is alive");
    let mut log = fs::OpenOptions::new().append(true).open(run.join("log.txt")).expect("it is there");
    let said = "thread 'main' (7) panicked at /home/x/.cargo/registry/src/candle-core/src/error.rs:264:25:\nno such best.safetensors\nstack backtrace:\n   \
                 0: candle_core::error::Error::bt\n             at /rustc/59807616/library/std/src/panicking.rs:689:5\n";
    std::io::Write::write_all(&mut log, said.as_bytes()).expect("written");
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).expect("it is alive");
    let failed = schedule.wait_with_output().expect("it ends");
    expect_code(&failed, 1);
    let outcome = fs::read_to_string(run.join("outcome.toml")).expect("written");
    assert!(outcome.contains("status = \"failed\"") && outcome.contains("best.safetensors"), "{outcome}");
    let below = |file: &str| fs::read_to_string(desk.path("results/tiny").join(file)).expect("written");
    for text in [outcome, below("report.md"), below("report.html"), below("summary.csv"), words(&failed)] {
        for part in ["stack backtrace", "/rustc/", "   0: ", ".cargo/registry", "candle_core::"] {
            let lines: Vec<&str> = text.lines().filter(|line| line.contains(part) && !line.contains("<svg")).collect();
            assert!(lines.is_empty(), "{part}: {lines:?}");
        }
    }
}
