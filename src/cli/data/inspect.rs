//! `umlaut data inspect FILE`.

use super::super::failure::{Failure, mistake};
use super::super::options::{ResultsPlace, Sets, load};
use super::super::{progress, text};
use super::samples::{fold_of, of_fold, splits};
use super::sheet::{self, Form};
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use std::path::PathBuf;
use umlaut::config::{Experiment, Intensity};
use umlaut::data::{self, Dataset, Draw, Fold, Look, Splits};
use umlaut::metric::{ConstantMask, mean_of_defined};
use umlaut::prepare::alike;

/// Images that are listed.
const LISTED: usize = 10;

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file; [dataset], [preprocess] and [split] are used, with --epoch also [augment] and [patches]. Of several folds the
    /// first is shown, all are checked
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// Draw samples of every split with the outlines of their masks: a .png, or an .svg with their names
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Draw the training samples alone, with patches and changes as this epoch of the first seed has them
    #[arg(long, value_name = "N", requires = "sheet", value_parser = clap::value_parser!(u32).range(1..))]
    epoch: Option<u32>,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = arguments.sheet.as_ref().map(|path| Form::of(path).map(|form| (path, form))).transpose()?;
    let experiment = load(&arguments.file, &arguments.sets)?;
    let reading = progress::Reading::new("reading images");
    let looks = data::look(&experiment.dataset, &experiment.preprocess, &|done, of| reading.at(done, of)).map_err(mistake)?;
    let cache = arguments.place.results()?.cache();
    let data = data::open(&experiment.dataset, &experiment.preprocess, &cache, &|_, _| ()).map_err(mistake)?;
    drop(reading);
    let folds = data::folds(&data, &experiment.split).map_err(mistake)?;
    let Fold { number, splits: split } = folds[0].clone();
    println!("{}\n", heading(&experiment, &data, &looks, number));
    println!("{}\n", table(&data, &looks, &split));
    println!("{}\n", constant(&data, &split));
    for line in remarks(&experiment, &data, &looks, &folds) {
        println!("{}", text::wrap(&line, text::report_columns(), 2).join("\n"));
    }
    if let Some((path, form)) = wanted {
        let draw = arguments.epoch.map(|epoch| Draw::of(&experiment, epoch as usize));
        let split = if draw.is_some() { Splits { val: Vec::new(), test: Vec::new(), ..split } } else { split };
        sheet::write(&data, &split, draw, path, form)?;
        println!("contact sheet: {}, from the top: {}", path.display(), sheet::order(&split));
    }
    Ok(())
}

fn heading(experiment: &Experiment, data: &Dataset, looks: &[Look], fold: Option<usize>) -> String {
    let channels = match data.channels {
        1 => "grey".to_owned(),
        3 => "RGB".to_owned(),
        more => format!("{more} channels"),
    };
    let low = looks.iter().map(|look| look.range.0).fold(f32::INFINITY, f32::min);
    let high = looks.iter().map(|look| look.range.1).fold(f32::NEG_INFINITY, f32::max);
    let ([h, w], [ph, pw]) = (data.size, experiment.input_size());
    let patches = if experiment.patches.is_some() { format!(" in patches of {ph} × {pw}") } else { String::new() };
    format!(
        "{} samples, {channels}, values {low:.2} to {high:.2}, trained at {h} × {w} (height × width){patches}\nclasses: {}\nfingerprint: {}{}",
        looks.len(),
        data.classes.join(", "),
        data.fingerprint,
        fold.map(|_| format!("\nparts shown{}", fold_of(experiment, fold).replacen(',', ":", 1))).unwrap_or_default()
    )
}

fn table(data: &Dataset, looks: &[Look], split: &Splits) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    let mut header = vec!["part".to_owned(), "samples".into(), "height".into(), "width".into()];
    header.extend(data.classes.iter().flat_map(|class| [class.clone(), "empty".into()]));
    table.set_header(header);
    for (part, samples) in splits(split) {
        let side = |axis: usize| {
            let sides = samples.iter().map(|i| looks[*i].size[axis]);
            let (low, high) = (sides.clone().min().unwrap_or(0), sides.max().unwrap_or(0));
            if low == high { low.to_string() } else { format!("{low}–{high}") }
        };
        let mut row = vec![part.to_owned(), samples.len().to_string(), side(0), side(1)];
        for class in 0..data.classes.len() {
            let shares: Vec<f64> = samples.iter().map(|i| looks[*i].marked[class]).collect();
            row.push(format!("{:.1} %", 100.0 * shares.iter().sum::<f64>() / shares.len() as f64));
            row.push(shares.iter().filter(|share| **share == 0.0).count().to_string());
        }
        table.add_row(row);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// What the best constant mask of each class scores, a row for each split and score.
fn constant(data: &Dataset, split: &Splits) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    let several = data.classes.len() > 1;
    let names = data.classes.iter().map(String::as_str).chain(several.then_some("mean"));
    table.set_header(["best constant mask", ""].into_iter().chain(names));
    for (part, samples) in splits(split) {
        let best = ConstantMask::of(data.classes.len(), &data::foreground(data, samples));
        for (name, values) in [("Dice", &best.dice), ("IoU", &best.iou)] {
            let mean = several.then(|| mean_of_defined(values));
            let cell = |value: f64| if value.is_nan() { "–".to_owned() } else { format!("{value:.3}") };
            let cells = values.iter().copied().chain(mean).map(cell);
            let words = [if name == "Dice" { part } else { "" }, name].map(str::to_owned);
            table.add_row(words.into_iter().chain(cells));
        }
    }
    table.column_iter_mut().skip(2).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// What the numbers mean, and what someone who is to trust them must know.
fn remarks(experiment: &Experiment, data: &Dataset, looks: &[Look], folds: &[Fold]) -> Vec<String> {
    let mut remarks = vec![
        "A class's share is the mean over samples of its foreground pixels; empty counts masks without any.".to_owned(),
        "The best constant mask is the better of all foreground and none, by the mean over samples at the size of training: what a network \
         must surpass."
            .to_owned(),
    ];
    let absent =
        |fold: &Fold| data::absent(data, &fold.splits).into_iter().map(|line| (of_fold(fold.number), line)).collect::<Vec<_>>();
    let mut message: Vec<(String, String)> = folds.iter().flat_map(absent).collect();
    // What no fold can correct is reported once.
    message.dedup_by(|(_, later), (_, first)| later == first && later.starts_with("no sample "));
    remarks.extend(message.into_iter().map(|(fold, line)| format!("WARNING: {fold}{line}")));
    let flat: Vec<&str> = looks.iter().filter(|look| look.range.0 == look.range.1).map(|look| look.name.as_str()).collect();
    if !flat.is_empty() {
        remarks.push(format!("WARNING: {} image(s) are of one value throughout: {}", flat.len(), first(&flat)));
    }
    let dark = looks.iter().map(|look| look.range.1).fold(f32::NEG_INFINITY, f32::max);
    let narrow = if experiment.preprocess.intensity == Intensity::Type { narrow(looks) } else { None };
    if let Some(narrow) = narrow {
        remarks.push(narrow);
    } else if dark < 0.5 {
        remarks.push(format!(
            "WARNING: no value is above {dark:.2} of full brightness: set preprocess.normalise, or spread the values"
        ));
    }
    remarks.push(match alike(&data::look_alikes(data, folds)) {
        Some(message) => format!("WARNING: {message}"),
        None => {
            let all = if folds.len() > 1 { format!(", in all {} folds", folds.len()) } else { String::new() };
            format!("No two samples of different splits look alike{all}.")
        }
    });
    remarks
}

/// What should be known of integers of more than 8 bits that use less than a sixteenth of what their type can hold.
fn narrow(looks: &[Look]) -> Option<String> {
    let low = looks.iter().map(|look| look.numbers.0).fold(f32::INFINITY, f32::min);
    let high = looks.iter().map(|look| look.numbers.1).fold(f32::NEG_INFINITY, f32::max);
    let full = looks.iter().map(|look| look.full).collect::<Option<Vec<_>>>()?;
    let least = full.iter().map(|[low, high]| high - low).fold(f64::INFINITY, f64::min);
    (f64::from(high - low) < least / 16.0).then(|| {
        format!(
            "WARNING: values lie from {low} to {high}, less than 1/16 of what their type can hold: set preprocess.intensity = \
             \"percentiles\", or \"window\" with preprocess.window = [{low:?}, {high:?}]"
        )
    })
}

fn first(names: &[&str]) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ") + more
}
