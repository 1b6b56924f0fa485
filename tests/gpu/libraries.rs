//! Functions come from the very file that was opened, and a library that lacks one is named with a remedy.

use super::{Desk, TINY, can_emulate, ends_with};
use std::fs;
use std::path::Path;
use std::process::Command;

impl Desk {
    /// A folder of the emulated libraries, one of them without a function: its name in the file is changed.
    fn libraries_without_function(&self, library: &str, function: &str) -> String {
        let dir = self.libraries_without(&[]);
        let path = dir.join(library);
        let mut bytes = fs::read(&path).unwrap();
        let name = [&[0], function.as_bytes(), &[0]].concat();
        let places: Vec<usize> = (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(&name)).collect();
        assert!(!places.is_empty(), "{library} has {function}");
        places.iter().for_each(|at| bytes[at + function.len()] = b'X');
        fs::write(&path, bytes).unwrap();
        dir.to_str().unwrap().to_owned()
    }
}

/// A library of this name that ends the process as soon as somebody opens it.
fn trap(dir: &Path, name: &str) {
    let source = dir.join("trap.c");
    let text = "#include <unistd.h>\n__attribute__((constructor)) static void opened(void) { write(2, \"trapped\\n\", 8); _exit(97); }\n";
    fs::write(&source, text).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-w", "-shared", "-fPIC", &format!("-Wl,-soname,{name}"), "-o"]).arg(dir.join(name)).arg(source);
    ends_with(&compiler.output().unwrap(), 0);
}

/// A toolkit's stub of the driver, say, whose folder is in LD_LIBRARY_PATH.
#[test]
fn another_library_of_the_same_name_is_never_opened() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let dir = desk.path("stubs");
    fs::create_dir(&dir).unwrap();
    for name in ["libcuda.so", "libnvrtc.so", "libcudnn.so", "libcuda.so.1", "libnvrtc.so.13", "libcudnn.so.9"] {
        trap(&dir, name);
    }
    let environment = [("LD_LIBRARY_PATH", dir.to_str().unwrap())];
    let said = desk.says(&["selftest", "--layer", "conv-f32", "--small"], &environment, 0);
    assert!(said.contains("by cuDNN 9.19.0") && said.contains("results as the CPU's"), "{said}");
    // The trap works: where nothing else is found it is opened.
    let empty = desk.path("");
    let said = desk.says(&["selftest"], &[environment[0], ("UMLAUT_CUDA_LIBS", empty.to_str().unwrap())], 97);
    assert!(said.contains("trapped"), "{said}");
}

#[test]
fn a_library_that_lacks_a_function_is_named_with_a_remedy() {
    if !can_emulate() {
        return;
    }
    let cases = [
        ("libcuda.so.1", "cuGraphInstantiateWithFlags", "NVIDIA's driver", "version 580 or later"),
        ("libnvrtc.so.13", "nvrtcGetCUBIN", "CUDA's run-time compiler", "pip install nvidia-cuda-nvrtc"),
        ("libcudnn.so.9", "cudnnBackendExecute", "cuDNN", "UMLAUT_CONVOLUTIONS=plain"),
    ];
    for (library, function, name, remedy) in cases {
        let desk = Desk::with(TINY);
        let dir = desk.libraries_without_function(library, function);
        let said = desk.says(&["selftest", "--small", "--precision", "f32"], &[("UMLAUT_CUDA_LIBS", &dir)], 2);
        let why = format!("{dir}/{library}: it has no function {function}, so it is no {name} that this program can use; ");
        assert!(said.contains(&why) && said.contains(remedy) && !said.contains("panicked"), "{said}");
    }
}

/// Oracle: what the compiler makes when there is no file yet.
#[test]
fn kernels_that_the_driver_refuses_are_compiled_anew_and_kept() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let cache = desk.path("cache");
    let environment = [("XDG_CACHE_HOME", cache.to_str().unwrap()), ("SOFTWARE_CUDA_CUBIN", "elf")];
    let kernel = || desk.says(&["selftest", "--layer", "kernel"], &environment, 0);
    assert!(!kernel().contains("compiled anew"));
    let files: Vec<_> = fs::read_dir(cache.join("umlaut")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "one per program: {files:?}");
    let right: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(right.iter().all(|code| code.starts_with(b"\x7fELF")));

    // Half a file, as a full disk leaves it, and code for nothing that this driver knows.
    for (wrong, spoilt) in [(&b"\x7fEL"[..], 1), (b"\x7fELF of another machine", 4)] {
        files[..spoilt].iter().for_each(|file| fs::write(file, wrong).unwrap());
        let said = kernel();
        let note = ": the driver refuses these kernels, compiled earlier (CUDA_ERROR_INVALID_IMAGE";
        assert_eq!(said.matches(note).count(), 1, "the first is enough: {said}");
        assert!(files[..spoilt].iter().any(|file| said.contains(&format!("note: {}{note}", file.display()))), "{said}");
        let kept: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(kept == right, "the files hold what was compiled");
        assert!(!kernel().contains("compiled anew"), "and serve the next start");
    }
}
