//! What is known of the machine that this runs on, and how many threads compute on it.

mod available;
mod gpus;
pub mod threads;

pub use crate::ops::OUT_OF_DEVICE_MEMORY;
pub use available::available_memory;
pub use gpus::{Gpu, GpuMemory, VISIBLE, free_memory, gpu_use, gpus};

use std::fs;

/// The host's name as the kernel has it.
pub fn host() -> String {
    let from_kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    from_kernel.or_else(|| std::env::var("HOSTNAME").ok()).map_or("unknown".into(), |name| name.trim().to_owned())
}

/// The processor as the kernel names it; the architecture where it does not.
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    name.map_or(std::env::consts::ARCH, |(_, name)| name.trim()).to_owned()
}

/// Processors that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Main memory in bytes, if the kernel says.
pub fn memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let kib =
        info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())?;
    Some(kib * 1024)
}
