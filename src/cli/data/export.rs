//! `umlaut data export FILE --out DIR`.

use super::super::settings::Settings;
use super::super::{Failure, ResultsPlace, Sets, load, mistake, progress};
use super::{first_fold, marks, masks, parts};
use anyhow::Context;
use image::{DynamicImage, GrayImage, RgbImage};
use std::fs;
use std::path::{Path, PathBuf};
use umlaut::data::{self, Batch, Dataset, Draw};
use umlaut::report::paint;

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// Where to write images, masks and samples.csv: a new or empty directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The part to write
    #[arg(long, default_value = "train", value_parser = ["train", "val", "test"])]
    part: String,
    /// Take patches and change the samples as training does in this epoch, from 1, of the first seed; without it they are as they are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epoch: Option<u32>,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = load(&arguments.file, &arguments.sets)?;
    let out = &arguments.out;
    if fs::read_dir(out).is_ok_and(|mut files| files.next().is_some()) {
        return Err(mistake(format!("{} is not empty; name another --out", out.display())));
    }
    let reading = progress::Reading::new("reading images");
    let cache = arguments.place.results(&Settings::load()?).cache();
    let data =
        data::open(&experiment.dataset, &experiment.preprocess, &cache, &|done, of| reading.at(done, of)).map_err(mistake)?;
    drop(reading);
    let split = data::split(&data, &first_fold(&experiment)).map_err(mistake)?;
    let samples = parts(&split).into_iter().find(|(part, _)| *part == arguments.part).map(|(_, samples)| samples);
    let samples = samples.ok_or_else(|| mistake(format!("the {} part is empty; name another --part", arguments.part)))?;
    let seed = experiment.training.seeds.first().copied().unwrap_or(1);
    // As many as train, of those that do.
    let fewer = experiment.training.samples.filter(|_| arguments.part == "train");
    let samples = fewer.map_or_else(|| samples.to_vec(), |fewer| data::subset(samples, fewer, seed));
    fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    let path = out.join("samples.csv");
    let mut table = csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))?;
    table.write_record(["sample", "file", "source"])?;
    let draw = arguments.epoch.map(|epoch| Draw::of(&experiment, epoch as usize));
    let patches = experiment.patches.as_ref().filter(|_| draw.is_some());
    let draws = data::draws(&samples, patches, &data);
    let writing = progress::Reading::new("writing");
    for (done, index) in draws.iter().enumerate() {
        let batch = data::batch(&data, &[*index], draw, &candle_core::Device::Cpu)?;
        let file = format!("{done:05}");
        write(&data, &batch, &out.join(&file))?;
        let sample = index % data.samples.len();
        table.write_record([&data.samples[sample].name, &file, &data.sources[sample]])?;
        writing.at(done + 1, draws.len());
    }
    table.flush()?;
    drop(writing);
    let what = if patches.is_some() { "patches" } else { "samples" };
    println!("{} {what} of {} as training sees them: {}", draws.len(), arguments.part, out.display());
    Ok(())
}

/// `NUMBER_image.png`, `NUMBER_CLASS_mask.png`, `NUMBER_overlay.png`.
fn write(data: &Dataset, batch: &Batch, stem: &Path) -> Result<(), Failure> {
    let (_, _, h, w) = batch.images.dims4()?;
    let (image, mask) = (batch.images.flatten_all()?.to_vec1::<f32>()?, marks(batch)?);
    let save = |kind: &str, picture: DynamicImage| -> anyhow::Result<()> {
        let path = PathBuf::from(format!("{}_{kind}.png", stem.display()));
        picture.save(&path).with_context(|| format!("writing {}", path.display()))
    };
    save("image", picture(&image, [h, w]))?;
    let planes = masks(&mask, h * w);
    for (class, plane) in data.classes.iter().zip(&planes) {
        let white: Vec<f32> = plane.iter().map(|marked| if *marked { 1.0 } else { 0.0 }).collect();
        save(&format!("{class}_mask"), picture(&white, [h, w]))?;
    }
    Ok(save("overlay", paint(&image, [h, w], &planes).into())?)
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
