//! The gradients of a U-Net's loss, for `scripts/gradient_error.py`.
//!
//!     cargo run --release --example gradients -- DIR PRECISION CHANNELS…
//!
//! reads DIR/weights.safetensors and DIR/batch.safetensors (`images`, `targets`), writes DIR/PRECISION.safetensors.

use candle_core::{Device, Tensor, safetensors};
use std::collections::HashMap;
use std::path::Path;
use umlaut::config::{Loss, Model, Precision, Unet};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::Tape;
use umlaut::train::weighted_loss;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, name, channels @ ..] = &arguments[..] else { return Err("DIR PRECISION CHANNELS…".into()) };
    let all = [Precision::F32, Precision::Tf32, Precision::Bf16];
    let precision = all.into_iter().find(|p| p.name() == name).ok_or("no such precision")?;
    let channels = channels.iter().map(|c| c.parse()).collect::<Result<_, _>>()?;
    let (dir, model) = (Path::new(dir), Model::Unet(Unet { channels, ..Unet::default() }));
    let batch = safetensors::load(dir.join("batch.safetensors"), &Device::Cpu)?;
    let (images, targets) = (&batch["images"], &batch["targets"]);
    let weights = dir.join("weights.safetensors");
    let net = build(&model, images.dim(1)?, targets.dim(1)?, Weights::File(&weights), &Device::Cpu)?;
    let tape = Tape::training().with_precision(precision);
    let logits = net.forward(&tape, images, Mode::Train)?;
    let loss = weighted_loss(&tape, &logits, targets, &Loss::default())?;
    let gradients = tape.backward(&loss.sum)?;
    let named = net.params().trained.iter().enumerate();
    let named: HashMap<&String, Tensor> = named.filter_map(|(i, (name, _))| Some((name, gradients.get(i)?.clone()))).collect();
    safetensors::save(&named, dir.join(format!("{name}.safetensors")))?;
    Ok(())
}
