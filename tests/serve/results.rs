//! Results that nobody trained, written by the library's own writers.

use std::path::Path;
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::{EpochRecord, Failure, Outcome, Provenance, Status};
use umlaut::store::{ExperimentDir, MetricsWriter, Results, RunDir};

/// Would do harm if it were taken for HTML, an attribute or the end of a script.
pub const HOSTILE: &str = "<script>alert(1)<\\script> & 'x'\"y\"";

/// The same as a value of a swept key, and how its group is called.
pub const HOSTILE_LR: &str = "\"<img src=x onerror=alert(1)> & 'x'\"";
pub const HOSTILE_GROUP: &str = "lr <img src=x onerror=alert(1)> & 'x'";

pub fn experiment(results: &Path, name: &str) -> ExperimentDir {
    Results::new(results).experiment(name)
}

/// A run with a value of the learning rate, which names its group, and a seed.
pub fn create(dir: &ExperimentDir, lr: &str, seed: u64) -> RunDir {
    let differs = vec![("optimizer.adam.lr".to_owned(), lr.to_owned()), ("seed".to_owned(), seed.to_string())];
    let safe: String = lr.chars().filter(char::is_ascii_alphanumeric).collect();
    let id = RunId::from_name(&format!("lr-{safe}_seed-{seed}-0123456789"));
    let experiment: umlaut::config::Experiment = toml::from_str("name = 'page'\ntraining.epochs = 5").unwrap();
    let toml = experiment.to_toml();
    let spec = RunSpec { id, experiment, differs };
    let run = dir.run(&spec.id);
    run.create(&spec, &toml).unwrap();
    let provenance = Provenance {
        started: Some(format!("2026-03-01T12:0{seed}:00Z")),
        ended: Some(format!("2026-03-01T12:0{}:30Z", seed + 1)),
        device: Some("cpu".into()),
        ..Provenance::default()
    };
    run.write_provenance(&provenance).unwrap();
    run
}

pub fn row(epoch: usize, top: f64) -> EpochRecord {
    let dice = top * (1.0 - 0.5_f64.powi(epoch as i32));
    let values = [("lr", 1e-3), ("train_loss", 0.9 - dice), ("val_loss", 1.0 - dice), ("train_dice", dice), ("val_dice", dice)];
    EpochRecord { epoch, values: values.map(|(name, value)| (name.to_owned(), value)).to_vec() }
}

pub fn epochs(run: &RunDir, count: usize, top: f64) -> MetricsWriter {
    let mut writer = run.metrics_after(0).unwrap();
    (1..=count).for_each(|epoch| writer.append(&row(epoch, top), 0.5).unwrap());
    writer
}

pub fn finished(dir: &ExperimentDir, lr: &str, seed: u64, top: f64) -> RunDir {
    let run = create(dir, lr, seed);
    epochs(&run, 5, top);
    let best = row(5, top).values.into_iter().collect();
    let outcome = Outcome {
        status: Status::Finished,
        epochs: 5,
        best_epoch: Some(5),
        best_by: "val_loss".into(),
        best,
        ..Outcome::default()
    };
    run.write_outcome(&outcome).unwrap();
    run
}

pub fn failed(dir: &ExperimentDir, lr: &str, cause: &str) -> RunDir {
    let run = create(dir, lr, 1);
    std::fs::write(run.log_path(), format!("epoch 1\n{cause}\n")).unwrap();
    let outcome = Outcome {
        status: Status::Failed,
        failure: Some(Failure::Diverged),
        cause: Some(cause.into()),
        best_by: "val_loss".into(),
        ..Outcome::default()
    };
    run.write_outcome(&outcome).unwrap();
    run
}
