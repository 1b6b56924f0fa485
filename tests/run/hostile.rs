//! Input that is made to block, to grow without end or to mislead: pipes, devices, endless sweeps, names with control characters.

#![cfg(target_os = "linux")]

use crate::desk::{Desk, TINY, expect_code, words};
use image::GrayImage;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What moves a terminal's cursor, sets its title, and turns the direction of writing.
const NASTY: &str = "a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}b";
/// As it is shown.
const SHOWN: &str = r"a\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}b";

/// A run of one epoch on four images with masks in `data`.
const OF_FOLDERS: &str = r#"
name = "tiny"
[dataset.folders]
root = "data"
classes = ["spot"]
[preprocess]
size = [16, 16]
[split.fractions]
train = 0.5
val = 0.25
test = 0.25
[model.unet]
channels = [4, 8]
[training]
epochs = 1
batch_size = 4
"#;

/// With memory enough for what is sane; 124 if it does not end.
fn bounded(desk: &Desk, arguments: &[&str]) -> Output {
    let program = assert_cmd::cargo::cargo_bin!("umlaut").display().to_string();
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "300", &program]).args(arguments).current_dir(desk.path(".")).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", desk.path("settings")).env("CUDA_VISIBLE_DEVICES", "").output().expect("coreutils are there")
}

fn refused(desk: &Desk, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = bounded(desk, arguments);
    expect_code(&output, code);
    parts.iter().for_each(|part| assert!(words(&output).contains(part), "{arguments:?}, {part}: {}", words(&output)));
}

fn pipe(path: &Path) {
    _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").arg(path).status().expect("coreutils are there").success());
}

/// Images of these names, each with another pattern, and their masks.
fn images(desk: &Desk, names: &[&str]) {
    for folder in ["images", "masks"] {
        fs::create_dir_all(desk.path("data").join(folder)).expect("writable");
    }
    for (k, name) in (7_u32..).zip(names) {
        let of = |folder: &str| desk.path("data").join(folder).join(format!("{name}.png"));
        GrayImage::from_fn(20, 20, |x, y| image::Luma([((x * k + y * y) % 251) as u8])).save(of("images")).expect("writable");
        GrayImage::from_fn(20, 20, |x, y| image::Luma([if x * 3 > y * k % 60 { 255 } else { 0 }]))
            .save(of("masks"))
            .expect("writable");
    }
}

fn the_run(desk: &Desk) -> PathBuf {
    fs::read_dir(desk.path("results/tiny/runs")).expect("runs are there").next().expect("a run").expect("listed").path()
}

#[test]
fn an_experiment_file_is_a_regular_one_of_a_sane_size() {
    let desk = Desk::with(&format!("extends = '/dev/zero'\n{TINY}"));
    refused(&desk, &["check", "x.toml"], 2, &["/dev/zero cannot be read: it is a device, not a regular file", "x.toml:1"]);
    pipe(&desk.path("pipe"));
    refused(&desk, &["check", "pipe"], 2, &["it is a pipe (FIFO), not a regular file; write its content to a file"]);
    fs::write(desk.path("x.toml"), format!("extends = 'pipe'\n{TINY}")).expect("writable");
    refused(&desk, &["plan", "x.toml"], 2, &["it is a pipe (FIFO)"]);

    // As large as a disk, and takes no room.
    fs::File::create(desk.path("vast.toml")).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    refused(&desk, &["check", "vast.toml"], 2, &["at most 1 MiB are read of such a file, it has 1024 GiB"]);

    fs::write(desk.path("x.toml"), TINY).expect("writable");
    pipe(&desk.path("umlaut.toml"));
    refused(&desk, &["plan", "x.toml"], 2, &["umlaut.toml", "it is a pipe (FIFO)"]);
}

#[test]
fn a_chain_of_files_has_an_end() {
    let desk = Desk::with(TINY);
    for k in 0..40 {
        fs::write(desk.path(&format!("{k}.toml")), format!("name = 'x'\nextends = '{}.toml'", k + 1)).expect("writable");
    }
    fs::write(desk.path("40.toml"), TINY).expect("writable");
    refused(&desk, &["check", "0.toml"], 2, &["more than 32 files extend each other in a row"]);
    expect_code(&bounded(&desk, &["check", "20.toml"]), 0);
}

#[test]
fn a_file_of_mistakes_alone_is_told_in_time() {
    for text in
        ["x\n".repeat(500_000), "x=\n".repeat(300_000), format!("{}=1", vec!["a"; 300_000].join(".")), "[".repeat(1_000_000)]
    {
        let desk = Desk::with(&text);
        refused(&desk, &["check", "x.toml"], 2, &["x.toml"]);
    }
}

#[test]
fn a_sweep_counts_its_seeds_and_folds() {
    let values: Vec<String> = (1..=300).map(|n| n.to_string()).collect();
    let values = values.join(", ");
    let grid = format!("[sweep.grid]\n'training.epochs' = [{values}]\n'training.batch_size' = [{values}]\n");
    let (head, _) = TINY.split_once("[sweep.grid]").expect("it has one");
    let desk = Desk::with(&(head.replace("[1, 2]", "1000") + &grid));
    let parts = ["90000000 runs, 90000 combinations × 1000 seeds; at most 100000 can be planned", "list fewer values"];
    for verb in ["check", "plan", "run", "find-lr"] {
        refused(&desk, &[verb, "x.toml"], 2, &parts);
    }
    fs::write(desk.path("x.toml"), head).expect("writable");
    let folds =
        ["--set", "split={ k_fold = { k = 1000 } }", "--set", "dataset.synthetic.count=2000", "--set", "training.seeds=1000"];
    refused(&desk, &[&["check", "x.toml"], &folds[..]].concat(), 2, &["1000000 runs, 1000 folds × 1000 seeds"]);

    // A split that is swept counts at each of its values.
    let swept = "[sweep.grid]\n'split.k_fold.k' = [300, 400]\n";
    let text = head.replace("count = 12", "count = 2000").replace("[1, 2]", "200") + swept;
    let text = text.replace("[split.fractions]\ntrain = 0.5\nval = 0.25\ntest = 0.25", "[split.k_fold]");
    fs::write(desk.path("x.toml"), text).expect("writable");
    refused(&desk, &["check", "x.toml"], 2, &["140000 runs, folds and seeds counted"]);
}

#[test]
fn numbers_without_sense_are_refused_or_planned_at_once() {
    let desk = Desk::with(TINY);
    let extremes = ["9223372036854775807", "18446744073709551616", "-9223372036854775808", "-1", "0", "1e308", "nan", "[]"];
    let keys = [
        "training.seeds",
        "training.epochs",
        "training.batch_size",
        "training.accumulate",
        "training.samples",
        "training.clip_norm",
        "training.early_stopping.patience",
        "dataset.synthetic.count",
        "dataset.synthetic.size",
        "preprocess.size",
        "patches",
        "patches.size",
        "model.unet.channels",
        "model.unet.groups",
        "sweep.random.trials",
        "optimizer.adam.lr",
        "lr_warmup.epochs",
        "lr_schedule.step.every",
        "loss.bce",
    ];
    // The largest that is allowed, all at once.
    let large = ["channels=[65536,65536,65536,65536,65536,65536,65536,65536,65536,65536,65536,65536]"];
    let large = large.map(|set| format!("model.unet.{set}"));
    let others =
        ["preprocess.size=[8192,8192]", "training.batch_size=65536", "training.epochs=1000000", "training.accumulate=65536"];
    let sets: Vec<&str> = large.iter().map(String::as_str).chain(others).flat_map(|set| ["--set", set]).collect();
    for verb in ["plan", "summary"] {
        expect_code(&bounded(&desk, &[&[verb, "x.toml"], &sets[..]].concat()), 0);
    }
    for key in keys {
        for extreme in extremes {
            let output = bounded(&desk, &["plan", "x.toml", "--set", &format!("{key}={extreme}")]);
            let code = output.status.code();
            assert!(
                matches!(code, Some(0 | 2)) && !words(&output).contains("panicked"),
                "{key}={extreme}: {code:?} {}",
                words(&output)
            );
        }
    }
}

#[test]
fn what_is_no_file_among_the_images_is_reported_and_never_waited_for() {
    let desk = Desk::with(OF_FOLDERS);
    images(&desk, &["a", "b", "c", "d"]);
    expect_code(&bounded(&desk, &["run", "x.toml"]), 0);
    let run = the_run(&desk).display().to_string();
    let message = "x.png: cannot be read: it is a pipe (FIFO), not a regular file";
    for folder in ["images", "masks"] {
        pipe(&desk.path("data").join(folder).join("x.png"));
    }
    for verb in [&["data", "inspect", "x.toml"][..], &["run", "x.toml"]] {
        refused(&desk, verb, 2, &[message]);
    }
    refused(&desk, &["predict", &run, "data/images", "--out", "found"], 1, &[message, "4 of 5 images"]);
    refused(&desk, &["predict", &run, "/dev/zero", "--out", "zero"], 1, &["/dev/zero: cannot be read: it is a device"]);

    for folder in ["images", "masks"] {
        fs::remove_file(desk.path("data").join(folder).join("x.png")).expect("it was there");
    }
    symlink("../images", desk.path("data/images/again")).expect("writable");
    refused(&desk, &["data", "inspect", "x.toml"], 2, &["again: cannot be read: it is a link to", "remove the link"]);
}

#[test]
fn results_that_are_no_files_are_reported_and_never_waited_for() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1").replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]"));
    expect_code(&bounded(&desk, &["run", "x.toml"]), 0);
    let run = the_run(&desk);
    let names = ["outcome.toml", "provenance.toml", "place.toml", "metrics.csv", "timing.csv", "per_image.csv", "log.txt"];
    let weights = ["checkpoints/best.safetensors", "checkpoints/resume.safetensors", "samples"];
    for name in names.into_iter().chain(weights).chain(["run.toml", "../../plan.csv"]) {
        let (path, kept) = (run.join(name), desk.path("kept"));
        fs::rename(&path, &kept).expect("it is there");
        pipe(&path);
        for verb in [
            &["status", "results/tiny"][..],
            &["report", "results/tiny"],
            &["run", "x.toml"],
            &["export", "tensorboard", "tiny"],
            &["train", &run.display().to_string()],
            &["predict", &run.display().to_string(), "x.png", "--out", "found"],
        ] {
            let output = bounded(&desk, verb);
            let code = output.status.code();
            assert!(
                matches!(code, Some(0..=2)) && !words(&output).contains("panicked"),
                "{name} {verb:?}: {code:?} {}",
                words(&output)
            );
        }
        _ = fs::remove_file(&path);
        fs::rename(&kept, &path)
            .or_else(|_| fs::remove_dir_all(&path).and_then(|()| fs::rename(&kept, &path)))
            .expect("free again");
    }
}

#[test]
fn the_first_signal_ends_a_long_prediction() {
    let desk = Desk::with(&TINY.replace("epochs = 3", "epochs = 1").replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]"));
    expect_code(&bounded(&desk, &["run", "x.toml"]), 0);
    GrayImage::new(16, 16).save(desk.path("a.png")).expect("writable");
    // Millions of tiles that begin a pixel apart.
    GrayImage::new(2000, 2000).save(desk.path("b.png")).expect("writable");
    for signal in [nix::sys::signal::Signal::SIGINT, nix::sys::signal::Signal::SIGTERM] {
        let run = the_run(&desk).display().to_string();
        let predict = ["predict", &run, "a.png", "b.png", "--out", "found", "--force", "--tiles", "--overlap", "0.9"];
        let mut child = desk.command(&predict).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let first = lines.next().expect("an image is done");
        assert!(first.starts_with("a: "), "{first}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), signal).expect("it is alive");
        assert_eq!(child.wait().expect("it ends").code(), Some(130));
        assert!(desk.path("found/a_disc_mask.png").is_file() && !desk.path("found/b_disc_mask.png").exists());
    }
}

/// What would do something to a terminal, or be no XML.
fn hidden(text: &str) -> Vec<char> {
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\t') || turns(c)).collect()
}

#[test]
fn names_do_nothing_to_a_terminal_and_reports_stay_whole() {
    let desk =
        Desk::with(&OF_FOLDERS.replace("name = \"tiny\"", &format!("name = 'tiny'\ndescription = {}", toml::Value::from(NASTY))));
    images(&desk, &[NASTY, "b", "c", "d"]);
    expect_code(&bounded(&desk, &["run", "x.toml"]), 0);
    let run = the_run(&desk).display().to_string();
    let nasty_file = format!("data/images/{NASTY}.png");
    let verbs: [&[&str]; 8] = [
        &["run", "x.toml"],
        &["status", "results/tiny"],
        &["data", "inspect", "x.toml", "--sheet", "sheet.svg"],
        &["report", "results/tiny"],
        &["predict", &run, "data/images", "--out", "found"],
        &["predict", &run, &nasty_file, "--out", "one"],
        &["evaluate", &run, "x.toml"],
        &["plan", "x.toml"],
    ];
    for verb in verbs {
        let output = bounded(&desk, verb);
        expect_code(&output, 0);
        assert_eq!(hidden(&words(&output)), [], "{verb:?}: {}", words(&output));
    }
    assert!(words(&bounded(&desk, &["predict", &run, &nasty_file, "--out", "two"])).contains(SHOWN));
    // Of what cannot be read, the name is all that is said.
    fs::write(desk.path(&nasty_file), "no image").expect("writable");
    let bad = format!("{NASTY}.toml");
    fs::write(desk.path(&bad), format!("name = {}\n\"{}\" = 1\n", toml::Value::from(NASTY), "\\u001b[2J\u{9b}2J"))
        .expect("writable");
    for (verb, code) in [
        (&["data", "inspect", "x.toml"][..], 2),
        (&["predict", &run, &nasty_file, "--out", "three"], 1),
        (&["check", &bad], 2),
        (&["check", "x.toml", "--set", &format!("training.best={NASTY}")], 2),
        (&["compare", NASTY], 2),
        (&["report", NASTY], 2),
    ] {
        let output = bounded(&desk, verb);
        expect_code(&output, code);
        assert_eq!(hidden(&words(&output)), [], "{verb:?}: {}", words(&output));
        assert!(words(&output).contains(r"\u{1b}"), "{verb:?}: {}", words(&output));
    }
    let texts = ["svg", "html", "md", "tex", "csv", "txt"];
    let mut seen = 0;
    for entry in walkdir::WalkDir::new(desk.path(".")).into_iter().map(|entry| entry.expect("listed")) {
        if entry.path().extension().is_some_and(|ending| texts.iter().any(|text| ending == *text)) {
            let text = fs::read_to_string(entry.path()).expect("text");
            assert_eq!(hidden(&text), [], "{}", entry.path().display());
            seen += usize::from(text.contains(r"\u{1b}"));
        }
    }
    assert!(seen >= 2, "the name stands in tables: {seen}");
}

#[test]
fn names_that_are_no_text_and_long_ones_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::with(OF_FOLDERS);
    let long = "眼".repeat(82) + "xxxxx";
    images(&desk, &[&long, "b", "c", "d"]);
    for folder in ["images", "masks"] {
        let folder = desk.path("data").join(folder);
        fs::rename(folder.join("b.png"), folder.join(std::ffi::OsStr::from_bytes(b"b\xff.png"))).expect("renamed");
        fs::rename(folder.join("c.png"), folder.join(std::ffi::OsStr::from_bytes(b"b\xfe.png"))).expect("renamed");
    }
    expect_code(&bounded(&desk, &["run", "x.toml"]), 0);
    let run = the_run(&desk).display().to_string();
    let output = bounded(&desk, &["predict", &run, "data/images", "--out", "found", "--overlays", "--probabilities"]);
    expect_code(&output, 0);
    assert!(words(&output).contains(r"b\xff: ") && words(&output).contains(r"b\xfe: "), "{}", words(&output));
    assert_eq!(fs::read_dir(desk.path("found")).expect("written").count(), 13, "three of each image, and the table");
}
