//! Whole training runs of tiny networks on tiny synthetic photographs: what they learn, what they leave, how they end.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;
use umlaut::config::Experiment;
use umlaut::data::{self, Dataset, Parts};
use umlaut::record::{EpochRecord, Outcome, Status};
use umlaut::store::RunDir;
use umlaut::train::{Error, Progress, train};

/// 16×16 pixels, two levels, 4 epochs of 3 batches (the last one smaller); `extra` may hold more tables.
fn experiment(training: &str, extra: &str) -> Experiment {
    let text = format!(
        "name = 'tiny'\n[dataset.synthetic]\ncount = 10\nsize = [32, 32]\n[preprocess]\nsize = [16, 16]\n\
         [model.unet]\nchannels = [4, 8]\n[training]\nepochs = 4\nbatch_size = 2\n{training}\n{extra}"
    );
    toml::from_str(&text).unwrap()
}

fn open(experiment: &Experiment, cache: &Path) -> Dataset {
    data::open(&experiment.dataset, &experiment.preprocess, cache, &|_, _| ()).unwrap()
}

fn parts() -> Parts {
    Parts { train: (0..5).collect(), val: (5..10).collect(), test: Vec::new() }
}

struct Place {
    dir: tempfile::TempDir,
    data: Dataset,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = open(&experiment("", ""), &dir.path().join("cache"));
        Self { dir, data }
    }

    fn run(&self, name: &str) -> RunDir {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path).unwrap();
        RunDir::at(path)
    }

    fn train(&self, name: &str, experiment: &Experiment) -> Outcome {
        train(&self.run(name), experiment, &self.data, &parts(), &|| false, &mut ()).unwrap()
    }

    /// Trains until `steps` steps are done, as Ctrl-C would have it.
    fn train_until(&self, name: &str, experiment: &Experiment, steps: usize) -> Outcome {
        let seen = Seen { stop_after: steps, ..Seen::default() };
        let stop = || seen.steps.get() >= seen.stop_after;
        train(&self.run(name), experiment, &self.data, &parts(), &stop, &mut &seen).unwrap()
    }

    fn bytes(&self, name: &str, file: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name).join(file)).unwrap()
    }

    #[track_caller]
    fn assert_same(&self, a: &str, b: &str) {
        for file in ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors", "outcome.toml"] {
            assert!(self.bytes(a, file) == self.bytes(b, file), "{file} of {a} and {b} differ");
        }
    }
}

#[derive(Default)]
struct Seen {
    stop_after: usize,
    steps: Cell<usize>,
    epochs: RefCell<Vec<usize>>,
}

impl Progress for &Seen {
    fn step(&mut self, _: usize, _: usize, _: f64) {
        self.steps.set(self.steps.get() + 1);
    }

    fn epoch_ended(&mut self, record: &EpochRecord) {
        self.epochs.borrow_mut().push(record.epoch);
    }
}

/// Everything that has a state between epochs: momentum, plateau, running statistics, accumulation, augmentation.
fn with_all_states() -> Experiment {
    experiment(
        "accumulate = 2\nclip_norm = 1.0\nbest = 'val_dice'",
        "[augment]\nflip_horizontal = 0.5\nrotate90 = 0.5\n[lr_warmup]\nepochs = 2\n\
         [lr_schedule.plateau]\npatience = 0\nthreshold = 0.5\nfactor = 0.5",
    )
}

#[test]
fn a_tiny_problem_is_overfitted() {
    let place = Place::new();
    let experiment = experiment("", "[optimizer.adam]\nlr = 1e-2");
    let mut experiment = Experiment { model: toml::from_str("[unet]\nchannels = [8, 16]").unwrap(), ..experiment };
    (experiment.training.epochs, experiment.training.batch_size) = (40, 1);
    let few = Parts { train: vec![0, 1], val: vec![0, 1], test: Vec::new() };
    let run = place.run("overfit");
    train(&run, &experiment, &place.data, &few, &|| false, &mut ()).unwrap();
    let rows = run.metrics().unwrap();
    let (first, last) = (rows[0].get("train_loss").unwrap(), rows[39].get("train_loss").unwrap());
    assert!(last < first / 3.0, "train loss went from {first} to {last} only");
    let dice = rows[39].get("train_dice").unwrap();
    assert!(dice > 0.9, "train dice {dice}");
}

#[test]
fn a_run_leaves_rows_checkpoints_pictures_and_an_outcome() {
    let place = Place::new();
    let parts = Parts { train: (0..3).collect(), val: (3..8).collect(), test: vec![8, 9] };
    let run = place.run("run");
    let outcome = train(&run, &experiment("", ""), &place.data, &parts, &|| false, &mut ()).unwrap();
    assert_eq!((outcome.status, outcome.epochs, outcome.best_by.as_str()), (Status::Finished, 4, "val_loss"));
    assert_eq!(run.outcome().unwrap().as_ref(), Some(&outcome));
    let rows = run.metrics().unwrap();
    let columns = "epoch,lr,train_loss,train_bce,train_dice_loss,train_dice,train_iou,val_loss,val_bce,val_dice_loss,val_dice,val_iou,\
                   val_dice_disc,val_iou_disc,val_dice_cup,val_iou_cup";
    assert_eq!(rows[0].header().join(","), columns);
    let best = rows.iter().min_by(|a, b| a.get("val_loss").unwrap().total_cmp(&b.get("val_loss").unwrap())).unwrap();
    assert_eq!((outcome.best_epoch, outcome.best["val_dice"]), (Some(best.epoch), best.get("val_dice").unwrap()));
    let test: Vec<&str> = outcome.test.keys().map(String::as_str).collect();
    let expected = "test_bce test_dice test_dice_cup test_dice_disc test_dice_loss test_iou test_iou_cup test_iou_disc test_loss";
    assert_eq!(test.join(" "), expected);
    assert_eq!(run.timing().unwrap().len(), 4);
    assert_eq!(run.provenance().unwrap().unwrap()["device"].as_str(), Some("cpu"));
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
    assert_eq!(fs::read_dir(run.samples()).unwrap().count(), 4 * 3);
}

#[test]
fn the_best_weights_give_the_best_epochs_numbers_again() {
    let place = Place::new();
    let parts = Parts { test: (5..10).collect(), ..parts() };
    let run = place.run("run");
    let outcome = train(&run, &experiment("", "[optimizer.sgd]\nlr = 2.0"), &place.data, &parts, &|| false, &mut ()).unwrap();
    assert_eq!(outcome.test["test_loss"], outcome.best["val_loss"]);
    assert_eq!(outcome.test["test_iou_cup"], outcome.best["val_iou_cup"]);
}

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

#[test]
fn threads_do_not_change_a_byte() {
    let place = Place::new();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (experiment, run) = (with_all_states(), place.run(&threads.to_string()));
        pool.install(|| train(&run, &experiment, &place.data, &parts(), &|| false, &mut ())).unwrap();
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
    }
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
        train(&run, &experiment, &place.data, &parts(), &|| false, &mut &seen).unwrap();
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
    assert_eq!(fs::read_dir(place.run("killed").samples()).unwrap().count(), 4 * 3);
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
    let again = train(&place.run("run"), &experiment("", ""), &place.data, &parts(), &|| false, &mut &seen).unwrap();
    assert_eq!((again, seen.steps.get()), (outcome, 0));
}

#[test]
fn a_run_that_diverges_fails_with_epoch_and_step_and_keeps_what_it_had() {
    let place = Place::new();
    // 1e-3 in the first epoch, 1e30 from then on.
    let experiment = experiment("", "[optimizer.sgd]\nlr = 1e30\nmomentum = 0.0\n[lr_warmup]\nepochs = 1\nstart_factor = 1e-33");
    let run = place.run("run");
    let outcome = train(&run, &experiment, &place.data, &parts(), &|| false, &mut ()).unwrap();
    let cause = outcome.cause.as_deref().unwrap();
    assert_eq!((outcome.status, outcome.epochs, outcome.best_epoch), (Status::Failed, 1, Some(1)), "{cause}");
    assert!(cause.starts_with("the training loss is ") && cause.ends_with(" in epoch 2, step 2"), "{cause}");
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
        let even = Parts { train: (0..8).collect(), val: vec![8, 9], test: Vec::new() };
        train(&place.run(name), &experiment, &place.data, &even, &|| false, &mut ()).unwrap();
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
    let told = |experiment: &Experiment, parts: &Parts| {
        let run = place.run("mistake");
        let error = train(&run, experiment, &place.data, parts, &|| false, &mut ()).unwrap_err();
        assert!(error.is_mistake(), "{error}");
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
        error.to_string()
    };
    let error = told(&experiment("best = 'val_dise'", ""), &parts());
    assert!(error.contains("training.best = \"val_dise\"") && error.contains("val_dice_cup"), "{error}");
    let error = told(&experiment("", "[lr_schedule.plateau]\nmetric = 'train_loss'"), &parts());
    assert!(error.contains("lr_schedule.plateau.metric"), "{error}");
    let error = told(&experiment("", "[loss]\nclass_weights = [1, 2, 3]"), &parts());
    assert!(error.contains("3 values for 2 classes (disc, cup)"), "{error}");
    let error = told(&experiment("seeds = [1, 2]", ""), &parts());
    assert!(error.contains("training.seeds"), "{error}");
    let error = told(&experiment("", ""), &Parts { val: Vec::new(), ..parts() });
    assert!(error.contains("validation"), "{error}");
}

#[test]
fn a_checkpoint_of_another_network_is_refused() {
    let place = Place::new();
    place.train_until("run", &experiment("", ""), 4);
    let mut other = experiment("", "");
    other.model = toml::from_str("[unet]\nchannels = [4, 4]").unwrap();
    let error = train(&place.run("run"), &other, &place.data, &parts(), &|| false, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }) && !error.is_mistake(), "{error}");
    assert!(error.to_string().contains("resume.safetensors: encoder.1.0.weight has shape"), "{error}");
}
