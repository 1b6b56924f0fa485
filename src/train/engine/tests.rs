//! What whoever holds an engine relies on, of every engine that this process can have: the CPU's always, a GPU's where `UMLAUT_CUDA_LIBS` names
//! libraries, such as those of `tests/software_cuda`.

use super::*;
use crate::config;
use crate::data::Sample;
use crate::model::{Weights, build};

/// Discs that differ from sample to sample.
fn data() -> Dataset {
    const SIDE: usize = 16;
    let sample = |index: usize| {
        let inside = |at: usize| (at % SIDE).abs_diff(4 + index).pow(2) + (at / SIDE).abs_diff(10 - index).pow(2) < 20;
        let image = (0..SIDE * SIDE).map(|at| if inside(at) { 0.8 } else { 0.1 } + 0.01 * (at % 7) as f32).collect();
        Sample { name: index.to_string(), image, mask: (0..SIDE * SIDE).map(|at| u8::from(inside(at))).collect() }
    };
    Dataset {
        channels: 1,
        classes: vec!["disc".into()],
        size: [SIDE; 2],
        samples: (0..6).map(sample).collect(),
        official_test: vec![false; 6],
        fingerprint: String::new(),
        sources: vec![String::new(); 6],
    }
}

fn experiment(training: &str) -> Experiment {
    let text = format!(
        "name = 'engine'\n[dataset.synthetic]\n[model.unet]\nchannels = [4, 8]\nnorm = 'group'\ngroups = 2\n\
         [optimizer.sgd]\nlr = 0.1\nmomentum = 0.9\n[training]\nbatch_size = 4\n{training}"
    );
    config::load_str("engine", &text).expect("it is all that is needed")
}

/// The places that have an engine here.
fn places() -> Vec<TrainingDevice> {
    let gpu = std::env::var_os("UMLAUT_CUDA_LIBS").map(|_| TrainingDevice { name: "cuda:0".into(), gpu: Some(0) });
    std::iter::once(TrainingDevice::cpu()).chain(gpu).collect()
}

fn network(experiment: &Experiment) -> Box<dyn Network> {
    build(&experiment.model, 1, 1, Weights::Seed(1), &Device::Cpu).unwrap()
}

fn weights(network: &dyn Network) -> Vec<f32> {
    network.params().trained.iter().flat_map(|(_, var)| numbers(var).unwrap()).collect()
}

/// Hands an engine these batches in one pass, with an update where there is a learning rate; the losses.
fn pass(engine: &mut dyn Engine, experiment: &Experiment, batches: &[(&[usize], Option<f64>)]) -> Vec<f64> {
    let indices: Vec<&[usize]> = batches.iter().map(|(indices, _)| *indices).collect();
    let (mut scored, mut losses) = (Scored::new(1), Vec::new());
    engine.pass(&indices, Draw::of(experiment, 1), &mut |steps| {
        for (_, update) in batches {
            losses.extend(steps.submit(*update, &mut scored).unwrap());
        }
        losses.extend(steps.drain(&mut scored).unwrap());
    });
    losses
}

/// Losses and weights after these batches, from the first weights.
fn trained(
    place: &TrainingDevice,
    (training, micro_batches): (&str, usize),
    batches: &[(&[usize], Option<f64>)],
) -> (Vec<f64>, Vec<f32>) {
    let (experiment, data) = (experiment(training), data());
    let network = network(&experiment);
    let learner = Learner { micro_batches, ..Learner::new(&experiment, &data, &*network, Normaliser::None) };
    let mut engine = engine(place, learner, Accumulation::default()).unwrap();
    let losses = pass(engine.as_mut(), &experiment, batches);
    engine.snapshot().unwrap();
    (losses, weights(&*network))
}

fn farthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

const LR: Option<f64> = Some(0.1);

/// Oracle: the same batches without micro-batches, whose gradient is the same mean over samples where no norm spans them. Losses are of whole batches.
#[test]
fn micro_batches_are_the_step_of_the_whole_batch() {
    let batches: [(&[usize], _); 2] = [(&[0, 1, 2, 3], LR), (&[4, 5, 0], LR)];
    for place in places() {
        let (losses, whole) = trained(&place, ("", 1), &batches);
        assert_eq!(losses.len(), 2);
        let (split_losses, split) = trained(&place, ("", 3), &batches);
        assert!(farthest(&whole, &split) < 1e-5, "{}", place.name);
        assert!(losses.iter().zip(&split_losses).all(|(a, b)| (a - b).abs() < 1e-5), "{losses:?} {split_losses:?}");
    }
}

/// Oracle: one batch of the samples of both, whose mean gradient is that of the means where batches are of one size.
#[test]
fn an_update_is_of_the_mean_of_what_has_accumulated() {
    for place in places() {
        for training in ["", "clip_norm = 0.01"] {
            let (_, one) = trained(&place, (training, 1), &[(&[0, 1, 2, 3], LR)]);
            let (losses, two) = trained(&place, (training, 1), &[(&[0, 1], None), (&[2, 3], LR)]);
            assert_eq!(losses.len(), 2, "every batch has a loss, with an update or without");
            assert!(farthest(&one, &two) < 1e-5, "{} {training}", place.name);
            let (_, still) = trained(&place, (training, 1), &[(&[0, 1], None), (&[2, 3], None)]);
            assert_eq!(still, weights(&*network(&experiment(training))), "without an update nothing moves");
        }
    }
}

/// Oracle: a bound on the norm that no gradient reaches, for which all gradients are kept until the norm is known.
#[test]
fn updates_in_the_backward_pass_are_those_after_it_bit_by_bit() {
    let batches: [(&[usize], _); 3] = [(&[0, 1, 2, 3], LR), (&[4, 5], LR), (&[1, 3, 5], LR)];
    let one_by_one = trained(&TrainingDevice::cpu(), ("", 1), &batches);
    assert_eq!(one_by_one, trained(&TrainingDevice::cpu(), ("clip_norm = 1e30", 1), &batches));
}

/// Oracle: an engine that was never stopped, bit by bit.
#[test]
fn an_engine_goes_on_from_what_another_left_amid_an_update() {
    let first: [(&[usize], _); 2] = [(&[0, 1], LR), (&[2, 3], None)];
    let second: [(&[usize], _); 1] = [(&[4, 5], LR)];
    for place in places() {
        let (_, whole) = trained(&place, ("", 1), &[first[0], first[1], second[0]]);
        let (experiment, data) = (experiment(""), data());
        let network = network(&experiment);
        let begun = Learner::new(&experiment, &data, &*network, Normaliser::None);
        let mut stopped = engine(&place, begun, Accumulation::default()).unwrap();
        pass(stopped.as_mut(), &experiment, &first);
        assert_eq!(stopped.accumulated(), 1);
        let sum = stopped.snapshot().unwrap();
        let mut begun = Learner::new(&experiment, &data, &*network, Normaliser::None);
        std::mem::swap(&mut begun.optimizer, &mut stopped.learner_mut().optimizer);
        drop(stopped);
        let mut other = engine(&place, begun, Accumulation::resume(sum, 1)).unwrap();
        assert_eq!(other.accumulated(), 1);
        pass(other.as_mut(), &experiment, &second);
        assert_eq!(other.accumulated(), 0);
        other.snapshot().unwrap();
        assert!(whole == weights(&*network), "{}", place.name);
    }
}

/// Oracle: after the first update EMA weights are a tenth of the old and nine tenths of the new ones, by `min(decay, (1 + n) / (10 + n))` with n = 0.
#[test]
fn the_best_weights_are_the_ema_weights_and_exchanging_twice_changes_nothing() {
    for place in places() {
        let (experiment, data) = (experiment("ema_decay = 0.9"), data());
        let network = network(&experiment);
        let before = weights(&*network);
        let mut learner = Learner::new(&experiment, &data, &*network, Normaliser::None);
        learner.ema = Some(Ema::new(0.9, network.params()).unwrap());
        let mut engine = engine(&place, learner, Accumulation::default()).unwrap();
        pass(engine.as_mut(), &experiment, &[(&[0, 1, 2, 3], LR)]);
        engine.snapshot().unwrap();
        let after = weights(&*network);
        assert!(farthest(&before, &after) > 1e-4, "a step was made");
        engine.keep_best().unwrap();
        let mut best = Vec::new();
        let mut read = |learner: &Learner| {
            best = weights(learner.network);
            Ok(())
        };
        engine.with_best(&mut read).unwrap();
        let expected: Vec<f32> = before.iter().zip(&after).map(|(a, b)| 0.1 * a + 0.9 * b).collect();
        assert!(farthest(&best, &expected) < 1e-6, "{}", place.name);
        engine.exchange().unwrap();
        engine.exchange().unwrap();
        engine.snapshot().unwrap();
        assert!(after == weights(&*network), "{}", place.name);
    }
}

/// A loss of infinite weights.
#[test]
fn a_loss_that_is_no_finite_number_is_told_and_on_the_cpu_moves_nothing() {
    let (experiment, data) = (experiment(""), data());
    for place in places() {
        let network = network(&experiment);
        let (_, first) = &network.params().trained[0];
        first.set(&first.affine(0.0, f64::INFINITY).unwrap()).unwrap();
        let before = weights(&*network);
        let learner = Learner::new(&experiment, &data, &*network, Normaliser::None);
        let mut engine = engine(&place, learner, Accumulation::default()).unwrap();
        let losses = pass(engine.as_mut(), &experiment, &[(&[0, 1], LR)]);
        assert!(losses.len() == 1 && !losses[0].is_finite(), "{}: {losses:?}", place.name);
        if place.gpu.is_none() {
            let same = before.iter().zip(weights(&*network)).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same && engine.accumulated() == 0 && engine.learner().optimizer.steps() == 0);
        }
    }
}

#[test]
fn no_micro_batch_is_too_small_for_the_network() {
    let sizes = |parts, least| split(&[0, 1, 2, 3, 4], parts, least).map(<[usize]>::len).collect::<Vec<_>>();
    assert_eq!((sizes(2, 1), sizes(4, 1), sizes(9, 1)), (vec![2, 3], vec![1, 1, 1, 2], vec![1; 5]));
    assert_eq!((sizes(2, 2), sizes(4, 2)), (vec![2, 3], vec![2, 3]));
    assert_eq!(split(&[7], 4, 2).collect::<Vec<_>>(), [[7]]);
}
