//! `umlaut init`: writes an experiment that fits a folder of images and masks; or, of a file, the commented template.

use super::example::{self, Example};
use super::failure::{Failure, mistake};
use super::find_lr;
use super::options::{OneDevice, ResultsPlace, SlotChoice, settings};
use super::{progress, schema, text, volume};
use anyhow::Context;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use umlaut::config::{self, Dataset};
use umlaut::data::{self, Survey};
use umlaut::estimate::Estimate;
use umlaut::propose::{Proposal, Wish, propose};
use umlaut::schedule::Slot;
use umlaut::text::clock;
use umlaut::train::LrRange;

/// The file beside an experiment that its first line tells editors to read.
const SCHEMA: &str = "umlaut.schema.json";

/// Learning rates that `--find-lr` tries.
const RANGE: LrRange = LrRange { from: 1e-6, to: 0.1, steps: 60 };

#[derive(clap::Args)]
pub struct Arguments {
    /// A folder of images and masks, for which an experiment is made; or the file to write, with every key and its default
    #[arg(default_value = "experiment.toml")]
    path: PathBuf,
    /// Of a folder: minutes that the run may take on this machine
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    minutes: f64,
    /// Of a folder: the file to write [default: named after the folder, in the working directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Of a folder: try learning rates first, half a minute or so, and write down the one that is suggested
    #[arg(long)]
    find_lr: bool,
    /// Of a file: only the keys that a first experiment sets
    #[arg(long)]
    minimal: bool,
    /// Write the JSON Schema beside it, which the file's first line points editors to
    #[arg(long)]
    schema: bool,
    /// Write an experiment that comes with the program, such as quickstart, below the working directory; without a name list them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["path", "minutes", "out", "find_lr", "minimal", "schema"])]
    example: Option<String>,
    #[command(flatten)]
    slots: SlotChoice,
    #[command(flatten)]
    place: ResultsPlace,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.example.as_deref() {
        Some("") => example::list(),
        Some(name) => {
            let path = Example::named(name)?.write(Path::new(""))?;
            volume::wrote(&path, &format!("{}: an example; umlaut run {0} runs it", path.display()));
            Ok(())
        }
        None if arguments.path.is_dir() => of_folder(arguments),
        None => of_file(arguments),
    }
}

fn of_file(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.out.is_some() || arguments.find_lr {
        return Err(mistake(format!(
            "{}: there is no such folder, and --out and --find-lr are of a folder",
            arguments.path.display()
        )));
    }
    let path = &arguments.path;
    // A folder that is misspelt must not become a file.
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
        return Err(mistake(format!(
            "{}: there is no such folder; name a folder of images and masks, or a file that ends in .toml to be written",
            path.display()
        )));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let (content, what) = match arguments.minimal {
        true => (config::minimal(&stem), "the keys of a first experiment"),
        false => (config::template(&stem), "every key with its default"),
    };
    write_new(path, content.as_bytes())?;
    volume::wrote(path, &format!("{}: {what}; umlaut run {0} runs it", path.display()));
    beside(arguments, path)
}

/// The JSON Schema beside the file, where it is wanted.
fn beside(arguments: &Arguments, path: &Path) -> Result<(), Failure> {
    if arguments.schema {
        let beside = path.with_file_name(SCHEMA);
        fs::write(&beside, schema::text()).with_context(|| format!("writing {}", beside.display()))?;
        if !volume::is_quiet() {
            println!("{}: for completion in editors", beside.display());
        }
    }
    Ok(())
}

fn of_folder(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.minimal {
        return Err(mistake("--minimal is of a file; of a folder the experiment is short anyway"));
    }
    if !(arguments.minutes > 0.0 && arguments.minutes <= 100_000.0) {
        return Err(mistake(format!("--minutes {}: a number above 0, and at most 100000", arguments.minutes)));
    }
    let (folder, minutes) = (&arguments.path, arguments.minutes);
    let whole = folder.canonicalize().with_context(|| format!("finding {}", folder.display()))?;
    let name = config::valid_name(&whole.file_name().unwrap_or_default().to_string_lossy());
    let path = arguments.out.clone().unwrap_or_else(|| format!("{name}.toml").into());
    let pairs = path.with_extension("pairs.csv");
    for path in [&path, &pairs] {
        if path.exists() {
            return Err(there_already(path));
        }
    }
    let slots = arguments.slots.slots(&settings()?)?;
    let slot = slots.first().ok_or_else(|| mistake("--device names no device"))?;
    let results = arguments.place.results()?;
    let looking = progress::Reading::new("looking at images");
    let mut survey = data::survey(folder, &|done, of| looking.at(done, of)).map_err(mistake)?;
    drop(looking);
    if let (Some(listed), Dataset::Folders(folders)) = (&survey.pairs, &mut survey.dataset) {
        write_new(&pairs, &table(listed)?)?;
        folders.pairs = Some(pairs.clone());
    }
    let shown = folder.to_string_lossy();
    let wish = Wish { name: &name, folder: &shown, minutes };
    let made = propose(&survey, wish, Estimate::by_records(&results, slot)).map_err(mistake).and_then(|mut proposal| {
        if arguments.find_lr {
            let device = OneDevice::named(&slot.device).chosen()?;
            let found = find_lr::search(&proposal.experiment, &results, &device, RANGE)?;
            let lr = found.suggested().map(|at| found.steps[at].lr);
            proposal = proposal.with_lr(
                lr.ok_or_else(|| mistake("--find-lr: the loss falls nowhere by more than batches differ; leave it out"))?,
            );
        }
        write_new(&path, proposal.toml.as_bytes())?;
        Ok(proposal)
    });
    // What was written for an experiment that there is not.
    if made.is_err() && survey.pairs.is_some() {
        _ = fs::remove_file(&pairs);
    }
    volume::wrote(&path, &message(&survey, &made?, &path, slot, arguments));
    beside(arguments, &path)
}

/// What was found, what is odd, how long it takes, and what comes next.
fn message(survey: &Survey, proposal: &Proposal, path: &Path, slot: &Slot, arguments: &Arguments) -> String {
    let (folder, minutes) = (&arguments.path, arguments.minutes);
    let mut out = String::new();
    let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
    for size in &survey.sizes {
        low = [low[0].min(size[0]), low[1].min(size[1])];
        high = [high[0].max(size[0]), high[1].max(size[1])];
    }
    let size = if low == high {
        format!("{} × {}", low[0], low[1])
    } else {
        format!("{} × {} to {} × {}", low[0], low[1], high[0], high[1])
    };
    let channels = match survey.channels {
        1 => "grey".to_owned(),
        3 => "colour".to_owned(),
        n => format!("{n} channels"),
    };
    _ = writeln!(out, "{}: {} samples, {size} (height × width), {channels}", folder.display(), survey.names.len());
    let mut line = |label: &str, text: String| {
        let lines = self::text::wrap(&text, self::text::columns().min(120).saturating_sub(11).max(40), 0);
        _ = writeln!(out, "  {label:<9}{}", lines.join(&format!("\n{:11}", "")));
    };
    line("layout", survey.layout.clone());
    for class in &survey.classes {
        let empty = if class.empty > 0 { format!(", none in {} of {}", class.empty, survey.looked) } else { String::new() };
        line(
            "class",
            format!(
                "{}: {:.1} % of the pixels{empty}, {:.0} pixels thick; the best constant mask has Dice {:.3}",
                class.name,
                100.0 * class.fraction,
                class.thickness,
                class.constant
            ),
        );
    }
    if let Some(groups) = &survey.groups {
        line(
            "groups",
            format!(
                "{} by name, such as {} with {} samples; each stays in one split",
                groups.count, groups.example.0, groups.example.1
            ),
        );
    }
    for odd in &survey.odd {
        line("odd", odd.clone());
    }
    if proposal.seconds.is_some_and(|seconds| seconds > 60.0 * minutes) {
        line("odd", format!("the run takes longer than --minutes {minutes}: in less it would learn next to nothing"));
    }
    let time = proposal.seconds.map(|s| format!("about {}", clock(Duration::from_secs_f64(s))));
    let threads = if slot.device == "cpu" { format!(" ({} threads)", slot.threads) } else { String::new() };
    let time = time.unwrap_or_else(|| "a time that is not known yet".into());
    _ = writeln!(
        out,
        "{}: {} epochs, {time} on {}{threads}\nlook:  umlaut data inspect {0} --sheet sheet.png\ntrain: umlaut run {0}",
        path.display(),
        proposal.experiment.training.epochs,
        slot.device
    );
    out
}

/// Pairs as a CSV file has them.
fn table(pairs: &[(String, String)]) -> Result<Vec<u8>, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let rows = std::iter::once(("image", "mask")).chain(pairs.iter().map(|(image, mask)| (image.as_str(), mask.as_str())));
    for (image, mask) in rows {
        table.write_record([image, mask]).context("writing pairs")?;
    }
    Ok(table.into_inner().map_err(|e| anyhow::anyhow!("writing pairs: {e}"))?)
}

fn there_already(path: &Path) -> Failure {
    mistake(format!("{} is there already; give another path", path.display()))
}

/// Writes a file that is not there yet, with the folders above it.
fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let mut file = match File::create_new(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(there_already(path)),
        file => file.with_context(|| format!("creating {}", path.display()))?,
    };
    Ok(file.write_all(content).with_context(|| format!("writing {}", path.display()))?)
}
