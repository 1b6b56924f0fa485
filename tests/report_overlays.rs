//! The overlays of a run's samples, drawn from its pictures.

use image::{GrayImage, Luma, RgbImage};
use std::fs;
use umlaut::plan::{RunId, RunSpec};
use umlaut::record::EpochRecord;
use umlaut::report;
use umlaut::store::{ExperimentDir, Results, RunDir};

fn run(dir: &ExperimentDir, seed: u64, dice: f64) -> RunDir {
    run_of(dir, &[], seed, dice)
}

fn run_of(dir: &ExperimentDir, group: &[&str], seed: u64, dice: f64) -> RunDir {
    let own = group.iter().map(|lr| ("optimizer.adam.lr".to_owned(), (*lr).to_owned()));
    let differs = own.chain([("seed".to_owned(), seed.to_string())]).collect();
    let id = RunId::from_name(&format!("{}seed-{seed}", group.concat()));
    let spec = RunSpec { id, experiment: toml::from_str("name = 'x'").unwrap(), differs };
    let run = dir.run(&spec.id);
    run.create(&spec, "").unwrap();
    let values = [("val_loss", 1.0 - dice), ("val_dice", dice), ("val_dice_disc", dice), ("val_dice_cup", dice)];
    let record = EpochRecord { epoch: 1, values: values.map(|(name, v)| (name.to_owned(), v)).to_vec() };
    run.metrics_after(0).unwrap().append(&record, 1.0).unwrap();
    fs::create_dir_all(run.samples()).unwrap();
    run
}

/// A 24 × 16 picture; the disc covers 8 × 8 pixels in the truth and the same moved by `shift` in the prediction; no cup.
fn sample(run: &RunDir, name: &str, shift: u32) {
    let square = |left: u32| move |x: u32, y: u32| Luma([u8::from((left..left + 8).contains(&x) && (4..12).contains(&y))]);
    RgbImage::new(24, 16).save(run.sample_picture(name, "image")).unwrap();
    GrayImage::from_fn(24, 16, square(4)).save(run.sample_picture(name, "truth")).unwrap();
    GrayImage::from_fn(24, 16, square(4 + shift)).save(run.sample_picture(name, "pred")).unwrap();
}

fn overlays(dir: &ExperimentDir) -> (Option<String>, String) {
    let written = report::write(dir, &report::Wanted::default()).unwrap();
    let chart = written.charts.iter().find(|path| path.ends_with("overlays.svg"));
    (chart.map(|path| fs::read_to_string(path).unwrap()), fs::read_to_string(written.report.unwrap()).unwrap())
}

#[test]
fn the_best_run_shows_its_samples_with_their_dice() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("x");
    sample(&run(&dir, 1, 0.5), "worse", 0);
    let best = run(&dir, 2, 0.9);
    for (name, shift) in [("a", 0), ("b", 2), ("c", 8), ("d", 4), ("e", 0)] {
        sample(&best, name, shift);
    }
    let (svg, report) = overlays(&dir);
    let svg = svg.unwrap();
    // 2·|A∩B| / (|A| + |B|) of squares of 64 pixels; both cups are empty, which counts as 1.
    for (name, words) in [("a", "disc 1.000"), ("b", "disc 0.750"), ("c", "disc 0.000"), ("d", "disc 0.500")] {
        assert!(svg.contains(&format!("{name}: {words}, cup 1.000")), "{name} in {svg}");
        assert!(svg.contains(&format!(">{name}</text>")));
    }
    assert!(!svg.contains(">e</text>"), "four samples are enough");
    assert!(!svg.contains("worse"));
    assert_eq!(svg.matches("data:image/png;base64,").count(), 4, "each picture is stored once");
    assert_eq!(svg.matches("<use ").count(), 12);
    // Fill, casing and outline of the disc in truth and prediction; the cup is empty; one sign in the key.
    assert_eq!(svg.matches("#ff3b30").count(), 4 * 2 * 2 + 1);
    assert_eq!(svg.matches("#ffe033").count(), 1);
    assert!(report.contains("Predictions of `seed-2`"), "{report}");
}

/// The best run of all is the lucky one of the worse group.
#[test]
fn samples_are_of_a_run_of_the_best_group() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("x");
    for (group, seed, dice) in [("0.1", 1, 0.95), ("0.1", 2, 0.4), ("0.2", 1, 0.8), ("0.2", 2, 0.9)] {
        sample(&run_of(&dir, &[group], seed, dice), "a", 0);
    }
    let (_, report) = overlays(&dir);
    assert!(report.contains("Predictions of `0.2seed-2`"), "{report}");
}

#[test]
fn a_broken_picture_is_named_and_the_others_are_drawn() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("x");
    let run = run(&dir, 1, 0.5);
    for name in ["fine", "torn", "size"] {
        sample(&run, name, 1);
    }
    fs::write(run.sample_picture("torn", "truth"), b"\x89PNG").unwrap();
    GrayImage::new(5, 5).save(run.sample_picture("size", "pred")).unwrap();
    let (svg, report) = overlays(&dir);
    let svg = svg.unwrap();
    assert!(svg.contains(">fine</text>") && !svg.contains(">torn</text>") && !svg.contains(">size</text>"));
    assert!(report.contains("torn_truth.png: "), "{report}");
    assert!(report.contains("size_pred.png: 5×5 pixels, but the image has 24×16"), "{report}");
}

#[test]
fn without_samples_there_are_no_overlays() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Results::new(temp.path()).experiment("x");
    run(&dir, 1, 0.5);
    let (svg, report) = overlays(&dir);
    assert!(svg.is_none() && !report.contains("Predictions"), "{report}");
}
