//! `umlaut selftest --engines`: has cuDNN an engine for every convolution of some experiments, on GPUs that are not here?

use super::example::Example;
use super::failure::{Failure, in_file, mistake};
use super::text::{counted, size};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use umlaut::config::{self, Experiment, Precision};
use umlaut::ops::cuda::{Convolution, DEVICES, Described};
use umlaut::plan::expand;
use umlaut::train::engine::gpu::convolutions_of;
use umlaut::trials::corners;

/// Convolutions without an engine that are named where nobody expects one.
const NAMED: usize = 3;

/// A device that is asked about.
struct Asked {
    name: String,
    properties: String,
    /// In which nobody expects it to serve.
    lacks: &'static [Precision],
}

/// Convolutions of runs in one precision.
pub struct Wanted {
    /// In which they are computed.
    pub precision: Precision,
    /// Those of all networks that differ, each as often as it is asked for.
    pub all: Vec<Convolution>,
}

impl Wanted {
    /// Each once, in their order.
    pub fn distinct(&self) -> Vec<Convolution> {
        let mut seen = HashSet::new();
        self.all.iter().filter(|convolution| seen.insert(**convolution)).copied().collect()
    }
}

/// Asks for every device, and prints a line for each and every precision.
///
/// # Errors
/// If a device that is expected to serve has no engine for a convolution, a file is no experiment, or cuDNN cannot be asked.
pub fn run(experiments: &[PathBuf], precision: Option<Precision>, device: Option<&Path>, all: bool) -> Result<(), Failure> {
    let wanted = wanted(experiments, precision)?;
    let mut refused = 0;
    for device in devices(device)? {
        for wanted in &wanted {
            refused += ask(&device, wanted, all)?;
        }
    }
    if refused == 0 {
        return Ok(());
    }
    Err(anyhow::anyhow!("{} without an engine where every one is expected to have one", counted(refused, "convolution")).into())
}

/// How many convolutions have no engine on a device that is expected to serve them.
fn ask(device: &Asked, wanted: &Wanted, all: bool) -> Result<usize, Failure> {
    let (precision, distinct) = (wanted.precision, wanted.distinct());
    let described = Described::new(&device.properties, precision).map_err(|why| mistake(format!("--engines: {why}")))?;
    let found: Vec<Found> = distinct.iter().map(|convolution| Found::of(&described, *convolution)).collect();
    let largest = found.iter().filter_map(|found| found.engine.as_ref().ok()).max().copied().unwrap_or(0);
    let served = found.iter().filter(|found| found.engine.is_ok()).count();
    let biased = distinct.iter().filter(|convolution| convolution.bare().is_some()).count();
    let apart: Vec<&Found> = found.iter().filter(|found| found.apart.is_some()).collect();
    let expected = !device.lacks.contains(&precision);
    println!(
        "{}, {}, {}: {}, {} distinct, {served} with an engine, {} of {biased} with the bias in the same pass, largest workspace {}{}",
        device.name,
        precision.name(),
        described.library(),
        counted(wanted.all.len(), "convolution"),
        distinct.len(),
        biased - apart.len(),
        size(largest as u64),
        if expected { "" } else { " (not all are expected to have one)" }
    );
    let name = |kind: &str, why: &String, found: &Found| {
        format!("{}: {} has no engine for the {}{kind}: {why}", device.name, precision.name(), found.convolution.words())
    };
    let without = found.iter().filter_map(|found| Some(name("", found.engine.as_ref().err()?, found)));
    let slower = apart.iter().filter_map(|found| {
        let why = found.apart.as_ref().filter(|_| found.engine.is_ok())?;
        Some(name(", which takes two passes", why, found))
    });
    let lines: Vec<String> = without.chain(slower).collect();
    let shown = if expected || all { lines.len() } else { NAMED };
    for line in lines.iter().take(shown) {
        println!("  {line}");
    }
    if lines.len() > shown {
        println!("  and {} more; --all names them", lines.len() - shown);
    }
    Ok(if expected { distinct.len() - served } else { 0 })
}

/// What was found of a convolution.
struct Found {
    convolution: Convolution,
    /// Bytes of workspace of the engine that it gets, of the forward pass alone where its bias is a pass of its own; or why there is none.
    engine: Result<usize, String>,
    /// Why its bias is a pass of its own, if it is one.
    apart: Option<String>,
}

impl Found {
    fn of(described: &Described, convolution: Convolution) -> Self {
        let engine = described.workspace(convolution);
        match (convolution.bare(), engine) {
            (Some(bare), Err(why)) => Self { convolution, engine: described.workspace(bare), apart: Some(why) },
            (_, engine) => Self { convolution, engine, apart: None },
        }
    }
}

/// The devices that come with the program, or the one of a file.
fn devices(file: Option<&Path>) -> Result<Vec<Asked>, Failure> {
    let Some(file) = file else {
        let known = DEVICES.iter().map(|d| Asked { name: d.name.into(), properties: d.properties.into(), lacks: d.lacks });
        return Ok(known.collect());
    };
    let cannot =
        |why: String| mistake(format!("--device {}: {why}; `umlaut selftest --probe` writes such a file", file.display()));
    let properties = std::fs::read_to_string(file).map_err(|e| cannot(format!("it cannot be read: {e}")))?;
    let json: serde_json::Value = serde_json::from_str(&properties).map_err(|e| cannot(format!("it is no JSON: {e}")))?;
    let name = json.get("deviceName").and_then(serde_json::Value::as_str).unwrap_or("the device").to_owned();
    Ok(vec![Asked { name, properties, lacks: &[] }])
}

/// Convolutions of all runs of some experiments, by precision; of those that come with the program where none is named.
///
/// # Errors
/// If a file is no experiment, or makes no network.
pub fn wanted(files: &[PathBuf], precision: Option<Precision>) -> Result<Vec<Wanted>, Failure> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut seen: Vec<Experiment> = Vec::new();
    for mut run in runs(files)? {
        run.training.precision = precision.unwrap_or(run.training.precision);
        if seen.iter().any(|other| asks_alike(other, &run)) {
            continue;
        }
        let convolutions = convolutions_of(&run).map_err(|e| mistake(format!("{}: {e}", run.name)))?;
        match wanted.iter_mut().find(|wanted| wanted.precision == run.training.precision) {
            Some(wanted) => wanted.all.extend(convolutions),
            None => wanted.push(Wanted { precision: run.training.precision, all: convolutions }),
        }
        seen.push(run);
    }
    Ok(wanted)
}

/// Whether two runs ask for the same convolutions.
fn asks_alike(a: &Experiment, b: &Experiment) -> bool {
    let of = |e: &Experiment| (e.input_size(), e.dataset.channels(), e.dataset.classes().len(), e.training.batch_size);
    a.model == b.model && a.training.precision == b.training.precision && of(a) == of(b)
}

/// The runs of some experiments, of a search those at the edges of its space.
fn runs(files: &[PathBuf]) -> Result<Vec<Experiment>, Failure> {
    let folder = tempfile::tempdir()?;
    let files = match files {
        [] => Example::all().iter().map(|example| example.write(folder.path())).collect::<Result<_, _>>()?,
        files => files.to_vec(),
    };
    let mut all = Vec::new();
    for file in files {
        let experiment = config::load(&file, &[]).map_err(|problems| in_file(&problems))?;
        let edges = experiment.search.as_ref().map(|_| corners(&experiment)).transpose().map_err(mistake)?;
        // Which data they are of changes no size.
        let plan = expand(edges.as_ref().unwrap_or(&experiment), |_| Ok(String::new())).map_err(mistake)?;
        all.extend(plan.runs.into_iter().map(|run| run.experiment));
    }
    Ok(all)
}
