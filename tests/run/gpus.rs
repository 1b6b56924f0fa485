//! What is said of GPUs, with a library of NVIDIA's management that tells of two.

use crate::desk::{Desk, TINY, expect_code, words};
use std::fs;
use std::process::{Command, Output};

/// A desk with that library in `libs`; `None`, with a message, where no C compiler is.
fn desk() -> Option<Desk> {
    let desk = Desk::with(TINY);
    fs::create_dir(desk.path("libs")).expect("writable");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/software_nvml/nvml.c");
    let library = desk.path("libs/libnvidia-ml.so.1");
    match Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(library).arg(source).output() {
        Ok(output) => expect_code(&output, 0),
        Err(why) => {
            eprintln!("skipped: no C compiler can be started ({why})");
            return None;
        }
    }
    Some(desk)
}

/// The program where these GPUs are visible; all without a word.
fn command(desk: &Desk, visible: Option<&str>, arguments: &[&str]) -> Command {
    let mut command = desk.command(arguments);
    command.env_remove("CUDA_VISIBLE_DEVICES").env("UMLAUT_CUDA_LIBS", desk.path("libs"));
    visible.map(|visible| command.env("CUDA_VISIBLE_DEVICES", visible));
    command
}

fn with_gpus(desk: &Desk, visible: Option<&str>, arguments: &[&str]) -> Output {
    command(desk, visible, arguments).output().expect("the program starts")
}

fn info(desk: &Desk, visible: Option<&str>) -> Vec<String> {
    let output = with_gpus(desk, visible, &["info"]);
    expect_code(&output, 0);
    words(&output).lines().filter_map(|line| Some(line.strip_prefix("GPU")?.trim().to_owned())).collect()
}

const H200: &str = "NVIDIA H200, 150.0 GB, 149.4 GB of it free, driver 580.95.05";
const L4: &str = "NVIDIA L4, 24.0 GB, 8.0 GB of it free, driver 580.95.05";

#[test]
fn info_lists_the_gpus_that_the_program_may_use() {
    let Some(desk) = desk() else { return };
    assert_eq!(info(&desk, None), [format!("cuda:0, {H200}"), format!("cuda:1, {L4}")]);
    assert_eq!(info(&desk, Some("1")), [format!("cuda:0, {L4}")]);
    assert_eq!(info(&desk, Some("GPU-2,GPU-1")), [format!("cuda:0, {L4}"), format!("cuda:1, {H200}")]);
    assert_eq!(info(&desk, Some("")), ["none: CUDA_VISIBLE_DEVICES=\"\" hides every GPU of this machine (2)"]);
    fs::write(desk.path("libs/libnvidia-ml.so.1"), "no library").expect("writable");
    let broken = info(&desk, None);
    assert!(broken.len() == 1 && broken[0].starts_with("none: NVIDIA's management library cannot be used: "), "{broken:?}");
}

#[test]
fn an_absent_device_is_a_mistake_that_names_those_present() {
    let Some(desk) = desk() else { return };
    let problem = |visible, arguments: &[&str]| {
        let output = with_gpus(&desk, visible, arguments);
        expect_code(&output, 2);
        words(&output)
    };
    let two = "--device cuda:3: this machine has 2 GPUs: cuda:0 (NVIDIA H200), cuda:1 (NVIDIA L4); use one of these, or cpu";
    assert!(problem(None, &["run", "x.toml", "--device", "cuda:3"]).contains(two));
    assert!(problem(None, &["train", "anywhere", "--device", "cuda:3"]).contains(two));
    assert!(problem(None, &["train", "anywhere", "--device", "cuda:all"]).contains("a single run trains on one device"));
    assert!(problem(Some("1"), &["plan", "x.toml", "--device", "cuda:1"]).contains("has 1 GPU: cuda:0 (NVIDIA L4);"));
    assert!(problem(None, &["plan", "x.toml", "--device", "cuda,cuda:0"]).contains("names cuda:0 twice"));
    fs::write(desk.path("umlaut.toml"), "device = 'cuda:2'").expect("writable");
    assert!(problem(None, &["plan", "x.toml"]).contains("--device cuda:2: this machine has 2 GPUs"));
}

#[test]
fn the_default_is_every_gpu_and_auto_gives_each_several_slots() {
    let Some(desk) = desk() else { return };
    let planned = |visible, arguments: &[&str]| {
        let output = with_gpus(&desk, visible, &[&["plan", "x.toml"], arguments].concat());
        expect_code(&output, 0);
        words(&output)
    };
    assert!(planned(None, &[]).contains("on 2 slots (cuda:0, cuda:1)"));
    assert!(planned(Some("0"), &["--jobs", "3"]).contains("on 3 slots (cuda:0)"));
    assert!(planned(Some(""), &["--jobs-per-device", "auto"]).contains("on 1 slot (cpu)"));
    let mut on_four_threads = command(&desk, None, &["plan", "x.toml", "--jobs-per-device", "auto", "--device", "cuda:0"]);
    let output = on_four_threads.env("RAYON_NUM_THREADS", "4").output().expect("the program starts");
    assert!(words(&output).contains("on 4 slots (cuda:0)"), "{}", words(&output));
}

/// There is no driver behind these GPUs, so runs fail; their settings stand in what they leave.
#[test]
fn a_device_that_cannot_be_opened_fails_its_runs_not_the_program() {
    let Some(desk) = desk() else { return };
    let output = with_gpus(&desk, None, &["run", "x.toml", "--device", "cuda:1", "--retries", "0"]);
    expect_code(&output, 1);
    let outcomes = desk.read_all("results", "outcome.toml");
    assert_eq!(outcomes.len(), 4, "{}", words(&output));
    assert!(outcomes.iter().all(|outcome| outcome.contains("status = \"failed\"")), "{outcomes:?}");
}
