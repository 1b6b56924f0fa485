//! What `umlaut check`, `init` and `schema` do.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use umlaut::config::{self, load};

/// Exit code, standard output and standard error, in a directory of its own.
fn umlaut(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let program = assert_cmd::cargo::cargo_bin!("umlaut");
    let Output { status, stdout, stderr } = Command::new(program).args(arguments).current_dir(dir).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What `check` says of a text.
fn verdict(dir: &Path, text: &str, sets: &[&str]) -> (Option<i32>, String, String) {
    fs::write(dir.join("x.toml"), text).unwrap();
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    umlaut(dir, &["check", "x.toml"].into_iter().chain(sets).collect::<Vec<_>>())
}

#[test]
fn a_good_file_gets_a_line_with_its_runs() {
    let dir = tempfile::tempdir().unwrap();
    let line = |text: &str, sets: &[&str]| {
        let (code, out, err) = verdict(dir.path(), text, sets);
        assert!(code == Some(0) && err.is_empty(), "{err}");
        out
    };
    assert_eq!(line("name = 'x'", &[]), "x.toml: ok, 1 run\n");
    assert_eq!(line("name = 'x'", &["training.seeds=[1,2]"]), "x.toml: ok, 2 runs\n");
    let sweep = "name = 'x'\n[training]\nseeds = [1, 2]\n[sweep.grid]\n'training.epochs' = [1, 2, 3]";
    assert_eq!(line(sweep, &[]), "x.toml: ok, 6 runs (3 combinations × 2 seeds)\n");
    assert_eq!(line(sweep, &["split.k_fold.k=5"]), "x.toml: ok, 30 runs (3 combinations × 5 folds × 2 seeds)\n");
    let folds = "name = 'x'\n[split.k_fold]\n[sweep.grid]\n'split.k_fold.k' = [2, 3]";
    assert_eq!(line(folds, &[]), "x.toml: ok, 5 runs\n");
}

/// As with `| head`: the work is done, and nobody sees a panic.
#[test]
fn a_reader_that_goes_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("x.toml"),
        "name = 'x'\n[dataset.synthetic]\ncount = 6\nsize = [32, 32]\n[preprocess]\nsize = [32, 32]",
    )
    .unwrap();
    for arguments in
        [&["schema"][..], &["summary", "x.toml"], &["check", "x.toml"], &["data", "inspect", "x.toml", "--sheet", "s.svg"]]
    {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        assert!(status.code() == Some(0) && stderr.is_empty(), "{arguments:?}: {status}, {}", String::from_utf8_lossy(&stderr));
    }
    assert!(dir.path().join("s.svg").exists());
}

#[test]
fn a_bad_file_shows_its_mistakes_and_spoils_the_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = verdict(dir.path(), "name = 'x'\ntraining.epochs = 0", &["loss.bce=-1"]);
    assert!(code == Some(2) && out.is_empty());
    assert!(err.contains("--> x.toml:2:19") && err.ends_with("x.toml: 2 mistakes\n"), "{err}");
}

#[test]
fn init_writes_a_good_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("experiments/deep net.toml");
    assert_eq!(umlaut(dir.path(), &["init", "experiments/deep net.toml", "--schema"]).0, Some(0));
    assert_eq!(load(&path, &[]).unwrap().name, "deep-net");
    let text = fs::read_to_string(&path).unwrap();
    let hint = text.lines().next().unwrap();
    let schema = dir.path().join("experiments").join(hint.strip_prefix("#:schema ./").unwrap());
    assert_eq!(fs::read_to_string(schema).unwrap(), umlaut(dir.path(), &["schema"]).1);
    fs::write(&path, "mine").unwrap();
    let (code, _, err) = umlaut(dir.path(), &["init", "experiments/deep net.toml"]);
    assert!(code == Some(2) && err.contains("is there already; give another path"), "{err}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn the_schema_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let (_, out, _) = umlaut(dir.path(), &["schema"]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value, serde_json::to_value(config::json_schema()).unwrap());
}

#[test]
fn info_names_the_instructions_in_use() {
    let info = |level: &str| {
        let program = assert_cmd::cargo::cargo_bin!("umlaut");
        let output = Command::new(program).arg("info").env("UMLAUT_CPU", level).output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()))
    };
    let (code, [out, _]) = info("portable");
    assert_eq!(code, Some(0));
    assert!(out.contains("instructions  portable ") && out.contains("F(4×4, 3×3)"), "{out}");
    let (code, [_, err]) = info("mmx");
    assert!(code == Some(2) && err.contains("UMLAUT_CPU=mmx"), "{err}");
}
