//! Batches in parts for want of memory: the same update, up to rounding.

use super::place::{Place, experiment, parts};
use std::fs;
use umlaut::config::Experiment;
use umlaut::record::Outcome;
use umlaut::train::train;

/// As `umlaut train --micro-batches` does before it trains.
fn split(place: &Place, name: &str, parts: usize) {
    let mut provenance = place.run(name).provenance().unwrap().unwrap_or_default();
    provenance.micro_batches = Some(parts);
    place.run(name).write_provenance(&provenance).unwrap();
}

/// One epoch of one batch of all five samples, so that parts differ in size; SGD, so that a weight's change is its gradient's multiple.
fn one_step(norm: &str, accumulate: usize, batch_size: usize) -> Experiment {
    let mut experiment = experiment(&format!("accumulate = {accumulate}"), "[optimizer.sgd]\nlr = 1.0\nmomentum = 0.0");
    experiment.model = toml::from_str(&format!("[unet]\nchannels = [4, 8]\ngroups = 2\nnorm = '{norm}'")).unwrap();
    (experiment.training.epochs, experiment.training.batch_size) = (1, batch_size);
    experiment
}

fn trained(place: &Place, name: &str, experiment: &Experiment, parts: usize) -> Outcome {
    split(place, name, parts);
    place.train(name, experiment)
}

/// The largest difference of two runs' last weights.
fn difference(place: &Place, a: &str, b: &str) -> f32 {
    let file = "checkpoints/last.safetensors";
    let pairs = place.weights(a, file).into_iter().zip(place.weights(b, file));
    let one = |((name, a), (other, b)): ((String, Vec<f32>), (String, Vec<f32>))| {
        assert_eq!(name, other);
        a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    pairs.map(one).fold(0.0, f32::max)
}

/// Oracle: the same step without parts. How far a step goes at all is seen from a batch that lacks samples.
#[test]
fn without_batch_norm_parts_give_the_step_of_the_whole_batch() {
    let place = Place::new();
    for norm in ["none", "group"] {
        let name = |what: &str| format!("{norm} {what}");
        trained(&place, &name("whole"), &one_step(norm, 1, 5), 1);
        trained(&place, &name("last two only"), &one_step(norm, 1, 3), 1);
        for parts in [2, 3, 5, 9] {
            let split = name(&parts.to_string());
            let outcome = trained(&place, &split, &one_step(norm, 1, 5), parts);
            let far = difference(&place, &name("whole"), &split);
            assert!(far < 2e-6, "{norm}, {parts} parts: weights differ by {far}");
            let expected = format!("every batch was split into {parts} micro-batches from epoch 1 on");
            assert!(outcome.notes[0].contains(&expected) && outcome.notes[0].ends_with("up to rounding"), "{:?}", outcome.notes);
        }
        let far = difference(&place, &name("whole"), &name("last two only"));
        assert!(far > 1e-3, "{norm}: another step differs by {far} only");
    }
}

/// Oracle: the same accumulation without parts; batches of 2, 2 and 1 samples, the first two of which make one update.
#[test]
fn parts_and_accumulation_go_together() {
    let place = Place::new();
    for (name, accumulate, parts) in [("whole", 2, 1), ("split", 2, 2), ("not accumulated", 1, 1)] {
        trained(&place, name, &one_step("none", accumulate, 2), parts);
    }
    let far = difference(&place, "whole", "split");
    assert!(far < 2e-6, "weights differ by {far}");
    assert!(difference(&place, "whole", "not accumulated") > 1e-3);
}

#[test]
fn batch_norm_sees_the_parts_and_the_outcome_says_so() {
    let place = Place::new();
    assert_eq!(trained(&place, "whole", &one_step("batch", 1, 5), 1).notes, Vec::<String>::new());
    let outcome = trained(&place, "split", &one_step("batch", 1, 5), 2);
    assert!(outcome.notes[0].ends_with("but batch norm saw the statistics of the micro-batches"), "{:?}", outcome.notes);
    assert!(difference(&place, "whole", "split") > 1e-4);
}

/// Oracle: the same parts without a stop. Also: a run that was out of memory in epoch 2 keeps epoch 1 and says from when on it is split.
#[test]
fn parts_survive_a_stop_and_may_begin_later() {
    let place = Place::new();
    let experiment = experiment("", "");
    trained(&place, "whole", &experiment, 2);
    split(&place, "stopped", 2);
    place.train_until("stopped", &experiment, 4);
    assert_eq!(place.run("stopped").micro_batches().unwrap(), 2);
    place.train("stopped", &experiment);
    place.assert_same("whole", "stopped");

    place.train_until("later", &experiment, 4);
    let first = fs::read_to_string(place.run("later").path().join("metrics.csv")).unwrap();
    split(&place, "later", 2);
    let outcome =
        train(&place.run("later"), &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
            .unwrap();
    assert!(outcome.notes[0].contains("2 micro-batches from epoch 2 on"), "{:?}", outcome.notes);
    assert!(String::from_utf8(place.bytes("later", "metrics.csv")).unwrap().starts_with(&first));
}
