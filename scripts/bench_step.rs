//! A server of U-Net steps for `scripts/bench_vs_pytorch`, which runs it in turns with PyTorch.
//!
//!     cargo run --release --example bench_step -- train|infer PRECISION BASE LEVELS BATCH SIZE
//!
//! PRECISION is f32, f32_fast or bf16. The net has BASE channels at the full resolution, twice as many on each of the LEVELS further
//! down, 3 input channels and 2 classes; batches are of BATCH images of SIZE × SIZE pixels.
//!
//! A line on standard input asks for something, a line on standard output answers. `memory`: the largest resident set so far, in MB
//! (1e6 bytes). Any other line: a step, and its milliseconds as `forward backward optimizer`, or `forward` alone for `infer`. What
//! a step leaves behind is freed within the step's time.

use candle_core::{DType, Device, Tensor};
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;
use umlaut::config::{Model, Optimizer as Rule, Precision, Unet};
use umlaut::model::{Mode, Network, Weights, build};
use umlaut::ops::{Tape, bce_with_logits, soft_dice_loss, weighted_sum};
use umlaut::train::Optimizer;

#[global_allocator]
static MEMORY: umlaut::memory::Caching = umlaut::memory::Caching::new();

type Error = Box<dyn std::error::Error>;

const LR: f64 = 1e-3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_step: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, precision, numbers @ ..] = &arguments[..] else { return Err(usage()) };
    let precision = parse(precision)?;
    let numbers: Vec<usize> = numbers.iter().map(|a| a.parse()).collect::<Result<_, _>>().map_err(|_| usage())?;
    let [base, levels, batch, size] = numbers[..] else { return Err(usage()) };
    let channels = (0..levels).map(|level| base << level).collect();
    let model = Model::Unet(Unet { channels, ..Unet::default() });
    let net = build(&model, 3, 2, Weights::Seed(1), &Device::Cpu)?;
    let images = Tensor::rand(0f32, 1f32, (batch, 3, size, size), &Device::Cpu)?;
    match work.as_str() {
        "train" => {
            let targets = images.narrow(1, 0, 2)?.ge(0.5)?.to_dtype(DType::F32)?.contiguous()?;
            let mut optimizer = Optimizer::new(&Rule::default(), &net.params().trained);
            serve(|| train((&*net, precision), &mut optimizer, &images, &targets))
        }
        "infer" => serve(|| infer((&*net, precision), &images)),
        _ => Err(usage()),
    }
}

fn usage() -> Error {
    "usage: bench_step train|infer f32|f32_fast|bf16 BASE LEVELS BATCH SIZE".into()
}

fn parse(name: &str) -> Result<Precision, Error> {
    let all = [Precision::F32, Precision::F32Fast, Precision::Tf32, Precision::Bf16];
    all.into_iter().find(|p| p.name() == name).ok_or_else(|| format!("no such precision: {name}; {}", usage()).into())
}

/// Answers every line of standard input.
fn serve(mut step: impl FnMut() -> candle_core::Result<Vec<f64>>) -> Result<(), Error> {
    for line in std::io::stdin().lock().lines() {
        if line? == "memory" {
            println!("{:.0}", peak_memory()?);
        } else {
            println!("{}", step()?.iter().map(|ms| format!("{ms:.2}")).collect::<Vec<_>>().join(" "));
        }
    }
    Ok(())
}

/// Milliseconds of forward (loss included), backward and optimizer.
fn train(
    (net, precision): (&dyn Network, Precision),
    optimizer: &mut Optimizer,
    images: &Tensor,
    targets: &Tensor,
) -> candle_core::Result<Vec<f64>> {
    let start = Instant::now();
    let tape = Tape::training().with_precision(precision);
    let logits = net.forward(&tape, images, Mode::Train)?;
    let bce = bce_with_logits(&tape, &logits, targets, &[])?;
    let dice = soft_dice_loss(&tape, &logits, targets, &[])?;
    let loss = weighted_sum(&tape, &[(0.5, &bce), (0.5, &dice)])?;
    drop((logits, bce, dice));
    let forward = milliseconds(start);
    let gradients = tape.backward(&loss)?;
    let backward = milliseconds(start);
    optimizer.step(&net.params().trained, &gradients, LR)?;
    drop(gradients);
    Ok(vec![forward, backward - forward, milliseconds(start) - backward])
}

/// Milliseconds of a forward pass in evaluation mode.
fn infer((net, precision): (&dyn Network, Precision), images: &Tensor) -> candle_core::Result<Vec<f64>> {
    let start = Instant::now();
    drop(net.forward(&Tape::inference().with_precision(precision), images, Mode::Eval)?);
    Ok(vec![milliseconds(start)])
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The kernel's high-water mark of this process's resident set, in MB.
fn peak_memory() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    Ok(kib.ok_or("no VmHWM in /proc/self/status")? * 1024.0 / 1e6)
}
