//! Through files and program: images of five channels and floats, and of 16 bits that use a small part of them.

use image::{ImageBuffer, Luma};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const COMMON: &str = r#"
name = "tiny"
[dataset.folders]
root = "data"
mask_values = "indexed"
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[model.unet]
channels = [4, 8]
[training]
epochs = 1
batch_size = 2
"#;

const SIDES: [usize; 2] = [20, 16];

fn umlaut(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", dir.join("settings")).env("CUDA_VISIBLE_DEVICES", "");
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
}

#[track_caller]
fn good(dir: &Path, arguments: &[&str]) -> String {
    let (code, said) = umlaut(dir, arguments);
    assert_eq!(code, Some(0), "{said}");
    said
}

#[track_caller]
fn mistake(dir: &Path, arguments: &[&str], message: &str) {
    let (code, said) = umlaut(dir, arguments);
    // Messages are wrapped at the terminal's width.
    assert!(code == Some(2) && said.split_whitespace().collect::<Vec<_>>().join(" ").contains(message), "{code:?}: {said}");
}

/// A file of NumPy's format, version 1 (NEP 1).
fn npy(path: &Path, descr: &str, shape: &str, values: &[u8]) {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    fs::write(path, [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()).unwrap();
}

/// Whether a pixel of an image belongs to its square.
fn marked(image: usize, y: usize, x: usize) -> bool {
    (4 + image % 4..12).contains(&y) && (3..10).contains(&x)
}

fn pixels() -> impl Iterator<Item = (usize, usize)> {
    (0..SIDES[0]).flat_map(|y| (0..SIDES[1]).map(move |x| (y, x)))
}

/// Eight images by `write`, with masks of class numbers.
fn desk(more: &str, write: impl Fn(usize, PathBuf)) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    ["data/images", "data/masks"].iter().for_each(|folder| fs::create_dir_all(dir.path().join(folder)).unwrap());
    fs::write(dir.path().join("x.toml"), format!("{COMMON}{more}")).unwrap();
    for image in 0..8 {
        write(image, dir.path().join(format!("data/images/i{image}")));
        let mask: Vec<u8> = pixels().map(|(y, x)| u8::from(marked(image, y, x))).collect();
        npy(&dir.path().join(format!("data/masks/i{image}.npy")), "|u1", "(20, 16)", &mask);
    }
    dir
}

fn run_of(dir: &Path) -> String {
    let run = fs::read_dir(dir.join("results/tiny/runs")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(run.join("metrics.csv")).unwrap().lines().count(), 2, "a header and an epoch");
    run.display().to_string()
}

#[test]
fn five_channels_of_floats_are_trained_on_and_predicted() {
    let five = |image: usize, path: PathBuf| {
        let value = |c: usize, y: usize, x: usize| {
            let noise = ((image * 7919 + c * 104_729 + y * 31 + x * 17) % 97) as f32;
            noise + if marked(image, y, x) { 400.0 * c as f32 } else { -50.0 }
        };
        let values = (0..5).flat_map(|c| pixels().map(move |(y, x)| value(c, y, x)));
        npy(&path.with_extension("npy"), "<f4", "(5, 20, 16)", &values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>());
    };
    let dir = desk("[preprocess]\nsize = [20, 16]\nintensity = \"percentiles\"\n", five);
    let at = dir.path();
    let said = good(at, &["data", "inspect", "x.toml", "--sheet", "sheet.png"]);
    assert!(said.starts_with("8 samples, 5 channels, values 0.00 to 1.00"), "{said}");
    mistake(
        at,
        &["data", "inspect", "x.toml", "--set", "preprocess.intensity=type"],
        "set preprocess.intensity = \"percentiles\"",
    );
    mistake(at, &["data", "inspect", "x.toml", "--set", "dataset.folders.colour=rgb"], "has 5 channels where 3 are wanted");
    mistake(at, &["data", "export", "x.toml", "--out", "out"], "its images have 5 channels");
    let hue = at.join("hue.toml");
    fs::write(&hue, fs::read_to_string(at.join("x.toml")).unwrap() + "[augment.hue]\nprobability = 0.5\n").unwrap();
    mistake(at, &["run", "hue.toml"], "augment.hue changes colours of RGB, and the images have 5 channels");
    let said = good(at, &["summary", "x.toml"]);
    assert!(said.contains("5×20×16 in"), "{said}");
    good(at, &["run", "x.toml"]);
    let run = run_of(at);
    good(at, &["predict", &run, "data/images", "--out", "masks", "--overlays"]);
    for name in ["i0_mask.png", "i7_overlay.png"] {
        assert_eq!(image::image_dimensions(at.join("masks").join(name)).unwrap(), (16, 20), "{name}");
    }
    // Others are skipped, not read wrongly.
    npy(&at.join("two.npy"), "<f4", "(20, 16, 2)", &[0; 4 * 20 * 16 * 2]);
    let (code, said) = umlaut(at, &["predict", &run, "two.npy", "data/images/i1.npy", "--out", "others"]);
    assert!(code == Some(1) && said.contains("skipped: two.npy: has 2 channels where 5 are wanted"), "{code:?}: {said}");
    good(at, &["evaluate", &run, "x.toml"]);
}

#[test]
fn sixteen_bits_are_trained_on_by_a_window() {
    let dim = |image: usize, path: PathBuf| {
        let value = |x, y| 100 + ((image * 13 + x * 5 + y * 3) % 40) as u16 + if marked(image, y, x) { 150 } else { 0 };
        let [h, w] = SIDES.map(|side| side as u32);
        let picture: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_fn(w, h, |x, y| Luma([value(x as usize, y as usize)]));
        picture.save(path.with_extension("tif")).unwrap();
    };
    let dir = desk("[preprocess]\nsize = [20, 16]\n", dim);
    let at = dir.path();
    let said = good(at, &["data", "inspect", "x.toml"]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("WARNING: values lie from 100 to 289, less than 1/16 of what their type can hold"), "{said}");
    assert!(said.contains("preprocess.window = [100.0, 289.0]"), "{said}");
    let mut text = fs::read_to_string(at.join("x.toml")).unwrap();
    text += "intensity = \"window\"\n";
    fs::write(at.join("x.toml"), &text).unwrap();
    mistake(at, &["check", "x.toml"], "`preprocess.intensity` = \"window\" needs `preprocess.window`");
    fs::write(at.join("x.toml"), text + "window = [100.0, 289.0]\n").unwrap();
    let said = good(at, &["data", "inspect", "x.toml"]);
    assert!(said.starts_with("8 samples, grey, values 0.00 to 1.00") && !said.contains("1/16"), "{said}");
    good(at, &["run", "x.toml"]);
    run_of(at);
}
