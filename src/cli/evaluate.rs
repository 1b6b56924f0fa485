//! `umlaut evaluate RUN DATASET`: the scores of a trained run on another data set.

use super::predict::{failure, open};
use super::settings::Settings;
use super::{Failure, ResultsPlace, Sets, load, mistake, progress};
use anyhow::Context;
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use std::path::{Path, PathBuf};
use umlaut::data::{self, Dataset};
use umlaut::metric::MaskScores;
use umlaut::predict::Predictor;
use umlaut::record::{ImageRow, ImageScores};

#[derive(clap::Args)]
pub struct Arguments {
    /// The trained run: its directory, or the end of its id
    run: PathBuf,
    /// An experiment file, of which [dataset] and [split] are used; images are sized as the run's were
    dataset: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// The part of the data set
    #[arg(long, value_enum, default_value_t = Wanted::All)]
    part: Wanted,
    /// Write the scores of every image and class there, as CSV
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    results: ResultsPlace,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Wanted {
    All,
    Train,
    Val,
    Test,
}

impl Wanted {
    fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }

    fn of(self, data: &Dataset, split: &umlaut::config::Split) -> Result<Vec<usize>, Failure> {
        if self == Self::All {
            return Ok((0..data.samples.len()).collect());
        }
        let parts = data::split(data, split).map_err(mistake)?;
        let indices = match self {
            Self::Train => parts.train,
            Self::Val => parts.val,
            _ => parts.test,
        };
        if indices.is_empty() {
            Err(mistake(format!("the data set has no {} part; say --part all", self.word())))
        } else {
            Ok(indices)
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let results = arguments.results.results(&Settings::load()?);
    let opened = open(&arguments.run, &results)?;
    let preprocess = opened.1.preprocess.clone();
    let predictor = Predictor::open(&[opened]).map_err(failure)?;
    let asked = load(&arguments.dataset, &arguments.sets)?;
    let reading = progress::Reading::new("reading images");
    let data = data::open(&asked.dataset, &preprocess, &results.cache(), &|done, of| reading.at(done, of)).map_err(mistake)?;
    drop(reading);
    fits(&predictor, &data, &arguments.dataset)?;
    let indices = arguments.part.of(&data, &asked.split)?;
    let bar = progress::Reading::new("evaluating");
    let scores = predictor.evaluate(&data, &indices, &|done| bar.at(done, indices.len())).map_err(failure)?;
    drop(bar);
    if let Some(out) = &arguments.out {
        write(out, &rows(arguments.part.word(), &data, &indices, &scores))?;
    }
    println!("{}", table(&data.classes, &scores));
    println!("{} images, means ± sample standard deviations over images", indices.len());
    Ok(())
}

fn fits(predictor: &Predictor, data: &Dataset, file: &Path) -> Result<(), Failure> {
    if predictor.classes != data.classes {
        let (run, there) = (predictor.classes.join(", "), data.classes.join(", "));
        return Err(mistake(format!(
            "{}: its classes are {there}, the run predicts {run}; name them alike in [dataset]",
            file.display()
        )));
    }
    if predictor.channels != data.channels {
        let (run, there) = (predictor.channels, data.channels);
        return Err(mistake(format!(
            "{}: its images have {there} channels, the run takes {run}; set dataset.….colour",
            file.display()
        )));
    }
    Ok(())
}

fn rows(part: &str, data: &Dataset, indices: &[usize], scores: &[MaskScores]) -> ImageScores {
    let classes = data.classes.len();
    let row = |(at, scores): (usize, &MaskScores)| ImageRow {
        part: part.to_owned(),
        image: data.samples[indices[at / classes]].name.clone(),
        class: data.classes[at % classes].clone(),
        values: scores.values().to_vec(),
    };
    ImageScores { metrics: MaskScores::NAMES.map(str::to_owned).to_vec(), rows: scores.iter().enumerate().map(row).collect() }
}

fn write(path: &Path, scores: &ImageScores) -> Result<(), Failure> {
    let write = || -> anyhow::Result<()> {
        let mut file = csv::Writer::from_path(path)?;
        scores.table().iter().try_for_each(|row| file.write_record(row))?;
        Ok(file.flush()?)
    };
    Ok(write().with_context(|| format!("writing {}", path.display()))?)
}

/// A row a class, and their mean.
fn table(classes: &[String], scores: &[MaskScores]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for between_rows in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(between_rows);
    }
    table.set_header(["class", "Dice", "IoU", "BCE", "soft Dice loss", "precision", "recall", "specificity", "accuracy"]);
    for (class, name) in classes.iter().enumerate() {
        let own: Vec<[f64; 8]> = scores.iter().skip(class).step_by(classes.len()).map(MaskScores::values).collect();
        table.add_row(std::iter::once(name.clone()).chain((0..8).map(|k| spread(own.iter().map(|values| values[k])))));
    }
    if classes.len() > 1 {
        let mean = |image: &[MaskScores], k: usize| image.iter().map(|s| s.values()[k]).sum::<f64>() / image.len() as f64;
        let images = || scores.chunks_exact(classes.len());
        table.add_row(std::iter::once("mean".to_owned()).chain((0..8).map(|k| spread(images().map(|image| mean(image, k))))));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn spread(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return format!("{mean:.4}");
    }
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    format!("{mean:.4} ± {deviation:.4}")
}
