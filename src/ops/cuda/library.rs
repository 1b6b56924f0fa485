//! Finds NVIDIA's libraries.
//!
//! The driver (libcuda) comes with the system; the run-time compiler (libnvrtc) and cuDNN come with a CUDA toolkit or as Python
//! wheels, and lie anywhere. A library that was opened by its path is found by its name from then on.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where to look, before the system's own places: a list of directories as in `PATH`.
pub const DIRECTORIES: &str = "UMLAUT_CUDA_LIBS";

/// A library that is wanted: the names of its files, the newest first.
struct Library {
    name: &'static str,
    files: &'static [&'static str],
    remedy: &'static str,
    /// How files beside it begin that it opens by name.
    beside: Option<&'static str>,
}

const DRIVER: Library = Library {
    name: "NVIDIA's driver",
    files: &["libcuda.so.1", "libcuda.so"],
    remedy: "install NVIDIA's driver for this GPU",
    beside: None,
};

const COMPILER: Library = Library {
    name: "CUDA's run-time compiler",
    files: &["libnvrtc.so.13", "libnvrtc.so"],
    remedy: "`pip install nvidia-cuda-nvrtc==13.0.*`, then name its directory in UMLAUT_CUDA_LIBS",
    beside: Some("libnvrtc-builtins.so"),
};

#[cfg(feature = "cudnn")]
const CUDNN: Library = Library {
    name: "cuDNN",
    files: &["libcudnn.so.9", "libcudnn.so"],
    remedy: "`pip install nvidia-cudnn-cu13`, then name its directory in UMLAUT_CUDA_LIBS",
    beside: None,
};

/// Directories in which libraries may lie.
fn directories() -> Vec<PathBuf> {
    let named = std::env::var_os(DIRECTORIES).unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&named).filter(|dir| !dir.as_os_str().is_empty()).collect();
    all.extend(std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("cuda-libs"))));
    if let Some(home) = std::env::var_os("CUDA_HOME").map(PathBuf::from) {
        all.extend([home.join("lib64"), home.join("lib")]);
    }
    all
}

impl Library {
    /// Opens what it would not find, since it lies where the system does not look.
    fn open_beside(&self, path: &Path) {
        let (Some(start), Some(Ok(dir))) = (self.beside, path.parent().map(std::fs::read_dir)) else { return };
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start));
        // If one of them cannot be opened, the library says what it lacks when it is used.
        dir.flatten().map(|entry| entry.path()).filter(named).for_each(|path| _ = open(&path));
    }

    /// Opens it, for good.
    fn open(&self) -> Result<(), String> {
        let places = directories().into_iter().flat_map(|dir| self.files.iter().map(move |file| dir.join(file)));
        let found = places.filter(|path| path.exists());
        let mut problem = String::from("it is in none of the places searched");
        for path in found.chain(self.files.iter().map(PathBuf::from)) {
            match open(&path) {
                Ok(()) => {
                    self.open_beside(&path);
                    return Ok(());
                }
                Err(e) if path.is_absolute() => problem = e.to_string(),
                Err(_) => {}
            }
        }
        Err(format!("{} ({}) could not be loaded: {problem}; {}", self.name, self.files[0], self.remedy))
    }
}

/// Opens a library for good: its functions are used until the process ends.
fn open(path: &Path) -> Result<(), libloading::Error> {
    // SAFETY: running the initialisers of NVIDIA's own library is what a program on its GPUs does.
    unsafe { libloading::Library::new(path) }.map(std::mem::forget)
}

/// Whether all that a GPU needs can be loaded.
///
/// # Errors
/// What cannot be, with a remedy.
pub fn ready() -> Result<(), String> {
    driver().and_then(|()| compiler()).map_err(|why| format!("{why}, or say --device cpu"))
}

/// Opens the driver, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
pub fn driver() -> Result<(), String> {
    static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
    OPENED.get_or_init(|| DRIVER.open()).clone()
}

/// Opens the compiler, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
pub fn compiler() -> Result<(), String> {
    static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
    OPENED.get_or_init(|| COMPILER.open()).clone()
}

/// Opens cuDNN, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
#[cfg(feature = "cudnn")]
pub fn cudnn() -> Result<(), String> {
    static OPENED: OnceLock<Result<(), String>> = OnceLock::new();
    OPENED.get_or_init(|| CUDNN.open()).clone()
}
