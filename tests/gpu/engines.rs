//! Engines that are asked for where there is no GPU, and those that are tried against each other and kept.

use super::{Desk, TINY, can_emulate};
use std::fs;

/// NVIDIA's T4 has no engine for bf16, and nobody expects it to.
#[test]
fn engines_are_asked_for_on_gpus_that_are_only_described() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let said = desk.says(&["selftest", "--engines", "x.toml", "--precision", "bf16"], &[], 0);
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(", cuDNN 9.19.0: ")).collect();
    let starts = ["T4", "A100", "H100", "H200", "B200"].map(|name| format!("{name}, bf16, cuDNN 9.19.0: "));
    assert!(lines.len() == 5 && lines.iter().zip(&starts).all(|(line, start)| line.starts_with(start)), "{said}");
    let distinct = |line: &str| line.split(", ").find_map(|part| part.strip_suffix(" distinct")).unwrap().to_owned();
    for (line, served) in lines.iter().zip(["0".to_owned()].into_iter().chain(std::iter::repeat(distinct(lines[1])))) {
        assert!(line.contains(&format!(" distinct, {served} with an engine")), "{said}");
    }
    assert!(lines[0].ends_with("(not all are expected to have one)"), "{said}");
    assert!(
        said.contains("T4: bf16 has no engine for the forward pass, 3×3, (2, 16, 16, 8) to 8 channels: it names no engine"),
        "{said}"
    );

    // Where a bias takes a pass of its own, nothing is amiss.
    let desk = Desk::with(&TINY.replace("norm = \"group\"\ngroups = 4", "norm = \"batch\""));
    let ask = ["selftest", "--engines", "x.toml", "--precision", "bf16", "--all"];
    let said = desk.says(&ask, &[], 0);
    assert!(said.matches(", 10 of 10 with the bias in the same pass, ").count() == 4, "{said}");
    let said = desk.says(&ask, &[("SOFTWARE_CUDA_FAIL", "fused")], 0);
    assert!(said.matches(", 0 of 10 with the bias in the same pass, ").count() == 5, "{said}");
    let layer = "forward pass with bias and ReLU, 3×3, (2, 16, 16, 8) to 8 channels";
    let line = format!("H200: bf16 has no engine for the {layer}, which takes two passes: it names no engine");
    assert!(said.contains(&line), "{said}");

    // Elsewhere every one is expected, and named if it is not there: both ways of the step, whole batches and single images.
    let refuse = [("SOFTWARE_CUDA_FAIL", "plan")];
    let said = desk.says(&["selftest", "--engines", "x.toml"], &refuse, 1);
    for part in [
        "H200: f32 has no engine for the forward pass, 3×3, (2, 16, 16, 8) to 8 channels: ",
        "no plan today",
        "for the weight gradient, 3×3, (2, 16, 16, 8) to 8 channels",
        "for the input gradient, 2×2, (1, 8, 8, 16) to 32 channels",
        "without an engine where every one is expected to have one",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = desk.says(&["selftest", "x.toml"], &[], 2);
    assert!(said.contains("experiments are for --engines and --probe"), "{said}");
    let said = desk.says(&["selftest", "--engines", "x.toml", "--device", "cuda:0"], &[], 2);
    assert!(said.contains("--device cuda:0: it cannot be read") && said.contains("`umlaut selftest --probe` writes"), "{said}");
}

#[test]
fn a_probe_times_convolutions_and_describes_its_device_for_others() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(TINY);
    let said = desk.says(&["selftest", "--probe", "--layers", "cudnn", "--out", "found.txt", "x.toml"], &[], 0);
    assert!(said.contains("rates, ok, ") && said.contains(" convolutions, each once "), "{said}");
    assert!(said.contains(" TFLOP/s, f32, weight gradient, 3×3, (2, 16, 16, 8) to 8 channels"), "{said}");
    assert!(said.contains("`umlaut selftest --engines --device found.json`"), "{said}");
    let properties = fs::read_to_string(desk.path("found.json")).unwrap();
    assert!(properties.contains("\"deviceName\":\"Software CUDA\""), "{properties}");
    let said = desk.says(&["selftest", "--engines", "--device", "found.json", "x.toml"], &[], 0);
    assert!(said.starts_with("Software CUDA, f32, cuDNN 9.19.0: "), "{said}");
    fs::write(desk.path("found.json"), "{\"deviceName\": 1}").unwrap();
    let said = desk.says(&["selftest", "--engines", "--device", "found.json", "x.toml"], &[], 2);
    assert!(said.contains("not the JSON of a device") && said.contains("cuDNN 9.11 or later"), "{said}");
}

/// Oracle of the numbers: the deterministic run, which takes the engine that is put in as the winner here.
#[test]
fn engines_are_tried_once_and_kept() {
    if !can_emulate() {
        return;
    }
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1"));
    let cache = desk.path("cache");
    // What is compiled for the emulated device is in a cache of its own.
    let environment = [("XDG_CACHE_HOME", cache.to_str().unwrap())];
    let run = |results: &str, deterministic: &str| {
        let set = format!("training.deterministic={deterministic}");
        desk.says(&["run", "x.toml", "--device", "cuda:0", "--results", results, "--set", &set], &environment, 0);
    };
    run("deterministic", "true");
    assert!(!cache.join("umlaut").exists(), "one engine is not tried against itself");
    run("tried", "false");
    let files: Vec<_> = fs::read_dir(cache.join("umlaut")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let text = fs::read_to_string(file).unwrap();
    let (head, winners) = text.split_once('\n').unwrap();
    assert_eq!(head, "# Software CUDA, cuDNN 9.19.0, f32");
    let lines: Vec<(&str, &str)> = winners.lines().map(|line| line.split_once('\t').unwrap()).collect();
    assert!(lines.iter().any(|(name, _)| *name == "weight gradient, 3×3, (2, 16, 16, 8) to 8 channels"), "{text}");
    assert!(lines.iter().all(|(name, engine)| name.starts_with("weight gradient") && ["0:", "2:"].contains(engine)), "{text}");

    // What a run asks for is among what `--engines` asks for.
    let asked = desk.says(&["selftest", "--engines", "x.toml"], &[("SOFTWARE_CUDA_FAIL", "plan")], 1);
    for (name, _) in &lines {
        assert!(asked.contains(&format!("H200: f32 has no engine for the {name}: ")), "{name}: {asked}");
    }

    let of =
        |engine: &str| format!("{head}\n{}", lines.iter().map(|(name, _)| format!("{name}\t{engine}\n")).collect::<String>());
    fs::write(file, of("0:")).unwrap();
    run("kept", "false");
    assert_eq!(fs::read_to_string(file).unwrap(), of("0:"), "nothing was tried again");
    assert_eq!(desk.read("kept", "metrics.csv"), desk.read("deterministic", "metrics.csv"));
    // One that there is no more is sought again.
    fs::write(file, of("7: 1=2")).unwrap();
    run("again", "false");
    let text = fs::read_to_string(file).unwrap();
    assert!(!text.contains("7: 1=2") && text.lines().count() == lines.len() + 1, "{text}");
}
