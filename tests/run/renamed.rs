//! Runs of equal ids in another experiment of the same results: taken over as they are, or trained where they are not sound. And a second file
//! with the same name.

use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::PathBuf;

/// Two runs of two epochs.
fn tiny() -> String {
    TINY.replace("epochs = 3", "epochs = 2").replace("[1e-2, 1e-3]", "[1e-2]")
}

/// The experiment `tiny`, finished, and a file `y.toml` with the same under another name.
fn renamed() -> Desk {
    let desk = Desk::with(&tiny());
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    fs::write(desk.path("y.toml"), tiny().replace("\"tiny\"", "\"other\"")).expect("writable");
    desk
}

fn runs(desk: &Desk, experiment: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path("results").join(experiment).join("runs")).expect("runs are there");
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    runs.sort();
    runs
}

fn said(desk: &Desk, arguments: &[&str]) -> String {
    let output = desk.umlaut(arguments);
    expect_code(&output, 0);
    words(&output)
}

#[test]
fn a_renamed_experiment_is_not_trained_again() {
    let desk = renamed();
    let plan = desk.said(&["plan", "y.toml"]);
    assert!(
        plan.contains("finished in tiny") && plan.contains("2 runs: 2 finished") && plan.contains("time left: none"),
        "{plan}"
    );
    let logs = |experiment: &str| {
        runs(&desk, experiment).iter().map(|run| fs::read(run.join("log.txt")).expect("a log")).collect::<Vec<_>>()
    };
    let before = logs("tiny");
    let first = said(&desk, &["run", "y.toml"]);
    assert!(first.contains("2 runs taken over from tiny"), "{first}");
    assert!(!first.contains("epoch 1/2"), "{first}");
    let (old, new) = (runs(&desk, "tiny"), runs(&desk, "other"));
    assert_eq!(new.len(), 2);
    for (old, new) in old.iter().zip(&new) {
        for file in ["metrics.csv", "outcome.toml", "provenance.toml", "per_image.csv", "checkpoints/best.safetensors"] {
            assert_eq!(fs::read(old.join(file)).expect("there"), fs::read(new.join(file)).expect("there"), "{file}");
        }
        assert!(fs::read_to_string(new.join("run.toml")).expect("there").contains("\"other\""));
        assert!(new.join("samples").is_dir() && !new.join("events.jsonl").exists());
    }
    assert_eq!(logs("tiny"), before, "nothing is written into the other's log");
    assert!(desk.path("results/other/report.html").is_file());
    assert!(desk.said(&["status", "other"]).contains("2 finished of 2 runs"));
    let again = said(&desk, &["run", "y.toml"]);
    assert!(again.contains("finished before") && !again.contains("taken over"), "{again}");
}

/// Links or copies: neither knows of the other.
#[test]
fn what_is_deleted_of_one_stays_of_the_other() {
    let desk = renamed();
    said(&desk, &["run", "y.toml"]);
    desk.said(&["clean", "tiny", "--resume", "--yes"]);
    fs::remove_file(runs(&desk, "tiny")[0].join("checkpoints/best.safetensors")).expect("it was there");
    for run in runs(&desk, "other") {
        let there = fs::read_dir(run.join("checkpoints")).expect("listed").count();
        assert_eq!(there, 3, "{}", run.display());
    }
    // The same id in both: one of the two is meant.
    let name = runs(&desk, "other")[0].file_name().expect("a name").to_string_lossy().into_owned();
    let id = name.rsplit('-').next().expect("a hash");
    assert!(desk.said(&["status", id]).starts_with("finished "));
}

#[test]
fn what_is_not_as_it_was_left_is_trained() {
    let desk = renamed();
    let old = runs(&desk, "tiny");
    // A bit of the weights, which only their hash knows.
    let weights = old[0].join("checkpoints/best.safetensors");
    let mut bytes = fs::read(&weights).expect("readable");
    *bytes.last_mut().expect("not empty") ^= 1;
    fs::write(&weights, bytes).expect("writable");
    fs::write(old[1].join("outcome.toml"), "status = ").expect("writable");
    let words = said(&desk, &["run", "y.toml"]);
    assert!(!words.contains("taken over") && words.contains("epoch 2/2"), "{words}");
    assert!(desk.said(&["status", "other"]).contains("2 finished of 2 runs"));
}

#[test]
fn what_is_half_taken_over_is_no_run() {
    let desk = renamed();
    let hidden = desk.path("results/other/runs/.taking-0123456789");
    fs::create_dir_all(&hidden).expect("writable");
    fs::copy(runs(&desk, "tiny")[0].join("run.toml"), hidden.join("run.toml")).expect("writable");
    assert!(desk.said(&["plan", "y.toml"]).contains("2 runs: 2 finished"));
    assert!(said(&desk, &["run", "y.toml"]).contains("2 runs taken over"));
    assert!(!hidden.exists());
}

#[test]
fn another_file_of_the_same_name_is_noticed() {
    let desk = Desk::with(&tiny());
    let first = said(&desk, &["run", "x.toml"]);
    assert!(!first.contains("was last planned"), "{first}");
    fs::write(desk.path("b.toml"), tiny().replace("batch_size = 4", "batch_size = 3")).expect("writable");
    let other = said(&desk, &["run", "b.toml"]);
    assert!(other.contains("results/tiny was last planned with other runs: none of its 2 runs is in b.toml"), "{other}");
    // One that has a run of the last plan too, and one that goes on from its runs.
    fs::write(desk.path("b.toml"), tiny().replace("batch_size = 4", "batch_size = 3").replace("[1, 2]", "[2, 3]"))
        .expect("writable");
    let grown = said(&desk, &["run", "b.toml"]);
    assert!(!grown.contains("was last planned"), "{grown}");
    let longer = said(&desk, &["run", "b.toml", "--set", "training.epochs=3"]);
    assert!(!longer.contains("was last planned"), "{longer}");
}

#[test]
fn a_plan_says_where_new_runs_continue() {
    let desk = Desk::with(&tiny());
    said(&desk, &["run", "x.toml"]);
    let plan = desk.said(&["plan", "x.toml", "--set", "training.epochs=5"]);
    assert_eq!(plan.lines().filter(|line| line.ends_with("new, continues from epoch 2")).count(), 2, "{plan}");
    // With other data or another course of the learning rate they begin anew.
    for set in ["dataset.synthetic.count=13", "training.batch_size=3"] {
        let plan = desk.said(&["plan", "x.toml", "--set", "training.epochs=5", "--set", set]);
        assert!(!plan.contains("continues") && plan.contains("  new"), "{plan}");
    }
    // What is said is what is done.
    let words = said(&desk, &["run", "x.toml", "--set", "training.epochs=5"]);
    assert!(words.contains("goes on after epoch 2 of 5"), "{words}");
}
