//! What a finished run is worth when files are gone or changed, what is said then, and that every remedy named works. And what files of a
//! results folder may never do: be written through a link, or be readable to others than the umask says.

#![cfg(unix)]

use crate::desk::{Desk, TINY, expect_code, words};
use candle_core::{Device, Tensor};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One finished run of three epochs on pictures from files, and its directory.
fn finished() -> (Desk, PathBuf) {
    let tiny = TINY.replace("[1e-2, 1e-3]", "[1e-2]").replace("[1, 2]", "[1]");
    let (head, tail) = (tiny.find("[dataset").expect("it is there"), tiny.find("[preprocess").expect("it is there"));
    let desk = Desk::with(&format!("{}[dataset.folders]\nroot = \"pictures\"\n{}", &tiny[..head], &tiny[tail..]));
    for folder in ["images", "masks"] {
        let folder = desk.path("pictures").join(folder);
        fs::create_dir_all(&folder).expect("writable");
        for number in 0..12 {
            let bright = |x: u32, y: u32| if x + y > 12 + number { 255 } else { 0 };
            let picture = image::GrayImage::from_fn(24, 24, |x, y| image::Luma([bright(x, y)]));
            picture.save(folder.join(format!("{number}.png"))).expect("writable");
        }
    }
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let run = desk.path("results/tiny/runs").join(&desk.metrics("results")[0].0);
    (desk, run)
}

const SCORED: [&str; 3] = ["metrics.csv", "per_image.csv", "checkpoints/best.safetensors"];

fn scored(run: &Path) -> Vec<Vec<u8>> {
    SCORED.into_iter().map(|file| fs::read(run.join(file)).unwrap_or_default()).collect()
}

/// Broken lines of a message as one.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_clock_costs_no_run() {
    let (desk, run) = finished();
    for spoil in ["", "epoch,elapsed_s\n1,0.", "1,0.5\nepoch,nonsense\n\u{fffd}\n2,0.5\n"] {
        fs::write(run.join("timing.csv"), spoil).expect("writable");
        expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
        let report = fs::read_to_string(desk.path("results/tiny/summary.csv")).expect("a summary");
        assert!(report.contains(",finished,") && !report.contains("damaged"), "{spoil:?}: {report}");
    }
    fs::remove_file(run.join("timing.csv")).expect("removed");
    expect_code(&desk.umlaut(&["report", "results/tiny"]), 0);
    let report = fs::read_to_string(desk.path("results/tiny/summary.csv")).expect("a summary");
    assert!(report.contains(",finished,"), "{report}");
}

/// Lost in the midst of a run it is begun again there, and the run goes on to its end.
#[test]
fn a_clock_lost_on_the_way_is_begun_again() {
    let (desk, run) = finished();
    let toml = fs::read_to_string(run.join("run.toml")).expect("readable");
    fs::write(run.join("run.toml"), toml.replace("epochs = 3", "epochs = 5")).expect("writable");
    ["timing.csv", "outcome.toml"].iter().for_each(|file| fs::remove_file(run.join(file)).expect("removed"));
    for _ in 0..2 {
        expect_code(&desk.umlaut(&["train", run.to_str().expect("plain")]), 0);
    }
    let clock = fs::read_to_string(run.join("timing.csv")).expect("written");
    assert!(clock.starts_with("epoch,elapsed_s\n4,") && clock.lines().count() == 3, "{clock}");
}

#[test]
fn a_finished_run_that_is_not_whole_is_told_and_made_whole() {
    let (desk, run) = finished();
    let whole = scored(&run);
    let metrics = String::from_utf8(whole[0].clone()).expect("text");
    let cases: [(&str, Option<String>, &str); 4] = [
        ("per_image.csv", None, "per_image.csv is missing"),
        ("per_image.csv", Some(String::new()), "per_image.csv is not as the run left it"),
        (
            "metrics.csv",
            Some(metrics.lines().take(3).map(|line| format!("{line}\n")).collect()),
            "metrics.csv has rows of 2 of the 3 epochs",
        ),
        ("metrics.csv", Some(metrics.replacen("1,0.01", "1,0.02", 1)), "metrics.csv is not as the run left it"),
    ];
    for (file, content, problem) in cases {
        match content {
            Some(content) => fs::write(run.join(file), content).expect("writable"),
            None => fs::remove_file(run.join(file)).expect("removed"),
        }
        let said = plain(&desk.said(&["status", "results"]));
        assert!(said.contains("1 incomplete of 1 run") && said.contains(problem), "{said}");
        assert!(desk.said(&["plan", "x.toml"]).contains("incomplete"));
        desk.umlaut(&["report", "results/tiny"]);
        let report = fs::read_to_string(desk.path("results/tiny/summary.csv")).expect("a summary");
        assert!(report.contains(",damaged,") && report.contains("repeat `umlaut run`"), "{report}");

        let again = desk.umlaut(&["run", "x.toml"]);
        expect_code(&again, 0);
        assert!(plain(&words(&again)).contains(problem), "{}", words(&again));
        assert!(scored(&run) == whole, "{problem}: {}", words(&again));
        assert!(desk.said(&["status", "results"]).contains("1 finished of 1 run"));
    }
}

/// Where only the best weights were kept, images are scored again with them; nothing is trained.
#[test]
fn images_are_scored_again_without_the_resume_state() {
    let (desk, run) = finished();
    let whole = scored(&run);
    for file in ["checkpoints/resume.safetensors", "checkpoints/last.safetensors"] {
        fs::remove_file(run.join(file)).expect("removed");
    }
    assert!(words(&desk.umlaut(&["run", "x.toml"])).contains("finished before, not run again"), "they are not needed any more");
    fs::remove_file(run.join("per_image.csv")).expect("removed");
    let again = desk.umlaut(&["run", "x.toml"]);
    expect_code(&again, 0);
    assert!(words(&again).contains("scored again") && !words(&again).contains("epoch 1/"), "{}", words(&again));
    assert!(scored(&run) == whole);
}

#[test]
fn weights_that_were_deleted_come_back_when_asked_for() {
    let (desk, run) = finished();
    let whole = scored(&run);
    let predict =
        |desk: &Desk| desk.umlaut(&["predict", run.to_str().expect("plain"), "pictures/images", "--out", "o", "--force"]);
    for restore in ["run", "train"] {
        fs::remove_dir_all(run.join("checkpoints")).expect("removed");
        let refused = predict(&desk);
        expect_code(&refused, 2);
        let remedy = format!("`umlaut train {} --restore`", run.display());
        assert!(plain(&words(&refused)).contains(&remedy) && words(&refused).contains("best.safetensors"), "{}", words(&refused));
        let kept = desk.umlaut(&["run", "x.toml"]);
        expect_code(&kept, 0);
        assert!(
            words(&kept).contains("1 finished run without weights") && words(&kept).contains("--restore"),
            "{}",
            words(&kept)
        );
        let restored = match restore {
            "run" => desk.umlaut(&["run", "x.toml", "--restore"]),
            _ => desk.umlaut(&["train", run.to_str().expect("plain"), "--restore"]),
        };
        expect_code(&restored, 0);
        assert!(scored(&run) == whole, "{}", words(&restored));
        expect_code(&predict(&desk), 0);
    }
}

#[test]
fn weights_with_a_changed_bit_are_refused_and_come_back() {
    let (desk, run) = finished();
    let (whole, best) = (scored(&run), run.join("checkpoints/best.safetensors"));
    let name = run.to_str().expect("plain");
    let readers: [&[&str]; 2] = [&["predict", name, "pictures/images", "--out", "o", "--force"], &["evaluate", name, "x.toml"]];
    let mut bytes = fs::read(&best).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&best, &bytes).expect("writable");
    for reader in readers {
        let refused = desk.umlaut(reader);
        expect_code(&refused, 2);
        let said = plain(&words(&refused));
        assert!(
            said.contains("best.safetensors: is damaged") && said.contains(&format!("`umlaut train {name} --restore`")),
            "{said}"
        );
    }
    let initial = desk.umlaut(&["run", "x.toml", "--set", &format!("training.initial.weights={name:?}")]);
    expect_code(&initial, 2);
    assert!(words(&initial).contains("best.safetensors: is damaged"), "{}", words(&initial));
    expect_code(&desk.umlaut(&["train", name, "--restore"]), 0);
    assert!(scored(&run) == whole);

    // Those of another epoch, whole in themselves, are another run's business.
    let last = run.join("checkpoints/last.safetensors");
    let outcome = fs::read_to_string(run.join("outcome.toml")).expect("readable");
    if outcome.contains("best_epoch = 3\n") {
        let toml = fs::read_to_string(run.join("run.toml")).expect("readable");
        let earlier = desk.path("earlier");
        fs::create_dir(&earlier).expect("writable");
        fs::write(earlier.join("run.toml"), toml.replace("epochs = 3", "epochs = 2")).expect("writable");
        expect_code(&desk.umlaut(&["train", "earlier"]), 0);
        fs::copy(earlier.join("checkpoints/last.safetensors"), &best).expect("copied");
    } else {
        fs::copy(&last, &best).expect("copied");
    }
    let refused = desk.umlaut(readers[0]);
    expect_code(&refused, 2);
    assert!(words(&refused).contains("holds the weights of epoch"), "{}", words(&refused));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    assert!(scored(&run) == whole);
}

/// Whoever made them: without an outcome nothing says whose weights they are.
#[test]
fn weights_that_are_no_numbers_are_refused() {
    let (desk, run) = finished();
    let (best, name) = (run.join("checkpoints/best.safetensors"), run.to_str().expect("plain"));
    let sound = candle_core::safetensors::load(&best, &Device::Cpu).expect("readable");
    for (tensor, value) in [("head.bias", f32::NAN), ("encoder.0.1.running_var", f32::INFINITY)] {
        let mut tensors: HashMap<String, Tensor> = sound.clone();
        let shape = tensors[tensor].shape().clone();
        tensors.insert(tensor.to_owned(), Tensor::full(value, shape, &Device::Cpu).expect("a tensor"));
        candle_core::safetensors::save(&tensors, &best).expect("writable");
        for outcome in [true, false] {
            let kept = fs::read(run.join("outcome.toml")).expect("readable");
            if !outcome {
                fs::remove_file(run.join("outcome.toml")).expect("removed");
            }
            for reader in [vec!["predict", name, "pictures/images", "--out", "o", "--force"], vec!["evaluate", name, "x.toml"]] {
                let refused = desk.umlaut(&reader);
                expect_code(&refused, 2);
                let said = plain(&words(&refused));
                for part in ["best.safetensors", tensor, "no finite number", "restore"] {
                    assert!(said.contains(part), "{part}: {said}");
                }
            }
            fs::write(run.join("outcome.toml"), kept).expect("writable");
        }
    }
}

#[test]
fn a_running_copy_says_whose_epoch_its_weights_are() {
    let (desk, run) = finished();
    fs::remove_file(run.join("outcome.toml")).expect("removed");
    let said = words(&desk.umlaut(&["predict", run.to_str().expect("plain"), "pictures/images", "--out", "o"]));
    assert!(plain(&said).contains("has not finished: these are the weights of its best epoch so far, "), "{said}");
}

#[test]
fn nothing_is_written_through_a_link() {
    let (desk, run) = finished();
    let theirs = desk.path("theirs.txt");
    fs::remove_file(run.join("outcome.toml")).expect("removed");
    let refused = [desk.path("results/tiny/.lock"), run.join(".lock"), run.join("log.txt")];
    for file in &refused {
        fs::write(&theirs, "theirs").expect("writable");
        fs::remove_file(file).expect("removed");
        symlink(&theirs, file).expect("linked");
        let output = desk.umlaut(&["run", "x.toml"]);
        let said = plain(&words(&output));
        assert!(matches!(output.status.code(), Some(1 | 2)), "{said}");
        let name = file.file_name().expect("named").to_string_lossy();
        assert!(said.contains(&format!("{name}: is a symbolic link")) && said.contains("remove the link"), "{said}");
        assert_eq!(fs::read_to_string(&theirs).expect("readable"), "theirs");
        fs::remove_file(file).expect("removed");
    }
    // Those that are replaced as a whole take the link's place.
    for file in ["metrics.csv", "timing.csv", "checkpoints/resume.safetensors", "provenance.toml"] {
        let kept = desk.path(&file.replace('/', "-"));
        fs::rename(run.join(file), &kept).expect("moved");
        symlink(&kept, run.join(file)).expect("linked");
        let before = fs::read(&kept).expect("readable");
        expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
        assert!(fs::read(&kept).expect("readable") == before, "{file}");
        fs::remove_file(run.join("outcome.toml")).expect("removed");
    }
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
}

/// Not the program's own idea: what a group may share, and what must stay private.
#[test]
fn the_umask_alone_says_who_may_read_results() {
    let (desk, _) = finished();
    let program = assert_cmd::cargo::cargo_bin!("umlaut").display().to_string();
    for mask in [0o022, 0o077, 0o002] {
        let results = format!("r{mask:03o}");
        let verbs = [
            "run x.toml".to_owned(),
            "report R/tiny --format html,md,tex --png".to_owned(),
            "predict R/tiny/runs/* pictures/images --out R/predicted --overlays --probabilities".to_owned(),
            "evaluate R/tiny/runs/* x.toml --out R/scores.csv".to_owned(),
            "export tensorboard R/tiny".to_owned(),
            "data export x.toml --out R/exported".to_owned(),
            "find-lr x.toml --steps 12".to_owned(),
        ];
        for verb in verbs {
            let verb = verb.replace("R/", &format!("{results}/"));
            let place = if verb.starts_with("report") { String::new() } else { format!(" --results {results}") };
            let script = format!("umask {mask:03o}; exec '{program}' {verb}{place}");
            let mut command = Command::new("sh");
            command.args(["-c", &script]).current_dir(desk.path(".")).stdin(Stdio::null());
            command.env("XDG_CONFIG_HOME", desk.path("settings")).env("CUDA_VISIBLE_DEVICES", "");
            let output = command.output().expect("there is a shell");
            // A search may find nothing in so few steps.
            assert!(output.status.success() || verb.starts_with("find-lr"), "{verb}: {}", words(&output));
        }
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(desk.path(&results)) {
            let entry = entry.expect("listed");
            let found = entry.metadata().expect("there");
            let wanted = if found.is_dir() { 0o777 & !mask } else { 0o666 & !mask };
            let mode = found.permissions().mode() & 0o777;
            assert!(mode == wanted, "{}: {mode:03o}, not {wanted:03o}, with umask {mask:03o}", entry.path().display());
            assert!(found.nlink() > 0);
            seen += usize::from(found.is_file());
        }
        assert!(seen > 60, "{seen} files");
    }
}
