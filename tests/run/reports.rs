//! What comes after the runs: scores of every image, the report while runs go on, comparisons in the terminal.

use crate::desk::{Desk, TINY, expect_code, words};
use std::process::{Command, Stdio};

/// A column of a CSV as numbers, of the rows that begin with `part`.
fn column(csv: &str, part: &str, name: &str) -> Vec<f64> {
    let at =
        csv.lines().next().and_then(|header| header.split(',').position(|column| column == name)).expect("the column is there");
    let rows = csv.lines().filter(|line| line.starts_with(part));
    rows.map(|line| line.split(',').nth(at).and_then(|text| text.parse().ok()).expect("a number")).collect()
}

#[test]
fn images_add_up_to_the_outcome() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let scores = desk.read_all("results", "per_image.csv");
    let outcomes = desk.read_all("results", "outcome.toml");
    assert_eq!((scores.len(), outcomes.len()), (4, 4));
    for (scores, outcome) in scores.iter().zip(&outcomes) {
        let outcome: toml::Table = outcome.parse().expect("TOML");
        for (part, table) in [("val", "best"), ("test", "test")] {
            for metric in ["dice", "iou", "bce", "dice_loss"] {
                let of_images = column(scores, part, metric);
                // Three images and two classes, all of equal weight.
                assert_eq!(of_images.len(), 6, "{scores}");
                let mean = of_images.iter().sum::<f64>() / 6.0;
                let told = outcome[table][&format!("{part}_{metric}")].as_float().expect("a number");
                assert!((mean - told).abs() < 1e-12, "{part} {metric}: {mean} {told}");
            }
        }
    }
}

/// The second run goes on for minutes: the report that lists the first as finished is there long before it ends.
#[test]
fn the_report_is_there_while_runs_go_on() {
    let long =
        TINY.replace("[1, 2]", "[1]").replace(r#""optimizer.adam.lr" = [1e-2, 1e-3]"#, r#""training.epochs" = [1, 100000]"#);
    let desk = Desk::with(&long);
    let mut command = desk.command(&["run", "x.toml", "--jobs", "2"]);
    command.env("UMLAUT_REPORT_SECONDS", "0").stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let report = desk.path("results/tiny/report.md");
    let there = loop {
        let told = std::fs::read_to_string(&report).is_ok_and(|text| text.contains("1 finished, 1 unfinished"));
        if told || child.try_wait().expect("it is ours").is_some() {
            break told;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(stopped.is_ok_and(|status| status.success()) && there, "{:?}", child.wait());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn anything_can_be_compared() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    std::fs::write(desk.path("y.toml"), TINY.replace("\"tiny\"", "\"other\"").replace("epochs = 3", "epochs = 2"))
        .expect("writable");
    expect_code(&desk.umlaut(&["run", "y.toml"]), 0);
    let both = desk.said(&["compare", "tiny", "results/other"]);
    assert!(both.contains("tiny: lr 0.01") && both.contains("other: lr 0.001"), "{both}");
    assert!(both.contains("3 images are too few for the test"), "{both}");
    assert!(both.lines().all(|line| line.chars().count() <= 80), "{both}");
    let runs: Vec<String> = desk.metrics("results").into_iter().map(|(name, _)| name).collect();
    let hash = |id: &str| id.rsplit(['_', '-']).next().unwrap_or_default().to_owned();
    let pair = desk.said(&["compare", &format!("results/tiny/runs/{}", runs[0]), &hash(&runs[1]), "--by", "iou"]);
    assert!(pair.contains("No test is shown: with one seed") && pair.contains("test IoU"), "{pair}");
}

#[test]
fn what_cannot_be_compared_is_the_users_mistake() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    for (arguments, part) in [
        (vec!["compare", "nowhere", "tiny"], "nowhere is no directory of runs, no experiment in results"),
        (
            vec!["compare", "tiny", "--by", "hd95"],
            "no run has a metric \"hd95\"; there are loss, bce, dice_loss, dice, iou, dice_disc",
        ),
        (vec!["report", "results/tiny", "--by", "hd95"], "no run has a metric \"hd95\""),
        (vec!["report", "results/tiny", "--format", "pdf"], "invalid value 'pdf'"),
        (vec!["report", "."], ". holds no runs"),
    ] {
        let output = desk.umlaut(&arguments);
        expect_code(&output, 2);
        assert!(words(&output).contains(part), "{arguments:?}: {}", words(&output));
    }
}
