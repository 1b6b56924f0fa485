//! Runs that end before their last epoch because they no longer get better.

use super::place::{Place, Seen, experiment, parts, with_all_states};
use std::fs;
use umlaut::config::{EarlyStopping, Experiment};
use umlaut::record::{Outcome, Status};
use umlaut::store::RunDir;
use umlaut::train::train;

/// No gain is large enough, so that the first epoch is the only one and a run ends `patience` epochs after it.
fn early(experiment: Experiment, epochs: usize, patience: usize) -> Experiment {
    let mut experiment = experiment;
    (experiment.training.epochs, experiment.training.early_stopping) = (epochs, EarlyStopping { patience, min_delta: 10.0 });
    experiment
}

/// Trains where a schedule would; also the number of steps that took.
fn trained(place: &Place, experiment: &Experiment) -> (RunDir, Outcome, usize) {
    let (run, seen) = (place.planned(experiment), Seen::default());
    let outcome =
        train(&run, experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut &seen).unwrap();
    (run, outcome, seen.steps.get())
}

/// Oracle: the run without the rule.
#[test]
fn the_epochs_until_then_are_those_of_the_whole_run() {
    let place = Place::new();
    let outcome = place.train("early", &early(experiment("", ""), 4, 2));
    let note = "stopped early after epoch 3 of 4: no gain in val_loss for 2 epochs";
    assert_eq!((outcome.status, outcome.epochs, &outcome.notes[..]), (Status::Finished, 3, &[note.to_owned()][..]));
    place.train("whole", &experiment("", ""));
    let whole = String::from_utf8(place.bytes("whole", "metrics.csv")).unwrap();
    let first: Vec<&str> = whole.lines().take(4).collect();
    assert_eq!(String::from_utf8(place.bytes("early", "metrics.csv")).unwrap(), first.join("\n") + "\n");
    let mut three = experiment("", "");
    three.training.epochs = 3;
    place.train("three", &three);
    for file in ["checkpoints/best.safetensors", "checkpoints/last.safetensors", "per_image.csv"] {
        assert!(place.bytes("three", file) == place.bytes("early", file), "{file}");
    }
}

#[test]
fn a_stop_anywhere_changes_nothing() {
    let place = Place::new();
    let experiment = early(with_all_states(), 4, 2);
    assert_eq!(place.train("whole", &experiment).epochs, 3);
    for steps in [2, 3, 8] {
        let name = format!("stopped{steps}");
        assert_eq!(place.train_until(&name, &experiment, steps).status, Status::Interrupted);
        assert_eq!(place.train(&name, &experiment).epochs, 3);
        place.assert_same("whole", &name);
    }
}

/// The last epoch is kept, the outcome is not there yet.
#[test]
fn a_death_after_the_last_epoch_trains_no_other() {
    let place = Place::new();
    let experiment = early(with_all_states(), 4, 2);
    place.train("whole", &experiment);
    place.train("died", &experiment);
    fs::remove_file(place.run("died").path().join("outcome.toml")).unwrap();
    let (run, seen) = (place.run("died"), Seen::default());
    train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut &seen).unwrap();
    assert_eq!(seen.steps.get(), 0);
    place.assert_same("whole", "died");
}

/// In one go there would be no more either.
#[test]
fn more_epochs_alone_are_none() {
    let place = Place::new();
    let (short, ..) = trained(&place, &early(experiment("", ""), 5, 2));
    let (run, outcome, steps) = trained(&place, &early(experiment("", ""), 7, 2));
    assert_eq!((outcome.status, outcome.epochs, steps), (Status::Finished, 3, 0));
    let taken = format!("epochs 1 to 3 were taken over from the finished run {}", short.id());
    let early = "stopped early after epoch 3 of 7: no gain in val_loss for 2 epochs";
    assert_eq!(outcome.notes, [&taken, early]);
    assert_eq!(run.metrics().unwrap(), short.metrics().unwrap());
}

/// Oracle: the patient run done in one go, byte for byte.
#[test]
fn with_more_patience_or_without_the_rule_it_goes_on() {
    for (longer, epochs) in [(early(with_all_states(), 7, 4), 5), (early(with_all_states(), 4, 0), 4)] {
        let (place, other) = (Place::new(), Place::new());
        trained(&place, &early(with_all_states(), 7, 2));
        let (run, outcome, steps) = trained(&place, &longer);
        assert_eq!((outcome.epochs, steps), (epochs, 3 * (epochs - 3)), "three epochs are there");
        let (whole, expected, _) = trained(&other, &longer);
        assert_eq!(Outcome { notes: Vec::new(), ..outcome }, Outcome { notes: Vec::new(), ..expected });
        for file in ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/resume.safetensors"] {
            assert!(fs::read(run.path().join(file)).unwrap() == fs::read(whole.path().join(file)).unwrap(), "{file} differs");
        }
    }
}

/// Its epochs are more than the rule would have given.
#[test]
fn a_run_that_would_have_stopped_before_does_not_take_over() {
    let place = Place::new();
    trained(&place, &experiment("", ""));
    let (_, outcome, steps) = trained(&place, &early(experiment("", ""), 5, 2));
    assert_eq!((outcome.epochs, steps, outcome.notes.len()), (3, 9, 1));
    let (_, outcome, steps) = trained(&place, &early(experiment("", ""), 5, 4));
    assert_eq!((outcome.epochs, steps), (5, 3), "with this patience there are as many, and one more");
}
