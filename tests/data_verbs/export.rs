//! `umlaut data export` writes what training sees: its batches, in 8 bits.

use crate::{Desk, files};
use image::GenericImageView;
use std::fs;
use std::path::Path;
use umlaut::config::{self, Experiment};
use umlaut::data::{self, Dataset, Draw};

const DRAWN: &str = "name = 'x'\n[dataset.synthetic]\ncount = 10\nsize = [40, 40]\n[preprocess]\nsize = [16, 16]\n\
    [split.fractions]\ntrain = 0.6\nval = 0.4\ntest = 0.0\n\
    [augment]\nflip_horizontal = 0.5\nrotate90 = 0.5\n[augment.rotate]\n[augment.gamma]\n[augment.noise]\n[training]\nseeds = [7, 8]\n";

/// The experiment and its data, as training opens them.
fn opened(desk: &Desk) -> (Experiment, Dataset) {
    let experiment = config::load(&desk.path("x.toml"), &[]).unwrap();
    let data = data::open(&experiment.dataset, &experiment.preprocess, &desk.path("cache"), &|_, _| ()).unwrap();
    (experiment, data)
}

/// The names in samples.csv, after a look at its header and the order of its files.
fn listed(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("samples.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.splitn(3, ',').collect()).collect();
    assert_eq!(rows[0], ["sample", "file", "source"]);
    rows[1..].iter().enumerate().for_each(|(k, row)| assert_eq!(row[1], format!("{k:05}")));
    rows[1..].iter().map(|row| row[0].to_owned()).collect()
}

/// Compares every written sample with the library's batch of all of them.
fn assert_as_trained(desk: &Desk, out: &str, part: &[usize], epoch: Option<usize>) {
    let (experiment, data) = opened(desk);
    let draw = epoch.map(|epoch| Draw { seed: 7, ..Draw::of(&experiment, epoch) });
    let batch = data::batch(&data, part, draw, &candle_core::Device::Cpu).unwrap();
    let (images, masks) = (batch.images.to_vec4_flat(), batch.targets.to_vec4_flat());
    let names: Vec<&str> = part.iter().map(|index| data.samples[*index].name.as_str()).collect();
    assert_eq!(listed(&desk.path(out)), names);
    let open = |file: String| image::open(desk.path(&format!("{out}/{file}"))).unwrap();
    for k in 0..part.len() {
        let picture = open(format!("images/{k:05}.png")).into_rgb8();
        assert_eq!(picture.dimensions(), (16, 16));
        let value = |c: usize, y: u32, x: u32| images[((k * 3 + c) * 16 + y as usize) * 16 + x as usize];
        for (x, y, pixel) in picture.enumerate_pixels() {
            let expected = [0, 1, 2].map(|c| (255.0 * value(c, y, x).clamp(0.0, 1.0)).round() as u8);
            assert_eq!(pixel.0, expected, "sample {k} at {y}, {x}");
        }
        for (class, name) in data.classes.iter().enumerate() {
            let mask = open(format!("masks_{name}/{k:05}.png"));
            let marked = |y: u32, x: u32| masks[((k * data.classes.len() + class) * 16 + y as usize) * 16 + x as usize];
            assert!(mask.pixels().all(|(x, y, pixel)| f32::from(pixel.0[0]) == 255.0 * marked(y, x)), "mask {k} of {name}");
        }
    }
}

/// All numbers of a tensor.
trait Flat {
    fn to_vec4_flat(&self) -> Vec<f32>;
}

impl Flat for candle_core::Tensor {
    fn to_vec4_flat(&self) -> Vec<f32> {
        self.flatten_all().unwrap().to_vec1().unwrap()
    }
}

fn parts(desk: &Desk) -> data::Splits {
    let (experiment, data) = opened(desk);
    data::split(&data, &experiment.split).unwrap()
}

#[test]
fn without_an_epoch_samples_are_as_they_are() {
    let desk = Desk::with(DRAWN);
    let out = desk.good(&["export", "x.toml", "--out", "o"]);
    assert_eq!(out, "6 samples of train, unchanged: o\nan experiment that trains on them: o/dataset.toml\n");
    assert_as_trained(&desk, "o", &parts(&desk).train, None);
    assert_eq!(files(&desk.path("o")), ["dataset.toml", "images", "masks_cup", "masks_disc", "overlays", "samples.csv"]);
    let pictures: Vec<String> = (0..6).map(|k| format!("{k:05}.png")).collect();
    for folder in ["images", "masks_cup", "masks_disc", "overlays"] {
        assert_eq!(files(&desk.path(&format!("o/{folder}"))), pictures);
    }
    assert!(desk.good(&["export", "x.toml", "--out", "v", "--split", "val"]).starts_with("4 samples of val, unchanged: v\n"));
    assert_as_trained(&desk, "v", &parts(&desk).val, None);
}

#[test]
fn an_epoch_is_what_that_epoch_trains_on() {
    let desk = Desk::with(DRAWN);
    for epoch in ["3", "4"] {
        let out = desk.good(&["export", "x.toml", "--out", epoch, "--epoch", epoch]);
        assert!(out.starts_with(&format!("6 samples of train, as epoch {epoch} has them: {epoch}\n")), "{out}");
        assert_as_trained(&desk, epoch, &parts(&desk).train, Some(epoch.parse().unwrap()));
    }
    let bytes = |out: &str| -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for folder in ["images", "masks_disc", "masks_cup", "overlays"] {
            let dir = desk.path(&format!("{out}/{folder}"));
            all.extend(files(&dir).iter().map(|file| fs::read(dir.join(file)).unwrap()));
        }
        all
    };
    desk.good(&["export", "x.toml", "--out", "again", "--epoch", "3"]);
    assert!(bytes("3") == bytes("again") && bytes("3") != bytes("4"));
}

#[test]
fn fewer_samples_that_train_are_fewer_that_are_written() {
    let desk = Desk::with(&DRAWN.replace("seeds = [7, 8]", "seeds = [7, 8]\nsamples = 2"));
    desk.good(&["export", "x.toml", "--out", "o"]);
    assert_as_trained(&desk, "o", &data::subset(&parts(&desk).train, 2, 7), None);
    desk.good(&["export", "x.toml", "--out", "v", "--split", "val"]);
    assert_eq!(listed(&desk.path("v")).len(), 4, "validation stays whole");
}

/// The shares that `inspect` tells are those of the exported masks, where nothing is resized.
#[test]
fn exported_masks_have_the_shares_that_inspect_tells() {
    let desk = Desk::with(&DRAWN.replace("size = [16, 16]", "size = [48, 48]").replace("size = [40, 40]", "size = [48, 48]"));
    desk.good(&["export", "x.toml", "--out", "o"]);
    let share = |class: &str| {
        let white = |k: usize| {
            let mask = image::open(desk.path(&format!("o/masks_{class}/{k:05}.png"))).unwrap().into_luma8();
            mask.pixels().filter(|pixel| pixel.0[0] == 255).count() as f64 / 2304.0
        };
        format!("{:.1}", 100.0 * (0..6).map(white).sum::<f64>() / 6.0)
    };
    let row = crate::row(&desk.good(&["inspect", "x.toml"]), "train");
    assert_eq!([&row[4], &row[7]], [&share("disc"), &share("cup")]);
    assert!(row[4] != "0.0" && row[1] == "6", "{row:?}");
}

/// What is written can be read again as it is, from anywhere, and is what was exported.
#[test]
fn the_file_beside_exported_samples_reads_them() {
    let desk = Desk::with(&format!("{DRAWN}[model.unet]\nchannels = [4, 8]\n"));
    desk.good(&["export", "x.toml", "--out", "some/o"]);
    let read = |file: &str| {
        let experiment = config::load(&desk.path(file), &[]).unwrap();
        let data = data::open(&experiment.dataset, &experiment.preprocess, &desk.path("cache"), &|_, _| ()).unwrap();
        (experiment, data)
    };
    let (experiment, data) = read("some/o/dataset.toml");
    let (original, whole) = opened(&desk);
    assert_eq!((experiment.name.as_str(), &experiment.model), ("x-train", &original.model));
    assert_eq!((data.classes.clone(), data.size, data.channels, data.samples.len()), (whole.classes.clone(), [16, 16], 3, 6));
    for (sample, index) in data.samples.iter().zip(parts(&desk).train) {
        let near = sample.image.iter().zip(&whole.samples[index].image[..]).all(|(a, b)| (a - b).abs() <= 0.5 / 255.0 + 1e-6);
        assert!(near && sample.mask == whole.samples[index].mask, "{}", sample.name);
    }
    let out = desk.good(&["inspect", "some/o/dataset.toml"]);
    assert!(
        out.starts_with("6 samples, RGB") && crate::row(&out, "train")[1] == "5" && crate::row(&out, "val")[1] == "1",
        "{out}"
    );
    // One class has the folder that a reader looks for first.
    desk.good(&["export", "x.toml", "--out", "one", "--set", "dataset.synthetic.targets=['cup']"]);
    assert_eq!(files(&desk.path("one")), ["dataset.toml", "images", "masks", "overlays", "samples.csv"]);
    assert_eq!(read("one/dataset.toml").1.classes, ["cup"]);
}

/// Patches of an image stay in one part, and they are as large as they are.
#[test]
fn the_file_beside_exported_patches_keeps_those_of_an_image_together() {
    let desk = Desk::with(&format!("{DRAWN}[patches]\nsize = [8, 8]\nper_image = 3\n[model.unet]\nchannels = [4, 8]\n"));
    let out = desk.good(&["export", "x.toml", "--out", "o", "--epoch", "1"]);
    assert!(out.starts_with("18 patches of train, as epoch 1 has them: o\n"), "{out}");
    let names = listed(&desk.path("o"));
    let experiment = config::load(&desk.path("o/dataset.toml"), &[]).unwrap();
    assert_eq!(experiment.preprocess.size, [8, 8]);
    let config::SplitRule::Lists(lists) = experiment.split else { panic!("no lists") };
    let images = |part: &[String]| -> std::collections::BTreeSet<String> {
        part.iter().map(|file| names[file.parse::<usize>().unwrap()].clone()).collect()
    };
    assert_eq!((lists.train.len(), lists.val.len()), (15, 3));
    assert!(images(&lists.train).is_disjoint(&images(&lists.val)), "{lists:?}");
    assert!(desk.good(&["inspect", "o/dataset.toml"]).starts_with("18 samples"));
}

#[test]
fn of_several_folds_the_exported_one_is_named() {
    let (head, rest) = DRAWN.split_once("[split.fractions]\ntrain = 0.6\nval = 0.4\ntest = 0.0\n").unwrap();
    let desk = Desk::with(&format!("{head}[split.k_fold]\nk = 5\nfolds = [2, 4]\n{rest}"));
    assert!(desk.good(&["export", "x.toml", "--out", "o"]).starts_with("8 samples of train, fold 2 of 5, unchanged: o\n"));
}

#[test]
fn mistakes_write_nothing() {
    let desk = Desk::with(DRAWN);
    fs::write(desk.path("full/mine"), "mine").unwrap();
    assert!(desk.mistake(&["export", "x.toml", "--out", "full"]).contains("full is not empty; name another --out"));
    assert!(desk.mistake(&["export", "x.toml", "--out", "o", "--split", "test"]).contains("the test split is empty"));
    assert!(
        desk.mistake(&["export", "x.toml", "--out", "o", "--split", "training"]).contains("[possible values: train, val, test]")
    );
    assert!(desk.mistake(&["export", "x.toml", "--out", "o", "--epoch", "0"]).contains("--epoch"));
    assert_eq!(
        desk.mistake(&["export", "x.toml", "--out", "o", "--split", "val", "--epoch", "3"]),
        "error: --epoch changes what trains, and --split val is never changed; leave out --epoch, or --split\n"
    );
    assert!(desk.mistake(&["export", "x.toml"]).contains("--out"));
    assert!(desk.mistake(&["export", "x.toml", "--out", "o", "--set", "dataset.synthetic.count=0"]).contains("count"));
    assert!(!desk.path("o").exists() && files(&desk.path("full")) == ["mine"]);
}
