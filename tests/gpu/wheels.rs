//! In a Python environment the program finds the wheels of NVIDIA's libraries by itself.

use super::{Desk, TINY, can_emulate, emulated, ends_with, software_cuda};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The wheels' directories, and what lies in each; the emulated driver is in one of them, since no system has it.
const WHEELS: [(&str, &[&str]); 2] =
    [("cu13", &["libnvrtc.so.13", "libcublasLt.so.13", "libcuda.so.1"]), ("cudnn", &["libcudnn.so.9", "libcuda.so.1"])];

/// A copy of the program as pip installs it, with wheels beside it; started without a word of where they are.
fn installed(environment: &Path) -> Command {
    let program = environment.join("bin/umlaut");
    fs::create_dir_all(environment.join("bin")).unwrap();
    fs::copy(assert_cmd::cargo::cargo_bin!("umlaut"), &program).unwrap();
    for (wheel, files) in WHEELS {
        let dir = environment.join("lib/python3.12/site-packages/nvidia").join(wheel).join("lib");
        fs::create_dir_all(&dir).unwrap();
        for file in files {
            fs::copy(software_cuda::libraries().join(file), dir.join(file)).unwrap();
        }
    }
    let mut command = emulated(Command::new(program));
    command.env_remove("UMLAUT_CUDA_LIBS").env_remove("CUDA_HOME");
    command
}

/// Oracle: the version that the emulated cuDNN says it is, and the paths that were made here.
#[test]
fn a_program_in_a_python_environment_finds_its_wheels() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let mut command = installed(&desk.path("environment"));
    let said = ends_with(&command.args(["selftest", "--layer", "cudnn"]).current_dir(desk.0.path()).output().unwrap(), 0);
    assert!(said.contains("cuDNN 9.19.0") && said.contains("site-packages/nvidia/cudnn/lib/libcudnn.so.9"), "{said}");

    // Without its wheels it is what it was: nothing is found, and the remedy is named.
    fs::remove_dir_all(desk.path("environment/lib")).unwrap();
    let said = ends_with(&command.output().unwrap(), 1);
    assert!(said.contains("could not be loaded") || said.contains("is in the places searched"), "{said}");
}
