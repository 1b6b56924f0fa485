//! Training on a GPU, on one that is emulated: the unchanged program finds the libraries of `software_cuda` in place of NVIDIA's.
//!
//! The oracle of every number is the CPU's path, which is tested by itself against formulas, finite differences and PyTorch. The
//! emulated device aborts on writes outside an allocation, stale addresses and broken barriers. Needs a C++ compiler; where there is
//! none the tests skip, saying so.

#![cfg(feature = "cudnn")]

mod engines;
mod evaluation;
mod failures;
mod further;
mod libraries;
mod probe;
#[path = "../software_cuda/mod.rs"]
mod software_cuda;
mod wheels;

use software_cuda::{can_emulate, emulated};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use umlaut::record::Event;
use umlaut::store::{Events, RunDir};

const TINY: &str = r#"
name = "tiny"
[dataset.synthetic]
count = 12
size = [32, 32]
[preprocess]
size = [16, 16]
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[augment]
flip_horizontal = 0.5
rotate90 = 0.5
[model.unet]
channels = [8, 12]
norm = "group"
groups = 4
[training]
epochs = 3
batch_size = 2
accumulate = 2
"#;

struct Desk(tempfile::TempDir);

impl Desk {
    fn with(toml: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::write(desk.0.path().join("x.toml"), toml).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = emulated(Command::new(assert_cmd::cargo::cargo_bin!("umlaut")));
        command.args(arguments).current_dir(self.0.path()).env("XDG_CONFIG_HOME", self.0.path()).stdin(Stdio::null());
        command
    }

    fn umlaut(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The run of an experiment; of several the first by name.
    fn run(&self, results: &str) -> PathBuf {
        let runs = fs::read_dir(self.0.path().join(results).join("tiny/runs")).unwrap();
        runs.map(|run| run.unwrap().path()).min().unwrap()
    }

    fn read(&self, results: &str, file: &str) -> String {
        fs::read_to_string(self.run(results).join(file)).unwrap()
    }

    /// The largest difference between the metrics.csv of the same runs on the CPU and on the GPU, in `cpu` and `gpu`. Adam's ε is large, so
    /// that it does not blow rounding up.
    fn farthest_from_the_cpu(&self, sets: &[&str]) -> f64 {
        for (device, results) in [("cpu", "cpu"), ("cuda:0", "gpu")] {
            let sets = sets.iter().chain(&["optimizer.adam.eps=1e-3"]).flat_map(|set| ["--set", set]);
            let arguments = ["run", "x.toml", "--device", device, "--results", results].into_iter().chain(sets);
            ends_with(&self.umlaut(&arguments.collect::<Vec<_>>()), 0);
        }
        let (right, got) = (self.read("cpu", "metrics.csv"), self.read("gpu", "metrics.csv"));
        assert_eq!(right.lines().next(), got.lines().next());
        let (right, got) = (numbers(&right), numbers(&got));
        assert_eq!(right.len(), got.len());
        right.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// A run that is stopped and goes on ends with the bytes of one that is not.
    fn assert_stops_leave_no_trace(&self) {
        ends_with(&self.umlaut(&["run", "x.toml", "--device", "cuda:0", "--results", "whole"]), 0);
        let prepared = self.umlaut(&["run", "x.toml", "--device", "cuda:0", "--results", "parts", "--set", "training.epochs=3"]);
        ends_with(&prepared, 0);
        for file in ["metrics.csv", "outcome.toml", "timing.csv"] {
            fs::remove_file(self.run("parts").join(file)).unwrap();
        }
        fs::remove_dir_all(self.run("parts").join("checkpoints")).unwrap();
        let mut stops = 0;
        // A child stops when its standard input ends, after the step that it is at: by turns at once and after an epoch, for a stop during
        // validation leaves nothing to go on from but the epoch's batches.
        loop {
            let mut events = RunDir::at(self.run("parts")).events();
            let mut child = self
                .command(&[
                    "train",
                    self.run("parts").to_str().unwrap(),
                    "--child",
                    "--device",
                    "cuda:0",
                    "--cache",
                    "parts/.cache",
                ])
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let begins = stops % 2 == 0;
            _ = reports(&mut events, &mut child, |event| match event {
                Event::Started { .. } => begins,
                Event::Epoch { .. } => !begins,
                _ => false,
            });
            drop(child.stdin.take());
            match child.wait().unwrap().code() {
                Some(130) => stops += 1,
                code => break assert_eq!(code, Some(0)),
            }
            assert!(stops < 50, "every second attempt gets further");
        }
        assert!(stops > 0, "at least once it was stopped");
        for file in ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors"] {
            let bytes = |results: &str| fs::read(self.run(results).join(file)).unwrap();
            assert!(bytes("whole") == bytes("parts"), "{file} differs after {stops} stops");
        }
    }
}

/// Waits until a run reports such an event; `false` if its process ends without one.
fn reports(events: &mut Events, child: &mut Child, is_such: impl Fn(&Event) -> bool) -> bool {
    loop {
        let ended = child.try_wait().unwrap().is_some();
        if events.added().iter().any(&is_such) {
            return true;
        }
        if ended {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ends_with(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
    text(output)
}

/// Numbers of a metrics.csv, column after column of each row.
fn numbers(csv: &str) -> Vec<f64> {
    csv.lines().skip(1).flat_map(|row| row.split(',')).map(|field| field.parse().unwrap()).collect()
}

#[test]
fn every_operation_and_whole_steps_are_the_cpus() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let said = ends_with(&desk.umlaut(&["selftest", "--all", "--small"]), 0);
    for precision in ["f32", "tf32", "bf16"] {
        assert!(said.contains(&format!("{precision} on cuda:0, convolutions by cuDNN")), "{said}");
    }
    assert_eq!(said.matches("steps replayed as CUDA graphs").count(), 3, "{said}");
    assert!(said.contains("the same bits twice") && !said.contains("MISS"), "{said}");
}

/// The emulated device takes sines for square roots, which Adam alone needs.
#[test]
fn a_device_that_calculates_wrongly_is_found_out() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let mut command = desk.command(&["selftest", "--small", "--precision", "f32"]);
    let said = ends_with(&command.env("SOFTWARE_CUDA_CXXFLAGS", "-Dsqrtf=sinf").output().unwrap(), 1);
    assert!(said.contains("MISS  U-Net, no norm, Adam") && said.contains("do not trust this GPU"), "{said}");
    assert!(!said.contains("MISS  conv"), "{said}");
}

/// Threads and blocks in another order change results if a barrier is missing; work done late, if something reads too early.
#[test]
fn neither_order_nor_lateness_matters() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let said = |key: &str, value: &str| {
        let mut command = desk.command(&["selftest", "--all", "--small", "--precision", "f32"]);
        ends_with(&command.env(key, value).output().unwrap(), 0)
    };
    let usual = said("SOFTWARE_CUDA_ORDER", "");
    assert_eq!(said("SOFTWARE_CUDA_ORDER", "reverse"), usual);
    assert_eq!(said("SOFTWARE_CUDA_LAZY", "1"), usual);
    assert_eq!(said("SOFTWARE_CUDA_ENGINES", "reverse"), usual, "engines that round more are passed over in f32");
    let plain = said("UMLAUT_CONVOLUTIONS", "plain");
    assert!(plain.contains("plain sums") && !plain.contains("MISS"), "{plain}");
}

/// Oracle: the CPU's metrics.csv. In f32 the two differ by rounding, which the few updates do not blow up.
#[test]
fn a_run_on_a_gpu_has_the_cpus_numbers_and_says_where_it_ran() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let far = desk.farthest_from_the_cpu(&["metrics.extra=['ece', 'hd95', 'vcdr_error']"]);
    assert!(far < 1e-4, "{far}");
    let outcome = |results: &str| desk.read(results, "outcome.toml").parse::<toml::Table>().unwrap();
    let (right, got) = (outcome("cpu"), outcome("gpu"));
    for (table, column) in [("best", "val_ece_cup"), ("best", "val_hd95"), ("test", "test_ece"), ("test", "test_vcdr_error")] {
        let [right, got] = [&right, &got].map(|outcome| outcome[table][column].as_float().unwrap());
        assert!((right - got).abs() < 1e-4, "{column}: {got}, not {right}");
    }
    let provenance = desk.read("gpu", "provenance.toml");
    for part in ["device = \"cuda:0\"", "gpu = ", "convolutions = \"cuDNN"] {
        assert!(provenance.contains(part), "{provenance}");
    }
    let of = |results: &str| fs::read_dir(desk.run(results).join("samples")).unwrap().count();
    assert_eq!(of("cpu"), of("gpu"));
}

/// Oracle: the CPU's metrics.csv.
#[test]
fn other_networks_than_the_unet_have_the_cpus_numbers() {
    if !can_emulate() {
        return;
    }
    let attention = "[model.attention_unet]\nresidual = true\nactivation = 'silu'";
    let nested = "[model.unet_plus_plus]\nactivation = 'elu'";
    for model in [attention, nested] {
        let far = Desk::with(&TINY.replace("[model.unet]", model)).farthest_from_the_cpu(&[]);
        assert!(far < 1e-4, "{model}: {far}");
    }
}

/// Changes that calculate pixels anew, and normalisation, happen before samples are on the device. Oracle: the CPU's metrics.csv.
#[test]
fn changed_and_normalised_images_are_the_cpus() {
    if !can_emulate() {
        return;
    }
    let changes = "[augment.rotate]\n[augment.elastic]\nsigma = [1, 2]\n[augment.gamma]\n[augment.noise]\n";
    for (normalise, changes) in [("dataset", changes), ("image", "")] {
        let with = format!("[preprocess]\nnormalise = '{normalise}'");
        let text = TINY.replace("[preprocess]", &with).replace("[model.unet]", &format!("{changes}[model.unet]"));
        let far = Desk::with(&text).farthest_from_the_cpu(&[]);
        assert!(far < 1e-4, "{normalise}: {far}");
    }
}

/// Oracle: an uninterrupted run, byte by byte.
#[test]
fn a_run_that_was_stopped_anywhere_ends_with_the_same_bytes() {
    if !can_emulate() {
        return;
    }
    Desk::with(TINY).assert_stops_leave_no_trace();
}

/// Oracle: the run that was asked for no more epochs, byte by byte.
#[test]
fn a_run_that_ends_early_leaves_the_files_of_its_last_epoch() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let run = |results: &str, sets: &[&str]| {
        let sets = sets.iter().flat_map(|set| ["--set", *set]);
        let arguments = ["run", "x.toml", "--device", "cuda:0", "--results", results].into_iter().chain(sets);
        ends_with(&desk.umlaut(&arguments.collect::<Vec<_>>()), 0)
    };
    run("whole", &[]);
    run("early", &["training.epochs=9", "training.early_stopping={ patience = 2, min_delta = 10.0 }"]);
    for file in ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors", "checkpoints/resume.safetensors"]
    {
        let bytes = |results: &str| fs::read(desk.run(results).join(file)).unwrap();
        assert!(bytes("whole") == bytes("early"), "{file} differs");
    }
    assert!(desk.read("early", "outcome.toml").contains("stopped early after epoch 3 of 9"));
}

/// Oracle: the CPU's metrics.csv, whose first epoch begins with the same weights.
#[test]
fn a_run_begins_with_the_weights_of_another() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    ends_with(&desk.umlaut(&["run", "x.toml", "--device", "cpu", "--results", "source"]), 0);
    let weights = format!("training.initial.weights='{}'", desk.run("source").display());
    let far = desk.farthest_from_the_cpu(&[&weights]);
    assert!(far < 1e-4, "{far}");
    let right = numbers(&desk.read("cpu", "metrics.csv"));
    assert_ne!(numbers(&desk.read("source", "metrics.csv"))[2], right[2], "the training loss of other weights");
}

#[test]
fn want_of_device_memory_is_answered_by_smaller_parts() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(
        &TINY.replace("[16, 16]", "[32, 32]").replace("batch_size = 2", "batch_size = 6").replace("count = 12", "count = 16"),
    );
    let run = |memory: &str, results: &str| {
        let mut command = desk.command(&["run", "x.toml", "--device", "cuda:0", "--results", results]);
        command.env("SOFTWARE_CUDA_MEMORY", memory).output().unwrap()
    };
    let said = ends_with(&run("2500000", "scarce"), 0);
    assert!(said.contains("out of device memory") && said.contains("with every batch in"), "{said}");
    let outcome = desk.read("scarce", "outcome.toml");
    assert!(outcome.contains("for want of memory every batch was split"), "{outcome}");
    let said = ends_with(&run("200000", "none"), 1);
    assert!(said.contains("out of device memory"), "{said}");
}

/// Two GPUs, of which NVML tells too: every run's process sees one, and results say which.
#[test]
fn runs_go_on_all_gpus_and_several_on_each() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&TINY.replace("accumulate = 2", "seeds = 5"));
    let nvml = desk.0.path().join("libnvidia-ml.so.1");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/software_nvml/nvml.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-DEMULATED", "-o"]).arg(&nvml).arg(source).output().unwrap();
    ends_with(&built, 0);
    let libraries = std::env::join_paths([software_cuda::libraries(), desk.0.path()]).unwrap();
    let mut command = desk.command(&["run", "x.toml", "--jobs-per-device", "auto"]);
    command.env("UMLAUT_CUDA_LIBS", libraries).env("SOFTWARE_CUDA_DEVICES", "2").env("RAYON_NUM_THREADS", "4");
    let said = ends_with(&command.output().unwrap(), 0);
    assert!(said.contains("5 runs in 1 group: 5 finished"), "{said}");
    let runs = || fs::read_dir(desk.0.path().join("results/tiny/runs")).unwrap();
    for run in runs() {
        let events = fs::read_to_string(run.unwrap().path().join("events.jsonl")).unwrap();
        assert!(events.contains("{\"event\":\"gpu_use\",\"share\":0.87}"), "{events}");
    }
    let device = |run: PathBuf| {
        let provenance = fs::read_to_string(run.join("provenance.toml")).unwrap();
        provenance.lines().find(|line| line.starts_with("device = ")).unwrap().to_owned()
    };
    let mut devices: Vec<String> = runs().map(|run| device(run.unwrap().path())).collect();
    devices.sort();
    devices.dedup();
    assert_eq!(devices, ["device = \"cuda:0\"", "device = \"cuda:1\""]);
}

#[test]
fn a_gpu_that_is_not_there_is_the_users_mistake() {
    let desk = Desk::with(TINY);
    let without = |arguments: &[&str]| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
        command.args(arguments).current_dir(desk.0.path()).env("CUDA_VISIBLE_DEVICES", "").env("UMLAUT_CUDA_LIBS", "");
        command.output().unwrap()
    };
    for arguments in [&["run", "x.toml", "--device", "cuda:7"][..], &["selftest", "--device", "cuda:7"]] {
        let said = ends_with(&without(arguments), 2);
        assert!(said.contains("cuda:7"), "{said}");
    }
    assert!(!Path::new(&desk.0.path().join("results/tiny/runs")).exists(), "nothing was begun");
}
