//! `umlaut evaluate RUN DATASET`: the scores of a trained run on another data set.

use super::failure::{Failure, mistake};
use super::options::{OneDevice, ResultsPlace, Sets, load};
use super::predict::{at_thresholds, chosen, failure, thresholds};
use super::{confusion, progress};
use anyhow::Context;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use std::path::{Path, PathBuf};
use umlaut::config::Metrics;
use umlaut::data::{self, Dataset};
use umlaut::metric::{self, ExtraMetric, Extras};
use umlaut::predict::{Evaluated, Predictor};
use umlaut::record::{ImageRow, ImageScores, ThresholdScores, to_field};
use umlaut::train::threshold_rows;

#[derive(clap::Args)]
pub struct Arguments {
    /// A trained run: its directory, or the end of its id; or an experiment, by its directory or name, for its best run by validation
    #[arg(value_name = "RUN|EXPERIMENT")]
    run: PathBuf,
    /// An experiment file, of which [dataset], [split] and metrics.spacing_mm are used; images are sized as the run's were
    dataset: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// The split of the data set
    #[arg(long, alias = "part", value_enum, default_value_t = Wanted::All)]
    split: Wanted,
    /// What to measure beside the scores that are counted, with commas [default: metrics.extra of the run]
    #[arg(long, value_name = "METRIC", value_delimiter = ',', value_parser = extra())]
    metrics: Option<Vec<ExtraMetric>>,
    /// From which probability on a pixel is foreground [default: what the run keeps by metrics.threshold, else 0.5]
    #[arg(long, value_name = "P")]
    threshold: Option<f64>,
    /// Write the scores of every image and class there, as CSV
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write Dice, precision, recall and counts of pixels over the threshold there, as CSV
    #[arg(long, value_name = "FILE")]
    curves: Option<PathBuf>,
    #[command(flatten)]
    device: OneDevice,
    #[command(flatten)]
    results: ResultsPlace,
}

/// Names of extra metrics.
fn extra() -> impl TypedValueParser<Value = ExtraMetric> {
    let known = |name: String| ExtraMetric::from_name(&name).expect("only these names pass");
    PossibleValuesParser::new(ExtraMetric::ALL.map(ExtraMetric::name)).map(known)
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

    fn of(self, data: &Dataset, split: &umlaut::config::SplitRule) -> Result<Vec<usize>, Failure> {
        if self == Self::All {
            return Ok((0..data.samples.len()).collect());
        }
        let splits = data::split(data, split).map_err(mistake)?;
        let indices = match self {
            Self::Train => splits.train,
            Self::Val => splits.val,
            _ => splits.test,
        };
        if indices.is_empty() {
            Err(mistake(format!("the data set has no {} split; say --split all", self.word())))
        } else {
            Ok(indices)
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let results = arguments.results.results()?;
    let opened = chosen(&arguments.run, &results, false)?.remove(0);
    let (preprocess, of_run) = (opened.1.preprocess.clone(), opened.1.metrics.clone());
    let predictor = Predictor::open(&[opened], arguments.device.chosen()?.gpu).map_err(failure)?;
    predictor.notes.iter().for_each(|note| eprintln!("note: {note}"));
    let thresholds = thresholds(&predictor, arguments.threshold)?;
    let asked = load(&arguments.dataset, &arguments.sets)?;
    let reading = progress::Reading::new("reading images");
    let data = data::open(&asked.dataset, &preprocess, &results.cache(), &|done, of| reading.at(done, of)).map_err(mistake)?;
    drop(reading);
    fits(&predictor, &data, &arguments.dataset)?;
    let indices = arguments.split.of(&data, &asked.split)?;
    let extras = extras(arguments, &of_run, &asked.metrics, &data)?;
    let bar = progress::Reading::new("evaluating");
    let seen = predictor.evaluate(&data, &indices, &extras, &thresholds, &|done| bar.at(done, indices.len())).map_err(failure)?;
    drop(bar);
    let rows = extras.rows(&seen.scores, &seen.extras);
    println!("{}", table(&data.classes, &extras.columns(), &rows));
    if let Some(out) = &arguments.out {
        let row = |(image, class, values): (usize, String, Vec<f64>)| ImageRow {
            split: arguments.split.word().to_owned(),
            image: data.samples[indices[image]].name.clone(),
            class,
            values,
        };
        write(out, &ImageScores { metrics: extras.columns(), rows: rows.into_iter().map(row).collect() }.table())?;
    }
    if let Some(out) = &arguments.curves {
        let rows = threshold_rows(&data.classes, arguments.split.word(), &seen.curves);
        write(out, &ThresholdScores { rows }.table())?;
    }
    println!("{} images, means ± sample standard deviations over images", indices.len());
    show_confusion(&data.classes, &thresholds, &seen);
    Ok(())
}

/// Which pixels are taken for what: of each class, and of all together where there are several that exclude each other.
fn show_confusion(classes: &[String], thresholds: &[f64], seen: &Evaluated) {
    let points = thresholds.iter().enumerate().filter_map(|(class, threshold)| seen.curves.at(class, *threshold));
    println!("\npixels of all images at the threshold {}, shares of the truth:", at_thresholds(classes, thresholds));
    println!("{}", confusion::of_classes(classes, &points.collect::<Vec<_>>()));
    match seen.confusion.overlapping() {
        _ if classes.len() < 2 => {}
        0 => {
            println!("\nthe same by the most probable class that reaches its threshold, else background:");
            println!("{}", confusion::of_all(classes, &seen.confusion));
        }
        several => println!(
            "classes overlap, so there is no table of which is taken for which: {} pixels are of several",
            super::summary::thousands(several)
        ),
    }
}

/// Lengths in mm follow the data set, which says how large its pixels are.
fn extras(arguments: &Arguments, of_run: &Metrics, of_data: &Metrics, data: &Dataset) -> Result<Extras, Failure> {
    let asked = arguments.metrics.as_ref().unwrap_or(&of_run.extra);
    let has = |name: &str| data.classes.iter().any(|class| class == name);
    if asked.contains(&ExtraMetric::VcdrError) && !(has("disc") && has("cup")) {
        let there = data.classes.join(", ");
        return Err(mistake(format!("--metrics vcdr_error needs the classes disc and cup, the run predicts {there}")));
    }
    Ok(Extras::new(asked, data.size, of_data.spacing_mm, &data.classes))
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

fn write(path: &Path, table: &[Vec<String>]) -> Result<(), Failure> {
    let write = || -> anyhow::Result<()> {
        let mut file = csv::Writer::from_path(path)?;
        table.iter().try_for_each(|row| file.write_record(row.iter().map(|field| to_field(field).into_owned())))?;
        Ok(file.flush()?)
    };
    Ok(write().with_context(|| format!("writing {}", path.display()))?)
}

/// One row per metric: each class, and where there are several their mean.
fn table(classes: &[String], metrics: &[String], rows: &[(usize, String, Vec<f64>)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for between_rows in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(between_rows);
    }
    let several = classes.len() > 1;
    let title = |name: &String| metric::describe(name).map_or(name.clone(), |metric| metric.label.to_owned());
    table.set_header(std::iter::once("").chain(classes.iter().map(String::as_str)).chain(several.then_some("mean")));
    for (place, name) in metrics.iter().enumerate() {
        let of = |class: &String| spread(rows.iter().filter(|(_, of, _)| of == class).map(|(.., values)| values[place]));
        let cells = std::iter::once(title(name)).chain(classes.iter().map(of));
        table.add_row(cells.chain(several.then(|| spread(means(rows, place).into_iter()))));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// A metric of each image, the mean over its rows that have it.
fn means(rows: &[(usize, String, Vec<f64>)], place: usize) -> Vec<f64> {
    let of_image = |rows: &[(usize, String, Vec<f64>)]| {
        let values: Vec<f64> = rows.iter().map(|(.., values)| values[place]).filter(|value| !value.is_nan()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    rows.chunk_by(|a, b| a.0 == b.0).map(of_image).collect()
}

/// Mean and sample standard deviation of what is defined.
fn spread(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    if values.is_empty() {
        return "–".to_owned();
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return format!("{mean:.4}");
    }
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    format!("{mean:.4} ± {deviation:.4}")
}
