//! A scratch directory with the file of a search, and the program run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A search of tiny networks, with a choice, what is searched by it, and two rungs.
pub const SEARCH: &str = r#"
name = "tiny"
[dataset.synthetic]
count = 8
size = [32, 32]
[preprocess]
size = [16, 16]
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[model.unet]
channels = [2, 4]
[training]
epochs = 3
batch_size = 4
[search]
sampler = "tpe"
trials = 12
parallel = 2
[search.halving]
lowest = 1
eta = 3
[search.confirm]
top = 2
[search.draw]
"optimizer.adam.lr" = { log_uniform = [1e-4, 1e-1] }
"model.unet.norm" = { choice = ["batch", "group"] }
"model.unet.groups" = { choice = [2, 1] }
[search.when."model.unet.groups"]
"model.unet.norm" = "group"
"#;

pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn with(toml: &str) -> Self {
        let desk = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::write(desk.path("x.toml"), toml).expect("writable");
        desk
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Nobody's settings, and the CPU wherever the tests run.
        command.env("XDG_CONFIG_HOME", self.path("settings")).env("CUDA_VISIBLE_DEVICES", "");
        command
    }

    /// Runs the program and expects that it ends with this code; what it said.
    pub fn umlaut(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program starts");
        let words = words(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
        words
    }

    /// A file of the search.
    pub fn of_search(&self, results: &str, file: &str) -> String {
        fs::read_to_string(self.path(results).join("tiny/search").join(file)).unwrap_or_default()
    }

    /// history.csv, confirm.csv and winner.toml.
    pub fn found(&self, results: &str) -> [String; 3] {
        ["history.csv", "confirm.csv", "winner.toml"].map(|file| self.of_search(results, file))
    }

    /// The directories of runs, by name.
    pub fn runs(&self, results: &str) -> Vec<PathBuf> {
        let all = fs::read_dir(self.path(results).join("tiny/runs")).into_iter().flatten();
        let mut runs: Vec<PathBuf> = all.map(|run| run.expect("listed").path()).collect();
        runs.sort();
        runs
    }

    /// Rows of metrics.csv of all runs together.
    pub fn epochs(&self, results: &str) -> usize {
        let rows = |run: &PathBuf| fs::read_to_string(run.join("metrics.csv")).map_or(0, |text| text.lines().skip(1).count());
        self.runs(results).iter().map(rows).sum()
    }
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
