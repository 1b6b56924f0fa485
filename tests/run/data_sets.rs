//! Runs on different data sets, through files: they are listed apart, and nothing is tested between them.

use crate::desk::{Desk, TINY, expect_code};
use std::fs;

/// The tiny experiment on a folder of images, with two seeds and one point.
fn on(name: &str, folder: &str, rest: &str) -> String {
    let (head, tail) = (TINY.find("[dataset").expect("it is there"), TINY.find("[preprocess").expect("it is there"));
    let text = format!("{}[dataset.folders]\nroot = \"{folder}\"\n{rest}\n{}", &TINY[..head], &TINY[tail..]);
    let text = text.replace("\"tiny\"", &format!("\"{name}\"")).replace("epochs = 3", "epochs = 1");
    text.replace("[sweep.grid]\n\"optimizer.adam.lr\" = [1e-2, 1e-3]\n", "")
}

/// Ranks of groups.csv.
fn ranks(groups: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(groups.as_bytes());
    let at = reader.headers().expect("a header").iter().position(|name| name == "rank").expect("a column");
    reader.records().map(|row| row.expect("a row")[at].to_owned()).collect()
}

#[test]
fn experiments_on_different_folders_are_listed_apart() {
    let desk = Desk::with(&on("a", "one", ""));
    [("one", 2), ("two", 6)].into_iter().for_each(|(folder, kind)| desk.folder(folder, kind, |n| format!("i{n}")));
    fs::write(desk.path("y.toml"), on("b", "two", "")).expect("writable");
    // The files of `a` elsewhere: the same data set.
    fs::write(desk.path("z.toml"), on("c", "moved/one", "")).expect("writable");
    desk.folder("moved/one", 2, |n| format!("i{n}"));
    for file in ["x.toml", "y.toml", "z.toml"] {
        expect_code(&desk.umlaut(&["run", file]), 0);
    }
    let apart = desk.said(&["compare", "a", "b"]);
    assert!(apart.contains("data set 1, fingerprint ") && apart.contains("data set 2, fingerprint "), "{apart}");
    assert_eq!(apart.lines().filter(|line| line.trim_start().starts_with("rank")).count(), 2, "a table for each: {apart}");
    assert_eq!(apart.lines().filter(|line| line.trim_start().starts_with("1  ")).count(), 2, "both are first: {apart}");
    assert!(apart.contains("groups of different data sets have no images in common"), "{apart}");
    assert!(apart.lines().all(|line| line.chars().count() <= 80), "{apart}");
    // Nothing differs between their runs but the place of the files: a test says so.
    let together = desk.said(&["compare", "a", "c"]);
    assert!(!together.contains("data set 1") && together.contains("p = 1.000"), "{together}");
}

#[test]
fn a_sweep_over_data_sets_has_a_list_for_each() {
    let sweep = "[sweep.grid]\n\"dataset.folders.root\" = [\"one\", \"two\"]\n\"optimizer.adam.lr\" = [1e-2, 1e-3]\n";
    let desk = Desk::with(&format!("{}{sweep}", on("tiny", "one", "")));
    [("one", 2), ("two", 6)].into_iter().for_each(|(folder, kind)| desk.folder(folder, kind, |n| format!("i{n}")));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    expect_code(&desk.umlaut(&["report", "results/tiny", "--format", "html,md,tex"]), 0);
    let read = |file: &str| fs::read_to_string(desk.path("results/tiny").join(file)).expect("it was written");
    let report = read("report.md");
    assert!(report.contains("The groups are of 2 data sets, whose scores do not compare with each other"), "{report}");
    assert_eq!(report.matches("\n## Groups: data set ").count(), 2, "{report}");
    let differences = report.split("\n## Differences").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("pairs");
    let pairs: Vec<&str> = differences.lines().filter(|line| line.starts_with("| root")).collect();
    assert_eq!(pairs.len(), 2, "one pair on each: {report}");
    for pair in pairs {
        assert!(pair.matches("root one").count() == 2 || pair.matches("root two").count() == 2, "{pair}");
    }
    let html = read("report.html");
    assert_eq!(html.matches("<h3>Data set ").count(), 6, "groups, test split and pixels by truth and prediction of both");
    let groups = read("groups.csv");
    assert!(groups.starts_with("group,rank,runs,metric,n,mean,sd,low,high,dataset_fingerprint\n"), "{groups}");
    let mut found = ranks(&groups);
    found.sort();
    assert!(
        found.iter().filter(|rank| *rank == "1").count() >= 2 && found.iter().all(|rank| rank == "1" || rank == "2"),
        "{groups}"
    );
    let tex = read("tables.tex");
    assert!(tex.contains("label{tab:tiny-groups-1}") && tex.contains("label{tab:tiny-groups-2}"), "{tex}");
    assert!(!desk.path("results/tiny/charts/importance.svg").exists(), "a parameter's share of scores that do not compare");
}

/// Oracle: the fingerprint that `why` shows.
#[test]
fn the_same_files_read_otherwise_are_another_data_set() {
    let desk = Desk::with(&on("a", "one", "levels = { foreground = [255] }"));
    desk.folder("one", 2, |n| format!("i{n}"));
    let other = on("b", "one", "levels = { foreground = [0], background = [255] }");
    fs::write(desk.path("y.toml"), other).expect("writable");
    for file in ["x.toml", "y.toml"] {
        expect_code(&desk.umlaut(&["run", file]), 0);
    }
    let run = |name: &str| {
        let mut runs: Vec<_> = fs::read_dir(desk.path("results").join(name).join("runs")).expect("listed").collect();
        runs.sort_by_key(|run| run.as_ref().map(|run| run.file_name()).ok());
        runs.remove(0).expect("a run").path().display().to_string()
    };
    let differs = desk.said(&["why", &run("a"), &run("b")]);
    assert!(differs.contains("dataset fingerprint"), "{differs}");
    assert!(desk.said(&["compare", "a", "b"]).contains("The groups are of 2 data sets"), "what they are asked to find differs");
}

/// One naming rule: the swept seed of the split is not the run's own.
#[test]
fn a_swept_seed_of_the_split_is_no_seed_of_training() {
    let sweep = "[sweep.grid]\n\"split.fractions.seed\" = [1, 2]\n";
    let one = TINY.replace("epochs = 3", "epochs = 1").replace("[sweep.grid]\n\"optimizer.adam.lr\" = [1e-2, 1e-3]\n", sweep);
    let desk = Desk::with(&one);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let names: Vec<String> = desk.metrics("results").into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| name.starts_with("fractions.seed-") && name.contains("_seed-")), "{names:?}");
    let said = desk.said(&["compare", "tiny"]);
    assert!(said.contains("fractions.seed 1") && said.contains("fractions.seed 2"), "{said}");
    let plan = desk.said(&["plan", "x.toml"]);
    assert!(plan.lines().next().is_some_and(|head| head.contains("fractions.seed")), "{plan}");
}
