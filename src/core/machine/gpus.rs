//! NVIDIA GPUs as the driver's management library (NVML) knows them.
//!
//! The library comes with the driver and is loaded when it is first asked for. It knows of every GPU; which of them this process may
//! use is said by `CUDA_VISIBLE_DEVICES`, read here as CUDA reads it, indices in the order of the PCI bus.

/// The variable that says which GPUs a process may use: indices and UUIDs with commas between.
pub const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// A GPU that this process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its number among those that this process may use, from 0.
    pub index: usize,
    /// `NVIDIA H200`.
    pub name: String,
    /// `GPU-` and digits; the same at every start.
    pub uuid: String,
    /// `None` where NVML does not say, as of GPUs that share the main memory.
    pub memory: Option<GpuMemory>,
    /// The driver's version: `580.95.05`.
    pub driver: String,
}

/// Memory of a GPU, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GpuMemory {
    /// All of it.
    pub total: u64,
    /// What nobody uses at the moment.
    pub free: u64,
}

/// The GPUs that this process may use, in its order; none in a program that was built without CUDA.
///
/// # Errors
/// If NVML cannot be loaded or asked, or `CUDA_VISIBLE_DEVICES` hides all or names what NVML does not know; in words.
pub fn gpus() -> Result<Vec<Gpu>, String> {
    visible(nvml::all()?, std::env::var(VISIBLE).ok().as_deref())
}

/// Bytes that nobody uses at the moment of the GPU with this UUID, if NVML says.
pub fn free_memory(uuid: &str) -> Option<u64> {
    nvml::free(uuid)
}

/// The share of the time, 0 to 1, in which the GPU with this UUID has computed anything during the last moments (a sixth of a second to a second,
/// as NVML measures), if NVML says; parts of GPUs have none.
pub fn gpu_use(uuid: &str) -> Option<f64> {
    nvml::utilization(uuid)
}

/// Those of all GPUs that the value of `CUDA_VISIBLE_DEVICES` names. As for CUDA, its list ends with the first word that is no GPU.
fn visible(all: Vec<Gpu>, wanted: Option<&str>) -> Result<Vec<Gpu>, String> {
    let Some(wanted) = wanted else { return Ok(all) };
    if wanted.contains("MIG-") {
        return Err(format!("{VISIBLE}={wanted} names parts of GPUs, which are not counted here"));
    }
    let mut chosen: Vec<&Gpu> = Vec::new();
    for word in wanted.split(',').map(str::trim) {
        let Some(gpu) = named(&all, word).filter(|gpu| !chosen.contains(gpu)) else { break };
        chosen.push(gpu);
    }
    if chosen.is_empty() && !all.is_empty() {
        return Err(format!("{VISIBLE}=\"{wanted}\" hides every GPU of this machine ({})", all.len()));
    }
    Ok(chosen.into_iter().enumerate().map(|(index, gpu)| Gpu { index, ..gpu.clone() }).collect())
}

/// The GPU that an index or the beginning of one UUID names.
fn named<'a>(all: &'a [Gpu], word: &str) -> Option<&'a Gpu> {
    if let Ok(index) = word.parse::<usize>() {
        return all.get(index);
    }
    let mut found = all.iter().filter(|gpu| word.starts_with("GPU-") && gpu.uuid.starts_with(word));
    found.next().filter(|_| found.next().is_none())
}

#[cfg(not(feature = "cuda"))]
mod nvml {
    use super::Gpu;

    pub fn all() -> Result<Vec<Gpu>, String> {
        Ok(Vec::new())
    }

    pub fn free(_: &str) -> Option<u64> {
        None
    }

    pub fn utilization(_: &str) -> Option<f64> {
        None
    }
}

#[cfg(feature = "cuda")]
mod nvml {
    use super::{Gpu, GpuMemory};
    use nvml_wrapper::error::NvmlError;
    use nvml_wrapper::{Device, Nvml};
    use std::sync::OnceLock;

    /// Directories that are searched before the system's own, as for CUDA's other libraries.
    const DIRECTORIES: &str = "UMLAUT_CUDA_LIBS";

    /// The library's file.
    const FILE: &str = "libnvidia-ml.so.1";

    /// The library, started when it is first asked for and then kept: starting it takes much longer than asking.
    fn library() -> Result<&'static Nvml, String> {
        static LIBRARY: OnceLock<Result<Nvml, String>> = OnceLock::new();
        LIBRARY.get_or_init(start).as_ref().map_err(Clone::clone)
    }

    fn start() -> Result<Nvml, String> {
        let directories = std::env::var_os(DIRECTORIES).unwrap_or_default();
        let found = std::env::split_paths(&directories).map(|dir| dir.join(FILE)).find(|path| path.is_file());
        let path = found.unwrap_or_else(|| FILE.into());
        let cause = |e: NvmlError| match e {
            NvmlError::LibloadingError(e) => format!("{e}; it comes with NVIDIA's driver"),
            e => e.to_string(),
        };
        let started = Nvml::builder().lib_path(path.as_os_str()).init();
        started.map_err(|e| format!("NVIDIA's management library cannot be used: {}", cause(e)))
    }

    pub fn all() -> Result<Vec<Gpu>, String> {
        let nvml = library()?;
        let message = |e: NvmlError| format!("NVIDIA's management library tells no GPUs: {e}");
        let driver = nvml.sys_driver_version().map_err(message)?;
        let gpu = |index: u32| {
            let device = nvml.device_by_index(index)?;
            let (name, uuid) = (device.name()?, device.uuid()?);
            Ok(Gpu { index: index as usize, name, uuid, memory: memory(&device), driver: driver.clone() })
        };
        (0..nvml.device_count().map_err(message)?).map(gpu).collect::<Result<_, _>>().map_err(message)
    }

    fn memory(device: &Device<'_>) -> Option<GpuMemory> {
        let memory = device.memory_info().ok()?;
        Some(GpuMemory { total: memory.total, free: memory.free })
    }

    pub fn free(uuid: &str) -> Option<u64> {
        Some(memory(&library().ok()?.device_by_uuid(uuid).ok()?)?.free)
    }

    pub fn utilization(uuid: &str) -> Option<f64> {
        let rates = library().ok()?.device_by_uuid(uuid).ok()?.utilization_rates().ok()?;
        Some(f64::from(rates.gpu) / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(wanted: Option<&str>) -> Result<Vec<String>, String> {
        let gpu = |index: usize, uuid: &str| Gpu {
            index,
            name: "NVIDIA Test".into(),
            uuid: uuid.into(),
            memory: None,
            driver: "580.0".into(),
        };
        let all = vec![gpu(0, "GPU-aa11"), gpu(1, "GPU-aa22"), gpu(2, "GPU-bb33")];
        visible(all, wanted).map(|gpus| gpus.iter().map(|gpu| format!("{}:{}", gpu.index, gpu.uuid)).collect())
    }

    #[test]
    fn visible_gpus_are_counted_in_the_order_in_which_they_are_named() {
        let all = ["0:GPU-aa11", "1:GPU-aa22", "2:GPU-bb33"];
        assert_eq!(shown(None).unwrap(), all);
        assert_eq!(shown(Some("2,0")).unwrap(), ["0:GPU-bb33", "1:GPU-aa11"]);
        assert_eq!(shown(Some(" GPU-bb , 1")).unwrap(), ["0:GPU-bb33", "1:GPU-aa22"]);
    }

    /// CUDA C++ Programming Guide, "CUDA Environment Variables": only devices before the first that is none are visible.
    #[test]
    fn the_list_ends_with_what_is_no_gpu() {
        for list in ["1,-1,0", "1,7,0", "1,GPU-aa,0", "1,", "1,x"] {
            assert_eq!(shown(Some(list)).unwrap(), ["0:GPU-aa22"], "{list}");
        }
    }

    #[test]
    fn nothing_visible_says_what_hides_it() {
        for list in ["", "-1", "NoDevFiles", "GPU-aa"] {
            let message = shown(Some(list)).unwrap_err();
            assert!(
                message.contains(&format!("CUDA_VISIBLE_DEVICES=\"{list}\" hides every GPU of this machine (3)")),
                "{message}"
            );
        }
        assert!(shown(Some("MIG-1")).unwrap_err().contains("parts of GPUs"));
        assert_eq!(visible(Vec::new(), Some("")), Ok(Vec::new()));
    }
}
