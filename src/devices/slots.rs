//! How many runs go on each device at a time.

use super::named::Device;
use crate::schedule::Slot;
use serde::de::{self, Deserializer, Visitor};
use std::num::NonZeroU16;

/// Runs at a time on a GPU at the most, where their number follows from its memory: more share its time without gain.
const MOST: usize = 16;

/// Runs at a time on a device, one if nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    /// On a GPU as many as its free memory has room for, on the CPU one.
    Auto,
    /// So many.
    Number(NonZeroU16),
}

impl Default for Jobs {
    fn default() -> Self {
        Self::Number(NonZeroU16::MIN)
    }
}

impl std::str::FromStr for Jobs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number.parse().map(Self::Number).map_err(|_| "use auto or a number from 1 to 65535"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Jobs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"auto\" or a number from 1 to 65535")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Jobs, E> {
                value.to_string().parse().map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Jobs, E> {
                value.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Word)
    }
}

/// The slots of these devices. The threads, those of this process if nobody wants it otherwise, are shared out among the slots of the CPU, and once
/// more among those of all GPUs, each with one at least.
pub fn slots(devices: &[Device], jobs: Jobs, threads: usize) -> Vec<Slot> {
    let (gpus, cpus): (Vec<&Device>, Vec<&Device>) = devices.iter().partition(|device| device.gpu.is_some());
    let on_cpu = if let Jobs::Number(number) = jobs { number.get().into() } else { 1 };
    let on_gpu = if let Jobs::Number(number) = jobs { number.get().into() } else { (threads / gpus.len().max(1)).clamp(1, MOST) };
    let measured = jobs == Jobs::Auto;
    [shared(&gpus, on_gpu, threads, measured), shared(&cpus, on_cpu, threads, false)].concat()
}

/// So many slots on each device, which share the threads.
fn shared(devices: &[&Device], each: usize, threads: usize, measured: bool) -> Vec<Slot> {
    let all = devices.len() * each;
    let slot = |(number, device): (usize, &&Device)| Slot {
        device: device.name.clone(),
        threads: (threads / all + usize::from(number < threads % all)).max(1),
        gpu: device.gpu.clone(),
        measured,
    };
    devices.iter().flat_map(|device| std::iter::repeat_n(device, each)).enumerate().map(slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> Device {
        Device { name: name.into(), gpu: name.strip_prefix("cuda:").map(|n| format!("GPU-{n}")) }
    }

    fn number(jobs: usize) -> Jobs {
        jobs.to_string().parse().unwrap()
    }

    #[test]
    fn the_slots_of_a_device_share_the_threads() {
        for (threads, jobs) in [(4, 1), (4, 3), (4, 4), (4, 5), (1, 2)] {
            let shared: Vec<usize> = slots(&[device("cpu")], number(jobs), threads).iter().map(|slot| slot.threads).collect();
            assert_eq!(shared.len(), jobs);
            assert_eq!(shared.iter().sum::<usize>(), threads.max(jobs));
        }
        let gpus = slots(&[device("cuda:0"), device("cuda:1")], number(1), 5);
        assert_eq!(gpus.iter().map(|slot| slot.threads).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn auto_is_one_on_the_cpu_and_up_to_sixteen_on_a_gpu() {
        let count = |names: &[&str], threads| {
            let devices: Vec<Device> = names.iter().map(|name| device(name)).collect();
            let slots = slots(&devices, Jobs::Auto, threads);
            assert!(slots.iter().all(|slot| slot.measured == slot.gpu.is_some()));
            slots.len()
        };
        assert_eq!(count(&["cpu"], 64), 1);
        assert_eq!(count(&["cuda:0"], 8), 8);
        assert_eq!(count(&["cuda:0"], 64), 16);
        assert_eq!(count(&["cuda:0", "cuda:1"], 8), 8);
        assert_eq!(count(&["cuda:0", "cuda:1", "cpu"], 1), 3);
    }

    #[test]
    fn jobs_are_auto_or_a_number() {
        assert_eq!("auto".parse(), Ok(Jobs::Auto));
        assert_eq!("3".parse(), Ok(number(3)));
        for wrong in ["0", "", "-1", "many", "65536"] {
            assert!(wrong.parse::<Jobs>().is_err(), "{wrong}");
        }
    }
}
