//! A folder of one's own: `umlaut init` looks at it and writes an experiment, which runs. Files are made here.

mod ignore;
mod init;
mod patterns;

use image::{GrayImage, Luma, Rgb, RgbImage};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A working directory of its own.
pub struct Desk(tempfile::TempDir);

impl Default for Desk {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Desk {
    /// A path in it, whose folder is there.
    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn umlaut(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(self.0.path()).env("XDG_CONFIG_HOME", self.path("settings"));
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// Standard output of a command that does well.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.umlaut(arguments);
        assert!(code == Some(0), "{arguments:?}: {code:?}: {out}{err}");
        out
    }

    /// Standard error of a command that the user must correct.
    #[track_caller]
    pub fn mistake(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.umlaut(arguments);
        assert!(code == Some(2), "{arguments:?}: {code:?}: {out}{err}");
        err
    }

    /// Grey, 8 bits.
    pub fn grey(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> u8) {
        GrayImage::from_fn(w, h, |x, y| Luma([value(x, y)])).save(self.path(name)).unwrap();
    }

    pub fn rgb(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> [u8; 3]) {
        RgbImage::from_fn(w, h, |x, y| Rgb(value(x, y))).save(self.path(name)).unwrap();
    }

    /// So many square images in FOLDER/images, brighter within a box, and masks in FOLDER/masks by column, row and number.
    pub fn pairs(&self, folder: &str, count: u32, side: u32, mask: impl Fn(u32, u32, u32) -> u8) {
        for i in 0..count {
            self.grey(&format!("{folder}/images/{i}.png"), [side; 2], image(i));
            self.grey(&format!("{folder}/masks/{i}.png"), [side; 2], |x, y| mask(x, y, i));
        }
    }

    /// The metrics.csv of the only run of an experiment.
    pub fn metrics(&self, experiment: &str) -> String {
        let runs = self.path(&format!("results/{experiment}/runs/x"));
        let runs: Vec<PathBuf> = std::fs::read_dir(runs.parent().unwrap()).unwrap().map(|run| run.unwrap().path()).collect();
        let run = runs.iter().find(|run| run.join("metrics.csv").is_file()).expect("a run");
        std::fs::read_to_string(run.join("metrics.csv")).unwrap()
    }
}

/// Whether a pixel lies in the object of an image: a box that moves with the number.
pub fn inside(x: u32, y: u32, i: u32) -> bool {
    (8 + i % 5..22 + i % 7).contains(&x) && (6 + i % 3..24).contains(&y)
}

/// An image that is brighter within the object, with some noise.
pub fn image(i: u32) -> impl Fn(u32, u32) -> u8 {
    move |x, y| (if inside(x, y, i) { 150 } else { 60 }) + ((x * 7 + y * 13 + i * 29) % 23) as u8
}

/// All files below a folder, sorted.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}
