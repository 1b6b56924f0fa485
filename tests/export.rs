//! `umlaut export tensorboard`: what is in the files, read by a reader of its own, and which runs have one.

use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use umlaut::record::{EpochRecord, Outcome, Status};
use umlaut::store::{ExperimentDir, Results, RunDir};

mod made_up;

/// Three groups of a learning rate, two seeds each; the sixth run diverges.
fn experiment() -> (TempDir, ExperimentDir) {
    let temp = tempfile::tempdir().unwrap();
    let made_up = made_up::MadeUp { runs: 6, seeds: 2, epochs: 4, images: 1, fails: 6 };
    let dir = made_up.write(&Results::new(temp.path())).unwrap();
    (temp, dir)
}

fn export(arguments: &[&Path]) -> (i32, String, String) {
    let output = Command::cargo_bin("umlaut").unwrap().args(["export", "tensorboard"]).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The event files below a directory, by the directory of each, with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(dir).into_iter().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path());
    files.map(|path| (path.parent().unwrap().strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

/// CRC-32C bit by bit (polynomial 0x1EDC6F41, reversed), masked as TensorFlow's record_writer.h does.
fn masked_crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let crc = !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The records of a file, each checksum checked.
fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!(number(8), masked_crc(&file[..8]));
        records.push(&file[12..12 + length]);
        assert_eq!(number(12 + length), masked_crc(&file[12..12 + length]));
        file = &file[16 + length..];
    }
    records
}

/// A field of a protocol buffer: its number and its bytes, little-endian where it is a number.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let length = match tag & 7 {
            0 => {
                fields.push((tag >> 3, varint(&mut message).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut message) as usize,
            5 => 4,
            kind => panic!("no such kind of field: {kind}"),
        };
        fields.push((tag >> 3, message[..length].to_vec()));
        message = &message[length..];
    }
    fields
}

fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find(|(found, _)| *found == number).map(|(_, bytes)| bytes)
}

/// A point of a curve: step, wall time, bits of the value, by which NaN equals itself.
type Point = (u64, f64, u32);

/// Every scalar by tag, and the other tags.
fn scalars(file: &[u8]) -> (BTreeMap<String, Vec<Point>>, Vec<String>) {
    let (mut scalars, mut others) = (BTreeMap::<String, Vec<Point>>::new(), Vec::new());
    let events = records(file);
    assert_eq!(field(events[0], 3).unwrap(), b"brain.Event:2");
    for event in &events[1..] {
        let time = f64::from_le_bytes(field(event, 1).unwrap().try_into().unwrap());
        let step = field(event, 2).map_or(0, |step| u64::from_le_bytes(step.try_into().unwrap()));
        for (_, value) in fields(&field(event, 5).unwrap()) {
            let tag = String::from_utf8(field(&value, 1).unwrap()).unwrap();
            match field(&value, 2) {
                Some(number) => {
                    scalars.entry(tag).or_default().push((step, time, u32::from_le_bytes(number.try_into().unwrap())));
                }
                None => others.push(tag),
            }
        }
    }
    (scalars, others)
}

fn bits(value: f64) -> u32 {
    (value as f32).to_bits()
}

/// 2026-03-01T12:00:00Z, when the made-up runs began; `date -u -d … +%s`.
const STARTED: f64 = 1_772_366_400.0;

#[test]
fn every_value_of_a_run_is_in_its_file() {
    let (_temp, dir) = experiment();
    let (code, out, err) = export(&[dir.path()]);
    assert_eq!((code, err.as_str()), (0, ""));
    let place = dir.path().join("tensorboard");
    assert_eq!(out, format!("6 runs exported; to see them: tensorboard --logdir {}\n", place.display()));
    let files = files(&place);
    assert_eq!(files.len(), 6);
    for run in dir.runs().unwrap() {
        let (scalars, others) = scalars(&files[Path::new(run.id().as_str())]);
        let (rows, outcome) = (run.metrics().unwrap(), run.outcome().unwrap().unwrap());
        let step = |row: &EpochRecord| (row.epoch as u64, STARTED + 2.5 * row.epoch as f64);
        let curve = |column: &str| {
            let point = |row: &EpochRecord| (step(row).0, step(row).1, bits(row.get(column).unwrap()));
            rows.iter().map(point).collect::<Vec<_>>()
        };
        for (tag, column) in
            [("lr", "lr"), ("train/loss", "train_loss"), ("val/dice", "val_dice"), ("val/dice_disc", "val_dice_disc")]
        {
            assert_eq!(scalars[tag], curve(column), "{tag}");
        }
        let best = outcome.best_epoch.unwrap() as u64;
        let end = STARTED + 2.5 * rows.len() as f64;
        assert_eq!(scalars["val_best/dice"], [(best, end, bits(outcome.best["val_dice"]))]);
        let tested = outcome.test.get("test_iou_cup").map(|iou| vec![(best, end, bits(*iou))]);
        assert_eq!(scalars.get("test/iou_cup"), tested.as_ref());
        assert_eq!(tested.is_some(), outcome.status == Status::Finished);
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let of_hparams = ["experiment", "session_start_info", "session_end_info"].map(|name| format!("_hparams_/{name}"));
        assert_eq!(others, [&of_hparams[0], &of_hparams[1], "configuration", &of_hparams[2]]);
        let columns = rows[0].values.len() + outcome.test.len() + outcome.best.keys().filter(|c| c.starts_with("val_")).count();
        assert_eq!(scalars.len(), columns);
    }
}

#[test]
fn exporting_again_changes_nothing() {
    let (_temp, dir) = experiment();
    let place = dir.path().join("tensorboard");
    export(&[dir.path()]);
    let first = files(&place);
    export(&[dir.path()]);
    assert!(!first.is_empty() && first == files(&place));
}

#[test]
fn runs_that_may_go_on_or_cannot_be_read_are_named() {
    let (_temp, dir) = experiment();
    let runs = dir.runs().unwrap();
    let ended = |run: &RunDir, status| {
        let outcome = Outcome { status, cause: Some("the loss is NaN".into()), ..run.outcome().unwrap().unwrap() };
        run.write_outcome(&outcome).unwrap();
    };
    ended(&runs[0], Status::Interrupted);
    ended(&runs[1], Status::Failed);
    fs::remove_file(runs[2].path().join("outcome.toml")).unwrap();
    fs::write(runs[3].path().join("metrics.csv"), "epoch,lr\n1,fast\n").unwrap();
    let (code, out, err) = export(&[dir.path()]);
    assert_eq!(code, 0);
    assert!(out.starts_with("3 runs exported"), "{out}");
    let lines: Vec<&str> = err.lines().collect();
    let reasons = ["interrupted after 4 epochs", "not ended after 4 epochs", "metrics.csv: line 2 does not fit the header"];
    assert_eq!(lines.len(), 3, "{err}");
    for ((line, run), reason) in lines.iter().zip([0, 2, 3]).zip(reasons) {
        assert!(line.starts_with(&format!("skipped {}: ", runs[run].path().display())) && line.contains(reason), "{line}");
    }
    assert!(files(&dir.path().join("tensorboard")).contains_key(Path::new(runs[1].id().as_str())));
    let (code, _, err) = export(&[runs[0].path(), Path::new("--out"), dir.path()]);
    assert!(code == 1 && err.ends_with("error: no run could be exported\n"), "{err}");
}

#[test]
fn runs_of_several_experiments_lie_below_its_name() {
    let (temp, dir) = experiment();
    let copy = temp.path().join("again/runs");
    let run = &dir.runs().unwrap()[0];
    let twin = RunDir::at(copy.join(run.id().as_str()));
    for entry in walkdir::WalkDir::new(run.path()) {
        let entry = entry.unwrap();
        let to = twin.path().join(entry.path().strip_prefix(run.path()).unwrap());
        if entry.file_type().is_dir() { fs::create_dir_all(to).unwrap() } else { fs::copy(entry.path(), to).map(drop).unwrap() }
    }
    let out = temp.path().join("out");
    let (code, _, err) = export(&[run.path(), twin.path(), Path::new("--out"), &out]);
    assert_eq!((code, err.as_str()), (0, ""));
    let id = run.id().to_string();
    assert_eq!(files(&out).into_keys().collect::<Vec<_>>(), [Path::new("again").join(&id), Path::new("made_up").join(&id)]);
}

#[test]
fn mistakes_are_the_users() {
    let (_temp, dir) = experiment();
    let run = dir.runs().unwrap()[0].path().to_owned();
    let (code, _, err) = export(&[&run]);
    assert_eq!((code, err.as_str()), (2, "error: where do the event files go? name a directory with --out\n"));
    let (code, _, err) = export(&[&dir.path().join("nowhere")]);
    assert!(code == 2 && err.contains("nowhere is no directory of runs, no experiment in results"), "{err}");
}
