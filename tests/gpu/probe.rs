//! `umlaut selftest --probe`: a layer that fails, ends its process or never returns is named, and the others are tried.

use super::{Desk, TINY, can_emulate, ends_with, software_cuda};
use std::fs;
use std::process::Command;

/// The lines of a probe, as (layer, how it ended).
fn layers(said: &str) -> Vec<(&str, &str)> {
    let split = said.lines().filter_map(|line| {
        let (name, rest) = line.split_once(", ")?;
        Some((name, rest.split(", ").next()?))
    });
    split.filter(|(_, how)| *how == "ok" || how.starts_with("failed ")).collect()
}

#[test]
fn every_layer_works_on_the_emulated_device() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let nvml = desk.path("libnvidia-ml.so.1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/software_nvml/nvml.c");
    ends_with(&Command::new("cc").args(["-shared", "-fPIC", "-DEMULATED", "-o"]).arg(&nvml).arg(source).output().unwrap(), 0);
    let libraries = std::env::join_paths([software_cuda::libraries(), nvml.parent().unwrap()]).unwrap();
    let mut command = desk.command(&["selftest", "--probe", "--small", "--out", "found.txt"]);
    let said = ends_with(&command.env("UMLAUT_CUDA_LIBS", libraries).output().unwrap(), 0);
    let names = [
        "nvml",
        "driver",
        "device",
        "nvrtc",
        "kernel",
        "memory",
        "cublaslt",
        "cudnn",
        "conv-bf16",
        "conv-tf32",
        "conv-f32",
        "graph",
        "steps",
    ];
    assert_eq!(layers(&said), names.map(|name| (name, "ok")), "{said}");
    for part in [
        "Software CUDA, compute capability 9.0, 132 multiprocessors",
        "version 13.1.0",
        "cuDNN 9.19.0",
        "results as the CPU's",
        "replayed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let found = fs::read_to_string(desk.path("found.txt")).unwrap();
    for name in names {
        assert!(found.contains(&format!("== {name}, ok, ")), "{name}: {found}");
    }
    assert!(found.contains("UMLAUT_CUDA_LIBS: /"), "{found}");
}

#[test]
fn a_layer_that_never_returns_is_ended_and_the_next_is_tried() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let mut command = desk.command(&["selftest", "--probe", "--layers", "driver,cublaslt,device", "--limit", "5"]);
    let said = ends_with(&command.env("SOFTWARE_CUDA_HANG", "cublasLtGetVersion").output().unwrap(), 1);
    assert_eq!(layers(&said), [("driver", "ok"), ("cublaslt", "failed limit 5 s"), ("device", "ok")], "{said}");
    assert!(said.contains("1 layer failed: cublaslt"), "{said}");
    let found = fs::read_to_string(desk.path("umlaut-probe.txt")).unwrap();
    assert!(found.contains("== cublaslt, failed limit 5 s"), "{found}");
}

/// The emulated driver ends the process when its memory is no number.
#[test]
fn a_layer_that_ends_its_process_and_one_that_reports_an_error_are_told_apart() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let probe = |layers: &str, name: &str, value: &str| {
        let mut command = desk.command(&["selftest", "--probe", "--small", "--layers", layers]);
        ends_with(&command.env(name, value).output().unwrap(), 1)
    };
    let said = probe("driver,nvrtc,cublaslt", "SOFTWARE_CUDA_MEMORY", "much");
    assert_eq!(layers(&said), [("driver", "failed signal 6"), ("nvrtc", "ok"), ("cublaslt", "ok")], "{said}");
    assert!(said.contains("software cuda: SOFTWARE_CUDA_MEMORY=much is not a number"), "{said}");
    let said = probe("graph,conv-f32,cublaslt", "SOFTWARE_CUDA_FAIL", "execute,capture");
    assert_eq!(layers(&said), [("graph", "failed rc 1"), ("conv-f32", "failed rc 1"), ("cublaslt", "ok")], "{said}");
    assert!(said.contains("SOFTWARE_CUDA_FAIL: no execution today"), "{said}");
    let said = probe("graph", "SOFTWARE_CUDA_FAIL", "capture");
    assert!(said.contains("recording a graph failed"), "{said}");
}

#[test]
fn without_a_gpu_a_probe_says_so() {
    let desk = Desk::with(TINY);
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(["selftest", "--probe", "--layers", "driver,device"]).current_dir(desk.path(""));
    command.env("CUDA_VISIBLE_DEVICES", "").env("UMLAUT_CUDA_LIBS", "");
    let said = ends_with(&command.output().unwrap(), 1);
    assert_eq!(layers(&said), [("driver", "failed rc 1"), ("device", "failed rc 1")], "{said}");
    assert!(said.contains("error: no GPU can be used here: 2 layers failed: driver, device; the first, driver: "), "{said}");
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(["selftest", "--probe", "--layers", "drivers"]).current_dir(desk.path(""));
    let said = ends_with(&command.output().unwrap(), 2);
    assert!(said.contains("--layers drivers: there is no such layer; there are nvml, driver"), "{said}");
}
