//! A full disk, a second schedule, a schedule that dies: what is said, and that the same command goes on afterwards.

#![cfg(target_os = "linux")]

use crate::desk::{Desk, TINY, expect_code, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// One run of so many epochs.
fn one_run(epochs: usize) -> Desk {
    let epochs = format!("epochs = {epochs}");
    Desk::with(&TINY.replace("epochs = 3", &epochs).replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]"))
}

/// The program after this line of shell, in the same process.
fn after(desk: &Desk, shell: &str) -> Output {
    let program = assert_cmd::cargo::cargo_bin!("umlaut").display().to_string();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{shell}; exec '{program}' run x.toml")]).current_dir(desk.path(".")).stdin(Stdio::null());
    // As many threads everywhere: each takes addresses of its own.
    command.env("RAYON_NUM_THREADS", "2").env("XDG_CONFIG_HOME", desk.path("settings")).env("CUDA_VISIBLE_DEVICES", "");
    command.output().expect("there is a shell")
}

#[test]
fn a_file_that_may_not_grow_is_told_and_the_run_goes_on_later() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    // Room for the small files and the weights, none for the state of the optimizer.
    let output = after(&desk, "ulimit -f 36");
    expect_code(&output, 1);
    let said = words(&output);
    for part in ["resume.safetensors", "make room and repeat the command"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("once more"), "a full disk does not pass by itself: {said}");
    let outcomes = desk.read_all("results", "outcome.toml");
    assert!(outcomes.iter().all(|text| text.contains("failure = \"disk\"")), "{outcomes:?}");

    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert_eq!(desk.metrics("results"), desk.metrics("calm"));
}

/// On a file system of its own, where the system allows to make one.
#[test]
fn a_full_disk_damages_nothing_and_the_sweep_goes_on_when_there_is_room() {
    let desk = Desk::with(TINY);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "calm"]), 0);
    let program = assert_cmd::cargo::cargo_bin!("umlaut").display().to_string();
    let script = format!(
        "mkdir results && mount -t tmpfs -o size=250k none results || exit 77
         '{program}' run x.toml > small 2>&1; echo $? >> small
         cp -r results kept
         mount -o remount,size=20m results
         '{program}' run x.toml > large 2>&1; echo $? >> large
         cp -r results grown"
    );
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", &script];
    let output = Command::new("unshare").args(unshare).current_dir(desk.path(".")).stdin(Stdio::null()).output();
    if !output.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here ({output:?})");
        return;
    }
    let [small, large] = ["small", "large"].map(|name| fs::read_to_string(desk.path(name)).expect("written"));
    assert!(small.ends_with("\n1\n") && small.contains("make room and repeat the command"), "{small}");
    assert!(large.ends_with("\n0\n"), "{large}");
    let calm = desk.metrics("calm");
    assert_eq!(desk.metrics("grown"), calm);
    for (run, metrics) in desk.metrics("kept") {
        let whole = calm.iter().find(|(name, _)| *name == run).map(|(_, whole)| whole).expect("the same runs");
        assert!(whole.starts_with(&metrics), "{run}: {metrics}");
    }
}

/// Where a whole batch does not fit, its parts do: the same update, and the outcome says so.
#[test]
fn want_of_memory_is_answered_by_parts_of_a_batch() {
    let large = TINY
        .replace("size = [16, 16]", "size = [256, 256]")
        .replace("train = 0.5\nval = 0.25\ntest = 0.25", "train = 0.7\nval = 0.2\ntest = 0.1")
        .replace("[4, 8]", "[8, 16]\nnorm = \"none\"")
        .replace("epochs = 3", "epochs = 1")
        .replace("batch_size = 4", "batch_size = 8")
        .replace("[1e-2, 1e-3]", "[1e-2]")
        .replace("[1, 2]", "[1]");
    let desk = Desk::with(&large);
    expect_code(&desk.umlaut(&["run", "x.toml", "--results", "roomy"]), 0);
    // A whole batch takes 800 MB of addresses here, a half less than 500, a quarter less than 350.
    let output = after(&desk, "ulimit -v 550000");
    expect_code(&output, 0);
    let said = words(&output);
    assert!(said.contains("no memory was left") && said.contains("once more, with every batch in"), "{said}");
    let outcome = desk.read_all("results", "outcome.toml").concat();
    assert!(outcome.contains("micro-batches") && outcome.contains("status = \"finished\""), "{outcome}");

    let loss = |results: &str| -> f64 {
        let (_, csv) = desk.metrics(results).remove(0);
        let column =
            csv.lines().next().and_then(|header| header.split(',').position(|name| name == "train_loss")).expect("a column");
        csv.lines().nth(1).and_then(|row| row.split(',').nth(column)).and_then(|text| text.parse().ok()).expect("a number")
    };
    let [whole, parts] = ["roomy", "results"].map(loss);
    // Without norm nothing but rounding differs: f32 sums of 2^19 terms each.
    assert!((whole - parts).abs() < 1e-4 * whole, "{whole} {parts}");
}

/// The program at work on `x.toml`, when it has reported the end of this epoch.
fn at_work(desk: &Desk, epoch: usize) -> Child {
    let mut child = desk.command(&["run", "x.toml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.as_mut().expect("piped")).lines().map_while(Result::ok);
    let there = lines.any(|line| line.contains(&format!("epoch {epoch}/")));
    assert!(there, "ended before epoch {epoch}: {:?}", child.wait());
    child
}

fn end(mut child: Child, signal: Signal) -> Option<i32> {
    kill(Pid::from_raw(child.id().cast_signed()), signal).expect("it is alive");
    child.wait().expect("it ends").code()
}

#[test]
fn a_second_schedule_is_refused_and_names_the_first() {
    let desk = one_run(100_000);
    let first = at_work(&desk, 1);
    let second = desk.umlaut(&["run", "x.toml"]);
    let holder = format!("process {}", first.id());
    assert_eq!(end(first, Signal::SIGTERM), Some(130));
    expect_code(&second, 2);
    assert!(words(&second).contains(&holder), "{}", words(&second));
}

/// Its child sees that it is alone, finishes its step and saves: the same command goes on from there.
#[test]
fn a_run_stops_when_its_schedule_is_killed() {
    let epochs = 2000;
    let desk = one_run(epochs);
    assert_eq!(end(at_work(&desk, 2), Signal::SIGKILL), None);
    let runs = desk.path("results/tiny/runs");
    let run = fs::read_dir(runs).expect("listed").next().expect("one run").expect("listed").path();
    // Held until the run's process ends, however that comes.
    File::open(run.join(".lock")).expect("it was claimed").lock().expect("locks work here");
    let rows = fs::read_to_string(run.join("metrics.csv")).expect("written").lines().count() - 1;
    assert!((2..epochs).contains(&rows), "{rows} epochs");
    let outcome = fs::read_to_string(run.join("outcome.toml")).expect("written");
    assert!(outcome.contains("interrupted"), "{outcome}");
}
