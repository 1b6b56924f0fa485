//! More epochs for a finished run. Oracle everywhere: the longer run done in one go, byte for byte.

use super::place::{Place, Seen, experiment, parts, with_all_states};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use umlaut::config::Experiment;
use umlaut::metric::ExtraMetric;
use umlaut::record::{Outcome, Provenance};
use umlaut::store::RunDir;
use umlaut::train::train;

/// Trains where a schedule would; also the number of steps that took.
fn trained(place: &Place, experiment: &Experiment) -> (RunDir, Outcome, usize) {
    let (run, seen) = (place.planned(experiment), Seen::default());
    let outcome =
        train(&run, experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut &seen).unwrap();
    (run, outcome, seen.steps.get())
}

fn epochs(experiment: &Experiment, epochs: usize) -> Experiment {
    let mut experiment = experiment.clone();
    experiment.training.epochs = epochs;
    experiment
}

const FILES: [&str; 4] =
    ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors", "checkpoints/resume.safetensors"];

#[track_caller]
fn assert_as_in_one_go(run: &RunDir, outcome: &Outcome, experiment: &Experiment) {
    let other = Place::new();
    let (whole, expected, _) = trained(&other, experiment);
    for file in FILES {
        assert!(fs::read(run.path().join(file)).unwrap() == fs::read(whole.path().join(file)).unwrap(), "{file} differs");
    }
    assert_eq!(run.timing().len(), experiment.training.epochs);
    assert_eq!(Outcome { notes: Vec::new(), ..outcome.clone() }, expected);
}

/// Every file below a directory with its content.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_longer_run_begins_with_the_epochs_of_a_finished_one() {
    let place = Place::new();
    for experiment in [with_all_states(), experiment("", "[optimizer.sgd]\nlr = 0.1\n[lr_schedule.exponential]")] {
        let (short, ..) = trained(&place, &epochs(&experiment, 2));
        let before = contents(short.path());
        let (run, outcome, steps) = trained(&place, &experiment);
        assert_eq!(steps, 2 * 3, "two epochs of three steps are left");
        assert_eq!(outcome.notes, [format!("epochs 1 to 2 were taken over from the finished run {}", short.id())]);
        let provenance = run.provenance().unwrap().unwrap();
        assert_eq!(provenance.continued_from.as_deref(), Some(short.id().as_str()));
        assert_eq!(provenance.continued_after_epoch, Some(2));
        assert_as_in_one_go(&run, &outcome, &experiment);
        assert!(contents(short.path()) == before, "the finished run was changed");
    }
}

/// What is measured at the end needs no training again; oracle: the run that measured it at once.
#[test]
fn other_metrics_take_over_all_epochs() {
    let place = Place::new();
    for kind in ["constant", "cosine"] {
        let plain = experiment("", &format!("[lr_schedule.{kind}]"));
        let (short, ..) = trained(&place, &plain);
        let mut measured = plain.clone();
        measured.metrics.extra = vec![ExtraMetric::Hd95, ExtraMetric::Ece];
        let (run, outcome, steps) = trained(&place, &measured);
        assert_eq!(steps, 0);
        assert_eq!(outcome.notes, [format!("epochs 1 to 4 were taken over from the finished run {}", short.id())]);
        assert!(outcome.best.contains_key("val_hd95") && outcome.best.contains_key("val_ece"));
        assert_as_in_one_go(&run, &outcome, &measured);
        let scores = run.image_scores().unwrap();
        assert!(scores.place("hd95").is_some() && scores.rows.iter().all(|row| row.values.iter().all(|value| value.is_finite())));
    }
}

#[test]
fn the_longest_finished_run_serves_and_a_chain_of_them_too() {
    let place = Place::new();
    let experiment = with_all_states();
    for (longer, steps) in [(1, 3), (3, 6), (2, 3), (4, 3)] {
        assert_eq!(trained(&place, &epochs(&experiment, longer)).2, steps, "{longer} epochs");
    }
    let (run, outcome, _) = trained(&place, &experiment);
    assert_as_in_one_go(&run, &outcome, &experiment);
}

#[test]
fn a_schedule_over_all_epochs_starts_anew() {
    let place = Place::new();
    let experiment = experiment("", "[lr_schedule.cosine]");
    trained(&place, &epochs(&experiment, 2));
    let (run, outcome, steps) = trained(&place, &experiment);
    assert_eq!((steps, outcome.notes.len(), run.provenance().unwrap().unwrap().continued_from), (12, 0, None));
    assert_as_in_one_go(&run, &outcome, &experiment);
}

/// Each of these would give other numbers, or none to go on from.
#[test]
fn what_is_not_the_same_run_is_not_taken_over() {
    let anew = |spoil: &dyn Fn(&Place)| {
        let place = Place::new();
        spoil(&place);
        let (run, outcome, steps) = trained(&place, &experiment("", ""));
        assert_eq!((steps, outcome.notes.len()), (12, 0));
        assert_eq!(run.metrics().unwrap().len(), 4);
    };
    let short = || epochs(&experiment("", ""), 2);
    anew(&|place| _ = trained(place, &epochs(&experiment("seeds = [2]", ""), 2)));
    anew(&|place| {
        let run = place.planned_on(&short(), "other data");
        train(&run, &short(), &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    });
    anew(&|place| {
        let run = place.planned(&short());
        run.write_provenance(&Provenance { micro_batches: Some(2), ..Provenance::default() }).unwrap();
        train(&run, &short(), &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ()).unwrap();
    });
    anew(&|place| fs::remove_file(trained(place, &short()).0.path().join("outcome.toml")).unwrap());
    anew(&|place| fs::write(trained(place, &short()).0.path().join("outcome.toml"), "damaged").unwrap());
    anew(&|place| fs::remove_file(trained(place, &short()).0.resume_state()).unwrap());
    anew(&|place| fs::remove_file(trained(place, &short()).0.path().join("metrics.csv")).unwrap());
}

/// A death while the rows are there but not the resume state, and a stop in the first epoch of its own.
#[test]
fn a_longer_run_survives_a_death_in_the_copy_and_a_stop() {
    let place = Place::new();
    let experiment = with_all_states();
    let (short, ..) = trained(&place, &epochs(&experiment, 2));
    let run = place.planned(&experiment);
    run.take_over(&short).unwrap();
    fs::remove_file(run.resume_state()).unwrap();
    let seen = Seen::default();
    train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| seen.steps.get() == 1, &mut &seen)
        .unwrap();
    let (run, outcome, steps) = trained(&place, &experiment);
    assert_eq!((steps, outcome.notes.len()), (5, 1));
    assert_as_in_one_go(&run, &outcome, &experiment);
}
