//! `umlaut data export FILE --out DIR`.

use super::super::failure::{Failure, mistake};
use super::super::options::{ResultsPlace, Sets, load};
use super::super::{progress, volume};
use super::exported::{experiment as experiment_of, masks_folder};
use super::samples::{fold_of, marks, masks, splits};
use anyhow::Context;
use image::{DynamicImage, GrayImage, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};
use umlaut::data::{self, Batch, Dataset, Draw, Fold};
use umlaut::record::to_field;
use umlaut::report::paint;

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// Where to write: a new or empty directory, which gets images/N.png, masks/N.png (of several classes masks_CLASS/N.png),
    /// overlays/N.png, samples.csv, and dataset.toml, an experiment that trains on them
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The split to write
    #[arg(long, alias = "part", default_value = "train", value_parser = ["train", "val", "test"])]
    split: String,
    /// Take patches and change the training samples as this epoch, from 1, of the first seed does; without it they are as they are.
    /// preprocess.normalise is never applied: values stay in [0, 1], 8 bits each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epoch: Option<u32>,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = load(&arguments.file, &arguments.sets)?;
    let out = &arguments.out;
    if arguments.epoch.is_some() && arguments.split != "train" {
        return Err(mistake(format!(
            "--epoch changes what trains, and --split {} is never changed; leave out --epoch, or --split",
            arguments.split
        )));
    }
    if fs::read_dir(out).is_ok_and(|mut files| files.next().is_some()) {
        return Err(mistake(format!("{} is not empty; name another --out", out.display())));
    }
    let reading = progress::Reading::new("reading images");
    let cache = arguments.place.results()?.cache();
    let data =
        data::open(&experiment.dataset, &experiment.preprocess, &cache, &|done, of| reading.at(done, of)).map_err(mistake)?;
    drop(reading);
    if !matches!(data.channels, 1 | 3) {
        return Err(mistake(format!(
            "{}: its images have {} channels, and what is exported is PNG, grey or RGB; train on the files as they are",
            arguments.file.display(),
            data.channels
        )));
    }
    let folds = data::folds(&data, &experiment.split).map_err(mistake)?;
    let Fold { number, splits: split } = &folds[0];
    let keys = data::group_keys(&data, &experiment.split).map_err(mistake)?;
    let samples = splits(split).into_iter().find(|(name, _)| *name == arguments.split).map(|(_, samples)| samples);
    let samples = samples.ok_or_else(|| mistake(format!("the {} split is empty; name another --split", arguments.split)))?;
    let seed = experiment.training.seeds.first().copied().unwrap_or(1);
    // As many as train, of those that do.
    let fewer = experiment.training.samples.filter(|_| arguments.split == "train");
    let samples = fewer.map_or_else(|| samples.to_vec(), |fewer| data::subset(samples, fewer, seed));
    for folder in folders(&data) {
        fs::create_dir_all(out.join(&folder)).with_context(|| format!("creating {}", out.join(&folder).display()))?;
    }
    let path = out.join("samples.csv");
    let mut table = csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))?;
    table.write_record(["sample", "file", "source"])?;
    let draw = arguments.epoch.map(|epoch| Draw::of(&experiment, epoch as usize));
    let patches = experiment.patches.as_ref().filter(|_| draw.is_some());
    let draws = data::draws(&samples, patches, &data);
    let mut written: Vec<(String, &str)> = Vec::new();
    let writing = progress::Reading::new("writing");
    for (done, index) in draws.iter().enumerate() {
        let batch = data::batch(&data, &[*index], draw, &candle_core::Device::Cpu)?;
        let file = format!("{done:05}");
        write(&data, &batch, out, &file)?;
        let sample = index % data.samples.len();
        table
            .write_record([&data.samples[sample].name, &file, &data.sources[sample]].map(|field| to_field(field).into_owned()))?;
        written.push((file, &keys[sample]));
        writing.at(done + 1, draws.len());
    }
    table.flush()?;
    drop(writing);
    // Whole samples where no patches were taken.
    let shown = umlaut::config::Experiment { patches: patches.cloned(), ..experiment.clone() };
    let path = out.join("dataset.toml");
    let text = experiment_of(&shown, &data, out, &arguments.split, &written);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    let what = if patches.is_some() { "patches" } else { "samples" };
    let how = arguments.epoch.map_or("unchanged".to_owned(), |epoch| format!("as epoch {epoch} has them"));
    let (count, name, fold) = (draws.len(), &arguments.split, fold_of(&experiment, *number));
    let words = format!(
        "{count} {what} of {name}{fold}, {how}: {}\nan experiment that trains on them: {}",
        out.display(),
        path.display()
    );
    volume::wrote(&path, &words);
    Ok(())
}

/// What lies in the directory that is written.
fn folders(data: &Dataset) -> Vec<String> {
    let masks = (0..data.classes.len()).map(|class| masks_folder(&data.classes, class));
    ["images".to_owned(), "overlays".to_owned()].into_iter().chain(masks).collect()
}

/// `NAME.png` in each of the [folders].
fn write(data: &Dataset, batch: &Batch, out: &Path, name: &str) -> Result<(), Failure> {
    let (_, _, h, w) = batch.images.dims4()?;
    let (image, mask) = (batch.images.flatten_all()?.to_vec1::<f32>()?, marks(batch)?);
    let save = |folder: &str, picture: DynamicImage| -> anyhow::Result<()> {
        let path = out.join(folder).join(format!("{name}.png"));
        picture.save(&path).with_context(|| format!("writing {}", path.display()))
    };
    save("images", picture(&image, [h, w]))?;
    let planes = masks(&mask, h * w);
    for (class, plane) in planes.iter().enumerate() {
        let white: Vec<f32> = plane.iter().map(|marked| if *marked { 1.0 } else { 0.0 }).collect();
        save(&masks_folder(&data.classes, class), picture(&white, [h, w]))?;
    }
    Ok(save("overlays", paint(&image, [h, w], &planes).into())?)
}

/// Planes of values in [0, 1] as grey or RGB of 8 bits.
fn picture(planes: &[f32], [h, w]: [usize; 2]) -> DynamicImage {
    let byte = |value: f32| (255.0 * value.clamp(0.0, 1.0)).round() as u8;
    let sides = (w as u32, h as u32);
    if planes.len() == h * w {
        let grey = GrayImage::from_vec(sides.0, sides.1, planes.iter().map(|v| byte(*v)).collect());
        return grey.expect("a byte a pixel").into();
    }
    let values = (0..h * w).flat_map(|at| [0, 1, 2].map(|plane| byte(planes[plane * h * w + at]))).collect();
    RgbImage::from_vec(sides.0, sides.1, values).expect("three bytes a pixel").into()
}
