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
    let message = |weights: &str, sets: &[&str], part: &str| {
        fine(&desk, &[weights]);
        for verb in ["check", "plan", "run"] {
            let sets = sets.iter().flat_map(|set| ["--set", *set]);
            let output = desk.umlaut(&[verb, "fine.toml"].into_iter().chain(sets).collect::<Vec<_>>());
            expect_code(&output, 2);
            assert!(words(&output).contains(part), "{verb}: {}", words(&output));
        }
        assert!(!desk.path("results/fine").exists());
    };
    message("none.safetensors", &[], "training.initial.weights = \"none.safetensors\": no such file; as a run:");
    message("tiny", &[], "tiny is an experiment; name one of its runs");
    message("torn.safetensors", &[], "torn.safetensors: is no whole safetensors file");
    message("w.safetensors", &["model.unet.channels=[4, 12]"], "encoder.1.0.bias is [8] there and [12] in the network");
    let disc = "dataset.synthetic.targets=['disc']";
    message("w.safetensors", &[disc], "to train the rest with them: training.initial.skip = [\"head\"]");
    let zeros = format!("training.initial.hash='{}'", "0".repeat(64));
    message("w.safetensors", &[&zeros], "the file was changed");
    message("w.safetensors", &["training.initial.hash='0'"], "must be 64 digits");
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
    assert!(report.contains("stopped early after epoch 2 of 9: no gain in val_loss for 1 epoch\n"), "{report}");
}

/// What is written to standard error of images that initial weights have seen.
fn warned(desk: &Desk, arguments: &[&str]) -> Vec<String> {
    let output = desk.umlaut(arguments);
    expect_code(&output, 0);
    let message = String::from_utf8(output.stderr).expect("text");
    message.lines().filter(|line| line.starts_with("warning: ")).map(str::to_owned).collect()
}

/// Names of the images that a run scores in a split, by its table of scores.
fn scored(run: &std::path::Path, split: &str) -> Vec<String> {
    let text = fs::read_to_string(run.join("per_image.csv")).expect("scores");
    let rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let mut names: Vec<String> = rows.filter(|row| row[0] == split).map(|row| row[1].clone()).collect();
    names.dedup();
    names
}

/// The one run of an experiment.
fn only(desk: &Desk, experiment: &str) -> PathBuf {
    let runs = fs::read_dir(desk.path("results").join(experiment).join("runs")).expect("runs");
    let runs: Vec<PathBuf> = runs.map(|run| run.expect("listed").path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

/// Oracle: the tables of scores of both runs, which name all images that did not train.
#[test]
fn images_that_trained_the_initial_weights_are_warned_of() {
    let (desk, first) = desk();
    fine(&desk, &[first.to_str().expect("plain")]);
    assert_eq!(warned(&desk, &["run", "fine.toml"]), [""; 0], "the same split");
    let second = only(&desk, "fine");
    let text =
        format!("extends = 'x.toml'\nname = 'third'\n[split.fractions]\nseed = 2\n[training.initial]\nweights = {second:?}\n");
    fs::write(desk.path("third.toml"), text).expect("writable");
    let planned = warned(&desk, &["plan", "third.toml"]);
    assert_eq!(warned(&desk, &["run", "third.toml"]), planned);
    // The run that the weights are of, and the one that it began with.
    assert_eq!(planned.len(), 2, "{planned:?}");
    let third = only(&desk, "third");
    let held_out = [scored(&first, "val"), scored(&first, "test")].concat();
    for (message, run) in planned.iter().zip([&second, &first]) {
        assert!(message.contains(&format!("come from {}, which trained on ", run.display())), "{message}");
        for (split, word) in [("val", "validate"), ("test", "test")] {
            let all = scored(&third, split);
            let seen: Vec<String> = all.iter().filter(|name| !held_out.contains(name)).cloned().collect();
            assert!(!seen.is_empty(), "another split seed would tell more");
            let line = format!("{} of the {} images that {word} here ({})", seen.len(), all.len(), seen.join(", "));
            assert!(message.contains(&line), "{line}: {message}");
        }
    }
    let report = fs::read_to_string(desk.path("results/third/report.html")).expect("a report");
    assert!(report.contains("scores of these are too good"), "in the notes of the report");
}

/// Names say nothing: the same files by other names, and other files by the same names.
#[test]
fn images_are_known_by_their_content() {
    let folder = |root: &str, name: &str| {
        format!("name = '{name}'\n[dataset.folders]\nroot = '{root}'\n[preprocess]\nsize = [16, 16]\n[split.lists]\n")
    };
    let network = "[model.unet]\nchannels = [2, 4]\n[training]\nepochs = 1\n";
    let first = format!("{}train = ['a', 'b']\nval = ['c']\n{network}", folder("one", "x"));
    let desk = Desk::with(&first);
    let write = |file: &str, seed: u32| {
        let path = desk.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        let value = |x: u32, y: u32| image::Luma([((x * 7919 + y * 104_729 + seed * 1_299_709) % 251) as u8]);
        image::GrayImage::from_fn(16, 16, value).save(path).expect("writable");
    };
    // What is called c there is called a here, and the other way round; d is new.
    for (root, names) in [("one", [("a", 1), ("b", 2), ("c", 3)]), ("two", [("a", 3), ("c", 1), ("d", 4)])] {
        for (name, seed) in names {
            write(&format!("{root}/images/{name}.png"), seed);
            let mask = desk.path(&format!("{root}/masks/{name}.png"));
            fs::create_dir_all(mask.parent().expect("a folder")).expect("writable");
            image::GrayImage::from_fn(16, 16, |x, _| image::Luma([if x < 8 { 255 } else { 0 }])).save(mask).expect("writable");
        }
    }
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let run = only(&desk, "x");
    let initial = format!("[training.initial]\nweights = {run:?}\n");
    let second = |lists: &str| {
        fs::write(desk.path("y.toml"), format!("{}{lists}{network}{initial}", folder("two", "y"))).expect("writable");
        warned(&desk, &["plan", "y.toml"])
    };
    assert_eq!(second("train = ['c']\nval = ['a', 'd']\n"), [""; 0], "a is what validated there");
    let message = second("train = ['a']\nval = ['c', 'd']\n");
    assert!(message.len() == 1 && message[0].contains("trained on 1 of the 2 images that validate here (c): "), "{message:?}");
    fs::rename(desk.path("one"), desk.path("elsewhere")).expect("moved");
    let message = second("train = ['a']\nval = ['c', 'd']\n");
    assert!(message.len() == 1 && message[0].contains("its data set has changed or is gone since"), "{message:?}");
}
