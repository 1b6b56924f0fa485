//! `umlaut selftest`: does the GPU calculate what the CPU does?

use super::failure::{Failure, mistake};
use super::probe;
use std::path::PathBuf;
use umlaut::config::Precision;
use umlaut::ops::cuda::{Comparison, Kind, compile, count, ready};
use umlaut::train::engine::gpu::{Tested, selftest};

#[derive(clap::Args)]
pub struct Arguments {
    /// With --engines or --probe: experiments, TOML files [default: --engines takes all that come with the program]
    #[arg(value_name = "EXPERIMENT")]
    experiments: Vec<PathBuf>,
    /// The GPU, `cuda:N` [default: cuda:0]; with --engines a file that --probe wrote [default: T4, A100, H100, H200 and B200]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Only this precision: f32, tf32 or bf16 [default: all three]
    #[arg(long, value_name = "PRECISION")]
    precision: Option<String>,
    /// Show every comparison, not only the worst of each operation; with --engines every convolution without an engine
    #[arg(long)]
    all: bool,
    /// Only compile the kernels, for GPUs of compute capability 8.0 and 9.0; needs CUDA's run-time compiler but no GPU
    #[arg(long, conflicts_with_all = ["device", "precision", "all", "small"])]
    kernels: bool,
    /// Only ask cuDNN whether it has an engine for every convolution of experiments, on GPUs that need not be here
    #[cfg(feature = "cudnn")]
    #[arg(long, conflicts_with_all = ["kernels", "small", "probe"])]
    engines: bool,
    /// Leave out convolutions of the sizes that networks train at, which take an emulated device long
    #[arg(long)]
    small: bool,
    #[command(flatten)]
    probe: probe::Probe,
}

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.kernels {
        return kernels();
    }
    #[cfg(feature = "cudnn")]
    if arguments.engines {
        let precision = chosen(arguments.precision.as_deref())?;
        let precision = arguments.precision.as_ref().and(precision.first().copied());
        let device = arguments.device.as_deref().map(std::path::Path::new);
        return super::engines::run(&arguments.experiments, precision, device, arguments.all);
    }
    let name = arguments.device.as_deref().unwrap_or("cuda:0");
    if !arguments.experiments.is_empty() && !arguments.probe.probe && arguments.probe.layer.is_none() {
        return Err(mistake("experiments are for --engines and --probe; the self-test has networks of its own"));
    }
    let ordinal = name.strip_prefix("cuda:").and_then(|number| number.parse::<usize>().ok());
    let Some(ordinal) = ordinal else {
        return Err(mistake(format!("--device {name}: the self-test is of a GPU, such as cuda:0")));
    };
    let device = probe::Probed { ordinal, small: arguments.small, experiments: &arguments.experiments };
    if let Some(layer) = &arguments.probe.layer {
        return probe::run_layer(layer, device);
    }
    if arguments.probe.probe {
        return probe::run(&arguments.probe, name, device);
    }
    let there = count().map_err(|why| mistake(format!("--device {name}: {why}")))?;
    if ordinal >= there {
        return Err(mistake(format!("--device {name}: this machine has {there} GPUs, counted from cuda:0")));
    }
    ready().map_err(|why| mistake(format!("--device {name}: {why}")))?;
    let mut missed = 0;
    for precision in chosen(arguments.precision.as_deref())? {
        let tested = selftest(ordinal, precision, arguments.small);
        let Tested { convolutions, steps, comparisons } = tested.map_err(|e| anyhow::anyhow!("{}: {e}", precision.name()))?;
        println!("{} on {name}, convolutions by {convolutions}, steps {steps}", precision.name());
        missed += show(&comparisons, arguments.all);
    }
    if missed == 0 {
        return Ok(());
    }
    Err(anyhow::anyhow!("{missed} comparisons miss their tolerance: do not trust this GPU with this driver and these libraries")
        .into())
}

fn chosen(name: Option<&str>) -> Result<Vec<Precision>, Failure> {
    let Some(name) = name else { return Ok(PRECISIONS.to_vec()) };
    let found = PRECISIONS.into_iter().find(|precision| precision.name() == name);
    found.map(|precision| vec![precision]).ok_or_else(|| mistake(format!("--precision {name}: use f32, tf32 or bf16")))
}

/// A line for the worst comparison of each operation, or for each comparison; how many missed.
fn show(comparisons: &[Comparison], all: bool) -> usize {
    let name = |comparison: &Comparison| comparison.what.split(": ").next().unwrap_or_default().to_owned();
    let mut shown: Vec<&Comparison> = Vec::new();
    for comparison in comparisons {
        match shown.last_mut() {
            Some(last) if !all && name(last) == name(comparison) => {
                if badness(comparison) > badness(last) {
                    *last = comparison;
                }
            }
            _ => shown.push(comparison),
        }
    }
    for Comparison { what, error, tolerance } in &shown {
        let mark = if error <= tolerance { "ok  " } else { "MISS" };
        println!("  {mark}  {what:<58} {error:.1e} of {tolerance:.0e}");
    }
    comparisons.iter().filter(|comparison| !comparison.passes()).count()
}

/// In tolerances; NaN is worse than any number.
fn badness(Comparison { error, tolerance, .. }: &Comparison) -> f64 {
    if error.is_nan() { f64::INFINITY } else { error / tolerance.max(1e-30) }
}

fn kernels() -> Result<(), Failure> {
    for capability in [80, 90] {
        for (kind, name) in [(Kind::F32, "f32"), (Kind::Bf16, "bf16")] {
            let code = compile(kind, capability).map_err(|why| anyhow::anyhow!("{why}"))?;
            println!(
                "kernels for {name} maps, compute capability {}.{}: {} bytes",
                capability / 10,
                capability % 10,
                code.iter().map(Vec::len).sum::<usize>()
            );
        }
    }
    Ok(())
}
