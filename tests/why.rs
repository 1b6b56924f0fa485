//! `umlaut why`: what makes two runs different ones, and what does not. Oracle: the values typed below.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TINY: &str = r#"
name = "tiny"
[dataset.synthetic]
count = 6
size = [32, 32]
[preprocess]
size = [16, 16]
[model.unet]
channels = [4, 8]
[training]
epochs = 1
seeds = [1]
"#;

/// The same with other words, in another order, by another file.
const SAME: &str = r#"
# A comment.
extends = "tiny.toml"
name = "renamed"
description = "for readers"
[training]
seeds = [1]
epochs = 1
"#;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary directory"));
        desk.write("tiny.toml", TINY);
        desk.write("same.toml", SAME);
        desk
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).expect("writable");
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn umlaut(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        // Nobody's settings.
        command.args(arguments).current_dir(self.0.path()).env("XDG_CONFIG_HOME", self.path("settings"));
        command.env("CUDA_VISIBLE_DEVICES", "");
        command.stdin(Stdio::null()).output().expect("the program starts")
    }

    /// Runs a file with values replaced, and gives the directory of the run that came to be.
    fn run(&self, arguments: &[&str]) -> String {
        let before = self.runs();
        let output = self.umlaut(&[&["run"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let new = self.runs().into_iter().find(|run| !before.contains(run)).expect("a new run");
        new.strip_prefix(self.0.path()).expect("below").display().to_string()
    }

    fn runs(&self) -> Vec<PathBuf> {
        let listed = |dir: &Path| fs::read_dir(dir).into_iter().flatten().map(|entry| entry.expect("listed").path());
        let experiments = listed(&self.path("results")).filter(|path| path.join("runs").is_dir());
        experiments.flat_map(|path| listed(&path.join("runs")).collect::<Vec<_>>()).collect()
    }

    /// What `why` says, without the titles, the spaces between columns made one.
    fn why(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.umlaut(&[&["why"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let lines =
            text.lines().skip_while(|line| !line.is_empty()).filter(|line| !line.trim().is_empty() && !line.contains('─'));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    fn mistake(&self, arguments: &[&str]) -> String {
        let output = self.umlaut(&[&["why"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    }
}

#[test]
fn two_runs_differ_by_what_was_set() {
    let desk = Desk::new();
    let a = desk.run(&["tiny.toml"]);
    let b = desk.run(&["tiny.toml", "--set", "training.seeds=[2]", "--set", "optimizer.sgd.lr=0.5"]);
    let message = desk.why(&[&a, &b]);
    assert_eq!(message[0], "key A B");
    assert!(message.contains(&"training.seeds [1] [2]".to_owned()), "{message:#?}");
    assert!(message.contains(&"optimizer.sgd.lr – 0.5".to_owned()), "{message:#?}");
    assert!(message[1..].iter().all(|row| row.starts_with("optimizer.") || row.starts_with("training.seeds ")), "{message:#?}");

    let other = desk.run(&["tiny.toml", "--set", "dataset.synthetic.count=7", "--results", "results"]);
    let message = desk.why(&[&other, &a]);
    assert!(message.iter().any(|row| row.starts_with("dataset.synthetic.count 7 6")), "{message:#?}");
    let prints: Vec<&str> =
        message.iter().find_map(|row| row.strip_prefix("dataset fingerprint ")).expect("a row").split(' ').collect();
    assert!(prints.len() == 2 && prints[0] != prints[1] && prints.iter().all(|print| print.len() == 16), "{prints:?}");
}

#[test]
fn words_order_and_names_make_no_difference() {
    let desk = Desk::new();
    let run = desk.run(&["tiny.toml"]);
    let hash = run.rsplit('-').next().expect("an id").to_owned();
    let same = [format!("same run: same id {hash}")];
    let renamed = desk.run(&["same.toml"]);
    assert_eq!(desk.why(&[&run, &renamed]), same);
    for sides in [[run.as_str(), "tiny.toml"], ["tiny.toml", &run], [&run, "same.toml"], [&run, &run]] {
        assert_eq!(desk.why(&sides), same, "{sides:?}");
    }
    fs::create_dir(desk.path("other")).expect("writable");
    for file in ["run.toml", "provenance.toml"] {
        fs::copy(desk.path(&run).join(file), desk.path("other").join(file)).expect("copied");
    }
    assert_eq!(desk.why(&["other", "tiny.toml"]), same);
    // Under another name, without a record of data and program: what is left says nothing else.
    fs::create_dir(desk.path("copy")).expect("writable");
    fs::copy(desk.path(&run).join("run.toml"), desk.path("copy/run.toml")).expect("copied");
    let message = desk.why(&["copy", &run]);
    assert_eq!(message.len(), 3, "{message:#?}");
    assert!(
        message[1].starts_with("dataset fingerprint not recorded ") && message[2].starts_with("numeric version not recorded ")
    );
    assert_eq!(desk.why(&["copy", "copy"]), ["the configurations are the same; data and program are recorded on neither side"]);
}

#[test]
fn of_a_plan_the_nearest_run_is_compared() {
    let desk = Desk::new();
    let run = desk.run(&["tiny.toml", "--set", "optimizer.adam.lr=0.01", "--set", "training.batch_size=3"]);
    desk.write(
        "sweep.toml",
        &format!("{TINY}\n[sweep.grid]\n\"optimizer.adam.lr\" = [1e-3, 1e-2]\n\"training.batch_size\" = [2, 4]\n"),
    );
    assert_eq!(desk.why(&["sweep.toml", &run]), ["key A B", "training.batch_size 2 3"]);
    assert_eq!(
        desk.why(&["sweep.toml", &run, "--set", "training.epochs=2"])[1..],
        ["training.batch_size 2 3", "training.epochs 2 1"]
    );
}

#[test]
fn mistakes_end_with_two_and_say_what_to_name() {
    let desk = Desk::new();
    fs::create_dir(desk.path("empty")).expect("writable");
    assert!(desk.mistake(&["absent", "tiny.toml"]).contains("absent is no directory of runs"));
    assert!(desk.mistake(&["empty", "tiny.toml"]).contains("empty is no directory of runs"));
    assert!(desk.mistake(&["same.toml", "tiny.toml"]).contains("one of the two must be a run"));
    let run = desk.run(&["tiny.toml"]);
    assert!(desk.mistake(&[&run, &run, "--set", "training.epochs=2"]).contains("--set"));
    desk.write("bad.toml", "name = 'x'\n[training]\nepohcs = 3\n");
    assert!(desk.mistake(&[&run, "bad.toml"]).contains("epohcs"));
    desk.write("data.toml", "name = 'x'\n[dataset.folders]\nroot = 'nowhere'\n");
    assert!(desk.mistake(&[&run, "data.toml"]).contains("nowhere"));
}
