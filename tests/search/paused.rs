//! `umlaut train --until`: a run that pauses and goes on is the run that never did.

use super::desk::{Desk, SEARCH};
use std::fs;

/// A run directory `a` with nothing but its input, of one plain run.
fn run() -> Desk {
    let plain = SEARCH.split("[search]").next().expect("the file begins without it");
    let desk = Desk::with(plain);
    desk.umlaut(0, &["run", "x.toml"]);
    for copy in ["a", "b"] {
        fs::create_dir(desk.path(copy)).expect("writable");
        fs::copy(desk.runs("results")[0].join("run.toml"), desk.path(copy).join("run.toml")).expect("copied");
    }
    desk
}

#[test]
fn epochs_come_in_pieces_and_none_is_repeated() {
    let desk = run();
    let whole = &desk.runs("results")[0];
    let rows = |run: &str| fs::read_to_string(desk.path(run).join("metrics.csv")).expect("rows").lines().count() - 1;
    for (until, expected) in [("1", 1), ("1", 1), ("2", 2), ("1", 2)] {
        desk.umlaut(0, &["train", "a", "--until", until]);
        assert_eq!(rows("a"), expected, "--until {until}");
        let outcome = fs::read_to_string(desk.path("a/outcome.toml")).expect("written");
        assert!(outcome.contains("status = \"paused\"") && outcome.contains(&format!("epochs = {expected}")), "{outcome}");
        assert!(!desk.path("a/per_image.csv").exists());
    }
    assert!(desk.umlaut(0, &["status", "a"]).contains("paused a: epoch 2/3"));
    assert!(desk.umlaut(2, &["train", "a", "--until", "4"]).contains("--until 4: the run of a has 3 epochs"));
    desk.umlaut(0, &["train", "a"]);
    for file in ["metrics.csv", "per_image.csv", "outcome.toml", "checkpoints/best.safetensors", "checkpoints/last.safetensors"] {
        assert_eq!(fs::read(desk.path("a").join(file)).expect(file), fs::read(whole.join(file)).expect(file), "{file}");
    }
    let timed = fs::read_to_string(desk.path("a/timing.csv")).expect("written");
    assert_eq!(timed.lines().count(), 4, "one row per epoch: none was trained twice");
    assert!(desk.umlaut(0, &["train", "a", "--until", "1"]).contains("finished before"), "what has finished stays so");
}
