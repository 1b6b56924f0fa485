//! Whole training steps on a GPU against the CPU's, and against themselves.

use super::Gpu as OnGpu;
use crate::config::{self, Activation, Adam, Experiment, Model, Norm, Optimizer as Kind, Precision, Sgd, Unet, UnetPlusPlus, Up};
use crate::data::{Dataset, Draw, Normaliser, Sample};
use crate::metric::Scores;
use crate::model::{Network, Weights, build};
use crate::ops::cuda::{Comparison, Gpu, losses, operations};
use crate::train::engine::cpu::Cpu;
use crate::train::engine::{Engine, Learner, Scored};
use crate::train::gradient::Accumulation;
use candle_core::Device;
use std::error::Error;

/// Steps of each comparison: one done kernel by kernel, one recorded, two replayed.
const STEPS: usize = 4;
const LR: f64 = 0.01;

/// What a self-test found.
#[derive(Debug, Clone, Default)]
pub struct Tested {
    /// What computes convolutions.
    pub convolutions: String,
    /// How steps are done: replayed as CUDA graphs, or why not.
    pub steps: String,
    /// All that was compared.
    pub comparisons: Vec<Comparison>,
}

/// Compares every operation and whole training steps on the GPU of this number with the CPU's in f32, and checks that what is done
/// twice gives the same bits. With `small`, no operation is tried at the sizes that networks train at.
///
/// # Errors
/// If something cannot run at all.
pub fn selftest(ordinal: usize, precision: Precision, small: bool) -> Result<Tested, Box<dyn Error>> {
    let gpu = Gpu::open(ordinal, precision, true)?;
    let mut tested = Tested { convolutions: gpu.convolutions(), ..Tested::default() };
    tested.comparisons = operations(&gpu, precision, small)?;
    tested.comparisons.extend(losses(&gpu)?);
    drop(gpu);
    for (name, model, optimizer) in networks() {
        steps(ordinal, name, &experiment(model, optimizer, precision), &mut tested)?;
    }
    Ok(tested)
}

/// The steps of the first network of [`selftest`] alone.
///
/// # Errors
/// If something cannot run at all.
pub fn selftest_of_steps(ordinal: usize, precision: Precision) -> Result<Tested, Box<dyn Error>> {
    let (name, model, optimizer) = networks().swap_remove(0);
    let mut tested = Tested::default();
    steps(ordinal, name, &experiment(model, optimizer, precision), &mut tested)?;
    Ok(tested)
}

/// Small networks with every layer that there is, each with an optimizer.
fn networks() -> Vec<(&'static str, Model, Kind)> {
    let unet = |norm, up| Unet { channels: vec![8, 20, 32], norm, up, groups: 4, ..Unet::default() };
    let small = |norm, up| Unet { channels: vec![8, 12], ..unet(norm, up) };
    let momentum = || Kind::Sgd(Sgd { lr: LR, momentum: 0.9, nesterov: true, weight_decay: 0.01 });
    let plain = || Kind::Sgd(Sgd { lr: LR, ..Sgd::default() });
    let gated = Unet { activation: Activation::Silu, ..small(Norm::Batch, Up::NearestConv) };
    let residual = Unet { activation: Activation::LeakyRelu, residual: true, ..small(Norm::Instance, Up::Transposed) };
    let nested = UnetPlusPlus {
        channels: vec![4, 8, 8],
        norm: Norm::Group,
        groups: 4,
        activation: Activation::Elu,
        ..UnetPlusPlus::default()
    };
    vec![
        ("U-Net, batch norm, SGD", Model::Unet(unet(Norm::Batch, Up::NearestConv)), momentum()),
        ("U-Net, group norm, SGD", Model::Unet(unet(Norm::Group, Up::Transposed)), plain()),
        ("U-Net, no norm, Adam", Model::Unet(unet(Norm::None, Up::NearestConv)), Kind::Adam(Adam { lr: LR, ..Adam::default() })),
        ("residual U-Net, instance norm, leaky ReLU", Model::Unet(residual), plain()),
        ("attention U-Net, batch norm, SiLU", Model::AttentionUnet(gated), plain()),
        ("attention U-Net, no norm", Model::AttentionUnet(small(Norm::None, Up::Transposed)), momentum()),
        ("UNet++, group norm, ELU", Model::UnetPlusPlus(nested), plain()),
    ]
}

fn experiment(model: Model, optimizer: Kind, precision: Precision) -> Experiment {
    let mut experiment =
        config::load_str("selftest", "name = 'selftest'\n[dataset.synthetic]").expect("it is all that is needed");
    (experiment.model, experiment.optimizer) = (model, optimizer);
    experiment.training.precision = precision;
    experiment.training.batch_size = 3;
    experiment.augment.flip_horizontal = 0.5;
    experiment.augment.rotate90 = 0.5;
    experiment
}

/// Discs at random places, with noise.
fn drawn() -> Dataset {
    const SIDE: usize = 24;
    let sample = |index: usize| {
        let (x, y) = ((7 * index + 3) % SIDE, (5 * index + 9) % SIDE);
        let inside = |at: usize, radius: usize| (at % SIDE).abs_diff(x).pow(2) + (at / SIDE).abs_diff(y).pow(2) < radius * radius;
        let noise = |at: usize| ((at * 7919 + index * 104_729) % 1009) as f32 / 1009.0;
        let image = (0..3 * SIDE * SIDE).map(|at| 0.4 * noise(at) + if inside(at % (SIDE * SIDE), 8) { 0.5 } else { 0.1 });
        let mask = [8, 4].into_iter().flat_map(|radius| (0..SIDE * SIDE).map(move |at| u8::from(inside(at, radius))));
        Sample { name: index.to_string(), image: image.collect(), mask: mask.collect() }
    };
    Dataset {
        channels: 3,
        classes: vec!["disc".into(), "cup".into()],
        size: [SIDE; 2],
        samples: (0..6).map(sample).collect(),
        official_test: vec![false; 6],
        sources: vec![String::new(); 6],
        fingerprint: String::new(),
    }
}

/// What some steps lead to.
struct Led {
    /// How far every parameter has moved.
    moved: Vec<f32>,
    /// Scores of the steps, then of an evaluation.
    scores: Vec<f32>,
}

/// Adds the comparisons of a network's steps, and how they were done. Of several networks the first that is not replayed says it.
fn steps(ordinal: usize, name: &str, experiment: &Experiment, tested: &mut Tested) -> Result<(), Box<dyn Error>> {
    let data = drawn();
    let right = on_cpu(experiment, &data)?;
    let ((got, how), (again, _)) = (on_gpu(ordinal, experiment, &data)?, on_gpu(ordinal, experiment, &data)?);
    if tested.steps.is_empty() || how.replayed == 0 {
        tested.steps = how.steps;
    }
    tested.convolutions = how.convolutions;
    let (moved, scores) = match experiment.training.precision {
        Precision::F32 => (2e-3, 1e-4),
        Precision::Tf32 => (5e-2, 5e-3),
        Precision::Bf16 => (3e-1, 3e-2),
    };
    let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    let twice = same(&got.moved, &again.moved) && same(&got.scores, &again.scores);
    tested.comparisons.extend([
        Comparison::of(format!("{name}: what {STEPS} steps change"), &got.moved, &right.moved, moved),
        Comparison::of(format!("{name}: scores"), &got.scores, &right.scores, scores),
        Comparison {
            what: format!("{name}: the same bits twice"),
            error: if twice { 0.0 } else { f64::INFINITY },
            tolerance: 0.0,
        },
    ]);
    Ok(())
}

fn network(experiment: &Experiment, data: &Dataset) -> Result<Box<dyn Network>, crate::model::Error> {
    build(&experiment.model, data.channels, data.classes.len(), Weights::Seed(1), &Device::Cpu)
}

fn values(network: &dyn Network) -> candle_core::Result<Vec<f32>> {
    let all = network.params().trained.iter().map(|(_, var)| var.flatten_all()?.to_vec1::<f32>());
    Ok(all.collect::<candle_core::Result<Vec<_>>>()?.concat())
}

fn difference(after: &[f32], before: &[f32]) -> Vec<f32> {
    after.iter().zip(before).map(|(a, b)| a - b).collect()
}

/// Which samples a step sees.
fn batch(step: usize) -> [usize; 3] {
    [0, 2, 4].map(|at| (at + step) % 6)
}

fn draw(experiment: &Experiment) -> Draw<'_> {
    Draw { seed: 5, ..Draw::of(experiment, 1) }
}

fn numbers(scores: &Scores) -> Vec<f32> {
    [&scores.bce, &scores.dice_loss, &scores.dice, &scores.iou].map(Clone::clone).concat().iter().map(|v| *v as f32).collect()
}

fn on_cpu(experiment: &Experiment, data: &Dataset) -> Result<Led, Box<dyn Error>> {
    let mut experiment = experiment.clone();
    experiment.training.precision = Precision::F32;
    let network = network(&experiment, data)?;
    let learner = Learner::new(&experiment, data, &*network, Normaliser::None);
    led(&mut Cpu::new(learner, Accumulation::default()))
}

/// How a GPU did its steps.
struct How {
    steps: String,
    replayed: usize,
    convolutions: String,
}

fn on_gpu(ordinal: usize, experiment: &Experiment, data: &Dataset) -> Result<(Led, How), Box<dyn Error>> {
    let network = network(experiment, data)?;
    let learner = Learner::new(experiment, data, &*network, Normaliser::None);
    let mut gpu = OnGpu::new(ordinal, learner, &Accumulation::default())?;
    let led = led(&mut gpu)?;
    let how = How { steps: gpu.trainer.steps(), replayed: gpu.trainer.replayed(), convolutions: gpu.trainer.description().1 };
    Ok((led, how))
}

/// What the steps of an engine lead to.
fn led<'a>(engine: &mut dyn Engine<'a>) -> Result<Led, Box<dyn Error>> {
    let Learner { experiment, data, network, .. } = *engine.learner();
    let before = values(network)?;
    let indices: Vec<[usize; 3]> = (0..STEPS).map(batch).collect();
    let batches: Vec<&[usize]> = indices.iter().map(|batch| &batch[..]).collect();
    let mut trained = Scored::new(data.classes.len());
    let mut done = Ok(Vec::new());
    engine.pass(&batches, draw(experiment), &mut |steps| {
        done = (0..STEPS)
            .try_for_each(|_| steps.submit(Some(LR), &mut trained).map(|_| ()))
            .and_then(|()| steps.drain(&mut trained));
    });
    done?;
    let Ok(tested) = engine.evaluate(&batch(0), None, &|| false) else { return Err("the evaluation failed".into()) };
    engine.snapshot()?;
    let scores = [numbers(&trained.tally.scores()), numbers(&tested.scores)].concat();
    Ok(Led { moved: difference(&values(network)?, &before), scores })
}
