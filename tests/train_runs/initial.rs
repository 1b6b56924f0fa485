//! Runs that begin with the weights of others.

use super::place::{Place, Seen, experiment, parts, with_all_states};
use std::fs;
use std::path::{Path, PathBuf};
use umlaut::config::{Experiment, Initial};
use umlaut::record::Status;
use umlaut::train::train;

fn from(file: &Path, experiment: Experiment) -> Experiment {
    let hash = fs::read(file).ok().map(|bytes| blake3::hash(&bytes).to_hex().to_string());
    let mut experiment = experiment;
    experiment.training.initial = Initial { weights: file.display().to_string(), hash, skip: Vec::new() };
    experiment
}

/// A rate of 0 moves no weight, and without norm layers nothing else moves.
fn still(experiment: Experiment) -> Experiment {
    let model = toml::from_str("[unet]\nchannels = [4, 8]\nnorm = 'none'").unwrap();
    Experiment { model, optimizer: toml::from_str("[sgd]\nlr = 0.0").unwrap(), ..experiment }
}

/// Weights of a trained run, in a file that may go.
fn weights(place: &Place, experiment: &Experiment) -> PathBuf {
    place.train("source", experiment);
    let file = place.run("source").path().join("w.safetensors");
    fs::copy(place.run("source").best_checkpoint(), &file).unwrap();
    file
}

fn note(file: &Path, tensors: usize, epoch: usize) -> String {
    format!("began with the {tensors} tensors of {}, as they were after epoch {epoch}", file.display())
}

/// Oracle: the validation of the other run's best epoch, bit for bit.
#[test]
fn the_first_epoch_is_judged_as_the_best_of_the_other_run() {
    let place = Place::new();
    let source = Experiment { model: still(experiment("", "")).model, ..experiment("", "[optimizer.sgd]\nlr = 0.1") };
    let message = place.train("source", &source);
    let file = place.run("source").best_checkpoint();
    for seed in [1, 2] {
        let name = seed.to_string();
        let outcome = place.train(&name, &from(&file, still(experiment(&format!("seeds = [{seed}]"), ""))));
        let row = &place.run(&name).metrics().unwrap()[0];
        let judged: Vec<_> = row.values.iter().filter(|(column, _)| column.starts_with("val_")).collect();
        assert!(judged.len() > 10 && judged.iter().all(|(column, value)| message.best[column] == *value), "{row:?}");
        assert_eq!(outcome.notes, [note(&file, 16, message.best_epoch.unwrap())]);
        let provenance = place.run(&name).provenance().unwrap().unwrap();
        assert_eq!(provenance.initial_weights.as_deref(), Some(file.to_str().unwrap()));
        let hash = blake3::hash(&fs::read(&file).unwrap()).to_hex().to_string();
        assert_eq!(provenance.initial_weights_hash.as_deref(), Some(hash.as_str()));
    }
    place.train("drawn", &still(experiment("", "")));
    assert_ne!(place.run("drawn").metrics().unwrap()[0].get("val_loss"), Some(message.best["val_loss"]));
}

/// Oracle: the file for what is taken, a run without it for what is drawn.
#[test]
fn what_is_skipped_is_drawn_by_the_seed() {
    let place = Place::new();
    let file = weights(&place, &Experiment { model: still(experiment("", "")).model, ..experiment("", "") });
    let mut half = from(&file, still(experiment("seeds = [3]", "")));
    half.training.initial.skip = vec!["head".into()];
    let outcome = place.train("half", &half);
    assert!(outcome.notes[0].ends_with("; drawn by the seed: head.bias, head.weight"), "{:?}", outcome.notes);
    place.train("drawn", &still(experiment("seeds = [3]", "")));
    let of = |run: &str, file: &str| place.weights(run, file);
    let (taken, drawn) = (of("source", "w.safetensors"), of("drawn", "checkpoints/last.safetensors"));
    assert!(taken.iter().zip(&drawn).all(|(a, b)| a != b));
    for (at, (name, values)) in of("half", "checkpoints/last.safetensors").iter().enumerate() {
        let right = if name.starts_with("head.") { &drawn[at] } else { &taken[at] };
        assert_eq!((name, values), (&right.0, &right.1));
    }
}

/// Oracle: the undisturbed run.
#[test]
fn a_stopped_run_goes_on_without_the_file() {
    let place = Place::new();
    let file = weights(&place, &experiment("", ""));
    let bytes = fs::read(&file).unwrap();
    let experiment = from(&file, with_all_states());
    place.train("whole", &experiment);
    for steps in [1, 8] {
        let name = format!("stopped{steps}");
        assert_eq!(place.train_until(&name, &experiment, steps).status, Status::Interrupted);
        fs::remove_file(&file).unwrap();
        assert_eq!(place.train(&name, &experiment).status, Status::Finished);
        place.assert_same("whole", &name);
        fs::write(&file, &bytes).unwrap();
    }
}

#[test]
fn a_file_that_is_gone_or_changed_is_told_before_anything_is_written() {
    let place = Place::new();
    let file = weights(&place, &experiment("", ""));
    let experiment = from(&file, experiment("", ""));
    let message = || {
        let run = place.run("mistake");
        let error = train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
            .unwrap_err();
        assert!(error.is_mistake() && error.to_string().contains("w.safetensors"), "{error}");
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
        error.to_string()
    };
    fs::copy(place.run("source").resume_state(), &file).unwrap();
    assert!(message().contains("is what a run is resumed from"));
    place.train("other", &super::place::experiment("seeds = [9]", ""));
    fs::copy(place.run("other").best_checkpoint(), &file).unwrap();
    assert!(message().contains("the file was changed"));
    fs::remove_file(&file).unwrap();
    assert!(message().contains("cannot be read"));
}

/// Oracle: the longer run done in one go, byte for byte.
#[test]
fn a_longer_run_takes_epochs_over_only_from_the_same_weights() {
    let (place, other) = (Place::new(), Place::new());
    let file = weights(&place, &experiment("", ""));
    let longer = from(&file, experiment("", ""));
    let trained = |place: &Place, experiment: &Experiment| {
        let (run, seen) = (place.planned(experiment), Seen::default());
        let outcome =
            train(&run, experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut &seen).unwrap();
        (run, outcome, seen.steps.get())
    };
    let mut short = longer.clone();
    short.training.epochs = 2;
    trained(&place, &short);
    let mut otherwise = longer.clone();
    otherwise.training.initial.skip = vec!["head".into()];
    assert_eq!(trained(&place, &otherwise).2, 12, "other weights, all epochs");
    assert_eq!(trained(&place, &experiment("", "")).2, 12, "drawn weights, all epochs");
    let (whole, expected, _) = trained(&other, &longer);
    fs::remove_file(&file).unwrap();
    let (run, outcome, steps) = trained(&place, &longer);
    assert_eq!(steps, 6);
    assert_eq!(outcome.notes[..1], expected.notes);
    assert!(outcome.notes[1].starts_with("epochs 1 to 2 were taken over"), "{:?}", outcome.notes);
    for path in ["metrics.csv", "checkpoints/last.safetensors", "checkpoints/resume.safetensors"] {
        assert!(fs::read(run.path().join(path)).unwrap() == fs::read(whole.path().join(path)).unwrap(), "{path} differs");
    }
}
