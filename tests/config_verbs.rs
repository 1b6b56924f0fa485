//! What `umlaut check`, `init` and `schema` do.

#[path = "../src/cli/check.rs"]
mod check;
#[path = "../src/cli/init.rs"]
mod init;
#[path = "../src/cli/schema.rs"]
mod schema;

use std::fs;
use std::path::Path;
use umlaut::config::{self, load};

/// Verdict, standard output and standard error of a check.
fn verdict(dir: &Path, text: &str, sets: &[&str]) -> (bool, String, String) {
    let file = dir.join("x.toml");
    fs::write(&file, text).unwrap();
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let good = check::run(std::slice::from_ref(&file), &sets, false, &mut out, &mut err).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&file.display().to_string(), "x.toml");
    (good, text(out), text(err))
}

#[test]
fn a_good_file_gets_a_line_with_its_runs() {
    let dir = tempfile::tempdir().unwrap();
    let line = |text: &str, sets: &[&str]| {
        let (good, out, err) = verdict(dir.path(), text, sets);
        assert!(good && err.is_empty(), "{err}");
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

#[test]
fn a_bad_file_shows_its_mistakes_and_spoils_the_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let (good, out, err) = verdict(dir.path(), "name = 'x'\ntraining.epochs = 0", &["loss.bce=-1"]);
    assert!(!good && out.is_empty());
    assert!(err.contains("--> x.toml:2:19") && err.ends_with("x.toml: 2 mistakes\n"), "{err}");
}

#[test]
fn init_writes_a_good_file_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("experiments/deep net.toml");
    let written = init::run(&path, true).unwrap();
    assert_eq!(load(&path, &[]).unwrap().name, "deep-net");
    assert_eq!(fs::read_to_string(&written[1]).unwrap(), schema::run().unwrap());
    let hint = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(hint, format!("#:schema ./{}", written[1].file_name().unwrap().display()));
    fs::write(&path, "mine").unwrap();
    let error = init::run(&path, false).unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn schema_is_the_schema() {
    let text: serde_json::Value = serde_json::from_str(&schema::run().unwrap()).unwrap();
    assert_eq!(text, config::json_schema());
}
