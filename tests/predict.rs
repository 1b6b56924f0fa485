//! `umlaut predict` and `umlaut evaluate` with a run that was trained here, on pictures of any size.

use image::{GrayImage, Luma, RgbImage};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

const TINY: &str = r#"
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
epochs = 2
batch_size = 4
seeds = [1, 2]
[metrics]
extra = ["hd95", "assd", "boundary_iou", "ece", "vcdr_error", "rand_score", "pixel_error"]
spacing_mm = [0.5, 0.25]
"#;

/// A directory with two trained runs, made once.
fn trained() -> &'static Path {
    static TRAINED: OnceLock<TempDir> = OnceLock::new();
    let dir = TRAINED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.toml"), TINY).unwrap();
        let output = umlaut(dir.path(), &["run", "x.toml"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        dir
    });
    dir.path()
}

/// Trains the same with `[preprocess] normalise`, and returns the run's directory.
fn trained_normalised(dir: &Path, normalise: &str) -> PathBuf {
    let text = TINY.replace("[preprocess]\n", &format!("[preprocess]\nnormalise = \"{normalise}\"\n")).replace("[1, 2]", "[1]");
    fs::write(dir.join("x.toml"), text).unwrap();
    let output = umlaut(dir, &["run", "x.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    fs::read_dir(dir.join("results/tiny/runs")).unwrap().next().unwrap().unwrap().path()
}

fn umlaut(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", dir.join("settings")).env("CUDA_VISIBLE_DEVICES", "");
    command.output().expect("the program starts")
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn runs() -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> =
        fs::read_dir(trained().join("results/tiny/runs")).unwrap().map(|run| run.unwrap().path()).collect();
    runs.sort();
    runs
}

/// What `umlaut predict RUN ARGUMENTS --out OUT` leaves, by name.
fn predict(arguments: &[&str]) -> (TempDir, BTreeMap<String, PathBuf>) {
    let out = tempfile::tempdir().unwrap();
    let run = runs().remove(0);
    let place = out.path().display().to_string();
    let all = [&["predict", run.to_str().unwrap(), "--out", &place], arguments].concat();
    let output = umlaut(trained(), &all);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let files =
        walkdir::WalkDir::new(out.path()).into_iter().map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
    let name = |path: &PathBuf| path.strip_prefix(out.path()).unwrap().display().to_string();
    let files = files.map(|path| (name(&path), path)).collect();
    (out, files)
}

fn mask(path: &Path) -> GrayImage {
    image::open(path).unwrap().into_luma8()
}

/// A smooth picture that is its own mirror image both ways, of any size.
fn blob(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let part = |at: u32, length: u32| (f64::from(2 * at + 1) / f64::from(2 * length) - 0.5).abs();
        let bright = 255.0 * (1.0 - part(x, width) - part(y, height));
        image::Rgb([bright as u8, (bright / 2.0) as u8, (bright / 3.0) as u8])
    })
}

fn pictures(all: &[(&str, RgbImage)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, picture) in all {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    }
    dir
}

/// The run's own pictures of its samples are at its own size: what it said of them in training is what it says now.
#[test]
fn a_run_says_of_its_samples_what_it_said_in_training() {
    let samples = runs()[0].join("samples");
    let names: Vec<String> = fs::read_dir(&samples).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    let images: Vec<&String> = names.iter().filter(|name| name.ends_with("_image.png")).collect();
    assert!(!images.is_empty());
    let paths: Vec<String> = images.iter().map(|name| samples.join(name).display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (_out, resized) = predict(&paths);
    let (_out_of_tiles, tiled) = predict(&[&paths[..], &["--tiles"]].concat());
    for name in images {
        let stem = name.strip_suffix(".png").unwrap();
        let message = mask(&samples.join(name.replace("_image", "_pred")));
        for files in [&resized, &tiled] {
            for (bit, class) in ["disc", "cup"].into_iter().enumerate() {
                let found = mask(&files[&format!("{stem}_{class}_mask.png")]);
                let differ = message
                    .pixels()
                    .zip(found.pixels())
                    .filter(|(message, found)| (message.0[0] >> bit & 1 == 1) != (found.0[0] == 255));
                // Samples are kept with 8 bits a channel, so a pixel at the very threshold may fall to the other side.
                assert!(differ.count() <= 2, "{name} {class}");
            }
        }
    }
}

#[test]
fn any_size_works_in_both_ways_and_the_table_counts_the_masks() {
    let images = pictures(&[("wide.png", blob(101, 37)), ("below/small.png", blob(9, 5)), ("one.png", blob(1, 1))]);
    let folder = images.path().display().to_string();
    for scale in [&["--tiles", "--overlap", "0.5"][..], &["--flips"][..]] {
        let (_out, files) = predict(&[&[folder.as_str(), "--overlays", "--probabilities", "--threshold", "0.4"], scale].concat());
        let table = fs::read_to_string(&files["predictions.csv"]).unwrap();
        assert_eq!(table.lines().count(), 7, "a header, and three images of two classes: {table}");
        let head: Vec<&str> = table.lines().next().unwrap().split(',').collect();
        for line in table.lines().skip(1) {
            let row: BTreeMap<&str, &str> = head.iter().copied().zip(line.split(',')).collect();
            let name = format!("{}_{}", row["image"], row["class"]);
            let found = mask(&files[&format!("{name}_mask.png")]);
            assert_eq!(
                (found.width().to_string(), found.height().to_string()),
                (row["width"].to_owned(), row["height"].to_owned())
            );
            let marked = found.pixels().filter(|pixel| pixel.0[0] == 255).count();
            assert_eq!(marked.to_string(), row["area_px"], "{name}");
            let probs = image::open(&files[&format!("{name}_probability.png")]).unwrap().into_luma16();
            let reach = |Luma([p]): &Luma<u16>| f64::from(*p) / 65535.0 >= 0.4;
            assert!(probs.pixels().filter(|p| reach(p)).count().abs_diff(marked) <= 1, "{name}");
            let overlay = image::open(&files[&format!("{}_overlay.png", row["image"])]).unwrap();
            assert_eq!((overlay.width(), overlay.height()), (found.width(), found.height()));
        }
    }
}

/// Oracle: the same image with its margins written out by hand, mirrored at the first and the last pixel.
#[test]
fn an_image_smaller_than_a_tile_is_mirrored_evenly_on_all_sides() {
    let small = RgbImage::from_fn(10, 6, |x, y| image::Rgb([(25 * x) as u8, (40 * y) as u8, (15 * x + 10 * y) as u8]));
    let back = |at: i64, length: i64| {
        let at = at.abs();
        (if at < length { at } else { 2 * (length - 1) - at }) as u32
    };
    // Tiles are 16 × 16: 3 pixels left and right, 5 above and below.
    let whole = RgbImage::from_fn(16, 16, |x, y| *small.get_pixel(back(i64::from(x) - 3, 10), back(i64::from(y) - 5, 6)));
    let images = pictures(&[("small.png", small), ("whole.png", whole)]);
    let (_out, files) = predict(&[&images.path().display().to_string(), "--tiles", "--probabilities"]);
    for class in ["disc", "cup"] {
        let of = |name: &str| image::open(&files[&format!("{name}_{class}_probability.png")]).unwrap().into_luma16();
        let (found, expected) = (of("small"), of("whole"));
        assert!(expected.pixels().any(|p| p != expected.get_pixel(0, 0)), "it says something");
        for (x, y, p) in found.enumerate_pixels() {
            assert!(p.0[0].abs_diff(expected.get_pixel(x + 3, y + 5).0[0]) <= 1, "{class} at {x}, {y}");
        }
    }
}

#[test]
fn mirror_images_and_a_twin_change_nothing_where_they_say_the_same() {
    let images = pictures(&[("blob.png", blob(16, 16))]);
    let path = images.path().join("blob.png").display().to_string();
    let run = runs()[0].display().to_string();
    let probs = |arguments: &[&str]| {
        let (_out, files) = predict(&[&[path.as_str(), "--probabilities"], arguments].concat());
        image::open(&files["blob_disc_probability.png"]).unwrap().into_luma16().into_raw()
    };
    let (plain, twin) = (probs(&[]), probs(&["--with", &run]));
    assert_eq!(plain, twin, "an ensemble of a run with itself");
    let flipped = probs(&["--flips"]);
    let at = |x: usize, y: usize| f64::from(flipped[y * 16 + x]);
    for (x, y) in (0..16).flat_map(|y| (0..16).map(move |x| (x, y))) {
        assert!((at(x, y) - at(15 - x, y)).abs() <= 2.0 && (at(x, y) - at(x, 15 - y)).abs() <= 2.0, "{x} {y}");
    }
    let other = runs()[1].display().to_string();
    let of_other = {
        let out = tempfile::tempdir().unwrap();
        let place = out.path().display().to_string();
        assert!(umlaut(trained(), &["predict", &other, &path, "--probabilities", "--out", &place]).status.success());
        image::open(out.path().join("blob_disc_probability.png")).unwrap().into_luma16().into_raw()
    };
    let both = probs(&["--with", &other]);
    for ((one, other), both) in plain.iter().zip(&of_other).zip(&both) {
        assert!(((f64::from(*one) + f64::from(*other)) / 2.0 - f64::from(*both)).abs() <= 1.5, "{one} {other} {both}");
    }
}

#[test]
fn an_unreadable_picture_is_told_and_the_others_go_on() {
    let images = pictures(&[("a.png", blob(16, 16)), ("c.png", blob(20, 16))]);
    fs::write(images.path().join("b.png"), "no picture").unwrap();
    let out = images.path().join("out").display().to_string();
    let run = runs()[0].display().to_string();
    let folder = images.path().display().to_string();
    let output = umlaut(trained(), &["predict", &run, &folder, "--out", &out]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("skipped") && words(&output).contains("b.png: cannot be decoded"), "{}", words(&output));
    assert!(words(&output).contains("2 of 3 images"), "{}", words(&output));
    assert!(Path::new(&out).join("c_disc_mask.png").is_file());
    let again = umlaut(trained(), &["predict", &run, &folder, "--out", &out]);
    assert_eq!(again.status.code(), Some(2));
    assert!(words(&again).contains("is there already; name another --out, or say --force"), "{}", words(&again));
}

/// Pictures of other kinds in a folder are not passed over in silence; what is no picture is.
#[test]
fn pictures_of_other_kinds_are_told() {
    let (images, out) = (pictures(&[("a.png", blob(16, 16)), ("sub/c.png", blob(20, 16))]), tempfile::tempdir().unwrap());
    for name in ["sub/d.HEIC", "e.jxl", "notes.txt"] {
        fs::write(images.path().join(name), "x").unwrap();
    }
    let (run, folder) = (runs()[0].display().to_string(), images.path().display().to_string());
    let output = umlaut(trained(), &["predict", &run, &folder, "--out", &out.path().join("o").display().to_string()]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    let said = words(&output);
    for name in ["e.jxl", "sub/d.HEIC"] {
        assert!(
            said.contains(&format!("skipped: {folder}/{name}: is no PNG, JPEG, TIFF, BMP, GIF, WebP or NumPy array; convert it")),
            "{said}"
        );
    }
    assert!(said.contains("2 of 4 images") && !said.contains("notes.txt"), "{said}");
}

#[test]
fn mistakes_are_told_before_anything_is_written() {
    let images = pictures(&[("a/x.png", blob(16, 16)), ("b/x.png", blob(16, 16))]);
    let path = |name: &str| images.path().join(name).display().to_string();
    let (one, two, gone) = (path("a/x.png"), path("b/x.png"), path("gone.png"));
    let run = runs()[0].display().to_string();
    for (arguments, part) in [
        (vec!["predict", "nowhere", &one, "--out", "o"], "nowhere is no directory of runs"),
        (vec!["predict", &run, &one, "--out", "o", "--ensemble"], "--ensemble is of an experiment"),
        (vec!["predict", &run, &gone, "--out", "o"], "gone.png"),
        (vec!["predict", &run, &one, &two, "--out", "o"], "x ("),
        (vec!["predict", &run, &one, "--out", "o", "--threshold", "2"], "--threshold 2: a probability is between 0 and 1"),
        (vec!["predict", &run, &one, "--out", "o", "--tiles", "--tile-size", "15,16"], "sides must be multiples of 2"),
        (vec!["predict", &run, &one, "--out", "o", "--tiles", "--overlap", "1"], "--overlap 1: between 0 and 0.9"),
        (vec!["evaluate", &run, "nothing.toml"], "nothing.toml"),
    ] {
        let output = umlaut(trained(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", words(&output));
        assert!(words(&output).contains(part), "{arguments:?}: {}", words(&output));
    }
    assert!(!trained().join("o").exists());
}

/// A run evaluated on its own data has the numbers that it wrote itself, to the last bit.
#[test]
fn evaluating_a_run_on_its_own_data_gives_its_own_numbers() {
    let run = runs().remove(0);
    let out = tempfile::tempdir().unwrap();
    let table = out.path().join("scores.csv").display().to_string();
    for part in ["val", "test"] {
        let arguments = ["evaluate", run.to_str().unwrap(), "x.toml", "--split", part, "--out", &table];
        let output = umlaut(trained(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        assert!(words(&output).contains("3 images"), "{}", words(&output));
        let own = fs::read_to_string(run.join("per_image.csv")).unwrap();
        let own: Vec<&str> = own.lines().filter(|line| line.starts_with("part,") || line.starts_with(part)).collect();
        assert_eq!(fs::read_to_string(&table).unwrap().lines().collect::<Vec<_>>(), own);
    }
    let own: toml::Table = fs::read_to_string(run.join("outcome.toml")).unwrap().parse().unwrap();
    for (table, part) in [("best", "val"), ("test", "test")] {
        for name in ["hd95", "hd95_mm_cup", "assd_disc", "boundary_iou", "ece", "vcdr_error", "rand_score_cup", "pixel_error"] {
            assert!(own[table][&format!("{part}_{name}")].is_float(), "{part}_{name}");
        }
    }
    let ece = umlaut(trained(), &["evaluate", run.to_str().unwrap(), "x.toml", "--metrics", "ece"]);
    assert!(words(&ece).contains("calibration") && !words(&ece).contains("HD95"), "{}", words(&ece));
    let bad = umlaut(trained(), &["evaluate", run.to_str().unwrap(), "x.toml", "--metrics", "hd96"]);
    assert!(bad.status.code() == Some(2) && words(&bad).contains("hd95"), "{}", words(&bad));
    let all = umlaut(trained(), &["evaluate", run.to_str().unwrap(), "x.toml"]);
    assert!(all.status.success() && words(&all).contains("12 images") && words(&all).contains("cup"), "{}", words(&all));
    fs::write(out.path().join("other.toml"), TINY.replace("count = 12", "count = 12\ntargets = [\"cup\"]")).unwrap();
    let other = out.path().join("other.toml").display().to_string();
    let output = umlaut(trained(), &["evaluate", run.to_str().unwrap(), &other]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
}

/// Images are normalised as in training: a run's own numbers come again, and its masks of the pictures that it kept.
#[test]
fn a_run_with_normalised_images_says_what_it_said_in_training() {
    for normalise in ["image", "dataset"] {
        let dir = tempfile::tempdir().unwrap();
        let run = trained_normalised(dir.path(), normalise);
        let output = umlaut(dir.path(), &["evaluate", run.to_str().unwrap(), "x.toml", "--split", "val", "--out", "scores.csv"]);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        let own = fs::read_to_string(run.join("per_image.csv")).unwrap();
        let own: Vec<&str> = own.lines().filter(|line| line.starts_with("part,") || line.starts_with("val")).collect();
        assert_eq!(fs::read_to_string(dir.path().join("scores.csv")).unwrap().lines().collect::<Vec<_>>(), own);
        for tiles in [&[][..], &["--tiles", "--force"]] {
            let samples = run.join("samples");
            let output = umlaut(
                dir.path(),
                &[&["predict", run.to_str().unwrap(), samples.to_str().unwrap(), "--out", "out"], tiles].concat(),
            );
            assert_eq!(output.status.code(), Some(0), "{}", words(&output));
            for entry in fs::read_dir(&samples).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let Some(stem) = name.strip_suffix("_image.png") else { continue };
                let message = mask(&samples.join(format!("{stem}_pred.png")));
                let found = mask(&dir.path().join(format!("out/{stem}_image_disc_mask.png")));
                let differ = message
                    .pixels()
                    .zip(found.pixels())
                    .filter(|(message, found)| (message.0[0] & 1 == 1) != (found.0[0] == 255));
                // Samples are kept with 8 bits a channel.
                assert!(differ.count() <= 4, "{normalise} {name}");
            }
        }
    }
}

#[test]
fn weights_without_the_numbers_they_need_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = trained_normalised(dir.path(), "dataset");
    let file = run.join("checkpoints/best.safetensors");
    let bytes = fs::read(&file).unwrap();
    let without = |bytes: Vec<u8>, word: &[u8], other: &[u8]| {
        let at = bytes.windows(word.len()).position(|found| found == word).expect("it is in the metadata");
        [&bytes[..at], other, &bytes[at + word.len()..]].concat()
    };
    // As another program might have written it, in a run that does not say whose weights it left.
    fs::write(&file, without(without(bytes, b"\"normalise\"", b"\"elsewhere\""), b"\"blake3\"", b"\"nohash\"")).unwrap();
    fs::remove_file(run.join("outcome.toml")).unwrap();
    let output = umlaut(dir.path(), &["evaluate", run.to_str().unwrap(), "x.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("its metadata lacks the mean and sd"), "{}", words(&output));
}

/// With softmax cross-entropy probabilities are a softmax's: those of all classes add up to 1 at the most, and no pixel is of two classes.
#[test]
fn classes_that_exclude_each_other_never_overlap() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["d/images", "d/masks"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    let class = |x: u32, y: u32, k: u32| if (x + k) % 16 < 5 { 1 } else { u8::from((y + k) % 16 < 6) * 2 };
    for k in 0..12 {
        let mask = GrayImage::from_fn(16, 16, |x, y| Luma([class(x, y, k)]));
        let image =
            GrayImage::from_fn(16, 16, |x, y| Luma([[40, 120, 200][usize::from(class(x, y, k))] + ((x * y + k) % 30) as u8]));
        mask.save(dir.path().join(format!("d/masks/{k}.png"))).unwrap();
        image.save(dir.path().join(format!("d/images/{k}.png"))).unwrap();
    }
    let text = "name = 'x'\n[dataset.folders]\nroot = 'd'\nclasses = ['a', 'b']\nmask_values = 'indexed'\n[preprocess]\nsize = [16, 16]\n\
                [loss]\nbce = 0.0\n[loss.softmax_ce]\nweight = 1.0\n[model.unet]\nchannels = [4, 8]\n[optimizer.adam]\nlr = 1e-2\n\
                [training]\nepochs = 40\nbatch_size = 4\n";
    fs::write(dir.path().join("x.toml"), text).unwrap();
    let succeeds = |arguments: &[&str]| {
        let output = umlaut(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    };
    succeeds(&["run", "x.toml"]);
    let run = fs::read_dir(dir.path().join("results/x/runs")).unwrap().next().unwrap().unwrap().path();
    succeeds(&["predict", run.to_str().unwrap(), "d/images", "--out", "p", "--probabilities"]);
    let (mut marked, mut largest) = ([0, 0], 0);
    for k in 0..12 {
        let [a, b] =
            ["a", "b"].map(|class| image::open(dir.path().join(format!("p/{k}_{class}_probability.png"))).unwrap().into_luma16());
        let [of_a, of_b] = ["a", "b"].map(|class| mask(&dir.path().join(format!("p/{k}_{class}_mask.png"))));
        for (x, y, p) in a.enumerate_pixels() {
            let sum = u32::from(p.0[0]) + u32::from(b.get_pixel(x, y).0[0]);
            largest = largest.max(sum);
            let of = [of_a.get_pixel(x, y).0[0] == 255, of_b.get_pixel(x, y).0[0] == 255];
            assert!(of != [true, true], "image {k}, {x}, {y}");
            marked = [0, 1].map(|class| marked[class] + usize::from(of[class]));
        }
    }
    assert!(marked.iter().all(|count| *count > 100), "both classes are found: {marked:?}");
    assert!((60_000..=65_536).contains(&largest), "{largest} of 65535, but for rounding");
}

/// A grey TIFF of the tags of TIFF 6.0, section 4, uncompressed, one directory a page: (values, NewSubfileType, ImageDescription).
fn tiff([h, w]: [u32; 2], pages: &[(&[u8], u32, &str)], behind: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for (index, (values, kind, description)) in pages.iter().enumerate() {
        let text = format!("{description:\0<8}");
        let (text_at, data_at) = (bytes.len() + 2 + 10 * 12 + 4, bytes.len() + 2 + 10 * 12 + 4 + text.len());
        let entries: [[u32; 4]; 10] = [
            [254, 4, 1, *kind],
            [256, 4, 1, w],
            [257, 4, 1, h],
            [258, 3, 1, 8],
            [259, 3, 1, 1],
            [262, 3, 1, 1],
            [270, 2, text.len() as u32, text_at as u32],
            [273, 4, 1, data_at as u32],
            [278, 4, 1, h],
            [279, 4, 1, values.len() as u32],
        ];
        bytes.extend(10_u16.to_le_bytes());
        for [tag, field, count, value] in entries {
            bytes.extend((tag as u16).to_le_bytes());
            bytes.extend((field as u16).to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        let next = if index + 1 < pages.len() { (data_at + values.len()) as u32 } else { 0 };
        bytes.extend(next.to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(*values);
    }
    bytes.extend(behind);
    bytes
}

/// A reduced copy is no picture; a stack of ImageJ with one directory is all of its slices, and one that lacks data is refused.
#[test]
fn tiff_files_hold_the_pictures_that_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let page: Vec<u8> = (0..64).map(|i| 4 * i).collect();
    let write = |name: &str, bytes: Vec<u8>| fs::write(dir.path().join(name), bytes).unwrap();
    write("scan.tif", tiff([8, 8], &[(&page, 0, ""), (&page[..64], 1, "")], &[]));
    write("stack.tif", tiff([8, 8], &[(&page, 0, "ImageJ=1.53t\nimages=3\nslices=3\n")], &[page.clone(), page.clone()].concat()));
    write("two.tif", tiff([8, 8], &[(&page, 0, ""), (&page, 0, "")], &[]));
    let (_out, files) = predict(&[dir.path().to_str().unwrap()]);
    let masks: Vec<&String> = files.keys().filter(|name| name.contains("disc")).collect();
    let names = ["scan", "stack-0", "stack-1", "stack-2", "two-0", "two-1"].map(|name| format!("{name}_disc_mask.png"));
    assert_eq!(masks, names.iter().collect::<Vec<_>>());
    write("short.tif", tiff([8, 8], &[(&page, 0, "ImageJ=1.53t\nimages=3\nslices=3\n")], &page));
    let run = runs().remove(0);
    let output = umlaut(trained(), &["predict", run.to_str().unwrap(), dir.path().to_str().unwrap(), "--out", "short"]);
    let message = words(&output);
    assert!(message.contains("short.tif: ImageJ says that it holds 3 images, and there are 1 pages and less data"), "{message}");
    assert!(trained().join("short/two-1_disc_mask.png").exists() && output.status.code() == Some(1), "{message}");
}

/// 20,000 × 20,000 pixels in a file of some 50 KB, with less memory than they need: refused with both sizes before anything is taken; the
/// others go on. As data the same is the user's mistake.
#[test]
fn an_image_that_does_not_fit_the_memory_is_refused_with_sizes() {
    const SIDE: u32 = 20_000;
    let dir = pictures(&[("images/small.png", blob(16, 16))]);
    let file = fs::File::create(dir.path().join("images/large.png")).unwrap();
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), SIDE, SIDE);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    (0..SIDE).for_each(|_| std::io::Write::write_all(&mut rows, &[0; SIDE as usize / 8]).unwrap());
    rows.finish().unwrap();
    drop(writer);
    assert!(fs::metadata(dir.path().join("images/large.png")).unwrap().len() < 100_000);
    // The program's own threads and libraries take some of it.
    let limited = |kib: usize, arguments: &str| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -v {kib}; exec \"$0\" {arguments}")).arg(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.current_dir(dir.path()).stdin(Stdio::null()).env("RAYON_NUM_THREADS", "2").env("CUDA_VISIBLE_DEVICES", "");
        command.env("XDG_CONFIG_HOME", dir.path().join("settings")).output().expect("a shell starts")
    };
    let output = limited(3_000_000, &format!("predict {} images --out o", runs()[0].display()));
    let message = words(&output);
    let sizes = regex::Regex::new(
        r"skipped: images/large\.png: its 20000 × 20000 pixels \(height × width\) need about \d+\.\d GB of memory, \d.* are available; ",
    );
    assert!(sizes.unwrap().is_match(&message), "{message}");
    assert!(output.status.code() == Some(1) && dir.path().join("o/small_disc_mask.png").exists(), "{message}");
    fs::create_dir(dir.path().join("masks")).unwrap();
    ["small", "large"].iter().for_each(|name| {
        fs::copy(dir.path().join(format!("images/{name}.png")), dir.path().join(format!("masks/{name}.png"))).unwrap();
    });
    fs::copy(dir.path().join("images/large.png"), dir.path().join("images/small.png")).unwrap();
    let toml = "name = \"x\"\n[dataset.folders]\nroot = \".\"\n[split.fractions]\ntrain = 0.5\nval = 0.5\ntest = 0\n[model.unet]\nchannels = [4, 8]\n";
    fs::write(dir.path().join("x.toml"), toml).unwrap();
    let output = limited(1_200_000, "data inspect x.toml");
    let message = words(&output);
    assert!(message.contains("images/large.png: its 20000 × 20000 pixels") && output.status.code() == Some(2), "{message}");
}

/// A run of the classes `b` and `a_b`.
fn trained_with_underscores(dir: &Path) -> PathBuf {
    for folder in ["images", "masks"] {
        fs::create_dir_all(dir.join("d").join(folder)).unwrap();
    }
    for i in 0..6_u32 {
        let draw = |inside: u8| GrayImage::from_fn(16, 16, |x, y| Luma([if x < 4 + i && y < 9 { inside } else { 0 }]));
        draw(200).save(dir.join(format!("d/images/s{i}.png"))).unwrap();
        draw(1 + u8::try_from(i % 2).unwrap()).save(dir.join(format!("d/masks/s{i}.png"))).unwrap();
    }
    let dataset = "[dataset.folders]\nroot = 'd'\nclasses = ['b', 'a_b']\nmask_values = 'indexed'";
    let text = TINY.replace("[dataset.synthetic]\ncount = 12\nsize = [32, 32]", dataset).replace("[1, 2]", "[1]");
    let text = text.split_once("[metrics]").unwrap().0.to_owned();
    fs::write(dir.join("x.toml"), text).unwrap();
    let output = umlaut(dir, &["run", "x.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    fs::read_dir(dir.join("results/tiny/runs")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn no_file_of_a_prediction_takes_the_place_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let run = trained_with_underscores(dir.path()).display().to_string();
    let grey = || GrayImage::from_pixel(16, 16, Luma([90]));
    for (place, images, message) in [
        ("under", ["x.png", "x_a.png"], ["the mask of a_b in x and the mask of b in x_a would be one file", "x_a_b_mask.png"]),
        ("case", ["x.png", "X.png"], ["would be one file", "but for capital letters"]),
        ("folder", ["x.png", "x_b_mask.png/y.png"], ["needs a folder where", "x_b_mask.png"]),
    ] {
        for image in images {
            let path = dir.path().join(place).join(image);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            grey().save(path).unwrap();
        }
        let output = umlaut(dir.path(), &["predict", &run, place, "--out", "out", "--probabilities", "--overlays"]);
        let said = words(&output);
        assert!(output.status.code() == Some(2) && message.iter().all(|message| said.contains(message)), "{place}: {said}");
        assert!(!dir.path().join("out").exists(), "{place}: nothing is written");
    }
}

#[test]
fn no_image_and_nothing_else_is_replaced_unasked() {
    let images = pictures(&[("x.png", blob(16, 16)), ("x_disc_mask.png", blob(20, 16))]);
    let (run, folder) = (runs()[0].display().to_string(), images.path().display().to_string());
    let before = fs::read(images.path().join("x_disc_mask.png")).unwrap();
    for force in [None, Some("--force")] {
        let arguments: Vec<&str> = ["predict", &run, &folder, "--out", &folder].into_iter().chain(force).collect();
        let output = umlaut(trained(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{}", words(&output));
        assert!(words(&output).contains("x_disc_mask.png is one of the images"), "{}", words(&output));
    }
    assert_eq!(fs::read(images.path().join("x_disc_mask.png")).unwrap(), before);
    assert!(!images.path().join("predictions.csv").exists());

    let (one, out) = (images.path().join("x.png").display().to_string(), tempfile::tempdir().unwrap());
    fs::write(out.path().join("x_cup_mask.png"), "drawn by hand").unwrap();
    let out = out.path().display().to_string();
    let output = umlaut(trained(), &["predict", &run, &one, "--out", &out]);
    assert!(output.status.code() == Some(2) && words(&output).contains("x_cup_mask.png is there already"), "{}", words(&output));
    let output = umlaut(trained(), &["predict", &run, &one, "--out", &out, "--force"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
}

/// What is in it is compared number by number by `scripts/check_onnx.py`, which needs a program that computes with it.
#[test]
fn an_onnx_file_holds_the_weights_and_replaces_nothing_unasked() {
    let temp = tempfile::tempdir().unwrap();
    let run = runs().remove(0).display().to_string();
    let export = |more: &[&str]| umlaut(temp.path(), &[&["export", "onnx", &run, "--out", "net.onnx"], more].concat());
    let output = export(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let file = fs::read(temp.path().join("net.onnx")).unwrap();
    let holds = |bytes: &[u8]| file.windows(bytes.len()).any(|window| window == bytes);
    let weights = candle_core::safetensors::load(Path::new(&run).join("checkpoints/best.safetensors"), &candle_core::Device::Cpu);
    for (name, tensor) in weights.unwrap() {
        let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(holds(name.as_bytes()) && holds(&bytes), "{name} is missing");
    }
    for said in ["disc,cup", "sigmoid", "multiples of 2", "0 to 255 become 0 to 1"] {
        assert!(holds(said.as_bytes()), "{said}");
    }
    let output = export(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("net.onnx: there already; --force replaces it"), "{}", words(&output));
    let output = export(&["--input", "uint16", "--force"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_ne!(fs::read(temp.path().join("net.onnx")).unwrap(), file);
}
