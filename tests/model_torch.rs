//! Whole U-Nets against PyTorch: logits, loss, every gradient, running statistics. The oracle is scripts/op_oracle.py.

use candle_core::{Device, Tensor};
use std::collections::HashMap;
use umlaut::config::{Model, Norm, Unet, Up};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::{Tape, bce_with_logits, soft_dice_loss, weighted_sum};

#[test]
fn a_u_net_with_nearest_up_and_batch_norm() {
    check("unet_nearest_batch", Up::NearestConv, Norm::Batch);
}

#[test]
fn a_u_net_with_transposed_up_and_group_norm() {
    check("unet_transposed_group", Up::Transposed, Norm::Group);
}

fn check(fixture: &str, up: Up, norm: Norm) {
    let file = format!("{}/tests/fixtures/{fixture}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let all = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let weights: HashMap<_, _> =
        all.iter().filter_map(|(key, t)| Some((key.strip_prefix("weights/")?.to_owned(), t.clone()))).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    candle_core::safetensors::save(&weights, &path).unwrap();

    let model = Model::Unet(Unet { channels: vec![2, 4, 6], up, norm, groups: 2 });
    let net = build(&model, 3, 2, Weights::File(&path), &Device::Cpu).unwrap();
    let tape = Tape::training();
    let logits = net.forward(&tape, &all["images"], Mode::Train).unwrap();
    close("logits", logits.value(), &all["train/logits"]);
    let bce = bce_with_logits(&tape, &logits, &all["targets"], &[]).unwrap();
    let dice = soft_dice_loss(&tape, &logits, &all["targets"], &[]).unwrap();
    let loss = weighted_sum(&tape, &[(0.5, &bce), (0.5, &dice)]).unwrap();
    close("loss", loss.value(), &all["train/loss"]);

    let grads = tape.backward(&loss).unwrap();
    for (index, (name, _)) in net.params().trained.iter().enumerate() {
        close(name, grads.get(index).unwrap(), &all[&format!("grad/{name}")]);
    }
    for (name, buffer) in &net.params().buffers {
        close(name, buffer, &all[&format!("after/{name}")]);
    }
    let logits = net.forward(&Tape::inference(), &all["images"], Mode::Eval).unwrap();
    close("logits in use", logits.value(), &all["eval/logits"]);
}

/// The second allowance is for biases before a normalisation: their true gradient is 0, and rounding is all there is.
fn close(name: &str, got: &Tensor, want: &Tensor) {
    assert_eq!(got.dims(), want.dims(), "{name}");
    let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (got, want) = (list(got), list(want));
    let scale = want.iter().fold(0f32, |max, x| max.max(x.abs()));
    for (got, want) in got.iter().zip(&want) {
        assert!((got - want).abs() <= 2e-5 * scale + 1e-8, "{name}: {got}, PyTorch {want}, scale {scale}");
    }
}
