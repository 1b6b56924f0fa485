//! `umlaut data inspect FILE`.

use super::super::settings::Settings;
use super::super::{Failure, ResultsPlace, Sets, load, mistake, progress, text};
use super::sheet::{self, Form};
use super::{first_fold, parts};
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use std::path::PathBuf;
use umlaut::config::Experiment;
use umlaut::data::{self, Dataset, Draw, Look, Parts};

/// Bits of 256 in which two pictures may differ that are called near-duplicates.
const NEAR: u32 = 12;
/// Near-duplicates that are listed.
const LISTED: usize = 10;

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file; [dataset], [preprocess] and [split] are used, with --epoch also [augment] and [patches]
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// Draw samples of every part with the outlines of their masks: a .png, or an .svg with their names
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
    let looks = data::look(&experiment.dataset, &|done, of| reading.at(done, of)).map_err(mistake)?;
    let cache = arguments.place.results(&Settings::load()?).cache();
    let data = data::open(&experiment.dataset, &experiment.preprocess, &cache, &|_, _| ()).map_err(mistake)?;
    drop(reading);
    let split = data::split(&data, &first_fold(&experiment)).map_err(mistake)?;
    println!("{}\n", heading(&experiment, &data, &looks));
    println!("{}\n", table(&data, &looks, &split));
    for line in remarks(&data, &looks, &split) {
        println!("{}", text::wrap(&line, 80, 2).join("\n"));
    }
    if let Some((path, form)) = wanted {
        let draw = arguments.epoch.map(|epoch| Draw::of(&experiment, epoch as usize));
        let split = if draw.is_some() { Parts { val: Vec::new(), test: Vec::new(), ..split } } else { split };
        sheet::write(&data, &split, draw, path, form)?;
        println!("contact sheet: {}, from the top: {}", path.display(), sheet::order(&split));
    }
    Ok(())
}

fn heading(experiment: &Experiment, data: &Dataset, looks: &[Look]) -> String {
    let channels = if data.channels == 1 { "grey" } else { "RGB" };
    let low = looks.iter().map(|look| look.range.0).fold(f32::INFINITY, f32::min);
    let high = looks.iter().map(|look| look.range.1).fold(f32::NEG_INFINITY, f32::max);
    let ([h, w], [ph, pw]) = (data.size, experiment.input_size());
    let patches = if experiment.patches.is_some() { format!(" in patches of {ph} × {pw}") } else { String::new() };
    format!(
        "{} samples, {channels}, values {low:.2} to {high:.2}, trained at {h} × {w} (height × width){patches}\nclasses: {}\nfingerprint: {}",
        looks.len(),
        data.classes.join(", "),
        data.fingerprint
    )
}

fn table(data: &Dataset, looks: &[Look], split: &Parts) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
    let mut header = vec!["part".to_owned(), "samples".into(), "height".into(), "width".into()];
    header.extend(data.classes.iter().flat_map(|class| [class.clone(), "empty".into()]));
    table.set_header(header);
    for (part, samples) in parts(split) {
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

/// What the numbers mean, and what someone who is to trust them must know.
fn remarks(data: &Dataset, looks: &[Look], split: &Parts) -> Vec<String> {
    let mut remarks =
        vec!["A class's share is the mean over samples of its marked pixels; empty counts masks without any.".to_owned()];
    for (class, name) in data.classes.iter().enumerate() {
        if looks.iter().all(|look| look.marked[class] == 0.0) {
            remarks.push(format!("WARNING: no sample has a pixel of \"{name}\": check mask_values and classes"));
        }
    }
    let flat: Vec<&str> = looks.iter().filter(|look| look.range.0 == look.range.1).map(|look| look.name.as_str()).collect();
    if !flat.is_empty() {
        remarks.push(format!("WARNING: {} image(s) are of one value throughout: {}", flat.len(), first(&flat)));
    }
    let dark = looks.iter().map(|look| look.range.1).fold(f32::NEG_INFINITY, f32::max);
    if dark < 0.5 {
        remarks.push(format!(
            "WARNING: no value is above {dark:.2} of full brightness: set preprocess.normalise, or spread the values"
        ));
    }
    let near = near(looks, split);
    if near.is_empty() {
        remarks.push(format!("No two samples of different parts look alike (difference hash, {NEAR} of 256 bits at most)."));
    } else {
        let listed: Vec<String> = near.iter().take(LISTED).cloned().collect();
        remarks.push(format!(
            "WARNING: {} pair(s) of samples in different parts look alike (difference hash, {NEAR} of 256 bits at most): {}{}. If they \
             are of one patient or volume, keep them together with split.….group.",
            near.len(),
            listed.join("; "),
            if near.len() > LISTED { "; …" } else { "" }
        ));
    }
    remarks
}

fn first(names: &[&str]) -> String {
    let more = if names.len() > LISTED { ", …" } else { "" };
    names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ") + more
}

/// Pairs of samples in different parts that look alike.
fn near(looks: &[Look], split: &Parts) -> Vec<String> {
    let placed: Vec<(&str, &Look)> =
        parts(split).into_iter().flat_map(|(part, samples)| samples.iter().map(move |i| (part, &looks[*i]))).collect();
    let mut pairs = Vec::new();
    for (at, (part, look)) in placed.iter().enumerate() {
        for (other_part, other) in placed[at + 1..].iter().filter(|(other, _)| other != part) {
            if look.distance(other) <= NEAR {
                pairs.push(format!("{} ({part}) and {} ({other_part})", look.name, other.name));
            }
        }
    }
    pairs
}
