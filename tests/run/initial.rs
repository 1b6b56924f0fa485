//! Runs that begin with the weights of a file or of another run: planned, checked, found again.

use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::PathBuf;

/// One run of two epochs, which is trained.
fn desk() -> (Desk, PathBuf) {
    let sweep = TINY.find("[sweep").expect("it is there");
    let desk = Desk::with(&TINY[..sweep].replace("[1, 2]", "[1]").replace("epochs = 3", "epochs = 2"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let run = desk.path("results/tiny/runs").join(&desk.metrics("results")[0].0);
    (desk, run)
}

/// Writes an experiment that begins with these weights.
fn fine(desk: &Desk, weights: &[&str]) {
    let text =
        format!("extends = 'x.toml'\nname = 'fine'\ntraining.epochs = 1\n[sweep.grid]\n'training.initial.weights' = {weights:?}");
    fs::write(desk.path("fine.toml"), text).expect("writable");
}

/// Status of every run of the plan.
fn statuses(desk: &Desk) -> Vec<String> {
    let text = desk.said(&["plan", "fine.toml", "--csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let at = reader.headers().expect("a header").iter().position(|name| name == "status").expect("it is there");
    reader.records().map(|row| row.expect("a row")[at].to_owned()).collect()
}

#[test]
fn weights_are_known_by_their_content_wherever_they_lie() {
    let (desk, run) = desk();
    let (best, file) = (run.join("checkpoints/best.safetensors"), desk.path("w/pre.safetensors"));
    fs::create_dir(desk.path("w")).expect("writable");
    fs::copy(&best, &file).expect("copied");
    fine(&desk, &["random", "w/pre.safetensors"]);
    assert!(desk.said(&["check", "fine.toml"]).contains("2 runs"));
    let said = words(&desk.umlaut(&["run", "fine.toml"]));
    assert!(said.contains("weights pre") && said.contains("weights random"), "{said}");
    let report = fs::read_to_string(desk.path("results/fine/report.md")).expect("a report");
    assert!(
        report.contains("| weights pre |") && report.contains("## Notes") && report.contains("began with the 44 tensors"),
        "{report}"
    );
    let page = fs::read_to_string(desk.path("results/fine/report.html")).expect("a page");
    assert!(page.contains("<h2>Notes</h2>") && page.contains("began with the 44 tensors"));
    // The same weights by another path, as a run, and by the end of a run's id.
    let id = run.to_str().expect("plain").rsplit('-').next().expect("a hash").to_owned();
    fs::rename(&file, desk.path("moved.safetensors")).expect("moved");
    for place in ["moved.safetensors", run.to_str().expect("plain"), &id] {
        fine(&desk, &["random", place]);
        assert_eq!(statuses(&desk), ["finished", "finished"], "{place}");
    }
    // Other weights in the same place.
    fs::copy(run.join("checkpoints/resume.safetensors"), desk.path("moved.safetensors")).expect("copied");
    fine(&desk, &["random", "moved.safetensors"]);
    let said = desk.umlaut(&["plan", "fine.toml"]);
    expect_code(&said, 2);
    let other = desk.umlaut(&["run", "x.toml", "--set", "training.seeds=[2]", "--results", "other"]);
    expect_code(&other, 0);
    let of_two = desk.path("other/tiny/runs").join(&desk.metrics("other")[0].0).join("checkpoints/best.safetensors");
    fs::copy(of_two, desk.path("moved.safetensors")).expect("copied");
    assert_eq!(statuses(&desk), ["finished", "new"]);
}

/// A run that was planned but not begun finds its file where it lies now.
#[test]
fn a_file_may_move_before_a_run_begins_and_go_after() {
    let (desk, run) = desk();
    fs::copy(run.join("checkpoints/best.safetensors"), desk.path("a.safetensors")).expect("copied");
    fine(&desk, &["a.safetensors"]);
    expect_code(&desk.umlaut(&["run", "fine.toml"]), 0);
    let of_fine = fs::read_dir(desk.path("results/fine/runs")).expect("runs").next().expect("one").expect("listed").path();
    let metrics = fs::read(of_fine.join("metrics.csv")).expect("readable");
    for gone in ["outcome.toml", "metrics.csv", "timing.csv"] {
        fs::remove_file(of_fine.join(gone)).expect("removed");
    }
    fs::remove_dir_all(of_fine.join("checkpoints")).expect("removed");
    fs::rename(desk.path("a.safetensors"), desk.path("b.safetensors")).expect("moved");
    fine(&desk, &["b.safetensors"]);
    expect_code(&desk.umlaut(&["run", "fine.toml"]), 0);
    assert_eq!(fs::read(of_fine.join("metrics.csv")).expect("readable"), metrics);
    let again = || desk.umlaut(&["train", of_fine.to_str().expect("plain"), "--cache", "results/.cache"]);
    fs::remove_file(desk.path("b.safetensors")).expect("removed");
    fs::remove_file(of_fine.join("outcome.toml")).expect("removed");
    expect_code(&again(), 0);
    fs::remove_file(of_fine.join("outcome.toml")).expect("removed");
    fs::remove_file(of_fine.join("checkpoints/resume.safetensors")).expect("removed");
    let said = again();
    expect_code(&said, 2);
    assert!(words(&said).contains("b.safetensors: cannot be read"), "{}", words(&said));
}

#[test]
fn what_does_not_fit_is_told_before_anything_runs() {
    let (desk, run) = desk();
    fs::copy(run.join("checkpoints/best.safetensors"), desk.path("w.safetensors")).expect("copied");
    fs::write(desk.path("torn.safetensors"), &fs::read(desk.path("w.safetensors")).expect("readable")[..999]).expect("writable");
    let told = |weights: &str, sets: &[&str], part: &str| {
        fine(&desk, &[weights]);
        for verb in ["check", "plan", "run"] {
            let sets = sets.iter().flat_map(|set| ["--set", *set]);
            let output = desk.umlaut(&[verb, "fine.toml"].into_iter().chain(sets).collect::<Vec<_>>());
            expect_code(&output, 2);
            assert!(words(&output).contains(part), "{verb}: {}", words(&output));
        }
        assert!(!desk.path("results/fine").exists());
    };
    told("none.safetensors", &[], "training.initial.weights = \"none.safetensors\": no such file; as a run:");
    told("tiny", &[], "tiny is an experiment; name one of its runs");
    told("torn.safetensors", &[], "torn.safetensors: is no whole safetensors file");
    told("w.safetensors", &["model.unet.channels=[4, 12]"], "encoder.1.0.bias is [8] there and [12] in the network");
    let disc = "dataset.synthetic.targets=['disc']";
    told("w.safetensors", &[disc], "to train the rest with them: training.initial.skip = [\"head\"]");
    let zeros = format!("training.initial.hash='{}'", "0".repeat(64));
    told("w.safetensors", &[&zeros], "the file was changed");
    told("w.safetensors", &["training.initial.hash='0'"], "must be 64 digits");
    fine(&desk, &["w.safetensors"]);
    let plan = desk.umlaut(&[
        "plan",
        "fine.toml",
        "--set",
        disc,
        "--set",
        "training.initial.skip=['head']",
        "--set",
        "preprocess.normalise='image'",
    ]);
    expect_code(&plan, 0);
    assert!(words(&plan).contains("note: ") && words(&plan).contains("preprocess.normalise = \"none\", here it is \"image\""));
}

#[test]
fn a_run_that_ended_early_is_finished_with_the_epochs_it_has() {
    let text = TINY.replace("epochs = 3", "epochs = 9\nearly_stopping = { patience = 1, min_delta = 10.0 }");
    let desk = Desk::with(&text.replace("[1, 2]", "[1]").replace("[1e-2, 1e-3]", "[1e-2]"));
    let said = words(&desk.umlaut(&["run", "x.toml"]));
    assert!(said.contains("finished early, after epoch 2 of 9"), "{said}");
    let plan = desk.said(&["plan", "x.toml"]);
    assert!(
        plan.contains("finished early, epoch 2/9") && plan.contains("1 run: 1 finished") && plan.contains("time left: none"),
        "{plan}"
    );
    assert!(desk.said(&["plan", "x.toml", "--csv"]).contains(",2,9,finished,"));
    assert!(desk.said(&["status"]).contains("1 finished of 1 run"));
    let report = fs::read_to_string(desk.path("results/tiny/report.md")).expect("a report");
    assert!(report.contains("stopped early after epoch 2 of 9: no gain in val\\_loss for 1 epoch\n"), "{report}");
}
