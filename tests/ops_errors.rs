//! Tensors that do not fit give an error that says what does not fit, never a panic; extreme logits give finite losses.

use candle_core::{DType, Device, Result, Tensor, Var};
use umlaut::ops::{self, Map, Node, Running, Statistics, Tape};

fn ones(tape: &Tape, shape: &[usize]) -> Node {
    tape.constant(&Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap())
}

fn map(tape: &Tape, shape: &[usize]) -> Map {
    Map::pack(tape, &ones(tape, shape)).unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T>, reason: &str) {
    let error = result.expect_err("an error").to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn shapes_that_do_not_fit() {
    let tape = Tape::training();
    let of = |shape: &[usize]| ones(&tape, shape);
    let x = map(&tape, &[2, 3, 4, 5]);
    refused(ops::conv3x3(&tape, &[&x], &of(&[6, 2, 3, 3]), &of(&[6])), "conv3x3 of 3 channels");
    refused(ops::conv3x3(&tape, &[&x], &of(&[6, 3, 3, 3]), &of(&[5])), "bias [5]");
    refused(ops::conv3x3(&tape, &[], &of(&[6, 3, 3, 3]), &of(&[6])), "at least one map");
    refused(ops::conv1x1(&tape, &x, &of(&[6, 3, 3, 3]), &of(&[6])), "conv1x1 of 3 channels");
    refused(ops::conv_transpose2x2(&tape, &x, &of(&[6, 3, 2, 2]), &of(&[3])), "conv_transpose2x2 of 3 channels");
    refused(ops::max_pool2x2(&tape, &map(&tape, &[2, 3, 1, 5])), "sides of 2 or more, got 1x5");
    let other = map(&tape, &[2, 3, 4, 4]);
    refused(ops::conv3x3(&tape, &[&x, &other], &of(&[6, 6, 3, 3]), &of(&[6])), "cannot concatenate");
    refused(ops::group_norm(&tape, &x, &of(&[3]), &of(&[3]), 2, None), "2 groups do not divide 3 channels");
    refused(ops::group_norm(&tape, &x, &of(&[3]), &of(&[3]), 0, None), "0 groups");
    refused(Map::pack(&tape, &of(&[3, 4])), "unexpected rank");
    refused(Map::pack(&tape, &of(&[3, 0, 4, 4])), "no element");
    refused(ops::weighted_sum(&tape, &[(1.0, &of(&[3]))]), "adds scalars");
}

#[test]
fn a_batch_of_one_value_has_no_variance() {
    let tape = Tape::training();
    let zeros = || Var::zeros(2, DType::F32, &Device::Cpu).unwrap();
    let running = Running { mean: zeros(), var: zeros() };
    let (x, c) = (map(&tape, &[1, 2, 1, 1]), ones(&tape, &[2]));
    refused(ops::batch_norm(&tape, &x, &c, &c, Statistics::Batch(&running), None), "more than one value a channel");
}

#[test]
fn losses_refuse_what_has_no_meaning() {
    let tape = Tape::training();
    let x = ones(&tape, &[1, 2, 3, 3]);
    let targets = x.value().clone();
    for loss in [ops::bce_with_logits, ops::soft_dice_loss] {
        refused(loss(&tape, &x, &targets.narrow(3, 0, 2).unwrap(), &[]), "targets [1, 2, 3, 2]");
        refused(loss(&tape, &x, &targets, &[1.0]), "for 2 classes");
        refused(loss(&tape, &x, &targets, &[0.0, 0.0]), "a sum above 0");
    }
}

#[test]
fn tensors_of_another_kind() {
    let tape = Tape::training();
    let x = ones(&tape, &[2, 3, 4, 5]);
    refused(Map::pack(&tape, &tape.constant(&x.value().transpose(2, 3).unwrap())), "contiguous");
    refused(Map::pack(&tape, &tape.constant(&x.value().to_dtype(DType::F64).unwrap())), "needs f32");
}

#[test]
fn what_needs_no_gradient_gets_none() {
    let tape = Tape::training();
    let weight = tape.param(0, &Var::ones((4, 3, 3, 3), DType::F32, &Device::Cpu).unwrap());
    let y = ops::conv3x3(&tape, &[&map(&tape, &[1, 3, 4, 4])], &weight, &ones(&tape, &[4])).unwrap();
    assert!(y.node().needs_grad());
    let still = ops::relu(&tape, &map(&tape, &[1, 3, 4, 4])).unwrap();
    assert!(!still.node().needs_grad());
    let inference = Tape::inference();
    let weight = inference.param(0, &Var::ones((4, 3, 3, 3), DType::F32, &Device::Cpu).unwrap());
    let y = ops::conv3x3(&inference, &[&map(&inference, &[1, 3, 4, 4])], &weight, &ones(&inference, &[4])).unwrap();
    assert!(!y.node().needs_grad());
}

/// The variance of large numbers with small differences: E[x²] − E[x]² in f32 would give 0 or worse.
#[test]
fn batch_norm_keeps_its_digits_far_from_zero() {
    let tape = Tape::training();
    let x: Vec<f32> = (0..64).map(|i| 10_000.0 + (i % 2) as f32).collect();
    let x = Map::pack(&tape, &tape.constant(&Tensor::from_vec(x, (1, 1, 8, 8), &Device::Cpu).unwrap())).unwrap();
    let running =
        Running { mean: Var::zeros(1, DType::F32, &Device::Cpu).unwrap(), var: Var::ones(1, DType::F32, &Device::Cpu).unwrap() };
    let bias = tape.constant(&Tensor::full(2f32, 1, &Device::Cpu).unwrap());
    let y = ops::batch_norm(&tape, &x, &ones(&tape, &[1]), &bias, Statistics::Batch(&running), None).unwrap();
    let y = y.unpack(&tape).unwrap();
    // Mean 10000.5 and variance 1/4, so 2 ± 0.5/√(0.25 + 1e-5).
    for (i, y) in y.value().flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().enumerate() {
        let want = if i % 2 == 0 { 2.0 - 0.99998 } else { 2.0 + 0.99998 };
        assert!((y - want).abs() < 1e-5, "{y}");
    }
}

#[test]
fn gradients_add_and_scale() {
    let grads = |factor: f64| {
        let tape = Tape::training();
        let x = tape.param(1, &Var::new(3f32, &Device::Cpu).unwrap());
        let loss = ops::weighted_sum(&tape, &[(factor, &x)]).unwrap();
        tape.backward(&loss).unwrap()
    };
    let mut sum = grads(2.0);
    sum.add(grads(5.0)).unwrap();
    sum.scale(0.5).unwrap();
    assert!(sum.get(0).is_none());
    assert_eq!(sum.get(1).unwrap().to_scalar::<f32>().unwrap(), 3.5);
    assert_eq!(sum.iter().count(), 1);
}
