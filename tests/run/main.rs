//! The whole program on tiny experiments: what a user types, what is on disk afterwards, and how it ends.

mod chaos;
mod clean;
mod damage;
mod data_sets;
mod desk;
mod events;
#[cfg(all(target_os = "linux", feature = "cuda"))]
mod gpus;
mod hashes;
mod hints;
mod hostile;
mod initial;
mod kept;
mod moments;
mod plan_status;
mod renamed;
mod reports;
mod safeguards;
mod spreadsheet;
mod status;
mod synced;
mod threads;
mod trouble;

use desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::Path;
use std::process::Stdio;

#[test]
fn one_toml_in_everything_out() {
    let desk = Desk::with(TINY);
    let first = desk.umlaut(&["run", "x.toml"]);
    expect_code(&first, 0);
    let metrics = desk.metrics("results");
    assert_eq!(metrics.len(), 4);
    for (run, csv) in &metrics {
        assert!(csv.starts_with("epoch,lr,train_loss,train_bce,train_dice_loss,train_dice,train_iou,val_loss,"), "{run}: {csv}");
        assert_eq!(csv.lines().count(), 4, "{run}: a header and three epochs");
        let run = desk.path("results/tiny/runs").join(run);
        for file in ["run.toml", "provenance.toml", "outcome.toml", "timing.csv", "log.txt"] {
            assert!(run.join(file).is_file(), "{} has no {file}", run.display());
        }
        for file in ["best.safetensors", "last.safetensors", "resume.safetensors"] {
            assert!(run.join("checkpoints").join(file).is_file(), "{} has no {file}", run.display());
        }
        let outcome = fs::read_to_string(run.join("outcome.toml")).expect("readable");
        assert!(outcome.contains("status = \"finished\"") && outcome.contains("test_dice"), "{outcome}");
    }
    for chart in ["loss", "bce", "dice", "iou", "lr", "overlays", "rivals", "worst"] {
        let svg = fs::read_to_string(desk.path("results/tiny/charts").join(format!("{chart}.svg"))).expect("a chart");
        assert!(svg.contains("<svg"), "{chart}");
    }
    let page = fs::read_to_string(desk.path("results/tiny/report.html")).expect("a page");
    assert!(page.contains("href=\"#chart-worst\"") && page.contains("id=\"chart-worst\""), "the worst images are linked");
    assert!(fs::read_to_string(desk.path("results/tiny/plan.csv")).expect("a plan").lines().all(|l| !l.ends_with("new")));

    let again = desk.umlaut(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert_eq!(words(&again).matches("finished before, not run again").count(), 4, "{}", words(&again));
    assert_eq!(desk.metrics("results"), metrics);
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let desk = Desk::with(TINY);
    let mut results = Vec::new();
    for threads in ["1", "2", "3"] {
        let output = desk.command(&["run", "x.toml", "--results", threads]).env("RAYON_NUM_THREADS", threads).output();
        expect_code(&output.expect("the program starts"), 0);
        results.push(desk.metrics(threads));
    }
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn a_run_directory_repeats_the_run_elsewhere() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let (name, metrics) = desk.metrics("results").remove(0);
    let copy = desk.path("copy");
    fs::create_dir(&copy).expect("writable");
    fs::copy(desk.path("results/tiny/runs").join(&name).join("run.toml"), copy.join("run.toml")).expect("copied");
    expect_code(&desk.umlaut(&["train", "copy"]), 0);
    assert_eq!(fs::read_to_string(copy.join("metrics.csv")).expect("written"), metrics);
}

#[test]
fn a_diverged_run_is_recorded_and_the_others_go_on() {
    let desk = Desk::with(&TINY.replace("[1e-2, 1e-3]", "[1e30, 1e-3]"));
    let output = desk.umlaut(&["run", "x.toml"]);
    expect_code(&output, 1);
    let failed = words(&output);
    assert!(failed.contains("failed") && failed.contains("epoch") && failed.contains("step"), "{failed}");
    let plan = fs::read_to_string(desk.path("results/tiny/plan.csv")).expect("a plan");
    assert_eq!(plan.matches(",failed").count(), 2, "{plan}");
    assert_eq!(plan.matches(",finished").count(), 2, "{plan}");
}

#[test]
fn mistakes_are_the_users_and_end_with_two() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epohcs = 3"));
    let output = desk.umlaut(&["run", "x.toml"]);
    expect_code(&output, 2);
    assert!(words(&output).contains("epohcs") && words(&output).contains("epochs"), "{}", words(&output));
    assert!(!desk.path("results").exists(), "nothing is begun");

    expect_code(&desk.umlaut(&["run", "absent.toml"]), 2);
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.epohcs=3"]), 2);
    expect_code(&desk.umlaut(&["report", "results/absent"]), 2);
    expect_code(&desk.umlaut(&["train", "absent"]), 2);
    expect_code(&desk.umlaut(&["fly"]), 2);
}

#[test]
fn missing_data_is_said_before_anything_starts() {
    let desk = Desk::with("name = 'tiny'\n[dataset.folders]\nroot = 'nowhere'\n[preprocess]\nsize = [64, 64]");
    let output = desk.umlaut(&["run", "x.toml"]);
    expect_code(&output, 2);
    assert!(words(&output).contains("nowhere"), "{}", words(&output));
    assert!(!desk.path("results/tiny").exists(), "nothing is begun");
}

#[test]
fn more_samples_than_there_are_is_a_mistake_and_fewer_train() {
    let fewer = TINY.replace("epochs = 3", "epochs = 1\nsamples = 4").replace("[1e-2, 1e-3]", "[1e-3]");
    let desk = Desk::with(&fewer);
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert!(desk.read_all("results", "log.txt").iter().all(|log| log.contains("1 step each")), "4 of 6 samples are a batch");
    let output = desk.umlaut(&["run", "x.toml", "--set", "training.samples=7"]);
    expect_code(&output, 1);
    assert!(words(&output).contains("training.samples = 7, but the training split has 6"), "{}", words(&output));
}

#[test]
fn settings_stand_in_for_absent_options() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    let elsewhere = desk.path("settings/umlaut");
    fs::create_dir_all(&elsewhere).expect("writable");
    fs::write(elsewhere.join("umlaut.toml"), "results = 'kept'\njobs = 2").expect("writable");
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert_eq!(desk.metrics("settings/umlaut/kept").len(), 4);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "said"]), 0);
    assert_eq!(desk.metrics("said"), desk.metrics("settings/umlaut/kept"));

    fs::write(desk.path("umlaut.toml"), "results = 'nearer'\njob = 2").expect("writable");
    let mistaken = desk.umlaut(&["run", "x.toml"]);
    expect_code(&mistaken, 2);
    assert!(words(&mistaken).contains("umlaut.toml") && words(&mistaken).contains("line 2"), "{}", words(&mistaken));
}

/// A run long enough to be stopped in the middle.
#[cfg(unix)]
#[test]
fn a_stop_keeps_everything_and_the_same_command_goes_on() {
    use std::io::{BufRead, BufReader};
    let long = TINY.replace("epochs = 3", "epochs = 200").replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]");
    let desk = Desk::with(&long);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "whole"]), 0);

    let mut child = desk.command(&["run", "x.toml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let seen: Vec<String> = lines.by_ref().take_while(|line| !line.contains("epoch 3/")).collect();
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it is alive");
    let rest: Vec<String> = lines.collect();
    let code = child.wait().expect("it ends").code();
    assert_eq!(code, Some(130), "{seen:?} {rest:?}");
    let (_, partial) = desk.metrics("results").remove(0);
    assert!((4..=200).contains(&partial.lines().count()), "{partial}");

    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert_eq!(desk.metrics("results"), desk.metrics("whole"));
}

#[test]
fn init_writes_what_check_accepts() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["init", "new.toml"]), 0);
    expect_code(&desk.umlaut(&["init", "new.toml"]), 2);
    expect_code(&desk.umlaut(&["check", "new.toml", "x.toml"]), 0);
    expect_code(&desk.umlaut(&["summary", "new.toml"]), 0);
    let schema = desk.umlaut(&["schema"]);
    assert!(serde_json::from_slice::<serde_json::Value>(&schema.stdout).is_ok());
}

#[test]
fn the_experiments_that_come_along_are_valid() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let files: Vec<String> = walkdir::WalkDir::new(here)
        .into_iter()
        .map(|entry| entry.expect("listed").path().display().to_string())
        .filter(|path| path.ends_with(".toml"))
        .collect();
    assert!(files.len() >= 3);
    let arguments: Vec<&str> = ["check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&arguments), 0);
}

/// Nobody must take the command before for it.
#[test]
#[cfg(unix)]
fn a_command_that_is_no_text_is_not_written_down() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::with(&TINY.replace("seeds = [1, 2]", "seeds = [1]"));
    let written = desk.path("results/tiny/command.toml");
    expect_code(&desk.umlaut(&["run", "x.toml", "--set", "training.epochs=1"]), 0);
    assert!(written.is_file());
    let file = desk.path(".").join(std::ffi::OsStr::from_bytes(b"\xff.toml"));
    fs::copy(desk.path("x.toml"), &file).expect("writable");
    let mut command = desk.command(&["run", "--set", "training.epochs=1"]);
    command.arg(file);
    expect_code(&command.output().expect("the program starts"), 0);
    assert!(!written.exists());
}
