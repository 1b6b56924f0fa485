//! The same bits on any number of threads: a training step of U-Nets that use every operation, in every precision.

mod levels;

use candle_core::{Device, Tensor};
use umlaut::config::{Activation, Model, Norm, Precision, Unet, UnetPlusPlus, Up};
use umlaut::model::{Mode, Weights, build};
use umlaut::ops::{Tape, bce_with_logits, soft_dice_loss, weighted_sum};

#[test]
fn every_level() {
    levels::repeat_at_the_other_levels();
}

#[test]
fn one_two_and_three_threads_agree_to_the_bit() {
    for (up, norm) in [(Up::NearestConv, Norm::Batch), (Up::Transposed, Norm::Group), (Up::NearestConv, Norm::None)] {
        let unet = Unet { channels: vec![8, 24, 40], up, norm, groups: 4, ..Unet::default() };
        agree(&Model::Unet(unet));
    }
}

#[test]
fn so_do_they_with_gates_shortcuts_dropout_and_bilinear_doubling() {
    let unet = Unet { channels: vec![8, 24, 40], residual: true, activation: Activation::Silu, ..Unet::default() };
    agree(&Model::AttentionUnet(Unet { dropout: 0.2, ..unet }));
    agree(&Model::UnetPlusPlus(UnetPlusPlus { channels: vec![8, 24, 40], dropout: 0.2, ..UnetPlusPlus::default() }));
}

fn agree(model: &Model) {
    for precision in [Precision::F32, Precision::Bf16] {
        let one = on_threads(1, model, precision);
        assert!(one.len() > 1000 && one.iter().any(|bits| *bits != 0));
        for threads in [2, 3] {
            let same = on_threads(threads, model, precision) == one;
            assert!(same, "{threads} threads, {model:?}, {precision:?}");
        }
    }
}

/// Every number that a step computes, as bits: loss, gradients, running statistics.
fn on_threads(threads: usize, model: &Model, precision: Precision) -> Vec<u32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let net = build(model, 3, 2, Weights::Seed(3), &Device::Cpu).unwrap();
        let pixels = |n: usize, step: usize| (0..n).map(|i| ((i * step) % 251) as f32 / 251.0).collect::<Vec<_>>();
        let images = Tensor::from_vec(pixels(2 * 3 * 40 * 36, 97), (2, 3, 40, 36), &Device::Cpu).unwrap();
        let targets: Vec<f32> = pixels(2 * 2 * 40 * 36, 31).into_iter().map(f32::round).collect();
        let targets = Tensor::from_vec(targets, (2, 2, 40, 36), &Device::Cpu).unwrap();

        let tape = Tape::training().with_precision(precision).with_noise(9);
        let logits = net.forward(&tape, &images, Mode::Train).unwrap();
        let bce = bce_with_logits(&tape, &logits, &targets, &[]).unwrap();
        let dice = soft_dice_loss(&tape, &logits, &targets, &[1.0, 3.0]).unwrap();
        let loss = weighted_sum(&tape, &[(0.5, &bce), (0.5, &dice)]).unwrap();
        let mut all = vec![loss.value().clone()];
        all.extend(tape.backward(&loss).unwrap().iter().cloned());
        all.extend(net.params().buffers.iter().map(|(_, var)| var.as_tensor().clone()));
        all.iter().flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).map(f32::to_bits).collect()
    })
}
