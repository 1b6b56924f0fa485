//! events.jsonl: what anybody who watches a run sees of it.

use super::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::{Path, PathBuf};
use umlaut::record::Event;

/// One run.
fn desk() -> Desk {
    Desk::with(&TINY.replace("[1e-2, 1e-3]", "[1e-2]").replace("seeds = [1, 2]", "seeds = [1]"))
}

fn run_dir(desk: &Desk) -> PathBuf {
    fs::read_dir(desk.path("results/tiny/runs")).unwrap().next().unwrap().unwrap().path()
}

/// The first epoch of each attempt that the file knows, and the epochs that ended.
fn epochs(run: &Path) -> (Vec<usize>, Vec<usize>) {
    let text = fs::read_to_string(run.join("events.jsonl")).unwrap();
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match Event::from_line(line).unwrap_or_else(|| panic!("no event: {line}")) {
            Event::Started { first, .. } => begun.push(first),
            Event::Epoch { epoch, .. } => ended.push(epoch),
            _ => {}
        }
    }
    (begun, ended)
}

#[test]
fn each_attempt_begins_its_events_anew_whoever_starts_it() {
    let desk = desk();
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    let run = run_dir(&desk);
    assert_eq!(epochs(&run), (vec![1], vec![1, 2, 3]));
    // Once more by a schedule, and by nobody's order: what is done is done, so only the end is made again.
    fs::remove_file(run.join("outcome.toml")).unwrap();
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    assert_eq!(epochs(&run), (vec![4], vec![]));
    fs::remove_file(run.join("outcome.toml")).unwrap();
    let longer = desk.umlaut(&["train", run.to_str().unwrap(), "--device", "cpu", "--cache", "results/.cache"]);
    expect_code(&longer, 0);
    assert_eq!(epochs(&run), (vec![4], vec![]));
}

#[test]
fn what_a_schedule_shows_of_a_run_it_has_from_the_file() {
    let desk = desk();
    let first = desk.umlaut(&["run", "x.toml", "--device", "cpu"]);
    expect_code(&first, 0);
    for epoch in 1..=3 {
        assert!(words(&first).contains(&format!(": epoch {epoch}/3  loss")), "{}", words(&first));
    }
    // What cannot be written is lost, and nothing else is.
    let run = run_dir(&desk);
    let metrics = fs::read(run.join("metrics.csv")).unwrap();
    fs::remove_dir_all(desk.path("results/tiny")).unwrap();
    fs::create_dir_all(run.join("events.jsonl")).unwrap();
    let second = desk.umlaut(&["run", "x.toml", "--device", "cpu"]);
    assert_ne!(second.status.code(), Some(0), "{}", words(&second));
    assert!(words(&second).contains("events.jsonl"), "{}", words(&second));
    fs::remove_dir(run.join("events.jsonl")).unwrap();
    expect_code(&desk.umlaut(&["run", "x.toml", "--device", "cpu"]), 0);
    assert_eq!(fs::read(run.join("metrics.csv")).unwrap(), metrics);
}
