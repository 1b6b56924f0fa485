//! Writes a U-Net's weights, random images and their logits, for `scripts/check_checkpoint.py`.
//!
//!     cargo run --example logits -- DIR IN_CHANNELS CLASSES UP NORM CHANNELS…
//!
//! The weights are those of DIR/weights.safetensors if it is there (a copy of a run's checkpoint), else drawn.

use candle_core::{Device, Tensor, safetensors};
use std::collections::HashMap;
use std::path::Path;
use umlaut::config::Model;
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::Tape;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, in_channels, classes, up, norm, channels @ ..] = &arguments[..] else {
        return Err("DIR IN_CHANNELS CLASSES UP NORM CHANNELS…".into());
    };
    let model: Model = toml::from_str(&format!("[unet]\nchannels = [{}]\nup = '{up}'\nnorm = '{norm}'", channels.join(", ")))?;
    let (in_channels, classes, dir) = (in_channels.parse()?, classes.parse()?, Path::new(dir));
    let file = dir.join("weights.safetensors");
    let trained = file.exists();
    let weights = if trained { Weights::File(&file) } else { Weights::Seed(1) };
    let net = build(&model, in_channels, classes, weights, &Device::Cpu)?;
    let side = 4 << channels.len();
    let images = Tensor::rand(0f32, 1f32, (2, in_channels, side, side), &Device::Cpu)?;
    // Running statistics other than 0 and 1, which a checkpoint has.
    for _ in 0..if trained { 0 } else { 3 } {
        net.forward(&Tape::inference(), &images, Mode::Train)?;
    }
    let logits = net.forward(&Tape::inference(), &images, Mode::Eval)?;
    let all = net.params().trained.iter().chain(&net.params().buffers);
    let weights: HashMap<String, Tensor> = all.map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
    if !trained {
        safetensors::save(&weights, &file)?;
    }
    let run = HashMap::from([("images", images), ("logits", logits.value().clone())]);
    safetensors::save(&run, dir.join("run.safetensors"))?;
    Ok(())
}
