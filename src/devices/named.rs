//! Which devices a text names, and which are the best where nobody names any.

use super::Error;
use crate::machine::{self, Gpu};
use crate::text::counted;

/// A device to train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// `cpu`, `cuda:0`.
    pub name: String,
    /// What `CUDA_VISIBLE_DEVICES` of a process names it by, alone; `None` for the CPU.
    pub gpu: Option<String>,
}

/// The devices that this text names (`cpu`, `cuda:0`, several with commas between, `cuda:all`), else the best present: every GPU that there is, or
/// the CPU.
///
/// # Errors
/// If one is none, is not there, or is named twice.
pub fn chosen(text: Option<&str>) -> Result<Vec<Device>, Error> {
    let here = Here { gpus: &machine::gpus, count: &count, visible: std::env::var(machine::VISIBLE).ok() };
    text.map_or_else(|| Ok(here.best()), |text| here.list(text).map_err(Error))
}

/// The number in `cuda:N`; that of `cuda` is 0.
pub fn number(name: &str) -> Option<usize> {
    match name.strip_prefix("cuda")? {
        "" => Some(0),
        rest => rest.strip_prefix(':')?.parse().ok(),
    }
}

/// Devices by the driver's own count.
#[cfg(feature = "cuda")]
fn count() -> Result<usize, String> {
    crate::ops::cuda::count()
}

#[cfg(not(feature = "cuda"))]
fn count() -> Result<usize, String> {
    Ok(0)
}

impl Device {
    /// The processor.
    pub fn cpu() -> Self {
        Self { name: "cpu".into(), gpu: None }
    }

    fn gpu(index: usize, seen_by: String) -> Self {
        Self { name: format!("cuda:{index}"), gpu: Some(seen_by) }
    }
}

/// A GPU that is there, with its name, if that is known.
type Present = (Device, Option<String>);

/// How this machine is asked for its GPUs.
struct Here<'a> {
    gpus: &'a dyn Fn() -> Result<Vec<Gpu>, String>,
    /// Asked where the first knows nothing and a GPU is named.
    count: &'a dyn Fn() -> Result<usize, String>,
    /// `CUDA_VISIBLE_DEVICES` of this process.
    visible: Option<String>,
}

impl Here<'_> {
    fn best(&self) -> Vec<Device> {
        let gpus = (self.gpus)().unwrap_or_default();
        if gpus.is_empty() { vec![Device::cpu()] } else { gpus.into_iter().map(|gpu| Device::gpu(gpu.index, gpu.uuid)).collect() }
    }

    fn list(&self, text: &str) -> Result<Vec<Device>, String> {
        let mut all: Vec<Device> = Vec::new();
        for word in text.split(',').map(str::trim) {
            for device in self.named(word)? {
                if all.contains(&device) {
                    let name = device.name;
                    return Err(format!("--device {text} names {name} twice; for several runs at a time there, use --jobs"));
                }
                all.push(device);
            }
        }
        Ok(all)
    }

    fn named(&self, word: &str) -> Result<Vec<Device>, String> {
        let number = number(word);
        match word {
            "cpu" => Ok(vec![Device::cpu()]),
            _ if number.is_none() && word != "cuda:all" => {
                Err(format!("--device {word}: no such device; there are cpu, cuda:N and cuda:all"))
            }
            _ if !cfg!(feature = "cuda") => {
                Err(format!("--device {word}: this program was built without CUDA; use --device cpu"))
            }
            _ => {
                let there = self.there(word)?;
                let Some(number) = number else { return Ok(there.into_iter().map(|(device, _)| device).collect()) };
                let found = there.get(number).map(|(device, _)| vec![device.clone()]);
                found.ok_or_else(|| absent(word, &there))
            }
        }
    }

    /// The GPUs that there are. A driver without its management library is enough.
    fn there(&self, word: &str) -> Result<Vec<Present>, String> {
        let why = match (self.gpus)() {
            Ok(gpus) if gpus.is_empty() => "NVIDIA's driver knows of none".to_owned(),
            Ok(gpus) => return Ok(gpus.into_iter().map(|gpu| (Device::gpu(gpu.index, gpu.uuid), Some(gpu.name))).collect()),
            Err(why) => why,
        };
        match (self.count)() {
            Ok(0) => Err(format!("--device {word}: there is no GPU: {why}; use --device cpu")),
            Ok(count) => Ok((0..count).map(|index| (Device::gpu(index, self.word(index)), None)).collect()),
            Err(also) => Err(format!("--device {word}: there is no GPU: {why}; {also}; else use --device cpu")),
        }
    }

    /// What `CUDA_VISIBLE_DEVICES` is of a process that is to see only the GPU of this number.
    fn word(&self, index: usize) -> String {
        let word = self.visible.as_ref().and_then(|words| words.split(',').nth(index));
        word.map_or(index.to_string(), |word| word.trim().to_owned())
    }
}

/// That a GPU is not there, and which are.
fn absent(word: &str, there: &[Present]) -> String {
    let one = |(device, name): &Present| match name {
        Some(name) => format!("{} ({name})", device.name),
        None => device.name.clone(),
    };
    let names = there.iter().map(one).collect::<Vec<_>>().join(", ");
    let gpus = counted(there.len(), "GPU");
    format!("--device {word}: this machine has {gpus}: {names}; use one of these, or cpu")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(count: usize) -> Vec<Gpu> {
        let gpu = |index| Gpu {
            index,
            name: "NVIDIA H200".into(),
            uuid: format!("GPU-{index}{index}"),
            memory: None,
            driver: "580.0".into(),
        };
        (0..count).map(gpu).collect()
    }

    fn list(text: &str, gpus: Result<Vec<Gpu>, String>, count: Result<usize, String>) -> Result<Vec<String>, String> {
        let here = Here { gpus: &|| gpus.clone(), count: &|| count.clone(), visible: Some("5, GPU-x".into()) };
        let show = |device: Device| format!("{}={}", device.name, device.gpu.unwrap_or_default());
        here.list(text).map(|devices| devices.into_iter().map(show).collect())
    }

    #[test]
    fn the_best_present_is_every_gpu_and_else_the_cpu() {
        let best = |gpus: Result<Vec<Gpu>, String>| {
            let here = Here { gpus: &|| gpus.clone(), count: &|| unreachable!("nothing was named"), visible: None };
            here.best().into_iter().map(|device| device.name).collect::<Vec<_>>()
        };
        assert_eq!(best(Ok(gpus(2))), ["cuda:0", "cuda:1"]);
        assert_eq!(best(Ok(Vec::new())), ["cpu"]);
        assert_eq!(best(Err("no library".into())), ["cpu"]);
    }

    #[test]
    fn devices_need_no_gpu_where_none_is_named() {
        let here = Here { gpus: &|| unreachable!("no GPU"), count: &|| unreachable!("no GPU"), visible: None };
        assert_eq!(here.list("cpu").unwrap(), [Device::cpu()]);
        assert!(here.list("cpu,cpu").unwrap_err().contains("names cpu twice"));
        for word in ["", "gpu", "cuda:", "cuda:x", "cuda0", "cuda:-1"] {
            assert!(here.list(word).unwrap_err().contains("no such device; there are cpu, cuda:N and cuda:all"), "{word}");
        }
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn gpus_are_named_one_by_one_or_all() {
        let names = |text| list(text, Ok(gpus(3)), Ok(9));
        assert_eq!(names("cuda").unwrap(), ["cuda:0=GPU-00"]);
        assert_eq!(names("cuda:2, cpu,cuda:0").unwrap(), ["cuda:2=GPU-22", "cpu=", "cuda:0=GPU-00"]);
        assert_eq!(names("cuda:all").unwrap(), ["cuda:0=GPU-00", "cuda:1=GPU-11", "cuda:2=GPU-22"]);
        assert!(names("cuda,cuda:0").unwrap_err().contains("names cuda:0 twice"));
        assert!(names("cuda:all,cuda:1").unwrap_err().contains("names cuda:1 twice"));
    }

    #[cfg(feature = "cuda")]
    #[test]
    fn an_absent_gpu_names_those_that_are_there() {
        let expected = "--device cuda:3: this machine has 1 GPU: cuda:0 (NVIDIA H200); use one of these, or cpu";
        assert_eq!(list("cuda:3", Ok(gpus(1)), Ok(9)).unwrap_err(), expected);
        let message = list("cuda", Err("no library".into()), Err("no driver".into())).unwrap_err();
        assert_eq!(message, "--device cuda: there is no GPU: no library; no driver; else use --device cpu");
        assert!(list("cuda:all", Ok(Vec::new()), Ok(0)).unwrap_err().contains("there is no GPU"));
    }

    /// Children see a GPU by the word by which this process does.
    #[cfg(feature = "cuda")]
    #[test]
    fn the_driver_alone_is_enough_for_a_gpu_that_is_named() {
        let by_driver = |text| list(text, Err("no library".into()), Ok(3));
        assert_eq!(by_driver("cuda:all").unwrap(), ["cuda:0=5", "cuda:1=GPU-x", "cuda:2=2"]);
        let expected = "--device cuda:3: this machine has 3 GPUs: cuda:0, cuda:1, cuda:2; use one of these, or cpu";
        assert_eq!(by_driver("cuda:3").unwrap_err(), expected);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_program_without_cuda_says_so() {
        assert!(list("cuda:0", Ok(gpus(1)), Ok(1)).unwrap_err().contains("built without CUDA"));
    }
}
