//! Which devices there are, and how many runs go on each at a time.

use super::{Failure, mistake};
use umlaut::schedule::Slot;

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
            _ if name.starts_with("cuda") => {
                Err(mistake(format!("--device {name}: this program was built without CUDA; use --device cpu")))
            }
            _ => Err(mistake(format!("--device {name}: no such device; use --device cpu"))),
        }
    }
}

/// `jobs` slots on each device. The threads of this process (`RAYON_NUM_THREADS`, else all cores) are shared out among a device's slots, each with one at least.
pub fn slots(devices: &[Device], jobs: usize) -> Vec<Slot> {
    let cores = rayon::current_num_threads();
    let slot = |device: &Device, number: usize| {
        let threads = (cores / jobs + usize::from(number < cores % jobs)).max(1);
        Slot { device: device.0.clone(), threads }
    };
    devices.iter().flat_map(|device| (0..jobs).map(move |number| slot(device, number))).collect()
}
