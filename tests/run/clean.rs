//! `umlaut clean`: it lists, deletes only what it was asked for, and what is left is as good as before.

use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::path::{Path, PathBuf};

/// Two runs of one epoch, finished.
fn finished() -> Desk {
    let desk = Desk::with(&tiny("[1e-2]"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    desk
}

fn tiny(lr: &str) -> String {
    TINY.replace("epochs = 3", "epochs = 1").replace("[1e-2, 1e-3]", lr)
}

/// All files below the results with their sizes, but for locks and signatures, which hold no results.
fn files(desk: &Desk) -> Vec<(PathBuf, u64)> {
    let all = walkdir::WalkDir::new(desk.path("results")).sort_by_file_name().into_iter().map(|entry| entry.expect("listed"));
    let files = all.filter(|entry| entry.file_type().is_file() && entry.file_name() != ".lock" && entry.file_name() != ".report");
    files.map(|entry| (entry.path().to_owned(), entry.metadata().expect("known").len())).collect()
}

fn runs(desk: &Desk) -> Vec<PathBuf> {
    let entries = fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there");
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("listed").path()).collect();
    runs.sort();
    runs
}

/// Names of the files that are there no longer.
fn gone(before: &[(PathBuf, u64)], after: &[(PathBuf, u64)]) -> Vec<String> {
    let gone = before.iter().filter(|file| !after.contains(file));
    gone.map(|(path, _)| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn without_yes_nothing_is_deleted() {
    let desk = finished();
    let before = files(&desk);
    let overview = desk.said(&["clean"]);
    for option in ["--other-plans", "--resume", "--reports", "--cache"] {
        assert!(overview.contains(option), "{option}: {overview}");
    }
    let listed = desk.said(&["clean", "tiny", "--resume", "--reports", "--other-plans"]);
    assert!(overview.contains("nothing deleted") && listed.ends_with("nothing deleted; --yes deletes\n"), "{overview}{listed}");
    assert_eq!(files(&desk), before);
    // Without a kind there is nothing to say yes to; the cache is no single experiment's.
    for arguments in [&["clean", "--yes"] as &[&str], &["clean", "tiny", "--cache"], &["clean", "absent"]] {
        expect_code(&desk.umlaut(arguments), 2);
    }
    assert_eq!(files(&desk), before);
}

#[test]
fn sizes_are_those_of_the_files() {
    let desk = finished();
    let of = |word: &str| -> u64 { files(&desk).iter().filter(|(path, _)| path.ends_with(word)).map(|(_, size)| size).sum() };
    let bytes = of("resume.safetensors") + of("last.safetensors");
    let listed = desk.said(&["clean", "--resume"]);
    assert!(listed.contains(&format!("{} kB in all", bytes.div_ceil(1000))), "{bytes}: {listed}");
}

#[test]
fn a_finished_run_without_its_resume_state_stays_finished() {
    let desk = finished();
    let (before, metrics) = (files(&desk), desk.metrics("results"));
    let deleted = desk.said(&["clean", "--resume", "--yes"]);
    assert!(deleted.ends_with(" deleted\n"), "{deleted}");
    let expected = ["last.safetensors", "resume.safetensors", "last.safetensors", "resume.safetensors"];
    assert_eq!(gone(&before, &files(&desk)), expected);
    assert!(desk.said(&["status"]).contains("2 finished of 2 runs"));
    let output = desk.umlaut(&["run", "x.toml"]);
    expect_code(&output, 0);
    assert!(words(&output).contains("finished before"), "{}", words(&output));
    assert_eq!(desk.metrics("results"), metrics);
    assert!(desk.said(&["clean", "--resume"]).contains("0 kB in all"));
}

#[test]
fn killed_between_the_two_files_it_is_finished_too() {
    let desk = finished();
    for run in runs(&desk) {
        fs::remove_file(run.join("checkpoints/resume.safetensors")).expect("it was there");
    }
    assert!(desk.said(&["status"]).contains("2 finished of 2 runs"));
    desk.said(&["clean", "--resume", "--yes"]);
    assert!(runs(&desk).iter().all(|run| !run.join("checkpoints/last.safetensors").exists()));
}

#[test]
fn what_a_run_would_need_is_kept() {
    let desk = finished();
    let (stopped, bare) = (runs(&desk).remove(0), runs(&desk).remove(1));
    // One that goes on, and one whose best weights could only be made again from its resume state.
    fs::remove_file(stopped.join("outcome.toml")).expect("it was there");
    fs::remove_file(bare.join("checkpoints/best.safetensors")).expect("it was there");
    let before = files(&desk);
    desk.said(&["clean", "--resume", "--yes"]);
    assert_eq!(files(&desk), before);
}

#[test]
fn runs_of_other_plans_go_and_the_present_ones_stay() {
    let desk = finished();
    let old = runs(&desk);
    fs::write(desk.path("x.toml"), tiny("[1e-3]")).expect("writable");
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let listed = desk.said(&["clean", "--other-plans"]);
    assert!(old.iter().all(|run| listed.contains(&*run.file_name().expect("a name").to_string_lossy())), "{listed}");
    desk.said(&["clean", "--other-plans", "--resume", "--yes"]);
    assert!(runs(&desk).len() == 2 && old.iter().all(|run| !run.exists()));
    let status = desk.said(&["status"]);
    assert!(status.contains("2 finished of 2 runs") && !status.contains("not in the plan"), "{status}");
}

/// As a kill after the directory got its hidden name leaves it.
#[test]
fn what_is_half_deleted_is_no_run_and_goes_with_the_next_command() {
    let desk = finished();
    let hidden = desk.path("results/tiny/runs/.deleting-0123456789");
    fs::rename(runs(&desk).remove(0), &hidden).expect("on one disk");
    let status = desk.said(&["status"]);
    assert!(status.contains("1 finished, 1 new of 2 runs") && !status.contains("deleting"), "{status}");
    assert!(desk.said(&["clean", "--other-plans"]).contains(".deleting-0123456789"));
    desk.said(&["clean", "--other-plans", "--yes"]);
    assert!(!hidden.exists());
    fs::create_dir_all(hidden.join("samples")).expect("writable");
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert!(!hidden.exists());
}

#[test]
fn reports_and_decoded_images_are_made_again() {
    let desk = Desk::with(
        &tiny("[1e-2]").replace("[dataset.synthetic]\ncount = 12\nsize = [32, 32]", "[dataset.folders]\nroot = \"d\""),
    );
    desk.folder("d", 0, |number| format!("p{number}"));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let own = desk.path("results/tiny/charts/notes.txt");
    fs::write(&own, "mine").expect("writable");
    let before = files(&desk);
    let deleted = desk.said(&["clean", "--reports", "--cache", "--yes"]);
    let left = files(&desk);
    let stays = |path: &Path| ["plan.csv", "command.toml"].iter().any(|name| path.ends_with(name)) || path == own;
    assert!(left.iter().all(|(path, _)| path.starts_with(desk.path("results/tiny/runs")) || stays(path)), "{deleted}{left:?}");
    assert!(desk.path("results/.cache").is_dir());
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let again = files(&desk);
    assert!(
        gone(&before, &again).iter().all(|name| name.ends_with(".html") || name.ends_with("hashes")),
        "{:?}",
        gone(&before, &again)
    );
}

#[test]
fn nothing_is_deleted_beside_a_living_process() {
    let desk = finished();
    let before = files(&desk);
    let dir = umlaut::store::ExperimentDir::at(desk.path("results/tiny"));
    let run = umlaut::store::RunDir::at(runs(&desk).remove(0));
    let refused = |what: &str| {
        for arguments in [&["clean", "--reports", "--cache", "--yes"] as &[&str], &["clean", "tiny", "--resume"]] {
            let output = desk.umlaut(arguments);
            expect_code(&output, 2);
            let said = words(&output);
            assert!(said.contains(what) && said.contains(&format!("process {}", std::process::id())), "{said}");
        }
    };
    let held = dir.claim().expect("free");
    refused("tiny is in use by");
    assert!(desk.said(&["clean"]).contains("in use by"), "sizes are shown");
    drop(held);
    let held = run.claim().expect("free");
    refused(&run.id().to_string());
    drop(held);
    assert_eq!(files(&desk), before);
}

/// Neither what a link leads to nor what lies beside the results is touched.
#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let desk = finished();
    let kept = desk.path("kept");
    fs::create_dir_all(&kept).expect("writable");
    fs::write(kept.join("run.toml"), "").expect("writable");
    fs::write(kept.join("weights"), "mine").expect("writable");
    std::os::unix::fs::symlink(&kept, desk.path("results/tiny/runs/mine-0123456789")).expect("writable");
    fs::create_dir_all(desk.path("results/.cache")).expect("writable");
    std::os::unix::fs::symlink(&kept, desk.path("results/.cache/mine")).expect("writable");
    desk.said(&["clean", "--other-plans", "--cache", "--yes"]);
    assert!(kept.join("weights").is_file() && kept.join("run.toml").is_file());
    assert!(!desk.path("results/tiny/runs/mine-0123456789").exists() && !desk.path("results/.cache/mine").exists());
}
