//! `--example` of `init` and `run`: from an empty directory to a report. Oracle: the files of `experiments/`.

use super::{command, ends_with};
use std::fs;
use std::path::Path;

fn original(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(name)).unwrap()
}

/// What lies in a directory, below it too.
fn files(dir: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(dir).unwrap().display().to_string()).collect()
}

#[test]
fn examples_are_listed_and_written_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (out, _) = ends_with(&mut command(dir.path(), &["init", "--example"]), 0);
    assert!(out.contains("quickstart") && out.contains("sweeps/loss"), "{out}");
    assert_eq!(files(dir.path()), [""; 0], "a list writes nothing");

    let (out, _) = ends_with(&mut command(dir.path(), &["init", "--example", "quickstart"]), 0);
    assert!(out.contains("umlaut run quickstart.toml"), "{out}");
    assert_eq!(fs::read_to_string(dir.path().join("quickstart.toml")).unwrap(), original("quickstart.toml"));

    // With what it extends, wherever that lies.
    ends_with(&mut command(dir.path(), &["init", "--example", "isbi2012_width"]), 0);
    assert_eq!(files(dir.path()), ["isbi2012.toml", "quickstart.toml", "sweeps/isbi2012_width.toml"]);
    ends_with(&mut command(dir.path(), &["check", "sweeps/isbi2012_width.toml"]), 0);
}

#[test]
fn an_example_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sweeps")).unwrap();
    fs::write(dir.path().join("sweeps/common.toml"), "name = 'mine'\n").unwrap();
    for arguments in [["init", "--example", "sweeps/loss"], ["run", "--example", "loss"]] {
        let (_, err) = ends_with(&mut command(dir.path(), &arguments), 2);
        assert!(err.contains("sweeps/common.toml exists and differs from the example"), "{err}");
    }
    assert_eq!(files(dir.path()), ["sweeps/common.toml"], "not even a part is written");
    assert_eq!(fs::read_to_string(dir.path().join("sweeps/common.toml")).unwrap(), "name = 'mine'\n");

    let (_, err) = ends_with(&mut command(dir.path(), &["init", "--example", "quikstart"]), 2);
    assert!(err.contains("did you mean `quickstart`?") && err.contains("umlaut init --example"), "{err}");
}

#[test]
fn an_example_runs_from_an_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    let sets = ["--set", "training.epochs=1", "--set", "training.seeds=1", "--set", "dataset.synthetic.count=12"];
    let run = [&["run", "--example", "quickstart"], &sets[..]].concat();

    let (out, _) = ends_with(&mut command(dir.path(), &[&run[..], &["--dry-run"]].concat()), 0);
    assert!(out.contains("3 runs") || out.lines().count() > 3, "{out}");
    assert_eq!(files(dir.path()), [""; 0], "a look at the plan writes nothing");

    ends_with(&mut command(dir.path(), &run), 0);
    assert_eq!(fs::read_to_string(dir.path().join("quickstart.toml")).unwrap(), original("quickstart.toml"));
    assert!(dir.path().join("results/quickstart/report.html").is_file());
    // Once more: the file is the example's own, and nothing is left to run.
    let (_, err) = ends_with(&mut command(dir.path(), &run), 0);
    assert_eq!(err.matches("finished before, not run again").count(), 3, "{err}");
}
