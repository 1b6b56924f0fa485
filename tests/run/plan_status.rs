//! `umlaut plan`, `umlaut run --dry-run` and `umlaut status`: what they say, and that they leave everything as it is.

use crate::desk::{Desk, TINY};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Four runs of two epochs; two of them diverge at once.
fn tiny() -> String {
    TINY.replace("epochs = 3", "epochs = 2").replace("1e-3]", "1e30]")
}

/// Runs the experiment; two of its runs fail.
fn run(desk: &Desk) {
    assert_eq!(desk.umlaut(&["run", "x.toml"]).status.code(), Some(1));
}

/// The rows of `plan --csv` by their columns' names.
fn rows(desk: &Desk) -> Vec<BTreeMap<String, String>> {
    let text = desk.said(&["plan", "x.toml", "--csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let row = |row: csv::StringRecord| header.iter().zip(&row).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    reader.records().map(|found| row(found.expect("a row as long as the header"))).collect()
}

fn runs(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there");
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    runs.sort();
    runs
}

/// Everything below a directory: paths and contents.
fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.expect("listed"));
    entries
        .map(|e| (e.path().to_owned(), if e.file_type().is_file() { fs::read(e.path()).expect("readable") } else { vec![] }))
        .collect()
}

/// Lines of the table whose last words are these.
fn ending(text: &str, words: &str) -> usize {
    text.lines().filter(|line| line.ends_with(words)).count()
}

#[test]
fn a_plan_shows_what_differs_what_it_costs_and_that_it_is_new() {
    let desk = Desk::with(&tiny());
    let plan = desk.said(&["plan", "x.toml", "--jobs", "2"]);
    let head = plan.lines().next().expect("a header");
    for word in ["run", "lr", "seed", "parameters", "GFLOP/step", "memory", "time left", "status"] {
        assert!(head.contains(word), "{word}: {plan}");
    }
    assert_eq!(ending(&plan, "  new"), 4, "{plan}");
    assert!(plan.contains("1e30") && plan.contains("4 runs: 4 new") && plan.contains("on 2 slots (cpu)"), "{plan}");
    assert!(plan.lines().next().is_some_and(|head| !head.contains('…')), "{plan}");
    assert_eq!(desk.said(&["plan", "x.toml", "--set", "training.seeds=[3]"]).matches("  new").count(), 2);
}

#[test]
fn a_pipe_has_room_for_every_column() {
    let terms = ["weighted_bce", "tversky", "focal", "focal_tversky", "jaccard", "lovasz"];
    let points: String = terms.iter().map(|term| format!("[[sweep.points]]\n\"loss.{term}.weight\" = 1.0\n")).collect();
    let desk = Desk::with(&format!("{}\n{points}", tiny()));
    let plan = desk.said(&["plan", "x.toml"]);
    let head = plan.lines().next().expect("a header");
    for word in terms.iter().map(|term| format!("{term}.weight")).chain(["memory".to_owned()]) {
        assert!(head.contains(&word), "{word}: {plan}");
    }
    assert!(head.chars().count() > 100 && !plan.contains("no room for"), "{plan}");
}

#[test]
fn plans_and_dry_runs_leave_everything_as_it_is() {
    let desk = Desk::with(&tiny());
    let commands: [&[&str]; 4] =
        [&["plan", "x.toml"], &["plan", "x.toml", "--csv"], &["run", "x.toml", "--dry-run"], &["status", "."]];
    let before = everything(&desk.path("."));
    commands.iter().for_each(|arguments| drop(desk.said(arguments)));
    assert_eq!(everything(&desk.path(".")), before, "nothing is begun");

    run(&desk);
    let before = everything(&desk.path("."));
    commands.iter().for_each(|arguments| drop(desk.said(arguments)));
    assert_eq!(everything(&desk.path(".")), before, "nothing is changed");
}

#[test]
fn csv_has_whole_ids_all_keys_and_numbers_that_parse() {
    let desk = Desk::with(&tiny());
    let rows = rows(&desk);
    assert_eq!(rows.len(), 4);
    for row in &rows {
        assert!(row["run"].starts_with("lr-"), "{row:?}");
        let number = |column: &str| row[column].parse::<f64>().unwrap_or_else(|_| panic!("{column}: {row:?}"));
        assert_eq!(number("parameters"), parameters(), "{row:?}");
        assert!(number("gflop_per_step") > 0.0 && number("memory_bytes") > 0.0);
        assert_eq!((number("epochs_done"), number("epochs"), row["status"].as_str()), (0.0, 2.0, "new"));
    }
    assert_eq!(rows.iter().map(|row| row["seed"].as_str()).collect::<Vec<_>>(), ["1", "2", "1", "2"]);
}

/// Parameters of the tiny net: 3×3 convolutions with bias and batch norm (9·in·out + 3·out), the head 1×1 with bias.
fn parameters() -> f64 {
    let unit = |inputs: usize, outputs: usize| 9 * inputs * outputs + 3 * outputs;
    let encoder = unit(3, 4) + unit(4, 4) + unit(4, 8) + unit(8, 8);
    let decoder = unit(8, 4) + unit(8, 4) + unit(4, 4);
    (encoder + decoder + 4 * 2 + 2) as f64
}

#[test]
fn a_plan_says_what_is_left_and_why_the_rest_is_not_run() {
    let desk = Desk::with(&tiny());
    run(&desk);
    let plan = desk.said(&["plan", "x.toml"]);
    assert_eq!((ending(&plan, "finished"), ending(&plan, "  failed")), (3, 2), "two rows, and a line below them: {plan}");
    for part in ["4 runs: 2 finished, 2 failed", "time left: none", "not run again: 2 finished", "the training loss is"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    // One more value: two new runs, their time known from those that finished.
    fs::write(desk.path("x.toml"), tiny().replace("[1e-2,", "[1e-2, 1e-3,")).expect("writable");
    let plan = desk.said(&["plan", "x.toml"]);
    assert!(plan.contains("6 runs: 2 finished, 2 failed, 2 new") && plan.contains("recorded run"), "{plan}");
    let rows = rows(&desk);
    let timed = rows.iter().filter(|row| row["status"] == "new" && row["time_left_s"].parse::<f64>().is_ok_and(|t| t > 0.0));
    assert_eq!(timed.count(), 2, "{rows:?}");
}

#[test]
fn a_stopped_run_counts_from_where_it_is() {
    let desk = Desk::with(&tiny());
    run(&desk);
    // As a kill after the first epoch leaves it.
    let stopped = runs(&desk).remove(0);
    fs::remove_file(stopped.join("outcome.toml")).expect("it was there");
    let metrics = fs::read_to_string(stopped.join("metrics.csv")).expect("readable");
    let kept: Vec<&str> = metrics.lines().take(2).collect();
    fs::write(stopped.join("metrics.csv"), kept.join("\n") + "\n").expect("writable");
    let plan = desk.said(&["plan", "x.toml"]);
    assert!(plan.contains("resumable, epoch 1/2"), "{plan}");
    assert!(desk.said(&["status"]).contains("1 resumable"));
}

#[test]
fn status_counts_what_finished_failed_and_is_new() {
    let desk = Desk::with(&tiny());
    run(&desk);
    // A run of which nothing is there yet but its row in the plan.
    let finished = runs(&desk).into_iter().find(|run| run.to_string_lossy().contains("lr-0.01")).expect("it is there");
    fs::remove_dir_all(finished).expect("removable");
    for arguments in [&["status"] as &[&str], &["status", "results"], &["status", "results/tiny"]] {
        let status = desk.said(arguments);
        assert!(status.starts_with("tiny: 1 finished, 2 failed, 1 new of 4 runs; "), "{status}");
        // Broken into lines of the terminal's width, so words only.
        assert_eq!(status.matches("  failed lr-").count(), 2, "{status}");
        assert!(status.contains("training") && status.contains("step"), "{status}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_claim_is_shown_while_its_process_lives() {
    let desk = Desk::with(&tiny());
    run(&desk);
    let dir = umlaut::store::ExperimentDir::at(desk.path("results/tiny"));
    let run = umlaut::store::RunDir::at(runs(&desk).remove(0));
    fs::remove_file(run.path().join("outcome.toml")).expect("it was there");
    let claims = (dir.claim().expect("free"), run.claim().expect("free"));
    let status = desk.said(&["status"]);
    let held = format!("held by process {} on", std::process::id());
    assert!(status.contains("1 running") && status.contains(&held) && status.contains("epoch 2/2, val dice"), "{status}");
    drop(claims);
    // What a killed process leaves.
    fs::write(run.path().join(".lock"), "4194304 elsewhere\n").expect("writable");
    let status = desk.said(&["status"]);
    assert!(!status.contains("running") && !status.contains("held"), "{status}");
}

#[test]
fn odd_directories_are_no_reason_to_fail() {
    let desk = Desk::with(&tiny());
    run(&desk);
    let runs = runs(&desk);
    fs::write(runs[0].join("outcome.toml"), "status = ").expect("writable");
    fs::write(runs[1].join("run.toml"), "\u{0}").expect("writable");
    fs::write(runs[1].join("metrics.csv"), "epoch,val\n1,2\nx\n3,4\n").expect("writable");
    fs::write(runs[1].join("provenance.toml"), [0xff, 0xfe]).expect("writable");
    fs::remove_file(runs[2].join("run.toml")).expect("it was there");
    fs::create_dir_all(desk.path("results/empty/runs/half")).expect("writable");
    fs::create_dir_all(desk.path("results/bare")).expect("writable");
    fs::write(desk.path("results/tiny/runs/stray"), "").expect("writable");
    fs::create_dir_all(desk.path("results/odd/runs")).expect("writable");
    fs::write(desk.path("results/odd/plan.csv"), "run,status\n\n,\n\"torn").expect("writable");
    let status = desk.said(&["status"]);
    assert!(status.contains("damaged") && status.contains("outcome.toml"), "{status}");
    let plan = desk.said(&["plan", "x.toml"]);
    assert!(plan.contains("damaged"), "{plan}");
    assert_eq!(rows(&desk).len(), 4);
}

#[test]
fn a_place_that_is_none_is_the_users_mistake() {
    let desk = Desk::with(&tiny());
    let output = desk.umlaut(&["status", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere: no such directory"));
    assert_eq!(desk.umlaut(&["plan", "absent.toml"]).status.code(), Some(2));
    assert_eq!(desk.umlaut(&["plan", "x.toml", "--device", "tpu"]).status.code(), Some(2));
}
