//! Builds the software CUDA, once for all tests, and starts programs that find it instead of NVIDIA's.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The sources, beside this file.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/software_cuda")
}

/// A name that changes with the sources.
fn version() -> String {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut hash = DefaultHasher::new();
    for path in paths {
        std::fs::read(path).unwrap().hash(&mut hash);
    }
    format!("software-cuda-{:016x}", hash.finish())
}

/// The directory with libcuda.so.1, libnvrtc.so.13, libcublasLt.so.13 and libcudnn.so.9; built by whichever test comes first.
///
/// # Panics
/// If there is no C++ compiler, or it refuses the sources.
pub fn libraries() -> &'static Path {
    static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(version());
        if !built.exists() {
            // Complete when it gets its name: tests of other processes build at the same time.
            let own = built.with_extension(std::process::id().to_string());
            let status = Command::new("sh").arg(sources().join("build.sh")).arg(&own).status().unwrap();
            assert!(status.success(), "tests/software_cuda/build.sh failed: is there a C++ compiler?");
            if std::fs::rename(&own, &built).is_err() {
                std::fs::remove_dir_all(&own).unwrap();
            }
        }
        built
    })
}

/// Whether there is a compiler to build it with.
pub fn can_emulate() -> bool {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    let found = Command::new(&compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no C++ compiler ({compiler}) to build an emulated GPU with");
    }
    found
}

/// A command that sees one software device. Its compiled kernels are kept for the next test; those of a real GPU are not touched.
pub fn emulated(mut command: Command) -> Command {
    let kept = libraries().join("kept");
    command.env("UMLAUT_CUDA_LIBS", libraries()).env("SOFTWARE_CUDA_CACHE", kept.join("modules"));
    command.env("XDG_CACHE_HOME", kept).env_remove("CUDA_VISIBLE_DEVICES");
    command
}
