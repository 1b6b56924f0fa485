//! What fails on a GPU is said, with the library's own words and a way out, and never becomes slow convolutions in silence.

use super::{Desk, TINY, can_emulate, ends_with, reports, software_cuda, text};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use umlaut::record::Event;
use umlaut::store::RunDir;

/// One epoch of the tiny experiment; group norm sums alike on every path.
fn short() -> String {
    TINY.replace("epochs = 3", "epochs = 1")
}

impl Desk {
    /// A folder of the emulated libraries, without some.
    pub fn libraries_without(&self, names: &[&str]) -> PathBuf {
        let dir = self.path("libraries");
        fs::create_dir(&dir).unwrap();
        for entry in fs::read_dir(software_cuda::libraries()).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with("lib") && !names.iter().any(|absent| name.starts_with(absent)) {
                fs::copy(entry.path(), dir.join(name)).unwrap();
            }
        }
        dir
    }

    /// How a command ends in this environment, and what it says.
    pub fn says(&self, arguments: &[&str], environment: &[(&str, &str)], code: i32) -> String {
        ends_with(&self.command(arguments).envs(environment.iter().copied()).output().unwrap(), code)
    }

    /// What the outcome of the run tells its reader.
    fn notes(&self, results: &str) -> String {
        let outcome: toml::Table = self.read(results, "outcome.toml").parse().unwrap();
        outcome.get("notes").map(ToString::to_string).unwrap_or_default()
    }
}

fn run(results: &str) -> [&str; 6] {
    ["run", "x.toml", "--device", "cuda:0", "--results", results]
}

/// As NVIDIA's cuDNN, the emulated one ends the process where nobody has opened cuBLASLt.
#[test]
fn cudnn_is_not_touched_without_what_it_cannot_be_without() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&short());
    let dir = desk.libraries_without(&["libcublasLt"]);
    let here = [("UMLAUT_CUDA_LIBS", dir.to_str().unwrap())];
    let said = desk.says(&["selftest", "--small", "--precision", "f32"], &here, 2);
    for part in ["cuBLASLt (libcublasLt.so.13) could not be loaded", "pip install nvidia-cublas", "UMLAUT_CONVOLUTIONS=plain"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("Cannot load symbol"), "{said}");
    let said = desk.says(&run("refused"), &here, 1);
    assert!(said.contains("pip install nvidia-cublas"), "{said}");
    desk.says(&run("plain"), &[here[0], ("UMLAUT_CONVOLUTIONS", "plain")], 0);
    assert_eq!(desk.notes("plain"), "", "who asks for plain sums knows of them");

    // Where Python's wheels have it, beside their cuDNN.
    let wheels = desk.path("nvidia/cu13/lib");
    fs::create_dir_all(desk.path("nvidia/cudnn")).unwrap();
    fs::create_dir_all(&wheels).unwrap();
    fs::rename(&dir, desk.path("nvidia/cudnn/lib")).unwrap();
    fs::copy(software_cuda::libraries().join("libcublasLt.so.13"), wheels.join("libcublasLt.so.13")).unwrap();
    let cudnn = desk.path("nvidia/cudnn/lib");
    let said = desk.says(&["selftest", "--layer", "cudnn"], &[("UMLAUT_CUDA_LIBS", cudnn.to_str().unwrap())], 0);
    assert!(said.contains("cuDNN 9.19.0"), "{said}");
}

#[test]
fn without_cudnn_a_run_says_that_it_is_slow() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&short());
    let dir = desk.libraries_without(&["libcublasLt", "libcudnn"]);
    let here = ("UMLAUT_CUDA_LIBS", dir.to_str().unwrap());
    let said = desk.says(&run("plain"), &[here], 0);
    assert_eq!(said.matches("convolutions are plain sums, many times slower than cuDNN").count(), 1, "{said}");
    assert!(said.contains("pip install nvidia-cudnn-cu13 nvidia-cublas"), "{said}");
    assert!(desk.notes("plain").contains("plain sums, many times slower"));
    let said = desk.says(&run("must"), &[here, ("UMLAUT_CONVOLUTIONS", "cudnn")], 1);
    assert!(said.contains("UMLAUT_CONVOLUTIONS=cudnn") && said.contains("pip install nvidia-cudnn-cu13"), "{said}");
}

/// Slow sums in place of it would cost hours before anybody saw them.
#[test]
fn a_convolution_that_cudnn_cannot_do_ends_the_run_with_its_reason_and_a_remedy() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&short());
    for (fails, why) in [("graph", "no graph today"), ("engines", "it names no engine"), ("plan", "no plan today")] {
        let said = desk.says(&[&run(fails)[..], &["--retries", "0"]].concat(), &[("SOFTWARE_CUDA_FAIL", fails)], 1);
        let named = "cuDNN 9.19.0 cannot compute the forward pass of a convolution (3×3, (2, 16, 16, 8) to 8 channels) in f32 on Software CUDA: ";
        for part in [named, why, "try another training.precision, or UMLAUT_CONVOLUTIONS=plain"] {
            assert!(said.contains(part), "{fails}: {part}: {said}");
        }
        assert!(!desk.run(fails).join("checkpoints/last.safetensors").exists(), "nothing was trained");
        let said = desk.says(&["selftest", "--layer", "conv-f32", "--small"], &[("SOFTWARE_CUDA_FAIL", fails)], 1);
        assert!(said.contains("error: cuDNN 9.19.0 cannot compute") && said.contains(why), "{said}");
    }
    // The remedy works.
    desk.says(&run("plain"), &[("SOFTWARE_CUDA_FAIL", "plan"), ("UMLAUT_CONVOLUTIONS", "plain")], 0);
}

#[test]
fn a_convolution_that_fails_ends_the_run_with_cudnns_own_words() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&short());
    for deterministic in ["training.deterministic=true", "training.deterministic=false"] {
        let arguments = [&run(deterministic)[..], &["--retries", "0", "--set", deterministic]].concat();
        let said = desk.says(&arguments, &[("SOFTWARE_CUDA_FAIL", "execute")], 1);
        let words = "cuDNN: executing the forward pass of a convolution (3×3, (2, 16, 16, 8) to 8 channels) in f32 failed";
        for part in [words, "SOFTWARE_CUDA_FAIL: no execution today", "UMLAUT_CONVOLUTIONS=plain"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

/// NVIDIA's lists for f32 are as long, and their exact engines come last.
#[test]
fn an_exact_engine_is_found_at_the_end_of_a_long_list() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let said = desk.says(&["selftest", "--layer", "cudnn"], &[("SOFTWARE_CUDA_ENGINES", "many")], 0);
    assert!(said.contains("of 39 engines"), "{said}");
    let many = [("SOFTWARE_CUDA_ENGINES", "many"), ("UMLAUT_CONVOLUTIONS", "cudnn")];
    let said = desk.says(&["selftest", "--layer", "conv-f32", "--small"], &many, 0);
    assert!(said.contains("results as the CPU's"), "{said}");
}

/// Oracle of the numbers: the run whose steps are replayed.
#[test]
fn a_step_that_cannot_be_recorded_is_said_once_and_changes_no_number() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 2").replace("accumulate = 2", "seeds = 2"));
    let said = desk.says(&run("replayed"), &[], 0);
    assert!(!said.contains("note:") && desk.notes("replayed").is_empty(), "{said}");
    for fails in ["capture", "instantiate"] {
        let said = desk.says(&run(fails), &[("SOFTWARE_CUDA_FAIL", fails)], 0);
        assert_eq!(said.matches("a step could not be recorded as a CUDA graph").count(), 1, "{fails}, of two runs: {said}");
        assert!(said.contains("UMLAUT_CUDA_GRAPHS=off"), "{said}");
        assert!(desk.notes(fails).contains("could not be recorded"), "{fails}");
        assert_eq!(desk.read(fails, "metrics.csv"), desk.read("replayed", "metrics.csv"), "{fails}");
    }
    // Nothing is recorded, so nothing can fail.
    let off = [("SOFTWARE_CUDA_FAIL", "capture"), ("UMLAUT_CUDA_GRAPHS", "off")];
    let said = desk.says(&run("off"), &off, 0);
    assert!(!said.contains("note:"), "{said}");
    assert_eq!(desk.read("off", "metrics.csv"), desk.read("replayed", "metrics.csv"));
}

#[test]
fn the_selftest_shows_how_steps_are_done() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let steps = |environment: &[(&str, &str)]| desk.says(&["selftest", "--layer", "steps"], environment, 0);
    assert!(steps(&[]).contains("replayed as CUDA graphs"));
    assert!(steps(&[("UMLAUT_CUDA_GRAPHS", "off")]).contains("started kernel by kernel (UMLAUT_CUDA_GRAPHS=off)"));
    let said = steps(&[("SOFTWARE_CUDA_FAIL", "capture")]);
    assert!(said.contains("started kernel by kernel, not replayed") && said.contains("could not be recorded"), "{said}");
    for (name, value) in [("UMLAUT_CUDA_GRAPHS", "maybe"), ("UMLAUT_CONVOLUTIONS", "fast")] {
        let said = desk.says(&["selftest"], &[(name, value)], 2);
        assert!(said.contains(&format!("{name}={value}: use ")) && said.contains("leave it unset"), "{said}");
        let said = desk.says(&run(value), &[(name, value)], 1);
        assert!(said.contains(&format!("{name}={value}: use ")), "{said}");
    }
}

/// Oracle: an uninterrupted run, byte by byte.
#[test]
fn a_run_that_is_killed_in_its_first_seconds_has_written_no_weights_and_begins_again() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    ends_with(&desk.umlaut(&run("whole")), 0);
    ends_with(&desk.umlaut(&run("killed")), 0);
    let place = desk.run("killed");
    for file in ["metrics.csv", "outcome.toml", "timing.csv"] {
        fs::remove_file(place.join(file)).unwrap();
    }
    fs::remove_dir_all(place.join("checkpoints")).unwrap();
    let arguments = ["train", place.to_str().unwrap(), "--child", "--device", "cuda:0", "--cache", "killed/.cache"];
    let began = Instant::now();
    let mut child = desk.command(&arguments);
    let mut events = RunDir::at(&place).events();
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let reached = reports(&mut events, &mut child, |event| matches!(event, Event::Epoch { .. }));
    assert!(reached, "an epoch ends");
    child.kill().unwrap();
    child.wait().unwrap();
    let written = place.join("checkpoints/resume.safetensors").exists();
    // A machine that is so slow may have written them, rightly.
    assert!(!written || began.elapsed() > Duration::from_secs(10), "an epoch of a moment is not worth its files");
    ends_with(&desk.umlaut(&run("killed")), 0);
    for file in ["metrics.csv", "checkpoints/best.safetensors", "checkpoints/last.safetensors"] {
        let bytes = |results: &str| fs::read(desk.run(results).join(file)).unwrap();
        assert!(bytes("whole") == bytes("killed"), "{file} differs");
    }
}

/// All of a sweep of engines' sizes in one precision, at which the emulated device takes some seconds.
#[test]
fn convolutions_of_the_sizes_that_networks_train_at_are_compared() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let output = desk.umlaut(&["selftest", "--precision", "bf16"]);
    let said = text(&output);
    for part in ["conv3x3, 64 to 64 at 56×56", "conv3x3 of two maps, 128 to 64", "conv3x3 of an upsampled map, 128 to 64"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(said.contains("steps replayed as CUDA graphs") && !said.contains("MISS"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}
