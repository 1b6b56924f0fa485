//! The door of the state that a stopped run goes on from (resume.safetensors).

use super::weights::seal;
use super::with_words;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use umlaut::config::{self, Experiment, Initial};
use umlaut::data::{Dataset, Splits, folds, open};
use umlaut::store::RunDir;
use umlaut::system::change_and_number;
use umlaut::train::{Progress, TrainingDevice, train};

/// All that a state may hold: momentum, EMA weights, gradients that wait for an update. As few tensors as a network can have.
const EXPERIMENT: &str = r#"
name = "resumed"
[dataset.synthetic]
count = 6
size = [32, 32]
targets = ["disc"]
[preprocess]
size = [8, 8]
[model.unet]
channels = [1, 2]
up = "nearest_conv"
norm = "none"
[lr_schedule.plateau]
[optimizer.sgd]
lr = 0.001
momentum = 0.9
[training]
epochs = 4
batch_size = 2
accumulate = 3
ema_decay = 0.5
seeds = [1]
"#;

/// What changes with a file: when and which it is, and its length.
type Mark = Option<((i128, u64), u64)>;

/// A run that was stopped in its second epoch.
struct Stopped {
    run: RunDir,
    /// The experiment of a run that cannot begin, only go on: its initial weights are gone.
    experiment: Experiment,
    data: Dataset,
    splits: Splits,
    /// Every file that it left, with what it holds, and what shows that it is still that.
    files: Vec<(PathBuf, Vec<u8>)>,
    marks: Mutex<Vec<Mark>>,
    /// The header of its state, and the numbers behind it.
    header: String,
    numbers: Vec<u8>,
    /// The hashes of metrics.csv and of the weights of the last epoch, as the state has them.
    hashes: [String; 2],
}

/// Watches until it is time to stop.
#[derive(Default)]
struct Watch {
    stops: std::rc::Rc<std::cell::Cell<bool>>,
}

impl Progress for Watch {
    fn step(&mut self, epoch: usize, step: usize, _: f64) {
        self.stops.set((epoch, step) >= (2, 1));
    }
}

/// A run goes on from a state, for one batch. The first byte says what the rest is: the file, the header of one whose numbers are right, or what
/// that header says of where the run stood. The hash is made to fit, since no changed file would get beyond it; `METRICS` and `WEIGHTS` stand for the
/// hashes of the run's own files.
pub fn resume(scratch: &Path, bytes: &[u8]) {
    static STOPPED: OnceLock<Stopped> = OnceLock::new();
    let Some((first, content)) = bytes.split_first() else { return };
    let stopped = STOPPED.get_or_init(|| Stopped::at(scratch));
    let content = with_words(content, &[("METRICS", &stopped.hashes[0]), ("WEIGHTS", &stopped.hashes[1])]);
    let mut state = match first % 3 {
        0 => content,
        1 => stopped.with_header(&content),
        _ => stopped.with_state(&content),
    };
    seal(&mut state);
    stopped.goes_on(&state);
}

impl Stopped {
    fn at(scratch: &Path) -> Self {
        let mut experiment = config::load_str("experiment.toml", EXPERIMENT).expect("the experiment is right");
        let dir = scratch.join("resumed");
        let run = RunDir::at(dir.join("runs/seed-1-0000000000"));
        let checkpoints = run.resume_state();
        fs::create_dir_all(checkpoints.parent().expect("it lies in a directory")).expect("a directory can be made");
        fs::write(run.run_toml(), experiment.to_toml()).expect("the scratch directory takes a file");
        let data = open(&experiment.dataset, &experiment.preprocess, &dir.join("cache"), &|_, _| ()).expect("it is drawn");
        let splits = folds(&data, &experiment.split).expect("six samples are enough").remove(0).splits;
        let mut watch = Watch::default();
        let stops = watch.stops.clone();
        train(&run, &experiment, &data, &splits, &TrainingDevice::cpu(), &|| stops.get(), &mut watch).expect("it trains");
        experiment.training.initial = Initial { weights: dir.join("gone").display().to_string(), ..Initial::default() };
        _ = fs::remove_file(run.path().join("outcome.toml"));
        let mut files = Vec::new();
        listed(run.path(), &mut files);
        let state = fs::read(run.resume_state()).expect("it was stopped");
        let length = u64::from_le_bytes(*state.first_chunk().expect("a length")) as usize;
        let header = String::from_utf8(state[8..8 + length].to_vec()).expect("JSON");
        let hashes = ["metrics", "last"].map(|file| hash(&header, file));
        let (marks, numbers) = (Mutex::new(files.iter().map(|(path, _)| mark(path)).collect()), state[8 + length..].to_vec());
        Self { run, experiment, data, splits, files, marks, header, numbers, hashes }
    }

    /// The numbers of the state behind another header.
    fn with_header(&self, header: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header, &self.numbers].concat()
    }

    /// The state with another text of where the run stood.
    fn with_state(&self, text: &[u8]) -> Vec<u8> {
        let mut header: serde_json::Value = serde_json::from_str(&self.header).expect("JSON");
        header["__metadata__"]["state"] = String::from_utf8_lossy(text).into();
        self.with_header(header.to_string().as_bytes())
    }

    /// Goes on from a state; then everything is as it was.
    fn goes_on(&self, state: &[u8]) {
        fs::write(self.run.resume_state(), state).expect("the scratch directory takes a file");
        let cpu = TrainingDevice::cpu();
        if let Ok(outcome) = train(&self.run, &self.experiment, &self.data, &self.splits, &cpu, &|| true, &mut ()) {
            assert!(outcome.epochs <= self.experiment.training.epochs || outcome.cause.is_some(), "{outcome:?}");
        }
        _ = fs::remove_file(self.run.path().join("outcome.toml"));
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        for ((path, content), known) in self.files.iter().zip(marks.iter_mut()).filter(|((path, _), known)| mark(path) != **known)
        {
            fs::write(path, content).expect("the scratch directory takes a file");
            *known = mark(path);
        }
    }
}

/// The hash of a file in the header of a state.
fn hash(header: &str, file: &str) -> String {
    let header: serde_json::Value = serde_json::from_str(header).expect("JSON");
    let state = header["__metadata__"]["state"].as_str().expect("a text");
    let state: toml::Table = toml::from_str(state).expect("TOML");
    state["files"][file].as_str().expect("a hash").to_owned()
}

/// The files of a directory and those below it.
fn listed(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            listed(&path, files);
        } else {
            files.push((path.clone(), fs::read(&path).expect("it can be read")));
        }
    }
}

fn mark(path: &Path) -> Mark {
    fs::metadata(path).ok().map(|found| (change_and_number(&found), found.len()))
}
