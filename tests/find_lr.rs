//! What `umlaut find-lr` says and leaves, on tiny drawn photographs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TINY: &str = "name = 'tiny'\n[dataset.synthetic]\ncount = 10\nsize = [32, 32]\n[preprocess]\nsize = [16, 16]\n\
    [augment]\nflip_horizontal = 0.5\n[augment.noise]\n[model.unet]\nchannels = [4, 8]\n[optimizer.adamw]\n[training]\nbatch_size = 2\n";

/// The program in a directory of its own, where no settings are found.
fn umlaut(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).env("XDG_CONFIG_HOME", dir.join("none")).env_remove("RAYON_NUM_THREADS");
    command.stdin(Stdio::null());
    command
}

/// Exit code, standard output and standard error.
fn message(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn place(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.toml"), text).unwrap();
    dir
}

/// The rows of a table of numbers, the header taken off.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    assert_eq!(header, "lr,loss,smoothed_loss,fitted_loss");
    rows.lines().map(|row| row.split(',').map(|field| field.parse().unwrap()).collect()).collect()
}

#[test]
fn a_search_leaves_a_table_and_a_chart_and_suggests_a_step_of_it() {
    let dir = place(TINY);
    let search = ["find-lr", "x.toml", "--from", "1e-6", "--to", "3", "--steps", "40"];
    let (code, out, err) = message(umlaut(dir.path(), &search));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let place = dir.path().join("results/tiny/find-lr");
    let rows = rows(&place.join("find-lr.csv"));
    assert!(rows.len() <= 40 && rows[0][0] == 1e-6, "{rows:?}");
    // By one factor from step to step, of which 39 lead from 1e-6 to 3.
    let factor = 3e6f64.powf(1.0 / 39.0);
    assert!(rows.windows(2).all(|pair| (pair[1][0] / pair[0][0] / factor - 1.0).abs() < 1e-9), "{rows:?}");
    assert!(rows[0][1] == rows[0][2] && rows.iter().all(|row| row[1] > 0.0), "{rows:?}");
    let (_, lr) = out.rsplit_once("to use it: --set optimizer.adamw.lr=").unwrap();
    assert!(rows.iter().any(|row| umlaut::record::short_lr(row[0]) == lr.trim()), "{lr} in {rows:?}");
    assert!(out.starts_with("tiny, seed 1: ") && out.contains("find-lr.csv\n"), "{out}");
    let chart = fs::read_to_string(place.join("find-lr.svg")).unwrap();
    assert!(chart.contains(&format!("suggested {}", lr.trim())) && chart.contains("prefers-color-scheme:dark"), "{chart}");
    // What it suggests is what the file takes.
    let set = format!("optimizer.adamw.lr={}", lr.trim());
    assert_eq!(message(umlaut(dir.path(), &["check", "x.toml", "--set", &set])).0, Some(0));
}

/// Also with augmentation that is made ahead, dropout, accumulation and an epoch's short last batch.
#[test]
fn a_second_search_writes_the_same_bytes_on_any_number_of_threads() {
    let dir = place(TINY);
    let search = |threads: &str| {
        let sets =
            ["--set", "training.accumulate=2", "--set", "model.unet.dropout=0.2", "--set", "preprocess.normalise='dataset'"];
        let mut command = umlaut(dir.path(), &["find-lr", "x.toml", "--steps", "20", "--from", "1e-5", "--out", threads]);
        command.args(sets).env("RAYON_NUM_THREADS", threads);
        let (code, out, err) = message(command);
        assert!(code == Some(0) || err.contains("no suggestion"), "{out}{err}");
        ["find-lr.csv", "find-lr.svg"].map(|name| fs::read(dir.path().join(threads).join(name)).unwrap())
    };
    let first = search("1");
    assert!(first == search("3"), "three threads");
    assert!(first == search("1"), "once more");
    assert_eq!(fs::read_dir(dir.path().join("1")).unwrap().count(), 2, "files that were being written are gone");
    assert!(!dir.path().join("results/tiny").exists(), "--out was named");
}

/// Oracle: a trained network's first loss is less than a drawn one's; the batch and what happens to it are the same.
#[test]
fn a_search_begins_with_the_runs_initial_weights() {
    let dir = place(TINY);
    let done = |arguments: &[&str]| {
        let (code, out, err) = message(umlaut(dir.path(), arguments));
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    };
    done(&["run", "x.toml", "--device", "cpu", "--set", "training.epochs=8", "--set", "optimizer.adamw.lr=1e-2"]);
    let trained = fs::read_dir(dir.path().join("results/tiny/runs")).unwrap().next().unwrap().unwrap().path();
    let first_loss = |initial: &str| {
        let initial = format!("training.initial.weights=\"{initial}\"");
        let (_, out, err) = message(umlaut(dir.path(), &["find-lr", "x.toml", "--steps", "20", "--out", "o", "--set", &initial]));
        assert!(dir.path().join("o/find-lr.csv").is_file(), "{out}{err}");
        rows(&dir.path().join("o/find-lr.csv"))[0][1]
    };
    let (drawn, trained) = (first_loss("random"), first_loss(trained.to_str().unwrap()));
    assert!(trained < 0.9 * drawn, "{drawn} drawn, {trained} trained");
}

/// Runs, plan and reports are as they were, and no other command takes the search for a run.
#[test]
fn a_search_leaves_runs_alone() {
    let dir = place(TINY);
    let done = |arguments: &[&str]| {
        let (code, out, err) = message(umlaut(dir.path(), arguments));
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        out
    };
    let few = ["--set", "training.epochs=1"];
    done(&["run", "x.toml", few[0], few[1], "--device", "cpu"]);
    let files = || {
        let all = walkdir::WalkDir::new(dir.path().join("results/tiny")).into_iter().map(Result::unwrap);
        let files =
            all.filter(|file| file.file_type().is_file() && !file.path().components().any(|part| part.as_os_str() == "find-lr"));
        let mut files: Vec<_> = files.map(|file| (file.path().to_owned(), fs::read(file.path()).unwrap())).collect();
        files.sort();
        files
    };
    let (before, status) = (files(), done(&["status", "results"]));
    // Its size apart.
    let runs = |status: &str| status.split(';').next().expect("a line").to_owned();
    done(&["find-lr", "x.toml", "--steps", "40", "--from", "1e-6", "--to", "3"]);
    assert!(dir.path().join("results/tiny/find-lr/find-lr.csv").is_file());
    assert!(files() == before && runs(&done(&["status", "results"])) == runs(&status));
    done(&["report", "results/tiny"]);
    assert!(!fs::read_to_string(dir.path().join("results/tiny/report.md")).unwrap().contains("find-lr.svg"));
}

#[test]
fn of_a_sweep_the_first_run_is_tried_and_a_swept_rate_is_said() {
    let dir =
        place(&format!("{TINY}seeds = [5, 6]\n[sweep.grid]\n'optimizer.adamw.lr' = [1e-4, 1e-3]\n'loss.dice' = [0.25, 0.75]"));
    let (code, out, err) = message(umlaut(dir.path(), &["find-lr", "x.toml", "--from", "1e-6", "--to", "3", "--steps", "40"]));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.lines().next().unwrap().contains("seed 5 (the first of 8 runs)"), "{out}");
    assert!(out.contains("varies optimizer.adamw.lr") && !out.contains("--set"), "{out}");
    // The first run alone gives the same numbers.
    let alone = place(TINY);
    let sets = ["--set", "training.seeds=[5]", "--set", "loss.dice=0.25"];
    let mut command = umlaut(alone.path(), &["find-lr", "x.toml", "--from", "1e-6", "--to", "3", "--steps", "40"]);
    command.args(sets);
    assert_eq!(message(command).0, Some(0));
    let table = |dir: &Path| fs::read(dir.join("results/tiny/find-lr/find-lr.csv")).unwrap();
    assert!(table(dir.path()) == table(alone.path()));
}

#[test]
fn mistakes_are_named_with_their_remedy() {
    let dir = place(TINY);
    for (arguments, part) in [
        (&["--from", "1", "--to", "0.1"][..], "--to must be above --from"),
        (&["--from", "0"], "numbers above 0"),
        (&["--to", "inf"], "numbers above 0"),
        (&["--from", "NaN"], "numbers above 0"),
        (&["--steps", "3"], "20"),
        (&["--set", "split.fractions.train=0.0"], "split.fractions.train"),
        (&["--set", "training.samples=100"], "training.samples = 100"),
        (&["--set", "training.batches=1"], "batches"),
    ] {
        let mut command = umlaut(dir.path(), &["find-lr", "x.toml"]);
        command.args(arguments);
        let (code, out, err) = message(command);
        assert!(code == Some(2) && out.is_empty() && err.contains(part), "{arguments:?}: {code:?} {err}");
        assert!(!dir.path().join("results/tiny").exists());
    }
}

#[test]
fn where_nothing_falls_nothing_is_suggested_but_shown() {
    let dir = place(TINY);
    let (code, out, err) =
        message(umlaut(dir.path(), &["find-lr", "x.toml", "--from", "1e-12", "--to", "1e-11", "--steps", "20"]));
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.starts_with("no suggestion: ") && !out.contains("--set"), "{out}{err}");
    assert!(dir.path().join("results/tiny/find-lr/find-lr.svg").is_file());
}

/// The signal comes when it is listened to, long before a million updates are made.
#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_ends_a_search_and_leaves_nothing() {
    use nix::sys::signal::{Signal, kill};
    let dir = place(TINY);
    let mut search = umlaut(dir.path(), &["find-lr", "x.toml", "--steps", "1000000"]).spawn().unwrap();
    // Signals that the process catches, as a bit each, in hexadecimal digits.
    let listens = || {
        let status = fs::read_to_string(format!("/proc/{}/status", search.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() >> (Signal::SIGINT as u64 - 1) & 1 == 1
    };
    while !listens() {
        std::thread::yield_now();
    }
    kill(nix::unistd::Pid::from_raw(search.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(search.wait().unwrap().code(), Some(130));
    assert!(!dir.path().join("results/tiny").exists());
}
