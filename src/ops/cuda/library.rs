//! Finds NVIDIA's libraries.
//!
//! The driver (libcuda) comes with the system; the run-time compiler (libnvrtc) and cuDNN come with a CUDA toolkit or as Python
//! wheels, and lie anywhere. What is called is found in the file that was opened, and nowhere else (`table.rs`). A library that was opened by
//! its path is found by its name from then on. So cuBLASLt is opened before cuDNN, which looks for it by name and ends the process where it
//! does not find it.

#[cfg(feature = "cudnn")]
mod cudnn;
mod driver;
mod nvrtc;
mod table;

#[cfg(feature = "cudnn")]
pub use cudnn::{CudnnLibrary, Status as CudnnStatus};
pub use driver::{Cuda, Status};
pub use nvrtc::Nvrtc;

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

static DRIVER: Library = Library {
    name: "NVIDIA's driver",
    files: &["libcuda.so.1", "libcuda.so"],
    remedy: "install NVIDIA's driver for this GPU, version 580 or later",
    beside: None,
};

static COMPILER: Library = Library {
    name: "CUDA's run-time compiler",
    files: &["libnvrtc.so.13", "libnvrtc.so"],
    remedy: "`pip install nvidia-cuda-nvrtc==13.0.*`, then name its directory in UMLAUT_CUDA_LIBS",
    beside: Some("libnvrtc-builtins.so"),
};

#[cfg(feature = "cudnn")]
static CUBLAS_LT: Library = Library {
    name: "cuBLASLt",
    files: &["libcublasLt.so.13"],
    remedy: "cuDNN ends the process without it: `pip install nvidia-cublas==13.1.0.3`, then name its directory in UMLAUT_CUDA_LIBS",
    beside: None,
};

#[cfg(feature = "cudnn")]
static CUDNN: Library = Library {
    name: "cuDNN",
    files: &["libcudnn.so.9", "libcudnn.so"],
    remedy: "`pip install nvidia-cudnn-cu13 nvidia-cublas==13.1.0.3`, then name their directories in UMLAUT_CUDA_LIBS",
    beside: None,
};

/// Where Python's wheels have cuBLASLt, as seen from the directory of their cuDNN.
#[cfg(feature = "cudnn")]
const BESIDE_THE_WHEEL: &str = "../../cu13/lib";

/// Directories in which libraries may lie.
fn directories() -> Vec<PathBuf> {
    let named = std::env::var_os(DIRECTORIES).unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&named).filter(|dir| !dir.as_os_str().is_empty()).collect();
    if let Ok(program) = std::env::current_exe() {
        all.extend(program.parent().map(|dir| dir.join("cuda-libs")));
        all.extend(beside_the_program(&program));
    }
    if let Some(home) = std::env::var_os("CUDA_HOME").map(PathBuf::from) {
        all.extend([home.join("lib64"), home.join("lib")]);
    }
    all
}

/// Directories of NVIDIA's wheels in the Python environment that the program was installed in, by name: below
/// `../lib/python3.12/site-packages/nvidia` as seen from the program's directory, or `../nvidia` where pip was given a target.
fn beside_the_program(program: &Path) -> Vec<PathBuf> {
    let Some(environment) = program.parent().and_then(Path::parent) else { return Vec::new() };
    let pythons = ["lib", "lib64"].iter().flat_map(|lib| listed(&environment.join(lib)));
    let pythons = pythons.filter(|dir| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3")));
    let packages = pythons.flat_map(|python| ["site-packages", "dist-packages"].map(|packages| python.join(packages)));
    let wheels = packages.chain([environment.to_owned()]).flat_map(|packages| listed(&packages.join("nvidia")));
    wheels.map(|wheel| wheel.join("lib")).filter(|dir| dir.is_dir()).collect()
}

/// What a directory holds, by name; nothing where there is none.
fn listed(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Directories in which the system's loader is set to look.
#[cfg(feature = "cudnn")]
fn searched_by_the_system() -> Vec<PathBuf> {
    let named = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&named).filter(|dir| !dir.as_os_str().is_empty()).collect()
}

impl Library {
    /// Opens what it would not find, since it lies where the system does not look.
    fn open_beside(&self, path: &Path) {
        let (Some(start), Some(Ok(dir))) = (self.beside, path.parent().map(std::fs::read_dir)) else { return };
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start));
        // If one of them cannot be opened, the library says what it lacks when it is used.
        dir.flatten().map(|entry| entry.path()).filter(named).for_each(|path| _ = open(&path));
    }

    /// Where it lies, of the directories that are searched and, after them, `others`.
    fn places(&self, others: &[PathBuf]) -> Vec<PathBuf> {
        let all = directories().into_iter().chain(others.iter().cloned());
        let paths = all.flat_map(|dir| self.files.iter().map(move |file| dir.join(file)));
        paths.filter(|path| path.exists()).collect()
    }

    /// Opens it, for good.
    fn open(&'static self, others: &[PathBuf]) -> Result<Opened, String> {
        let mut problem = String::from("it is in none of the places searched");
        for path in self.places(others).into_iter().chain(self.files.iter().map(PathBuf::from)) {
            match open(&path) {
                Ok(library) => {
                    self.open_beside(&path);
                    return Ok(Opened { library, path, what: self });
                }
                Err(e) if path.parent().is_some_and(|dir| !dir.as_os_str().is_empty()) => problem = e.to_string(),
                Err(_) => {}
            }
        }
        Err(format!("{} ({}) could not be loaded: {problem}; {}", self.name, self.files[0], self.remedy))
    }
}

/// A library that stays open.
pub struct Opened {
    library: &'static libloading::Library,
    /// The file, or the name by which the system found it.
    pub path: PathBuf,
    what: &'static Library,
}

impl Opened {
    /// One of its functions; `None` where it has none of that name.
    ///
    /// # Safety
    /// `F` is the type of the function that the library has by this name.
    pub unsafe fn function<F: Copy>(&self, name: &str) -> Option<F> {
        // SAFETY: the caller's.
        unsafe { self.library.get::<F>(name.as_bytes()) }.ok().map(|function| *function)
    }

    /// One of its functions that nothing works without.
    ///
    /// # Errors
    /// If it has none of that name: the file, the name and a remedy.
    ///
    /// # Safety
    /// As of [`Opened::function`].
    unsafe fn required<F: Copy>(&self, name: &str) -> Result<F, String> {
        // SAFETY: the caller's.
        unsafe { self.function(name) }.ok_or_else(|| {
            let Library { name: library, remedy, .. } = self.what;
            format!(
                "{}: it has no function {name}, so it is no {library} that this program can use; {remedy}",
                self.path.display()
            )
        })
    }
}

/// Opens a library for good: its functions are used until the process ends.
fn open(path: &Path) -> Result<&'static libloading::Library, libloading::Error> {
    // SAFETY: running the initialisers of NVIDIA's own library is what a program on its GPUs does.
    unsafe { libloading::Library::new(path) }.map(|library| &*Box::leak(Box::new(library)))
}

/// What came of opening a library, kept for whoever asks next.
type Kept<T> = OnceLock<Result<T, String>>;

fn kept<T>(kept: &'static Kept<T>, open: impl FnOnce() -> Result<T, String>) -> Result<&'static T, String> {
    kept.get_or_init(open).as_ref().map_err(Clone::clone)
}

/// Opens the driver, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
pub fn driver() -> Result<&'static Cuda, String> {
    static OPENED: Kept<Cuda> = OnceLock::new();
    kept(&OPENED, || Cuda::of(&DRIVER.open(&[])?))
}

/// Opens the compiler, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
pub fn compiler() -> Result<&'static Nvrtc, String> {
    static OPENED: Kept<Nvrtc> = OnceLock::new();
    kept(&OPENED, || Nvrtc::of(&COMPILER.open(&[])?))
}

/// Opens what cuDNN cannot be without, once.
///
/// # Errors
/// Why it cannot be, with a remedy.
#[cfg(feature = "cudnn")]
pub fn cublas_lt() -> Result<&'static Opened, String> {
    static OPENED: Kept<Opened> = OnceLock::new();
    kept(&OPENED, || {
        let of_wheels = directories().into_iter().chain(searched_by_the_system());
        let wheels: Vec<PathBuf> = of_wheels.map(|dir| dir.join(BESIDE_THE_WHEEL)).collect();
        CUBLAS_LT.open(&wheels)
    })
}

/// Opens cuDNN, once, after what it cannot be without, and after the driver where there is one.
///
/// # Errors
/// Why it cannot be, with a remedy.
#[cfg(feature = "cudnn")]
pub fn cudnn() -> Result<&'static CudnnLibrary, String> {
    static OPENED: Kept<CudnnLibrary> = OnceLock::new();
    kept(&OPENED, || {
        // cuDNN looks for the driver by name. Planning needs none.
        _ = driver();
        cublas_lt().map_err(|why| if has_cudnn() { why } else { neither() })?;
        let cudnn = CUDNN.open(&[])?;
        // SAFETY: cuDNN's function of this name has no parameters and returns a size_t.
        let made_for = unsafe { cudnn.function::<unsafe extern "C" fn() -> usize>("cudnnGetCudartVersion") };
        // SAFETY: as above.
        match made_for.map(|made_for| unsafe { made_for() } / 1000) {
            Some(cuda) if cuda != 13 => Err(format!(
                "{}: this cuDNN is for CUDA {cuda}, not 13, and would end the process; {}",
                cudnn.path.display(),
                CUDNN.remedy
            )),
            _ => CudnnLibrary::of(&cudnn),
        }
    })
}

#[cfg(feature = "cudnn")]
fn neither() -> String {
    let [cudnn, needed] = [&CUDNN, &CUBLAS_LT].map(|library| format!("{} ({})", library.name, library.files[0]));
    format!("neither {cudnn} nor {needed}, which it needs, is in the places searched; {}", CUDNN.remedy)
}

/// Whether there is a cuDNN in a directory that is searched, so that it is a mistake if it cannot be used.
#[cfg(feature = "cudnn")]
pub fn has_cudnn() -> bool {
    !CUDNN.places(&searched_by_the_system()).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: where pip puts wheels in a virtual environment, in a directory of `--target`, and on Debian.
    #[test]
    fn wheels_of_the_programs_own_environment_are_found() {
        let environment = tempfile::tempdir().expect("a temporary directory");
        let place = |name: &str| environment.path().join(name);
        let wheels = ["lib/python3.12/site-packages/nvidia/cu13/lib", "lib/python3.12/site-packages/nvidia/cudnn/lib"];
        let others = ["lib64/python3.9/dist-packages/nvidia/cu13/lib", "nvidia/cudnn/lib"];
        let neither = ["lib/python3.12/site-packages/nvidia/cudnn/include", "lib/perl/site-packages/nvidia/cu13/lib", "bin"];
        for name in [&wheels[..], &others, &neither].concat() {
            std::fs::create_dir_all(place(name)).expect("a directory is made");
        }
        let found = beside_the_program(&place("bin/umlaut"));
        assert_eq!(found, [&wheels[..], &others].concat().into_iter().map(place).collect::<Vec<_>>());
        assert_eq!(beside_the_program(Path::new("umlaut")), Vec::<PathBuf>::new());
    }
}
