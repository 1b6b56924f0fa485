//! Whole networks against PyTorch: logits, loss, every gradient, running statistics. The oracle is scripts/op_oracle.py.

use candle_core::{Device, Tensor};
use std::collections::HashMap;
use umlaut::config::{Activation, Loss, Model, Norm, Unet, UnetPlusPlus, Up};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::{Map, Tape};
use umlaut::train::supervised_loss;

fn unet() -> Unet {
    Unet { channels: vec![2, 4, 6], groups: 2, ..Unet::default() }
}

fn nested() -> UnetPlusPlus {
    UnetPlusPlus { channels: vec![2, 4, 6], ..UnetPlusPlus::default() }
}

#[test]
fn u_nets() {
    check("unet_nearest_batch", &Model::Unet(unet()));
    check("unet_transposed_group", &Model::Unet(Unet { up: Up::Transposed, norm: Norm::Group, ..unet() }));
    let residual = Unet { norm: Norm::Instance, activation: Activation::Silu, residual: true, ..unet() };
    check("unet_residual_instance_silu", &Model::Unet(residual));
}

#[test]
fn attention_u_nets() {
    check("attention_batch", &Model::AttentionUnet(unet()));
    let other = Unet { up: Up::Transposed, norm: Norm::Group, activation: Activation::Elu, ..unet() };
    check("attention_group_elu", &Model::AttentionUnet(other));
}

#[test]
fn nested_u_nets() {
    check("nested_batch", &Model::UnetPlusPlus(nested()));
    let residual = UnetPlusPlus { norm: Norm::None, activation: Activation::LeakyRelu, residual: true, ..nested() };
    check("nested_residual_leaky", &Model::UnetPlusPlus(residual));
    check("nested_deep", &Model::UnetPlusPlus(UnetPlusPlus { deep_supervision: true, ..nested() }));
}

fn check(fixture: &str, model: &Model) {
    let file = format!("{}/tests/fixtures/{fixture}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let all = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let weights: HashMap<_, _> =
        all.iter().filter_map(|(key, t)| Some((key.strip_prefix("weights/")?.to_owned(), t.clone()))).collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    candle_core::safetensors::save(&weights, &path).unwrap();

    let net = build(model, 3, 2, Weights::File(&path), &Device::Cpu).unwrap();
    let tape = Tape::training();
    let logits = net.forward_supervised(&tape, Map::constant(&tape, &all["images"]).unwrap()).unwrap();
    close("logits", logits.last().unwrap().value(), &all["train/logits"]);
    let loss = supervised_loss(&tape, &logits, &all["targets"], &Loss::default()).unwrap().sum;
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

/// The second allowance is for what stands before a normalisation: of biases, and of weights as they grow, the true gradient is 0, and
/// rounding is all there is.
fn close(name: &str, got: &Tensor, want: &Tensor) {
    assert_eq!(got.dims(), want.dims(), "{name}");
    let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (got, want) = (list(got), list(want));
    let scale = want.iter().fold(0f32, |max, x| max.max(x.abs()));
    for (got, want) in got.iter().zip(&want) {
        assert!((got - want).abs() <= 2e-5 * scale + 5e-8, "{name}: {got}, PyTorch {want}, scale {scale}");
    }
}
