//! Twenty Adam steps of a small U-Net against PyTorch: the same start, the same batches, each step's loss and the end compared.
//! The oracle is scripts/parity.py, which wrote the file that is read here (or another one named by `UMLAUT_PARITY`).

use candle_core::{DType, Device, Tensor, Var};
use std::collections::HashMap;
use std::path::Path;
use umlaut::config::{Adam, Loss, Model, Norm, Optimizer as Kind, Unet, Up};
use umlaut::model::{self, Mode, Weights};
use umlaut::ops::Tape;
use umlaut::train::{Optimizer, weighted_loss};

const STEPS: usize = 20;
const LR: f64 = 1e-3;
/// Each step's loss, relative.
const LOSS_BOUND: f64 = 1e-4;
/// Running statistics and parameters at the end, absolute.
const END_BOUND: f64 = 1e-3;

struct Oracle(HashMap<String, Tensor>);

impl Oracle {
    fn load() -> Self {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity.safetensors");
        let path = std::env::var_os("UMLAUT_PARITY").map_or(ours, Into::into);
        Self(candle_core::safetensors::load(path, &Device::Cpu).expect("what scripts/parity.py wrote"))
    }

    fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("the oracle has no {name}"))
    }

    fn floats(&self, name: &str) -> Vec<f64> {
        floats(self.get(name))
    }

    fn batch(&self, step: usize) -> (Tensor, Tensor) {
        let batches = self.0.keys().filter(|name| name.starts_with("images.")).count();
        let masks = self.get(&format!("masks.{}", step % batches)).to_dtype(DType::F32).expect("bytes");
        (self.get(&format!("images.{}", step % batches)).clone(), masks)
    }
}

fn floats(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_dtype(DType::F64).and_then(|t| t.flatten_all()).and_then(|t| t.to_vec1());
    flat.expect("numbers")
}

/// A bias right before a batch norm has no influence on the loss: its gradient is rounding noise, which Adam makes full steps of.
/// It moves the running mean with a lag, `lagged = 0.9 · lagged + 0.1 · bias` a step; without that share the means compare.
/// Names the bias of a running mean.
fn cancelled_bias(running_mean: &str) -> Option<String> {
    let unit = running_mean.strip_suffix(".running_mean")?;
    let (level, position) = unit.rsplit_once('.')?;
    Some(format!("{level}.{}.bias", position.parse::<usize>().ok()?.checked_sub(1)?))
}

fn follow(lagged: &mut HashMap<String, Vec<f64>>, params: &[(String, Var)]) {
    for (name, var) in params.iter().filter(|(name, _)| name.ends_with(".bias")) {
        let bias = floats(var.as_tensor());
        let sum = lagged.entry(name.clone()).or_insert_with(|| vec![0.0; bias.len()]);
        sum.iter_mut().zip(bias).for_each(|(sum, b)| *sum = 0.9 * *sum + 0.1 * b);
    }
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn twenty_adam_steps_are_pytorchs() -> Result<(), Box<dyn std::error::Error>> {
    let oracle = Oracle::load();
    let channels: Vec<usize> = oracle.floats("channels").iter().map(|c| *c as usize).collect();
    let unet = Model::Unet(Unet { channels, up: Up::NearestConv, norm: Norm::Batch, ..Unet::default() });
    let (images, masks) = oracle.batch(0);
    let dir = tempfile::tempdir()?;
    let start = dir.path().join("start.safetensors");
    let weights = oracle.0.iter().filter_map(|(name, t)| Some((name.strip_prefix("start.")?.to_owned(), t.clone())));
    candle_core::safetensors::save(&weights.collect::<HashMap<_, _>>(), &start)?;
    let network = model::build(&unet, images.dim(1)?, masks.dim(1)?, Weights::File(&start), &Device::Cpu)?;

    let params = network.params();
    let mut adam = Optimizer::new(&Kind::Adam(Adam { lr: LR, ..Adam::default() }), &params.trained);
    let want = oracle.floats("losses");
    assert_eq!(want.len(), STEPS);
    let (mut worst, mut lagged) = (0.0f64, HashMap::new());
    for (step, want) in want.iter().enumerate() {
        let (images, masks) = oracle.batch(step);
        follow(&mut lagged, &params.trained);
        let tape = Tape::training();
        let logits = network.forward(&tape, &images, Mode::Train)?;
        let loss = weighted_loss(&tape, &logits, &masks, &Loss::default())?;
        let got = f64::from(loss.sum.value().to_scalar::<f32>()?);
        let off = (got / want - 1.0).abs();
        println!("step {:2}: PyTorch {want:.7}, umlaut {got:.7}, relative difference {off:.1e}", step + 1);
        worst = worst.max(off);
        adam.step(&params.trained, &tape.backward(&loss.sum)?, LR)?;
    }
    assert!(worst <= LOSS_BOUND, "a loss is {worst:.1e} off");

    let ours = || params.trained.iter().chain(&params.buffers);
    let cancelled: Vec<String> = ours().filter_map(|(name, _)| cancelled_bias(name)).collect();
    let mut worst = (0.0, "");
    for (name, var) in ours().filter(|(name, _)| !cancelled.contains(name)) {
        let (mut got, mut want) = (floats(var.as_tensor()), oracle.floats(&format!("end.{name}")));
        if let Some(bias) = cancelled_bias(name) {
            got.iter_mut().zip(&lagged[&bias]).for_each(|(g, b)| *g -= b);
            want.iter_mut().zip(oracle.floats(&format!("lagged.{bias}"))).for_each(|(w, b)| *w -= b);
        }
        let off = largest_difference(&got, &want);
        if off > worst.0 {
            worst = (off, name);
        }
    }
    println!("at the end the largest difference is {:.1e}, in {}", worst.0, worst.1);
    assert!(worst.0 <= END_BOUND, "{} is {:.1e} off", worst.1, worst.0);
    Ok(())
}
