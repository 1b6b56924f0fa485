//! A server of U-Net steps for `scripts/bench_vs_pytorch`, which runs it in turns with PyTorch.
//!
//!     cargo run --release --example bench_step -- train|infer PRECISION BASE LEVELS BATCH SIZE [DEVICE [fastest]]
//!
//! PRECISION is f32, tf32 or bf16; DEVICE is cpu or, for `train`, cuda:N, with `fastest` without deterministic convolutions. The net has BASE channels at the full resolution, twice as many on each of the LEVELS further
//! down, 3 input channels and 2 classes; batches are of BATCH images of SIZE × SIZE pixels.
//!
//! A line on standard input asks for something, a line on standard output answers. `memory`: the largest resident set so far, in MB
//! (1e6 bytes), or on a GPU what was taken of it. `steps N`, on a GPU: the mean milliseconds of N steps that follow each other without
//! waiting. Any other line: a step, and its milliseconds as `forward backward`, updates within the latter, or `forward` alone for `infer`. What
//! a step leaves behind is freed within the step's time. On a GPU a step is one number.

use candle_core::{DType, Device, Tensor};
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Instant;
use umlaut::config::{Model, Optimizer as Rule, Precision, Unet};
#[cfg(feature = "cuda")]
use umlaut::data::{Dataset, Normaliser, Sample};
use umlaut::model::{Mode, Network, Weights, build};
use umlaut::ops::{Tape, bce_with_logits, soft_dice_loss, weighted_sum};
use umlaut::train::Optimizer;
#[cfg(feature = "cuda")]
use umlaut::train::engine::gpu::{Applied, Collect, MicroBatch, Tail, Trainer};

// The program's own, as it is when it trains and predicts.
#[path = "../src/cli/allocator.rs"]
mod allocator;

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
    allocator::keep_freed();
    rayon::ThreadPoolBuilder::new().use_current_thread().build_global()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, precision, numbers @ ..] = &arguments[..] else { return Err(usage()) };
    let (numbers, place) = numbers.split_at_checked(4).ok_or_else(usage)?;
    let (device, fastest) = match place.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => ("cpu", false),
        [device] => (device, false),
        [device, "fastest"] => (device, true),
        _ => return Err(usage()),
    };
    let precision = parse(precision)?;
    let numbers: Vec<usize> = numbers.iter().map(|a| a.parse()).collect::<Result<_, _>>().map_err(|_| usage())?;
    let [base, levels, batch, size] = numbers[..] else { return Err(usage()) };
    let channels = (0..levels).map(|level| base << level).collect();
    let model = Model::Unet(Unet { channels, ..Unet::default() });
    if device != "cpu" {
        return on_gpu(work, model, (precision, !fastest), (batch, size), device);
    }
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
    "usage: bench_step train|infer f32|tf32|bf16 BASE LEVELS BATCH SIZE [cpu|cuda:N [fastest]]".into()
}

fn parse(name: &str) -> Result<Precision, Error> {
    let all = [Precision::F32, Precision::Tf32, Precision::Bf16];
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

/// Milliseconds of forward (loss included) and of backward with the updates, as in training without a bound on gradients.
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
    let mut step = optimizer.begin(&net.params().trained, LR);
    tape.backward_into(&loss, &mut |index, gradient| step.update(index, &gradient))?;
    Ok(vec![forward, milliseconds(start) - forward])
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_: &str, _: Model, _: (Precision, bool), _: (usize, usize), device: &str) -> Result<(), Error> {
    Err(format!("{device}: this program was built without CUDA").into())
}

#[cfg(feature = "cuda")]
fn on_gpu(
    work: &str,
    model: Model,
    (precision, deterministic): (Precision, bool),
    (batch, size): (usize, usize),
    device: &str,
) -> Result<(), Error> {
    let ordinal = device.strip_prefix("cuda:").and_then(|n| n.parse().ok()).ok_or_else(usage)?;
    if work != "train" {
        return Err(usage());
    }
    let mut experiment = umlaut::config::load_str("bench", "name = 'bench'\n[dataset.synthetic]").map_err(|p| p.render(false))?;
    experiment.model = model;
    (experiment.training.precision, experiment.training.batch_size) = (precision, batch);
    experiment.training.deterministic = deterministic;
    let data = noise(batch, size);
    let net = build(&experiment.model, 3, 2, Weights::Seed(1), &Device::Cpu)?;
    let mut optimizer = Optimizer::new(&experiment.optimizer, &net.params().trained);
    let mut trainer = Trainer::new(ordinal, &experiment, &data, &*net, &Normaliser::None)?;
    let indices: Vec<usize> = (0..batch).collect();
    let mut steps = |count: usize, trainer: &mut Trainer| -> candle_core::Result<f64> {
        let start = Instant::now();
        for _ in 0..count {
            let tail = Tail { collect: Collect::Nothing, update: Applied::Gradients };
            let rule = Some(optimizer.step_elsewhere(LR));
            trainer.submit(MicroBatch { tail: Some(tail), rule, ..MicroBatch::to_evaluate(&indices) })?;
        }
        while trainer.land()?.is_some() {}
        Ok(milliseconds(start) / count as f64)
    };
    for line in std::io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            ["memory"] => println!("{:.0}", trainer.memory() as f64 / 1e6),
            ["steps", count] => println!("{:.4}", steps(count.parse()?, &mut trainer)?),
            _ => println!("{:.4}", steps(1, &mut trainer)?),
        }
    }
    Ok(())
}

/// Noisy images and masks.
#[cfg(feature = "cuda")]
fn noise(count: usize, size: usize) -> Dataset {
    let value = |at: usize| (at.wrapping_mul(2_654_435_761) >> 8) % 1009;
    let sample = |index: usize| Sample {
        name: index.to_string(),
        image: (0..3 * size * size).map(|at| value(at + index) as f32 / 1009.0).collect(),
        mask: (0..2 * size * size).map(|at| u8::from(value(at + index) > 504)).collect(),
    };
    Dataset {
        channels: 3,
        classes: vec!["a".into(), "b".into()],
        size: [size; 2],
        samples: (0..count).map(sample).collect(),
        official_test: vec![false; count],
        sources: vec![String::new(); count],
        fingerprint: String::new(),
    }
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
