//! Terms of the loss beside BCE and Dice: against PyTorch (scripts/loss_oracle.py), at their edges, and in training.

use candle_core::{Device, Tensor, Var};
use std::collections::HashMap;
use umlaut::config::{Boundary, Focal, FocalTversky, Term, Tversky, WeightedBce};
use umlaut::ops::{Tape, one_vs_rest, soft_dice_loss, term};

/// The terms with the oracle's options.
fn terms() -> [Term; 8] {
    [
        Term::WeightedBce(WeightedBce { weight: 1.0, pos_weight: vec![2.5, 0.5] }),
        Term::Tversky(Tversky::default()),
        Term::Focal(Focal { weight: 1.0, gamma: 1.5, alpha: 0.3 }),
        Term::FocalTversky(FocalTversky::default()),
        Term::Jaccard,
        Term::Lovasz,
        Term::Boundary(Boundary::default()),
        Term::SoftmaxCe,
    ]
}

fn list(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f64::from).collect()
}

fn values_and_gradient(kind: &Term, logits: &Tensor, targets: &Tensor, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let tape = Tape::training();
    let logits = tape.param(0, &Var::from_tensor(logits).unwrap());
    let computed = term(&tape, &logits, targets, kind, weights).unwrap();
    let mean = computed.of_images.iter().sum::<f64>() / computed.of_images.len() as f64;
    let loss = f64::from(computed.loss.value().to_scalar::<f32>().unwrap());
    assert!((loss - mean).abs() <= 1e-6 * mean.abs(), "{kind:?}: {loss}, mean over images {mean}");
    let gradients = tape.backward(&computed.loss).unwrap();
    (computed.of_images, list(gradients.get(0).unwrap()))
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let file = format!("{}/tests/fixtures/terms.safetensors", env!("CARGO_MANIFEST_DIR"));
    let all: HashMap<String, Tensor> = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    for kind in terms() {
        let targets = if kind == Term::SoftmaxCe { &all["exclusive"] } else { &all["targets"] };
        let (values, gradient) = values_and_gradient(&kind, &all["logits"], targets, &[1.0, 3.0]);
        for (what, got) in [("values", values), ("gradient", gradient)] {
            let want = list(&all[&format!("{}/{what}", kind.column())]);
            let scale = want.iter().fold(0f64, |max, x| max.max(x.abs()));
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= 1e-6 * scale, "{kind:?}, {what}: {got}, PyTorch {want}");
            }
        }
    }
}

/// Soft Dice of the softmax's probabilities, as PyTorch has it. Of very unlike logits both sides round off what is next to 0.
#[test]
fn terms_of_exclusive_classes_are_of_the_softmax() {
    let file = format!("{}/tests/fixtures/terms.safetensors", env!("CARGO_MANIFEST_DIR"));
    let all: HashMap<String, Tensor> = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let tape = Tape::training();
    let logits = tape.param(0, &Var::from_tensor(&all["logits"]).unwrap());
    let scored = one_vs_rest(&tape, &logits).unwrap();
    let probability = |x: f64| 1.0 / (1.0 + (-x).exp());
    let scores = list(scored.value());
    for image in scores.chunks(2 * 13 * 17) {
        let sums = (0..13 * 17).map(|i| probability(image[i]) + probability(image[13 * 17 + i]));
        assert!(sums.into_iter().all(|sum| sum < 1.0 + 1e-6), "the background has a part too");
    }
    let loss = soft_dice_loss(&tape, &scored, &all["exclusive"], &[1.0, 3.0]).unwrap();
    let values = list(&all["softmax_dice/values"]);
    let want = values.iter().sum::<f64>() / values.len() as f64;
    assert!((f64::from(loss.value().to_scalar::<f32>().unwrap()) - want).abs() < 1e-6);
    let gradients = tape.backward(&loss).unwrap();
    let (got, want) = (list(gradients.get(0).unwrap()), list(&all["softmax_dice/gradient"]));
    let scale = want.iter().fold(0f64, |max, x| max.max(x.abs()));
    assert!(got.iter().zip(&want).all(|(got, want)| (got - want).abs() <= 2e-6 * scale));
}

/// Masks without a pixel and of all pixels, logits far beyond what a probability can tell apart from 0 and 1.
#[test]
fn extremes_give_finite_numbers() {
    for fill in [0f32, 1.0] {
        for logit in [-1e4f32, 0.0, 1e4] {
            let full = |value: f32| Tensor::full(value, (1, 1, 5, 7), &Device::Cpu).unwrap();
            for kind in terms() {
                let (values, gradient) = values_and_gradient(&kind, &full(logit), &full(fill), &[]);
                let finite = values.iter().chain(&gradient).all(|x| x.is_finite());
                assert!(finite && values[0] >= 0.0, "{kind:?} of {logit} for {fill}: {values:?}");
                let right = (logit > 0.0) == (fill > 0.0) && logit != 0.0;
                assert!(!right || values[0] < 1e-4, "{kind:?}: {values:?} though all is right");
            }
        }
    }
}

#[test]
fn a_nan_stays_one() {
    let logits = Tensor::new(&[[[[f32::NAN, 1.0], [-1.0, 0.5]]]], &Device::Cpu).unwrap();
    let targets = Tensor::new(&[[[[0f32, 1.0], [0.0, 1.0]]]], &Device::Cpu).unwrap();
    for kind in terms() {
        let tape = Tape::inference();
        let value = term(&tape, &tape.constant(&logits), &targets, &kind, &[]).unwrap().of_images[0];
        assert!(value.is_nan(), "{kind:?}: {value}");
    }
}

#[test]
fn overlapping_classes_are_no_softmax() {
    let ones = Tensor::full(1f32, (1, 2, 3, 3), &Device::Cpu).unwrap();
    let tape = Tape::inference();
    let refused = term(&tape, &tape.constant(&ones), &ones, &Term::SoftmaxCe, &[]).err().unwrap().to_string();
    assert!(refused.contains("the classes 1 and 2 overlap"), "{refused}");
}

#[test]
fn threads_change_no_bit() {
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 100.0 - 5.0;
    let shape = (4, 2, 9, 11);
    let logits = Tensor::from_vec((0..4 * 2 * 99).map(number).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap();
    // Classes that exclude each other.
    let mark = |i: usize| f32::from(u8::from(i % 5 == 2 * (i / 99 % 2)));
    let mut targets: Vec<f32> = (0..4 * 2 * 99).map(mark).collect();
    for image in targets.chunks_mut(2 * 99) {
        let (first, second) = image.split_at_mut(99);
        second.iter_mut().zip(first).for_each(|(second, first)| *second *= 1.0 - *first);
    }
    let targets = Tensor::from_vec(targets, shape, &Device::Cpu).unwrap();
    for kind in terms() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| values_and_gradient(&kind, &logits, &targets, &[]))
        };
        assert_eq!(on(1), on(3), "{kind:?}");
    }
}

/// Gradient descent on the logits alone, whatever a network makes of it.
#[test]
fn every_term_can_be_learned() {
    let number = |i: usize| ((i * 7919) % 1000) as f32 / 250.0 - 2.0;
    let shape = (2, 1, 7, 9);
    let start: Vec<f32> = (0..2 * 63).map(number).collect();
    let targets: Vec<f32> = (0..2 * 63).map(|i| f32::from(u8::from(i % 9 < 4 && i % 63 > 20))).collect();
    let targets = Tensor::from_vec(targets, shape, &Device::Cpu).unwrap();
    for kind in terms() {
        let mut logits = start.clone();
        let mut losses = Vec::new();
        for _ in 0..200 {
            let tensor = Tensor::from_slice(&logits, shape, &Device::Cpu).unwrap();
            let (values, gradient) = values_and_gradient(&kind, &tensor, &targets, &[]);
            losses.push(values.iter().sum::<f64>());
            logits.iter_mut().zip(&gradient).for_each(|(x, g)| *x -= 20.0 * *g as f32);
        }
        assert!(losses[199] < 0.7 * losses[0], "{kind:?}: from {} to {}", losses[0], losses[199]);
    }
}
