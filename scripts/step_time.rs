//! Times forward and backward of a U-Net: a step for each line on standard input, its milliseconds as a line on standard output.
//! `scripts/step_time.py` runs it in turns with PyTorch.
//!
//!     cargo run --release --example step_time -- BASE LEVELS BATCH SIZE

use candle_core::{DType, Device, Tensor};
use std::io::BufRead;
use std::time::Instant;
use umlaut::config::{Model, Unet};
use umlaut::model::{Mode, Network, Weights, build};
use umlaut::ops::{Tape, bce_with_logits, soft_dice_loss, weighted_sum};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let [base, levels, batch, size] = arguments[..] else { return Err("BASE LEVELS BATCH SIZE".into()) };
    let channels = (0..levels).map(|level| base << level).collect();
    let model = Model::Unet(Unet { channels, ..Unet::default() });
    let net = build(&model, 3, 2, Weights::Seed(1), &Device::Cpu)?;
    let images = Tensor::rand(0f32, 1f32, (batch, 3, size, size), &Device::Cpu)?;
    let targets = images.narrow(1, 0, 2)?.ge(0.5)?.to_dtype(DType::F32)?.contiguous()?;
    for line in std::io::stdin().lock().lines() {
        let _ = line?;
        let (forward, backward) = step(&*net, &images, &targets)?;
        println!("{forward:.2} {backward:.2}");
    }
    Ok(())
}

/// Milliseconds of forward (loss included) and backward.
fn step(net: &dyn Network, images: &Tensor, targets: &Tensor) -> candle_core::Result<(f64, f64)> {
    let start = Instant::now();
    let tape = Tape::training();
    let logits = net.forward(&tape, images, Mode::Train)?;
    let bce = bce_with_logits(&tape, &logits, targets, &[])?;
    let dice = soft_dice_loss(&tape, &logits, targets, &[])?;
    let loss = weighted_sum(&tape, &[(0.5, &bce), (0.5, &dice)])?;
    drop((logits, bce, dice));
    let forward = start.elapsed();
    let gradients = tape.backward(&loss)?;
    let all = start.elapsed();
    drop(gradients);
    Ok((forward.as_secs_f64() * 1e3, (all - forward).as_secs_f64() * 1e3))
}
