//! Which devices there are, and how many runs go on each at a time.

use super::settings::Settings;
use super::{Failure, mistake};
use std::num::NonZeroU16;
use umlaut::schedule::Slot;
use umlaut::train::Place;

/// A device to train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(String);

impl Device {
    /// The devices of a list such as `cpu`.
    ///
    /// # Errors
    /// If one is none, or is not there.
    pub fn list(text: &str) -> Result<Vec<Self>, Failure> {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(mistake(format!("--device {text} names {name} twice; for several runs at a time there, use --jobs")));
            }
        }
        names.into_iter().map(Self::named).collect()
    }

    /// The device of this name.
    ///
    /// # Errors
    /// If it is none, or is not there.
    pub fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "cpu" => Ok(Self(name.to_owned())),
            #[cfg(feature = "cuda")]
            _ if name.strip_prefix("cuda:").is_some_and(|n| n.parse::<usize>().is_ok()) => Ok(Self(name.to_owned())),
            #[cfg(not(feature = "cuda"))]
            _ if name.starts_with("cuda") => {
                Err(mistake(format!("--device {name}: this program was built without CUDA; use --device cpu")))
            }
            _ => Err(mistake(format!("--device {name}: no such device; use --device cpu"))),
        }
    }
}

impl Device {
    /// Where training goes there.
    pub fn place(&self) -> Place {
        Place { name: self.0.clone(), gpu: self.0.strip_prefix("cuda:").and_then(|n| n.parse().ok()) }
    }
}

/// On which slots runs go.
#[derive(clap::Args)]
pub struct SlotChoice {
    /// Where to train: `cpu`; several with commas between [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Runs at a time on each device; on the CPU they share the cores [default: 1]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroU16>,
}

impl SlotChoice {
    /// What was said here, else in the settings, else one run at a time on the CPU.
    ///
    /// # Errors
    /// If a device is not known.
    pub fn slots(&self, settings: &Settings) -> Result<Vec<Slot>, Failure> {
        let devices = Device::list(self.device.as_ref().or(settings.device.as_ref()).map_or("cpu", String::as_str))?;
        Ok(slots(&devices, self.jobs.or(settings.jobs).map_or(1, |jobs| usize::from(jobs.get()))))
    }
}

/// `jobs` slots on each device. The threads of this process (`RAYON_NUM_THREADS`, else all cores) are shared out among a device's
/// slots, each with one at least.
fn slots(devices: &[Device], jobs: usize) -> Vec<Slot> {
    let cores = rayon::current_num_threads();
    let slot = |device: &Device, number: usize| {
        let threads = (cores / jobs + usize::from(number < cores % jobs)).max(1);
        Slot { device: device.0.clone(), threads }
    };
    devices.iter().flat_map(|device| (0..jobs).map(move |number| slot(device, number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_a_device_share_the_threads() {
        let threads = rayon::current_num_threads();
        for jobs in 1..=threads + 1 {
            let shared: Vec<usize> = slots(&[Device("cpu".into())], jobs).iter().map(|slot| slot.threads).collect();
            assert_eq!(shared.len(), jobs);
            assert_eq!(shared.iter().sum::<usize>(), threads.max(jobs));
        }
    }
}
