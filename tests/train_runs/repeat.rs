//! The same bytes, however often and in how many pieces a run is trained.

use super::place::{Place, Seen, experiment, parts, with_all_states};
use std::fs;
use umlaut::record::Status;
use umlaut::train::{Error, train};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let place = Place::new();
    for name in ["a", "b"] {
        place.train(name, &with_all_states());
    }
    place.assert_same("a", "b");
    place.train("c", &experiment("seeds = [2]", ""));
    assert_ne!(place.bytes("a", "metrics.csv"), place.bytes("c", "metrics.csv"));
}

/// Rows with other columns below the same header would be no table.
#[test]
fn a_run_that_another_version_began_is_not_gone_on_with() {
    let place = Place::new();
    place.train_until("old", &with_all_states(), 4);
    let file = place.run("old").path().join("metrics.csv");
    let text = fs::read_to_string(&file).unwrap();
    let shorter: Vec<&str> = text.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    fs::write(&file, shorter.join("\n") + "\n").unwrap();
    let again = train(
        &place.run("old"),
        &with_all_states(),
        &place.data,
        &parts(),
        &umlaut::train::TrainingDevice::cpu(),
        &|| false,
        &mut (),
    );
    let error = again.unwrap_err();
    assert!(error.is_mistake() && error.to_string().contains("metrics.csv has other columns"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>(), shorter);
}

#[test]
fn threads_do_not_change_a_byte() {
    let place = Place::new();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (experiment, run) = (with_all_states(), place.run(&threads.to_string()));
        pool.install(|| {
            train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
        })
        .unwrap();
    }
    place.assert_same("1", "2");
    place.assert_same("1", "3");
}

#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let experiment = with_all_states();
    place.train("whole", &experiment);
    // 3 steps an epoch: within the first, right after the second, within the third.
    for (name, steps, epochs) in [("early", 2, 0), ("between", 7, 2), ("late", 8, 2)] {
        let stopped = place.train_until(name, &experiment, steps);
        assert_eq!((stopped.status, stopped.epochs), (Status::Interrupted, epochs), "{name}");
        assert_eq!(place.run(name).outcome().unwrap(), Some(stopped));
        assert_eq!(place.run(name).metrics().unwrap().len(), epochs);
        let finished = place.train(name, &experiment);
        assert_eq!(finished.status, Status::Finished);
        place.assert_same("whole", name);
        place.assert_same_samples("whole", name);
    }
}

/// Oracle: the undisturbed run. An epoch asks six times: after three steps and three batches of the validation.
#[test]
fn wherever_in_an_epoch_a_run_is_stopped_it_goes_on_there_without_repeating_a_step() {
    let place = Place::new();
    let experiment = with_all_states();
    place.train("whole", &experiment);
    for calls in 7..=12 {
        let name = format!("stopped at {calls}");
        let before = place.train_until_asked(&name, &experiment, calls);
        assert_eq!((before, place.run(&name).metrics().unwrap().len()), (calls.min(9) - 3, 1), "{name}");
        let rest = place.train_until_asked(&name, &experiment, usize::MAX);
        assert_eq!(before + rest, 12, "{name}: three steps in each of four epochs");
        place.assert_same("whole", &name);
        place.assert_same_samples("whole", &name);
    }
}

/// Every step in an attempt of its own; with two batches accumulated every other one leaves gradients that wait for an update.
#[test]
fn a_run_stopped_after_every_step_gives_the_same_bytes() {
    let place = Place::new();
    for (name, experiment) in [("accumulated", with_all_states()), ("plain", experiment("", "[optimizer.sgd]\nlr = 0.1"))] {
        let whole = format!("{name} whole");
        place.train(&whole, &experiment);
        let epochs: Vec<usize> = (0..12).map(|_| place.train_until(name, &experiment, 1).epochs).collect();
        assert_eq!(epochs, [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(place.train(name, &experiment).status, Status::Finished);
        place.assert_same(&whole, name);
    }
}

/// The process died after it had gone on from within epoch 2 and written later rows, but the resume state is that of the stop.
#[test]
fn a_run_killed_after_a_stop_goes_on_from_the_stop() {
    let place = Place::new();
    let experiment = with_all_states();
    place.train("whole", &experiment);
    place.train_until("killed", &experiment, 4);
    let run = place.run("killed");
    let stopped = fs::read(run.resume_state()).unwrap();
    place.train_until("killed", &experiment, 4);
    fs::write(run.resume_state(), stopped).unwrap();
    assert_eq!(place.train_until_asked("killed", &experiment, usize::MAX), 12 - 4);
    place.assert_same("whole", "killed");
}

#[test]
fn sgd_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let experiment = experiment("", "[optimizer.sgd]\nlr = 0.1\n[lr_schedule.one_cycle]");
    place.train("whole", &experiment);
    place.train_until("stopped", &experiment, 4);
    place.train("stopped", &experiment);
    place.assert_same("whole", "stopped");
}

/// The process died after it wrote rows and weights of later epochs, but before it replaced the resume state.
#[test]
fn a_run_killed_between_files_goes_on_to_the_same_bytes() {
    let place = Place::new();
    let experiment = with_all_states();
    place.train("whole", &experiment);
    for epochs in [1, 2, 3] {
        let name = format!("killed after {epochs}");
        place.train_until(&name, &experiment, 3 * epochs + 1);
        let run = place.run(&name);
        let older = fs::read(run.resume_state()).unwrap();
        place.train(&name, &experiment);
        fs::write(run.resume_state(), older).unwrap();
        fs::remove_file(run.path().join("outcome.toml")).unwrap();
        let mut metrics = place.bytes(&name, "metrics.csv");
        metrics.extend(b"5,0.1,0.");
        fs::write(run.path().join("metrics.csv"), metrics).unwrap();
        let seen = Seen::default();
        train(&run, &experiment, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut &seen).unwrap();
        assert_eq!(*seen.epochs.borrow(), (epochs + 1..=4).collect::<Vec<_>>());
        place.assert_same("whole", &name);
    }
}

/// The process died after the last epoch, before the outcome was written.
#[test]
fn a_run_killed_at_its_very_end_is_only_finished() {
    let place = Place::new();
    let experiment = with_all_states();
    for name in ["whole", "killed"] {
        place.train(name, &experiment);
    }
    fs::remove_file(place.run("killed").path().join("outcome.toml")).unwrap();
    fs::remove_dir_all(place.run("killed").samples()).unwrap();
    place.train("killed", &experiment);
    place.assert_same("whole", "killed");
    // All five validation images: four evenly spaced, the two worst and the two best. Masks of epochs that were done before are gone.
    assert_eq!(fs::read_dir(place.run("killed").samples()).unwrap().count(), 5 * 3);
}

#[test]
fn without_its_rows_a_run_starts_over() {
    let place = Place::new();
    let experiment = with_all_states();
    place.train("whole", &experiment);
    place.train_until("lost", &experiment, 8);
    fs::remove_file(place.run("lost").path().join("metrics.csv")).unwrap();
    place.train("lost", &experiment);
    place.assert_same("whole", "lost");
}

#[test]
fn a_finished_run_is_not_trained_again() {
    let place = Place::new();
    let outcome = place.train("run", &experiment("", ""));
    let seen = Seen::default();
    let again = train(
        &place.run("run"),
        &experiment("", ""),
        &place.data,
        &parts(),
        &umlaut::train::TrainingDevice::cpu(),
        &|| false,
        &mut &seen,
    )
    .unwrap();
    assert_eq!((again, seen.steps.get()), (outcome, 0));
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let place = Place::new();
    place.train_until("run", &experiment("", ""), 4);
    let mut other = experiment("", "");
    other.model = toml::from_str("[unet]\nchannels = [4, 4]").unwrap();
    let error =
        train(&place.run("run"), &other, &place.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
            .unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }) && !error.is_mistake(), "{error}");
    assert!(error.to_string().contains("resume.safetensors: encoder.1.0.weight has shape"), "{error}");
}
