//! With a network that gives fixed answers.

use super::*;
use crate::data::Sample;
use crate::model::{Mode, Network, Params};
use crate::ops::{Map, Node, Tape};
use candle_core::{DType, Device, Tensor, Var, bail};
use std::cell::Cell;

/// One weight, which is the logit of every pixel in training mode; in evaluation mode `answer` is.
struct Fake {
    params: Params,
    answer: Cell<f32>,
    works: Cell<bool>,
}

impl Fake {
    fn new() -> Self {
        let weight = Var::zeros((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
        let params = Params { trained: vec![("w".into(), weight)], buffers: Vec::new() };
        Self { params, answer: Cell::new(0.5), works: Cell::new(true) }
    }

    fn weight(&self) -> f32 {
        self.params.trained[0].1.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
    }
}

impl Network for Fake {
    fn forward_map(&self, tape: &Tape, images: Map, mode: Mode) -> candle_core::Result<Node> {
        let shape = images.shape();
        let shape = (shape.n, shape.c, shape.h, shape.w);
        if !self.works.get() {
            bail!("out of order")
        }
        if mode == Mode::Eval {
            return Ok(tape.constant(&Tensor::full(self.answer.get(), shape, &Device::Cpu)?));
        }
        let weight = &self.params.trained[0].1;
        let logits = weight.broadcast_as(shape)?.contiguous()?;
        Ok(tape.record(logits, &[&tape.param(0, weight)], |grad| Ok(vec![Some(grad.sum_all()?.reshape((1, 1, 1, 1))?)])))
    }

    fn params(&self) -> &Params {
        &self.params
    }
}

/// Five grey images of 2×2 pixels, all marked.
fn data() -> Dataset {
    let sample = |i: usize| Sample { name: format!("sample {i}"), image: vec![0.5; 4].into(), mask: vec![1; 4] };
    Dataset {
        channels: 1,
        classes: vec!["all".into()],
        size: [2, 2],
        samples: (0..5).map(sample).collect(),
        official_test: vec![false; 5],
        fingerprint: String::new(),
        sources: vec![String::new(); 5],
    }
}

fn splits() -> Splits {
    Splits { train: vec![0, 1, 2], val: vec![3, 4], test: Vec::new() }
}

fn experiment(toml: &str) -> Experiment {
    toml::from_str(&format!("name = 'fake'\n{toml}")).unwrap()
}

fn run_it(run: &RunDir, experiment: &Experiment, network: &Fake) -> Result<Outcome, Error> {
    Session::begin(run, experiment, &data(), &splits(), network, &TrainingDevice::cpu(), None, &mut ())?.run(&|| false, &mut ())
}

/// The epochs that are best so far, epoch by epoch, given the column's values.
fn best_epochs(column: &str, values: &[f64]) -> Vec<Option<usize>> {
    let dir = tempfile::tempdir().unwrap();
    let (run, data, splits, network) = (RunDir::at(dir.path()), data(), splits(), Fake::new());
    let experiment = experiment(&format!("[training]\nbest = '{column}'"));
    let mut session = Session::begin(&run, &experiment, &data, &splits, &network, &TrainingDevice::cpu(), None, &mut ()).unwrap();
    let mut best = Vec::new();
    for (index, value) in values.iter().enumerate() {
        session.keep(&EpochRecord { epoch: index + 1, values: vec![(column.into(), *value)] }).unwrap();
        best.push(session.state.best.as_ref().map(|best| best.epoch));
    }
    best
}

#[test]
fn the_best_epoch_has_the_lowest_loss_or_the_highest_score() {
    let values = [f64::NAN, 0.5, 0.7, 0.7, f64::NAN, 0.3];
    assert_eq!(best_epochs("val_loss", &values), [None, Some(2), Some(2), Some(2), Some(2), Some(6)]);
    assert_eq!(best_epochs("val_dice", &values), [None, Some(2), Some(3), Some(3), Some(3), Some(3)]);
}

/// Oracle: on marked pixels d bce/dw = σ(w) − 1 whatever the batch, so SGD at rate 1 adds 1 − σ(w) = 1/(1 + e^w) a step.
#[test]
fn a_group_of_accumulated_batches_is_one_update_even_if_incomplete() {
    let weight_after = |accumulate: usize| {
        let dir = tempfile::tempdir().unwrap();
        let network = Fake::new();
        let experiment = experiment(&format!(
            "[loss]\nbce = 1.0\ndice = 0.0\n[optimizer.sgd]\nlr = 1.0\nmomentum = 0.0\n\
             [training]\nepochs = 1\nbatch_size = 1\naccumulate = {accumulate}"
        ));
        run_it(&RunDir::at(dir.path()), &experiment, &network).unwrap();
        // The run ends with the best weights, which are those of the only epoch.
        f64::from(network.weight())
    };
    let step = |w: f64| w + 1.0 / (1.0 + w.exp());
    assert!((weight_after(1) - step(step(step(0.0)))).abs() < 1e-6);
    assert!((weight_after(2) - step(step(0.0))).abs() < 1e-6);
    assert!((weight_after(3) - 0.5).abs() < 1e-6);
    assert!((weight_after(9) - 0.5).abs() < 1e-6);
}

#[test]
fn a_validation_loss_that_is_no_number_fails_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (run, network) = (RunDir::at(dir.path()), Fake::new());
    network.answer.set(f32::NAN);
    let outcome = run_it(&run, &experiment(""), &network).unwrap();
    assert_eq!((outcome.status, outcome.epochs), (Status::Failed, 0));
    assert_eq!(outcome.cause.as_deref(), Some("the validation loss is NaN after epoch 1; lower optimizer.adam.lr, now 1e-3"));
    assert_eq!(run.metrics().unwrap(), []);
}

#[test]
fn a_training_loss_that_is_no_number_fails_the_run_at_its_step() {
    let dir = tempfile::tempdir().unwrap();
    let (run, network) = (RunDir::at(dir.path()), Fake::new());
    network.params.trained[0].1.set(&Tensor::full(f32::NAN, (1, 1, 1, 1), &Device::Cpu).unwrap()).unwrap();
    let outcome = run_it(&run, &experiment(""), &network).unwrap();
    assert_eq!(outcome.cause.as_deref(), Some("the training loss is NaN in epoch 1, step 1; lower optimizer.adam.lr, now 1e-3"));
    assert_eq!((outcome.status, outcome.best_epoch), (Status::Failed, None));
}

#[test]
fn what_fails_while_running_is_recorded_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (run, network) = (RunDir::at(dir.path()), Fake::new());
    network.works.set(false);
    let error = run_it(&run, &experiment(""), &network).unwrap_err();
    assert!(!error.is_mistake());
    let outcome = run.outcome().unwrap().unwrap();
    assert_eq!((outcome.status, outcome.epochs), (Status::Failed, 0));
    assert!(outcome.cause.as_ref().unwrap().contains("out of order"), "{outcome:?}");
    // Once the cause is gone, the same call goes on.
    network.works.set(true);
    assert_eq!(run_it(&run, &experiment("[training]\nepochs = 2"), &network).unwrap().status, Status::Finished);
}

#[test]
fn the_rate_of_each_epoch_is_in_its_row() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::at(dir.path());
    let text = "[training]\nepochs = 3\n[optimizer.adamw]\nlr = 0.5\n[lr_schedule.exponential]\ngamma = 0.5";
    run_it(&run, &experiment(text), &Fake::new()).unwrap();
    let rates: Vec<f64> = run.metrics().unwrap().iter().filter_map(|row| row.get("lr")).collect();
    assert_eq!(rates, [0.5, 0.25, 0.125]);
}

/// Samples that differ, so that their order shows in the course of the loss.
#[test]
fn the_order_of_samples_follows_the_seed() {
    let mut data = data();
    (0..3).for_each(|i| data.samples[i].mask = (0..4).map(|pixel| u8::from(pixel < i)).collect());
    let losses = |seed: u64| -> Vec<f64> {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let text = format!("[optimizer.sgd]\nlr = 1.0\n[training]\nepochs = 4\nbatch_size = 1\nseeds = [{seed}]");
        let experiment = experiment(&text);
        let (splits, network) = (splits(), Fake::new());
        let session = Session::begin(&run, &experiment, &data, &splits, &network, &TrainingDevice::cpu(), None, &mut ()).unwrap();
        session.run(&|| false, &mut ()).unwrap();
        run.metrics().unwrap().iter().filter_map(|row| row.get("train_loss")).collect()
    };
    assert_eq!(losses(1), losses(1));
    assert_ne!(losses(1), losses(2));
}
