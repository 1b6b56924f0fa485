//! `umlaut data inspect` and `umlaut data export` on pictures that are written here, and on drawn ones.

mod annotations;
mod copies;
mod export;
mod inspect;
mod sheet;
mod volumes;

use image::{GrayImage, Luma, Rgb, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own with an experiment file in it.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn with(toml: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.path("x.toml"), toml).unwrap();
        desk
    }

    /// A path in it, whose folder is there.
    pub fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Exit code, standard output and standard error of `umlaut data …`.
    pub fn data(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        self.umlaut(&[&["data"], arguments].concat())
    }

    /// The same of any verb.
    pub fn umlaut(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(self.0.path()).env("XDG_CONFIG_HOME", self.path("settings"));
        let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    /// Standard output of a command that does well.
    #[track_caller]
    pub fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.data(arguments);
        assert!(code == Some(0) && err.is_empty(), "{code:?}: {out}{err}");
        out
    }

    /// Standard error of a command that the user must mend; nothing else is reported.
    #[track_caller]
    pub fn mistake(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.data(arguments);
        assert!(code == Some(2) && out.is_empty(), "{code:?}: {out}{err}");
        err
    }

    /// Grey, 8 bits; height and width; values by row and column.
    pub fn grey(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> u8) {
        GrayImage::from_fn(w, h, |x, y| Luma([value(y, x)])).save(self.path(name)).unwrap();
    }

    pub fn rgb(&self, name: &str, [h, w]: [u32; 2], value: impl Fn(u32, u32) -> [u8; 3]) {
        RgbImage::from_fn(w, h, |x, y| Rgb(value(y, x))).save(self.path(name)).unwrap();
    }
}

/// A smooth picture, another one for each seed, with values from about 51 to 204 times `gain`; the same at any size.
pub fn scene(seed: f64, [h, w]: [u32; 2], gain: f64) -> impl Fn(u32, u32) -> u8 {
    move |y, x| {
        let (y, x) = ((f64::from(y) + 0.5) / f64::from(h), (f64::from(x) + 0.5) / f64::from(w));
        let [down, up] = [(4.0 + seed) * y + (7.0 + seed) * x + seed, (9.0 - seed) * y - (3.0 + 2.0 * seed) * x + 2.0 * seed];
        let wave = 0.5 * down.sin() + 0.5 * up.cos();
        (gain * (127.5 + 76.5 * wave)).round() as u8
    }
}

/// The words of the table's row of a part.
pub fn row(out: &str, part: &str) -> Vec<String> {
    let line = out.lines().find(|line| line.split_whitespace().next() == Some(part)).unwrap_or_else(|| panic!("{part}: {out}"));
    line.split_whitespace().map(str::to_owned).collect()
}

/// What is printed, without its line breaks.
pub fn flat(out: &str) -> String {
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
