//! The cost of a model is counted without building it; what is built must agree.

use candle_core::{DType, Device, Tensor};
use umlaut::config::{Model, Norm, Unet, UnetPlusPlus, Up};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::Tape;
use umlaut::plan::{Cost, Input};

/// Every kind of network that a sweep may ask for.
fn models() -> Vec<Model> {
    let mut models = Vec::new();
    for channels in [vec![4, 6], vec![2, 4, 8, 10]] {
        for norm in [Norm::Batch, Norm::Group, Norm::Instance, Norm::None] {
            for residual in [false, true] {
                let plain = Unet { channels: channels.clone(), norm, groups: 2, residual, ..Unet::default() };
                let nested = UnetPlusPlus { channels: channels.clone(), norm, groups: 2, residual, ..UnetPlusPlus::default() };
                let transposed = Unet { up: Up::Transposed, ..plain.clone() };
                models.extend([plain.clone(), transposed.clone()].map(Model::Unet));
                models.extend([plain, transposed].map(Model::AttentionUnet));
                models.push(Model::UnetPlusPlus(UnetPlusPlus { deep_supervision: true, ..nested.clone() }));
                models.push(Model::UnetPlusPlus(nested));
            }
        }
    }
    models
}

#[test]
fn parameters_are_those_of_the_built_model() {
    for model in models() {
        for (in_channels, classes) in [(1, 1), (3, 2)] {
            let cost = Cost::of(&model, Input { in_channels, classes, size: [16, 24], batch: 1 });
            let net = build(&model, in_channels, classes, Weights::Seed(1), &Device::Cpu).unwrap();
            let built: usize = net.params().trained.iter().map(|(_, var)| var.elem_count()).sum();
            assert_eq!(cost.parameters(), built as u64, "{model:?}");

            let images = Tensor::ones((1, in_channels, 16, 24), DType::F32, &Device::Cpu).unwrap();
            let logits = net.forward(&Tape::inference(), &images, Mode::Eval).unwrap();
            assert_eq!(logits.value().dims()[1..], cost.layers.last().unwrap().shape, "{model:?}");
        }
    }
}
