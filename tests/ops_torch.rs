//! Every operation against PyTorch. The oracle is scripts/op_oracle.py, which computes in float64.

mod levels;

use candle_core::{Device, Result, Tensor, Var};
use std::collections::HashMap;
use umlaut::config::Activation;
use umlaut::ops::{self, Map, Node, Running, Statistics, Tape};

struct Case {
    name: &'static str,
    tensors: HashMap<String, Tensor>,
}

impl Case {
    fn read(name: &'static str) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ops.safetensors");
        let all = candle_core::safetensors::load(file, &Device::Cpu).expect("the fixture");
        let of_case = all.into_iter().filter_map(|(key, t)| Some((key.strip_prefix(&format!("{name}/"))?.to_owned(), t)));
        Self { name, tensors: of_case.collect() }
    }

    fn get(&self, key: &str) -> &Tensor {
        self.tensors.get(key).unwrap_or_else(|| panic!("no {}/{key}", self.name))
    }

    /// Runs `op` on the inputs named, then backwards; output and gradients must be PyTorch's.
    fn check(&self, inputs: &[&str], op: impl Fn(&Tape, &[Node]) -> Result<Node>) {
        let tape = Tape::training();
        let vars: Vec<Var> = inputs.iter().map(|key| Var::from_tensor(self.get(key)).unwrap()).collect();
        let nodes: Vec<Node> = vars.iter().enumerate().map(|(i, var)| tape.param(i, var)).collect();
        let y = op(&tape, &nodes).unwrap();
        self.compare("y", y.value());
        let dy = self.get("dy").clone();
        let zero = Tensor::new(0f32, &Device::Cpu).unwrap();
        let loss = tape.record(zero, &[&y], move |_| Ok(vec![Some(dy)]));
        let grads = tape.backward(&loss).unwrap();
        for (i, key) in inputs.iter().enumerate() {
            self.compare(&format!("d{key}"), grads.get(i).unwrap());
        }
    }

    fn compare(&self, key: &str, got: &Tensor) {
        let want = self.get(key);
        assert_eq!(got.dims(), want.dims(), "{}/{key}", self.name);
        let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (got, want) = (list(got), list(want));
        let scale = want.iter().filter(|x| x.is_finite()).fold(0f32, |max, x| max.max(x.abs()));
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= 2e-6 * scale;
            assert!(same, "{}/{key}[{i}]: {got}, PyTorch {want}, scale {scale}", self.name);
        }
    }
}

/// `op` between the way into blocks and the way out of them.
fn on_map(op: impl Fn(&Tape, &Map, &[Node]) -> Result<Map>) -> impl Fn(&Tape, &[Node]) -> Result<Node> {
    move |tape, n| op(tape, &Map::pack(tape, &n[0])?, &n[1..])?.unpack(tape)
}

const SHAPES: usize = 3;

fn shapes(odd: &'static str, point: &'static str, wide: &'static str) -> [Case; SHAPES] {
    [odd, point, wide].map(Case::read)
}

#[test]
fn every_level() {
    levels::repeat_at_the_other_levels();
}

#[test]
fn conv3x3() {
    for case in shapes("conv3x3_odd", "conv3x3_point", "conv3x3_wide") {
        case.check(&["x", "weight", "bias"], on_map(|tape, x, p| ops::conv3x3(tape, &[x], &p[0], &p[1])));
    }
}

#[test]
fn conv1x1() {
    for case in shapes("conv1x1_odd", "conv1x1_point", "conv1x1_wide") {
        case.check(&["x", "weight", "bias"], |tape, n| ops::conv1x1(tape, &Map::pack(tape, &n[0])?, &n[1], &n[2]));
    }
}

#[test]
fn conv_transpose2x2() {
    for case in shapes("conv_transpose2x2_odd", "conv_transpose2x2_point", "conv_transpose2x2_wide") {
        case.check(&["x", "weight", "bias"], on_map(|tape, x, p| ops::conv_transpose2x2(tape, x, &p[0], &p[1])));
    }
}

#[test]
fn conv3x3_of_a_doubled_map() {
    for case in shapes("conv3x3_of_doubled_odd", "conv3x3_of_doubled_point", "conv3x3_of_doubled_wide") {
        case.check(&["x", "weight", "bias"], on_map(|tape, x, p| ops::conv3x3_of_upsampled(tape, x, &p[0], &p[1])));
    }
}

#[test]
fn conv3x3_of_two_maps() {
    for case in shapes("conv3x3_of_two_odd", "conv3x3_of_two_point", "conv3x3_of_two_wide") {
        case.check(&["a", "b", "weight", "bias"], |tape, n| {
            let maps = [Map::pack(tape, &n[0])?, Map::pack(tape, &n[1])?];
            ops::conv3x3(tape, &[&maps[0], &maps[1]], &n[2], &n[3])?.unpack(tape)
        });
    }
}

#[test]
fn max_pool2x2_with_odd_sides_ties_and_nan() {
    for case in ["max_pool2x2_odd", "max_pool2x2_ties"].map(Case::read) {
        case.check(&["x"], on_map(|tape, x, _| ops::max_pool2x2(tape, x)));
    }
}

#[test]
fn relu_with_zeros_and_nan() {
    Case::read("relu").check(&["x"], on_map(|tape, x, _| ops::relu(tape, x)));
}

#[test]
fn batch_norm_by_the_batch() {
    check_batch_norm("batch_norm_relu_batch", true);
}

#[test]
fn batch_norm_by_running_statistics() {
    check_batch_norm("batch_norm_relu_running", false);
}

fn check_batch_norm(name: &'static str, batch: bool) {
    let case = Case::read(name);
    let var = |key| Var::from_tensor(case.get(key)).unwrap();
    let running = Running { mean: var("const_mean"), var: var("const_var") };
    let op = on_map(|tape, x, p| {
        let statistics = if batch { Statistics::Batch(&running) } else { Statistics::Running(&running) };
        ops::batch_norm(tape, x, &p[0], &p[1], statistics, Some(Activation::Relu))
    });
    case.check(&["x", "weight", "bias"], op);
    case.compare("new_mean", &running.mean);
    case.compare("new_var", &running.var);
}

#[test]
fn group_norm() {
    let op = on_map(|tape, x, p| ops::group_norm(tape, x, &p[0], &p[1], 3, Some(Activation::Relu)));
    Case::read("group_norm_relu").check(&["x", "w", "b"], op);
}

#[test]
fn losses_with_and_without_class_weights() {
    let weights = [0.5, 2.0];
    for (name, weights) in [("bce_plain", &[][..]), ("bce_weighted", &weights)] {
        let case = Case::read(name);
        case.check(&["logits"], |tape, n| ops::bce_with_logits(tape, &n[0], case.get("const_targets"), weights));
    }
    for (name, weights) in [("dice_plain", &[][..]), ("dice_weighted", &weights)] {
        let case = Case::read(name);
        case.check(&["logits"], |tape, n| ops::soft_dice_loss(tape, &n[0], case.get("const_targets"), weights));
    }
}
