//! `umlaut selftest --probe`: which layer of a GPU and its libraries works, each tried in a process of its own with a limit of time.
//!
//! A library of NVIDIA's that ends the process, or never returns, costs its own line: the others are tried all the same.

mod limited;

use super::failure::{Failure, mistake};
use limited::Ended;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use umlaut::config::Precision;
use umlaut::machine;
use umlaut::ops::cuda::{CHOICE, DIRECTORIES, GRAPHS, probe};
use umlaut::train::engine::gpu::{Tested, selftest_of_steps};

/// Something that can fail by itself.
pub struct Layer {
    /// What it is called.
    name: &'static str,
    /// Seconds that it may take, on a slow disk that has read none of the libraries yet.
    limit: u64,
    try_it: fn(Probed<'_>) -> Result<String, String>,
}

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct Probed<'a> {
    /// The GPU's number.
    pub ordinal: usize,
    /// Whether nothing is tried at the sizes that networks train at.
    pub small: bool,
    /// Experiments whose convolutions are timed.
    pub experiments: &'a [PathBuf],
}

/// Where experiments are named: how long each of their convolutions takes.
#[cfg(feature = "cudnn")]
const RATES: Layer = Layer { name: "rates", limit: 600, try_it: rates };

/// In the order in which one needs the other.
const LAYERS: &[Layer] = &[
    Layer { name: "nvml", limit: 60, try_it: |_| nvml() },
    Layer { name: "driver", limit: 60, try_it: |_| message(probe::driver()) },
    Layer { name: "device", limit: 60, try_it: |d| message(probe::device(d.ordinal)) },
    Layer { name: "nvrtc", limit: 120, try_it: |_| message(probe::compiler()) },
    Layer { name: "kernel", limit: 120, try_it: |d| message(probe::kernel(d.ordinal)) },
    Layer { name: "memory", limit: 60, try_it: |d| message(probe::memory(d.ordinal, d.small)) },
    #[cfg(feature = "cudnn")]
    Layer { name: "cublaslt", limit: 60, try_it: |_| message(probe::cublas_lt()) },
    #[cfg(feature = "cudnn")]
    Layer { name: "cudnn", limit: 120, try_it: |d| message(probe::cudnn(d.ordinal)) },
    Layer { name: "conv-bf16", limit: 120, try_it: |d| message(probe::convolution(d.ordinal, Precision::Bf16, d.small)) },
    Layer { name: "conv-tf32", limit: 120, try_it: |d| message(probe::convolution(d.ordinal, Precision::Tf32, d.small)) },
    Layer { name: "conv-f32", limit: 120, try_it: |d| message(probe::convolution(d.ordinal, Precision::F32, d.small)) },
    #[cfg(feature = "cudnn")]
    Layer { name: "graph", limit: 120, try_it: |d| message(probe::graph(d.ordinal)) },
    Layer { name: "steps", limit: 180, try_it: |d| steps(d.ordinal) },
];

#[derive(clap::Args)]
pub struct Probe {
    /// Try driver, compiler, kernels, memory, libraries, convolutions and graphs one by one, each in a process with a limit of time
    #[arg(long, conflicts_with_all = ["precision", "all", "kernels"])]
    pub probe: bool,
    /// With --probe: only these layers, with commas between
    #[arg(long, value_name = "LAYERS", requires = "probe", value_delimiter = ',')]
    layers: Vec<String>,
    /// With --probe: seconds that each layer may take [default: 60 to 180, by layer]
    #[arg(long, value_name = "SECONDS", requires = "probe", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    limit: Option<u64>,
    /// With --probe: where all that was found is written
    #[arg(long, value_name = "FILE", requires = "probe", default_value = "umlaut-probe.txt")]
    out: PathBuf,
    /// Try this layer here, which a probe does in processes of its own
    #[arg(long, value_name = "LAYER", hide = true, conflicts_with = "probe")]
    pub layer: Option<String>,
}

/// Tries every layer, or those that were asked for.
///
/// # Errors
/// If one of them fails, or what was found cannot be written.
pub fn run(arguments: &Probe, name: &str, device: Probed<'_>) -> Result<(), Failure> {
    let mut layers = match &arguments.layers[..] {
        [] => LAYERS.iter().collect(),
        names => names.iter().map(|name| layer(name)).collect::<Result<Vec<_>, _>>()?,
    };
    #[cfg(feature = "cudnn")]
    if !device.experiments.is_empty() {
        layers.push(&RATES);
    }
    let mut report = Report::new(&arguments.out, name)?;
    let mut failed: Vec<(&str, String)> = Vec::new();
    let mut properties = None;
    for layer in layers {
        let limit = Duration::from_secs(arguments.limit.unwrap_or(layer.limit));
        let ended = limited::run(&mut child(layer, name, device)?, limit).map_err(|e| {
            anyhow::anyhow!("no process to try {} could be started: {e}; {}", layer.name, umlaut::machine::threads::REMEDY)
        })?;
        let detail = detail(&ended);
        println!("{}, {}, {:.1} s, {detail}", layer.name, ended.how, ended.took.as_secs_f64());
        report.add(layer, &ended, &detail)?;
        if layer.name == "rates" {
            ended.output.lines().skip(1).for_each(|line| println!("  {line}"));
        }
        if layer.name == "cudnn" && ended.ok {
            properties = write_properties(&arguments.out, &ended.output)?;
        }
        if !ended.ok {
            failed.push((layer.name, detail));
        }
    }
    println!("written to {}", arguments.out.display());
    if let Some(path) = properties {
        println!("the device's properties, for `umlaut selftest --engines --device {0}`, are in {0}", path.display());
    }
    let Some((first, why)) = failed.first() else { return Ok(()) };
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
    let none = if names.iter().any(|name| ["driver", "device"].contains(name)) { "no GPU can be used here: " } else { "" };
    let text =
        format!("{none}{} failed: {}; the first, {first}: {why}", super::text::counted(names.len(), "layer"), names.join(", "));
    Err(anyhow::anyhow!(text).into())
}

/// Writes the JSON behind the first line of what the cuDNN layer found to a file beside the report; `None` where there is none.
fn write_properties(out: &Path, found: &str) -> Result<Option<PathBuf>, Failure> {
    let Some((_, json)) = found.split_once('\n').filter(|(_, json)| json.starts_with('{')) else { return Ok(None) };
    let path = out.with_extension("json");
    std::fs::write(&path, json).map_err(|e| anyhow::anyhow!("{}: it cannot be written: {e}", path.display()))?;
    Ok(Some(path))
}

/// Tries one layer in this process.
///
/// # Errors
/// What fails.
pub fn run_layer(name: &str, device: Probed<'_>) -> Result<(), Failure> {
    #[cfg(feature = "cudnn")]
    let layer = if name == RATES.name { &RATES } else { layer(name)? };
    #[cfg(not(feature = "cudnn"))]
    let layer = layer(name)?;
    let found = (layer.try_it)(device).map_err(anyhow::Error::msg)?;
    println!("{found}");
    Ok(())
}

fn layer(name: &str) -> Result<&'static Layer, Failure> {
    LAYERS.iter().find(|layer| layer.name == name).ok_or_else(|| {
        let names: Vec<&str> = LAYERS.iter().map(|layer| layer.name).collect();
        mistake(format!("--layers {name}: there is no such layer; there are {}", names.join(", ")))
    })
}

fn child(layer: &Layer, name: &str, device: Probed<'_>) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["selftest", "--layer", layer.name, "--device", name]);
    if device.small {
        command.arg("--small");
    }
    if layer.name == "rates" {
        command.args(device.experiments);
    }
    if layer.name.starts_with("conv-") || layer.name == "rates" || layer.name == "graph" {
        // Plain sums would say nothing of the library.
        command.env(CHOICE, "cudnn");
    }
    Ok(command)
}

/// The line that says most of what a layer found, or of why it failed.
fn detail(ended: &Ended) -> String {
    let lines = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (output, errors) = (lines(&ended.output), lines(&ended.errors));
    let error = errors.iter().find_map(|line| line.strip_prefix("error: ")).map(str::to_owned);
    let last = || errors.last().or(output.last()).cloned();
    let found = if ended.ok { output.first().cloned() } else { error.or_else(last) };
    found.unwrap_or_else(|| "it said nothing".into())
}

fn message(found: candle_core::Result<String>) -> Result<String, String> {
    found.map_err(|e| e.to_string())
}

/// What NVIDIA's management library knows, without which a GPU can be used by name alone.
fn nvml() -> Result<String, String> {
    let gpus = machine::gpus()?;
    let one = |gpu: &machine::Gpu| format!("cuda:{} {} {} driver {}", gpu.index, gpu.name, gpu.uuid, gpu.driver);
    if gpus.is_empty() { Err("it knows of no GPU".into()) } else { Ok(gpus.iter().map(one).collect::<Vec<_>>().join("; ")) }
}

/// How long each convolution of the experiments takes, and how much it computes in that time.
#[cfg(feature = "cudnn")]
fn rates(device: Probed<'_>) -> Result<String, String> {
    let words = |failure: Failure| match failure {
        Failure::Mistake(text) => text,
        Failure::Running(error) => error.to_string(),
        _ => "stopped".to_owned(),
    };
    let (mut lines, mut total) = (Vec::new(), 0.0);
    for wanted in super::engines::wanted(device.experiments, None).map_err(words)? {
        let (precision, distinct) = (wanted.precision, wanted.distinct());
        let found = probe::seconds(device.ordinal, precision, &distinct).map_err(|e| e.to_string())?;
        for (convolution, seconds) in distinct.iter().zip(found) {
            total += seconds;
            let rate = convolution.flops() as f64 / seconds / 1e12;
            lines.push(format!("{:.4} ms, {rate:.2} TFLOP/s, {}, {}", 1e3 * seconds, precision.name(), convolution.words()));
        }
    }
    let head = format!("{}, each once {:.3} ms", super::text::counted(lines.len(), "convolution"), 1e3 * total);
    Ok([vec![head], lines].concat().join("\n"))
}

/// Some steps of a small network.
fn steps(ordinal: usize) -> Result<String, String> {
    let Tested { convolutions, steps, comparisons } = selftest_of_steps(ordinal, Precision::Bf16).map_err(|e| e.to_string())?;
    Ok(format!("{steps}, convolutions by {convolutions}; {}", message(probe::judged(&comparisons))?))
}

/// The file of what was found: complete up to the layer that was tried last, whatever happens.
struct Report {
    file: File,
    path: PathBuf,
}

impl Report {
    fn new(path: &Path, device: &str) -> Result<Self, Failure> {
        let cannot = |e| mistake(format!("--out {}: it cannot be written: {e}", path.display()));
        let mut report = Self { file: File::create(path).map_err(cannot)?, path: path.to_owned() };
        let commit = option_env!("UMLAUT_GIT_COMMIT").unwrap_or("unknown");
        let mut head = format!("umlaut {}, commit {commit}, {device} on {}\n", env!("CARGO_PKG_VERSION"), machine::host());
        for name in [DIRECTORIES, CHOICE, GRAPHS, machine::VISIBLE, "LD_LIBRARY_PATH", "CUDA_HOME"] {
            let value = std::env::var_os(name).map_or("unset".into(), |value| value.to_string_lossy().into_owned());
            head.push_str(&format!("{name}: {value}\n"));
        }
        report.write(&head)?;
        Ok(report)
    }

    fn add(&mut self, layer: &Layer, ended: &Ended, detail: &str) -> Result<(), Failure> {
        let Ended { how, took, output, errors, .. } = ended;
        let mut text = format!("\n== {}, {how}, {:.1} s, {detail}\n", layer.name, took.as_secs_f64());
        for (name, said) in [("output", output), ("errors", errors)] {
            if !said.trim().is_empty() {
                text.push_str(&format!("-- {name}\n{}\n", said.trim_end()));
            }
        }
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.file.write_all(text.as_bytes());
        Ok(written.map_err(|e| anyhow::anyhow!("{}: it cannot be written: {e}", self.path.display()))?)
    }
}
