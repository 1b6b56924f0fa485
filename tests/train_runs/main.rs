//! Whole training runs of tiny networks on tiny synthetic photographs: what they learn, what they leave, how they end.

mod early;
mod initial;
mod longer;
mod parts;
mod patches;
mod place;
mod repeat;

use place::{Place, experiment, parts};
use std::fs;
use umlaut::config::Experiment;
use umlaut::data::{Dataset, Splits};
use umlaut::model::{Weights, build};
use umlaut::ops::{Map, Tape};
use umlaut::record::Status;
use umlaut::train::{supervised_loss, train};

#[test]
fn a_tiny_problem_is_overfitted() {
    let place = Place::new();
    let experiment = experiment("", "[optimizer.adam]\nlr = 1e-2");
    let mut experiment = Experiment { model: toml::from_str("[unet]\nchannels = [8, 16]").unwrap(), ..experiment };
    (experiment.training.epochs, experiment.training.batch_size) = (40, 1);
    let few = Splits { train: vec![0, 1], val: vec![0, 1], test: Vec::new() };
    let run = place.run("overfit");
    train(&run, &experiment, &place.data, &few, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    let rows = run.metrics().unwrap();
    let (first, last) = (rows[0].get("train_loss").unwrap(), rows[39].get("train_loss").unwrap());
    assert!(last < first / 3.0, "train loss went from {first} to {last} only");
    let dice = rows[39].get("train_dice").unwrap();
    assert!(dice > 0.9, "train dice {dice}");
}

#[test]
fn a_run_leaves_rows_checkpoints_pictures_and_an_outcome() {
    let place = Place::new();
    let parts = Splits { train: (0..3).collect(), val: (3..8).collect(), test: vec![8, 9] };
    let run = place.run("run");
    let outcome =
        train(&run, &experiment("", ""), &place.data, &parts, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    assert_eq!((outcome.status, outcome.epochs, outcome.best_by.as_str()), (Status::Finished, 4, "val_loss"));
    assert_eq!(run.outcome().unwrap().as_ref(), Some(&outcome));
    let rows = run.metrics().unwrap();
    let columns = "epoch,lr,train_loss,train_bce,train_dice_loss,train_dice,train_iou,val_loss,val_bce,val_dice_loss,val_dice,val_iou,\
                   val_dice_disc,val_iou_disc,val_dice_cup,val_iou_cup,val_precision,val_precision_disc,val_precision_cup,val_recall,\
                   val_recall_disc,val_recall_cup,val_specificity,val_specificity_disc,val_specificity_cup,val_accuracy,\
                   val_accuracy_disc,val_accuracy_cup";
    assert_eq!(rows[0].header().join(","), columns);
    let best = rows.iter().min_by(|a, b| a.get("val_loss").unwrap().total_cmp(&b.get("val_loss").unwrap())).unwrap();
    assert_eq!((outcome.best_epoch, outcome.best["val_dice"]), (Some(best.epoch), best.get("val_dice").unwrap()));
    let test: Vec<&str> = outcome.test.keys().map(String::as_str).collect();
    let expected = "test_accuracy test_accuracy_cup test_accuracy_disc test_bce test_dice test_dice_cup test_dice_disc test_dice_loss \
                    test_iou test_iou_cup test_iou_disc test_loss test_precision test_precision_cup test_precision_disc test_recall \
                    test_recall_cup test_recall_disc test_specificity test_specificity_cup test_specificity_disc";
    assert_eq!(test.join(" "), expected);
    assert_eq!(run.timing().len(), 4);
    assert_eq!(run.provenance().unwrap().unwrap().device.as_deref(), Some("cpu"));
    let shown: Vec<usize> = vec![3, 4, 5, 6];
    for index in shown {
        let sample = &place.data.samples[index];
        let picture = |kind| image::open(run.sample_picture(&sample.name, kind)).unwrap();
        assert_eq!(picture("image").into_rgb8()[(5, 2)].0[1], (sample.image[256 + 2 * 16 + 5] * 255.0).round() as u8);
        let truth = picture("truth").into_luma8();
        let bits: Vec<u8> = (0..256).map(|at| sample.mask[at] + 2 * sample.mask[256 + at]).collect();
        assert_eq!(truth.into_raw(), bits);
        assert!(picture("pred").into_luma8().pixels().all(|p| p.0[0] < 4));
    }
    // The first two of the four of the validation split are followed over epochs 1, 2 and 4, which is the last.
    let followed: Vec<Vec<usize>> = (3..=6).map(|index| run.pictured_epochs(&place.data.samples[index].name).unwrap()).collect();
    assert_eq!(followed, [vec![1, 2, 4], vec![1, 2, 4], vec![], vec![]]);
    let mask = |path| image::open(path).unwrap().into_luma8().into_raw();
    let name = &place.data.samples[3].name;
    let masks = [1, 2, 4].map(|epoch| mask(run.epoch_picture(name, epoch)));
    assert!(masks.iter().all(|mask| mask.len() == 256 && mask.iter().all(|bits| *bits < 4)));
    if let Some(best) = [1, 2, 4].iter().position(|epoch| outcome.best_epoch == Some(*epoch)) {
        assert_eq!(masks[best], mask(run.sample_picture(name, "pred")), "predicted by the weights of the best epoch");
    }
    // These four of the validation split, evenly spaced, and both of the test split: its worst and best.
    assert_eq!(fs::read_dir(run.samples()).unwrap().count(), (4 + 2) * 3 + 2 * 3);
}

#[test]
fn the_best_weights_give_the_best_epochs_numbers_again() {
    let place = Place::new();
    let parts = Splits { test: (5..10).collect(), ..parts() };
    let run = place.run("run");
    let outcome = train(
        &run,
        &experiment("", "[optimizer.sgd]\nlr = 2.0"),
        &place.data,
        &parts,
        &umlaut::train::TrainingDevice::cpu(),
        &|| false,
        &mut (),
    )
    .unwrap();
    assert_eq!(outcome.test["test_loss"], outcome.best["val_loss"]);
    assert_eq!(outcome.test["test_iou_cup"], outcome.best["val_iou_cup"]);
}

#[test]
fn a_run_that_diverges_fails_with_epoch_and_step_and_keeps_what_it_had() {
    let place = Place::new();
    // 1e-3 in the first epoch, 1e30 from then on.
    let experiment = experiment("", "[optimizer.sgd]\nlr = 1e30\nmomentum = 0.0\n[lr_warmup]\nepochs = 1\nstart_factor = 1e-33");
    let run = place.run("run");
    let outcome =
        train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    let cause = outcome.cause.as_deref().unwrap();
    assert_eq!((outcome.status, outcome.epochs, outcome.best_epoch), (Status::Failed, 1, Some(1)), "{cause}");
    assert!(
        cause.starts_with("the training loss is ") && cause.ends_with(" in epoch 2, step 2; lower optimizer.sgd.lr, now 1e30"),
        "{cause}"
    );
    assert_eq!(run.outcome().unwrap(), Some(outcome));
    assert_eq!(run.metrics().unwrap().len(), 1);
    assert!(run.best_checkpoint().is_file() && run.resume_state().is_file());
}

#[test]
fn two_accumulated_batches_are_one_of_twice_the_size_without_norm_layers() {
    let place = Place::new();
    let last = |name, batch_size, accumulate| {
        let mut experiment = experiment("", "[optimizer.adam]\nlr = 1e-2");
        experiment.model = toml::from_str("[unet]\nchannels = [4, 8]\nnorm = 'none'").unwrap();
        (experiment.training.batch_size, experiment.training.accumulate) = (batch_size, accumulate);
        let even = Splits { train: (0..8).collect(), val: vec![8, 9], test: Vec::new() };
        train(&place.run(name), &experiment, &place.data, &even, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
            .unwrap();
        place.run(name).metrics().unwrap().pop().unwrap()
    };
    let (two, four, one) = (last("two", 2, 2), last("four", 4, 1), last("one", 2, 1));
    for column in ["train_loss", "val_loss", "val_bce"] {
        let [two, four, one] = [&two, &four, &one].map(|row| row.get(column).unwrap());
        assert!((two - four).abs() < 1e-4 * four, "{column}: {two} accumulated, {four} at once");
        assert!((one - four).abs() > 1e-3 * four, "{column}: {one} with small batches, {four} at once");
    }
}

#[test]
fn clipping_keeps_a_high_rate_from_diverging() {
    let place = Place::new();
    let rate = "[optimizer.sgd]\nlr = 1e30\nmomentum = 0.0";
    assert_eq!(place.train("free", &experiment("", rate)).status, Status::Failed);
    assert_eq!(place.train("clipped", &experiment("clip_norm = 1e-31", rate)).status, Status::Finished);
}

#[test]
fn mistakes_are_told_before_anything_is_written() {
    let place = Place::new();
    let message = |experiment: &Experiment, parts: &Splits| {
        let run = place.run("mistake");
        let error =
            train(&run, experiment, &place.data, parts, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap_err();
        assert!(error.is_mistake(), "{error}");
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
        error.to_string()
    };
    let error = message(&experiment("best = 'val_dise'", ""), &parts());
    assert!(error.contains("training.best = \"val_dise\"") && error.contains("val_dice_cup"), "{error}");
    let error = message(&experiment("", "[lr_schedule.plateau]\nmetric = 'train_loss'"), &parts());
    assert!(error.contains("lr_schedule.plateau.metric"), "{error}");
    let error = message(&experiment("", "[loss]\nclass_weights = [1, 2, 3]"), &parts());
    assert!(error.contains("3 values for 2 classes (disc, cup)"), "{error}");
    let error = message(&experiment("seeds = [1, 2]", ""), &parts());
    assert!(error.contains("training.seeds"), "{error}");
    let error = message(&experiment("", ""), &Splits { val: Vec::new(), ..parts() });
    assert!(error.contains("validation"), "{error}");
}

/// A rate of 0 changes nothing, so no epoch is better than the first.
#[test]
fn a_run_without_gains_ends_early_and_says_so() {
    let place = Place::new();
    let mut experiment = experiment("early_stopping = { patience = 2, min_delta = 1e-9 }", "[optimizer.sgd]\nlr = 1e-30");
    experiment.training.epochs = 9;
    experiment.model = toml::from_str("[unet]\nchannels = [4, 8]\nnorm = 'none'").unwrap();
    let outcome = place.train("early", &experiment);
    assert_eq!((outcome.status, outcome.epochs, outcome.best_epoch), (Status::Finished, 3, Some(1)));
    assert!(
        outcome.notes.contains(&"stopped early after epoch 3 of 9: no gain in val_loss for 2 epochs".to_owned()),
        "{:?}",
        outcome.notes
    );
    assert_eq!(place.run("early").metrics().unwrap().len(), 3);
}

/// With a decay near 1 the averages hardly leave the draw, while the weights do.
#[test]
fn averages_are_validated_and_kept() {
    let place = Place::new();
    let plain = experiment("", "");
    let averaged = experiment("ema_decay = 0.999", "");
    place.train("plain", &plain);
    place.train("averaged", &averaged);
    let losses = |name: &str, column: &str| -> Vec<f64> {
        place.run(name).metrics().unwrap().iter().map(|row| row.get(column).unwrap()).collect()
    };
    assert_eq!(losses("plain", "train_loss"), losses("averaged", "train_loss"), "the weights themselves learn alike");
    assert_ne!(losses("plain", "val_loss"), losses("averaged", "val_loss"));
    assert_ne!(
        fs::read(place.run("plain").last_checkpoint()).unwrap(),
        fs::read(place.run("averaged").last_checkpoint()).unwrap()
    );
}

/// Oracles: the same samples validated; with a learning rate of next to nothing and no normalisation both see the same network. And the same
/// loss by the sum on the tape that is minimised.
#[test]
fn side_heads_have_a_part_in_the_training_loss_and_in_nothing_else() {
    let place = Place::new();
    let deep =
        "[model.unet_plus_plus]\nchannels = [4, 8, 12]\nnorm = 'none'\ndeep_supervision = true\n[optimizer.sgd]\nlr = 1e-30";
    let mut experiment: Experiment = toml::from_str(&format!("name = 'deep'\n{deep}")).unwrap();
    (experiment.training.epochs, experiment.training.batch_size) = (1, 2);
    let same = Splits { train: (0..4).collect(), val: (0..4).collect(), test: Vec::new() };
    let run = place.run("deep");
    train(&run, &experiment, &place.data, &same, &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    let row = &run.metrics().unwrap()[0];
    for name in ["bce", "dice_loss", "dice"] {
        let [train, val] = ["train", "val"].map(|part| row.get(&format!("{part}_{name}")).unwrap());
        assert!((train - val).abs() < 1e-6, "{name}: {train} in training, {val} in validation");
    }
    let minimised = minimised(&run, &experiment, &place.data);
    let [train, val] = ["train_loss", "val_loss"].map(|name| row.get(name).unwrap());
    assert!((train - minimised).abs() < 1e-6, "{train} in the table, {minimised} minimised");
    assert!((train - val).abs() > 1e-4, "the heads differ: {train}, the last alone {val}");
}

/// The loss of the first four samples in one batch, by the weights of the last epoch, as the tape has it.
fn minimised(run: &umlaut::store::RunDir, experiment: &Experiment, data: &Dataset) -> f64 {
    let (cpu, indices) = (candle_core::Device::Cpu, [0, 1, 2, 3]);
    let network = build(&experiment.model, 3, 2, Weights::File(&run.last_checkpoint()), &cpu).unwrap();
    let (tape, batch) = (Tape::training(), umlaut::data::batch(data, &indices, None, &cpu).unwrap());
    let logits = network.forward_supervised(&tape, Map::constant(&tape, &batch.images).unwrap()).unwrap();
    assert_eq!((logits.len(), experiment.model.heads()), (2, 2));
    supervised_loss(&tape, &logits, &batch.targets, &experiment.loss).unwrap().sum.value().to_scalar::<f32>().unwrap().into()
}
