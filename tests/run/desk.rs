//! A scratch directory, and the program run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Four runs of three epochs.
pub const TINY: &str = r#"
name = "tiny"
[dataset.synthetic]
count = 12
size = [32, 32]
[preprocess]
size = [16, 16]
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[model.unet]
channels = [4, 8]
[training]
epochs = 3
batch_size = 4
seeds = [1, 2]
[sweep.grid]
"optimizer.adam.lr" = [1e-2, 1e-3]
"#;

/// A scratch directory with an experiment file in it.
pub struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    pub fn with(toml: &str) -> Self {
        let desk = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        fs::write(desk.dir.path().join("x.toml"), toml).expect("writable");
        desk
    }

    /// The same, where syncing costs no time if the system has such a place.
    #[allow(dead_code, reason = "the tests of crashes alone ask for it")]
    pub fn in_memory(toml: &str) -> Self {
        let memory = std::path::Path::new("/dev/shm");
        let Ok(dir) = tempfile::tempdir_in(memory) else { return Self::with(toml) };
        fs::write(dir.path().join("x.toml"), toml).expect("writable");
        Self { dir }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null()).env_remove("RAYON_NUM_THREADS");
        // Nobody's settings but those of the desk, and the CPU wherever the tests run.
        command.env("XDG_CONFIG_HOME", self.path("settings")).env("CUDA_VISIBLE_DEVICES", "");
        command
    }

    pub fn umlaut(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// What is said on standard output, if it ends well.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.umlaut(arguments);
        expect_code(&output, 0);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Twelve small images with masks in `FOLDER/images` and `FOLDER/masks`, called by `name`; a bright square whose place follows from `kind`, so
    /// that folders of different kinds hold different images.
    pub fn folder(&self, folder: &str, kind: u32, name: impl Fn(u32) -> String) {
        for (below, bright) in [("images", 200), ("masks", 255)] {
            let below = self.path(folder).join(below);
            fs::create_dir_all(&below).expect("writable");
            for number in 0..12 {
                let inside = |x: u32, y: u32| (kind..kind + 8).contains(&x) && (number..number + 8).contains(&y);
                let value = |x, y| image::Luma([if inside(x, y) { bright } else { 0 }]);
                let picture = image::GrayImage::from_fn(16, 16, value);
                picture.save(below.join(format!("{}.png", name(number)))).expect("writable");
            }
        }
    }

    /// metrics.csv of every run that has one, by the run's name.
    pub fn metrics(&self, results: &str) -> Vec<(String, String)> {
        self.files(results, "metrics.csv")
    }

    /// This file of every run that has one.
    pub fn read_all(&self, results: &str, file: &str) -> Vec<String> {
        self.files(results, file).into_iter().map(|(_, text)| text).collect()
    }

    fn files(&self, results: &str, file: &str) -> Vec<(String, String)> {
        let runs = fs::read_dir(self.path(results).join("tiny/runs")).expect("runs are there");
        let mut all: Vec<(String, String)> = runs
            .filter_map(|run| {
                let run = run.expect("listed").path();
                let name = run.file_name().expect("named").to_string_lossy().into_owned();
                Some((name, fs::read_to_string(run.join(file)).ok()?))
            })
            .collect();
        all.sort();
        all
    }
}

pub fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn expect_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", words(output));
}
