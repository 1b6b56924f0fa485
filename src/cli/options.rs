//! Options that several commands have.

use super::failure::{Failure, in_file, mistake};
use std::path::{Path, PathBuf};
use umlaut::config::{self, Experiment};
use umlaut::devices::{self, Device, Jobs};
use umlaut::schedule::Slot;
use umlaut::settings::Settings;
use umlaut::store::Results;
use umlaut::train::TrainingDevice;

/// Values that replace those of a file.
#[derive(clap::Args)]
pub struct Sets {
    /// Replace a value of the file: `--set training.epochs=5`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// Where results are kept.
#[derive(clap::Args)]
pub struct ResultsPlace {
    /// Where results are kept [default: results]
    #[arg(long = "results", value_name = "DIR")]
    results: Option<PathBuf>,
}

impl ResultsPlace {
    /// The option as it would be said again, with a space before it; nothing where it was not said.
    pub fn again(&self) -> String {
        self.results.as_ref().map_or(String::new(), |dir| format!(" --results {}", dir.display()))
    }

    /// What was said here, else in the settings, else `results`.
    ///
    /// # Errors
    /// If the settings cannot be read.
    pub fn results(&self) -> Result<Results, Failure> {
        Ok(settings()?.results(self.results.as_deref()))
    }
}

/// On which slots runs go.
#[derive(clap::Args)]
pub struct SlotChoice {
    /// Where to train: `cpu`, `cuda:0`, several with commas between, `cuda:all` [default: every GPU, else cpu]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Runs at a time on each device; `auto`: as many as a GPU's memory has room for [default: 1]
    #[arg(long, visible_alias = "jobs", value_name = "N")]
    jobs_per_device: Option<Jobs>,
}

impl SlotChoice {
    /// No slots of this machine, for runs that Slurm starts.
    ///
    /// # Errors
    /// If one of its devices was named.
    pub fn none_for_slurm(&self) -> Result<Vec<Slot>, Failure> {
        match self.device.is_some() || self.jobs_per_device.is_some() {
            true => Err(mistake(
                "--device and --jobs are of this machine; with --on slurm, use --slurm gpus=1 and --slurm array_limit=N",
            )),
            false => Ok(Vec::new()),
        }
    }

    /// What was said here, else in the settings, else one run at a time on each of the best devices present.
    ///
    /// # Errors
    /// If a device is not known.
    pub fn slots(&self, settings: &Settings) -> Result<Vec<Slot>, Failure> {
        let devices = devices::chosen(self.device.as_deref().or(settings.device.as_deref())).map_err(mistake)?;
        let jobs = self.jobs_per_device.or(settings.jobs).unwrap_or_default();
        Ok(devices::slots(&devices, jobs, rayon::current_num_threads()))
    }
}

/// The device of a verb that uses one.
#[derive(clap::Args)]
pub struct OneDevice {
    /// Where to calculate: cpu or cuda:N [default: the first GPU, else the CPU]
    #[arg(long = "device", value_name = "DEVICE")]
    name: Option<String>,
}

impl OneDevice {
    /// The device of this name.
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()) }
    }

    /// The device that it names.
    ///
    /// # Errors
    /// As [`one_device`].
    pub fn chosen(&self) -> Result<TrainingDevice, Failure> {
        one_device(self.name.as_deref())
    }
}

/// Where a single run trains: on the first device of the settings, if this text does not name one.
///
/// # Errors
/// If it is not there; also if the text names several.
pub fn one_device(text: Option<&str>) -> Result<TrainingDevice, Failure> {
    // What was named needs no settings, and these may be broken.
    let settings = if text.is_some() { Settings::default() } else { settings()? };
    let devices = devices::chosen(text.or(settings.device.as_deref())).map_err(mistake)?;
    if let Some(text) = text.filter(|_| devices.len() > 1) {
        return Err(mistake(format!("--device {text}: a single run trains on one device")));
    }
    let device = devices.into_iter().next().unwrap_or_else(Device::cpu);
    Ok(TrainingDevice { gpu: devices::number(&device.name), name: device.name })
}

/// The settings of this machine's user.
///
/// # Errors
/// If they cannot be read.
pub fn settings() -> Result<Settings, Failure> {
    Settings::load().map_err(mistake)
}

/// Loads an experiment, its mistakes shown as the user's.
///
/// # Errors
/// Every mistake in the file.
pub fn load(file: &Path, sets: &Sets) -> Result<Experiment, Failure> {
    if file.is_dir() {
        let folder = file.display();
        return Err(mistake(format!(
            "{folder} is a folder; `umlaut init {folder}` looks at it and writes an experiment that fits"
        )));
    }
    config::load(file, &sets.sets).map_err(|problems| in_file(&problems))
}
