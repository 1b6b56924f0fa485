//! A temporary place for runs of tiny networks.

use candle_core::{Device, Tensor};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use umlaut::config::{Experiment, Normalise};
use umlaut::data::{self, Dataset, Splits};
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::{EpochRecord, Outcome};
use umlaut::store::{ExperimentDir, RunDir};
use umlaut::train::{Progress, train};

/// 16×16 pixels, two levels, 4 epochs of 3 batches (the last one smaller); `extra` may hold more tables.
pub fn experiment(training: &str, extra: &str) -> Experiment {
    let text = format!(
        "name = 'tiny'\n[dataset.synthetic]\ncount = 10\nsize = [32, 32]\n[preprocess]\nsize = [16, 16]\n\
         [model.unet]\nchannels = [4, 8]\n[training]\nepochs = 4\nbatch_size = 2\n{training}\n{extra}"
    );
    toml::from_str(&text).unwrap()
}

fn open(experiment: &Experiment, cache: &Path) -> Dataset {
    data::open(&experiment.dataset, &experiment.preprocess, cache, &|_, _| ()).unwrap()
}

pub fn parts() -> Splits {
    Splits { train: (0..5).collect(), val: (5..10).collect(), test: Vec::new() }
}

pub struct Place {
    dir: tempfile::TempDir,
    pub data: Dataset,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = open(&experiment("", ""), &dir.path().join("cache"));
        Self { dir, data }
    }

    pub fn run(&self, name: &str) -> RunDir {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path).unwrap();
        RunDir::at(path)
    }

    /// The directory that a schedule gives this experiment's run, created.
    pub fn planned(&self, experiment: &Experiment) -> RunDir {
        self.planned_on(experiment, &self.data.fingerprint)
    }

    /// The same, were the data's fingerprint this one.
    pub fn planned_on(&self, experiment: &Experiment, fingerprint: &str) -> RunDir {
        let seed = ("seed".to_owned(), experiment.training.seeds[0].to_string());
        let spec =
            RunSpec { id: RunId::new(experiment, fingerprint, &[seed]), experiment: experiment.clone(), differs: Vec::new() };
        let run = ExperimentDir::at(self.dir.path().join("tiny")).run(&spec.id);
        run.create(&spec, &experiment.to_toml()).unwrap();
        run
    }

    pub fn train(&self, name: &str, experiment: &Experiment) -> Outcome {
        train(&self.run(name), experiment, &self.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &|| false, &mut ())
            .unwrap()
    }

    /// Trains until `steps` steps are done, as Ctrl-C would have it.
    pub fn train_until(&self, name: &str, experiment: &Experiment, steps: usize) -> Outcome {
        let seen = Seen { stop_after: steps, ..Seen::default() };
        let stop = || seen.steps.get() >= seen.stop_after;
        train(&self.run(name), experiment, &self.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &stop, &mut &seen)
            .unwrap()
    }

    /// Trains until it is asked the `calls`th time whether to stop, which is after every batch, those of the validation too. The number
    /// of training steps done.
    pub fn train_until_asked(&self, name: &str, experiment: &Experiment, calls: usize) -> usize {
        let (seen, asked) = (Seen::default(), Cell::new(0));
        let stop = || asked.replace(asked.get() + 1) + 1 >= calls;
        train(&self.run(name), experiment, &self.data, &parts(), &umlaut::train::TrainingDevice::cpu(), &stop, &mut &seen)
            .unwrap();
        seen.steps.get()
    }

    pub fn bytes(&self, name: &str, file: &str) -> Vec<u8> {
        fs::read(self.dir.path().join(name).join(file)).unwrap()
    }

    /// Names and numbers of a file of weights, in its order.
    pub fn weights(&self, name: &str, file: &str) -> Vec<(String, Vec<f32>)> {
        let tensors = candle_core::safetensors::load(self.dir.path().join(name).join(file), &Device::Cpu).unwrap();
        let numbers = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1().unwrap();
        let mut all: Vec<(String, Vec<f32>)> = tensors.into_iter().map(|(name, tensor)| (name, numbers(tensor))).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    #[track_caller]
    pub fn assert_same(&self, a: &str, b: &str) {
        for file in
            ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors", "outcome.toml", "per_image.csv"]
        {
            assert!(self.bytes(a, file) == self.bytes(b, file), "{file} of {a} and {b} differ");
        }
    }

    /// The images of samples too, those after single epochs among them.
    pub fn assert_same_samples(&self, a: &str, b: &str) {
        let all = |name: &str| -> BTreeMap<OsString, Vec<u8>> {
            let files = fs::read_dir(self.run(name).samples()).unwrap().map(|file| file.unwrap());
            files.map(|file| (file.file_name(), fs::read(file.path()).unwrap())).collect()
        };
        let (a, b) = (all(a), all(b));
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
        assert!(a.keys().any(|name| name.to_string_lossy().contains("_epoch-")));
        a.iter().for_each(|(name, bytes)| assert!(*bytes == b[name], "{name:?} differs"));
    }
}

#[derive(Default)]
pub struct Seen {
    stop_after: usize,
    pub steps: Cell<usize>,
    pub epochs: RefCell<Vec<usize>>,
}

impl Progress for &Seen {
    fn step(&mut self, _: usize, _: usize, _: f64) {
        self.steps.set(self.steps.get() + 1);
    }

    fn epoch_ended(&mut self, record: &EpochRecord) {
        self.epochs.borrow_mut().push(record.epoch);
    }
}

/// Everything that has a state between epochs: momentum, plateau, running statistics, accumulation, augmentation made ahead.
pub fn with_all_states() -> Experiment {
    let mut experiment = experiment(
        "accumulate = 2\nclip_norm = 1.0\nbest = 'val_dice'\nema_decay = 0.9",
        "[augment]\nflip_horizontal = 0.5\nrotate90 = 0.5\n[augment.rotate]\n[augment.elastic]\nsigma = [1, 2]\n[augment.gamma]\n\
         [augment.noise]\n[lr_warmup]\nepochs = 2\n\
         [lr_schedule.plateau]\npatience = 0\nthreshold = 0.5\nfactor = 0.5\n\
         [loss.focal]\nweight = 0.3\n[loss.lovasz]\nweight = 0.1\n\
         [metrics]\nextra = ['assd', 'hd95', 'boundary_iou', 'ece', 'vcdr_error', 'rand_score', 'pixel_error']",
    );
    experiment.preprocess.normalise = Normalise::Dataset;
    experiment
}
