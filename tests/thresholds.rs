//! Thresholds and constant masks through the whole program: what a run keeps of them, and who uses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

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
[model.unet]
channels = [4, 8]
[training]
epochs = 2
batch_size = 4
"#;

/// Pixels of the three images of a split.
const PIXELS: u64 = 3 * 16 * 16;

fn umlaut(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("umlaut"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", dir.join("settings")).env("CUDA_VISIBLE_DEVICES", "");
    command.output().expect("the program starts")
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn good(dir: &Path, arguments: &[&str]) -> String {
    let output = umlaut(dir, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", words(&output));
    words(&output)
}

/// Trains with `threshold` below `results`; the run's directory.
fn trained(dir: &TempDir, results: &str, threshold: Option<&str>) -> PathBuf {
    let text = threshold.map(|threshold| format!("[metrics]\nthreshold = {threshold}\n")).unwrap_or_default();
    fs::write(dir.path().join("x.toml"), format!("{TINY}{text}")).unwrap();
    let runs = dir.path().join(results).join("tiny/runs");
    let list = || fs::read_dir(&runs).map(|all| all.map(|run| run.unwrap().path()).collect::<Vec<_>>()).unwrap_or_default();
    let before = list();
    good(dir.path(), &["run", "x.toml", "--results", results]);
    list().into_iter().find(|run| !before.contains(run)).expect("a run is new")
}

fn toml_of(path: PathBuf) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn number(table: &toml::Table, key: &str) -> f64 {
    table[key].as_float().unwrap_or_else(|| panic!("{key} in {table}"))
}

/// Rows of thresholds.csv of a split and class: threshold, Dice, precision, recall; counts.
fn curve(path: &Path, split: &str, class: &str) -> Vec<([f64; 4], [u64; 4])> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("split,class,threshold,dice,precision,recall,tp,fp,fn,tn"));
    let rows = lines.map(|line| line.split(',').collect::<Vec<_>>()).filter(|row| row[..2] == [split, class]);
    let row = |row: Vec<&str>| ([2, 3, 4, 5].map(|at| row[at].parse().unwrap()), [6, 7, 8, 9].map(|at| row[at].parse().unwrap()));
    rows.map(row).collect()
}

/// The text of a file of weights up to its numbers.
fn header(run: &Path) -> String {
    let bytes = fs::read(run.join("checkpoints/best.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    String::from_utf8(bytes[8..8 + length].to_vec()).unwrap()
}

/// Oracle of the scores at 0.5: the run's own columns; of the counts: that every pixel is in one of them.
#[test]
fn a_run_keeps_its_curves_and_the_best_constant_mask() {
    let dir = tempfile::tempdir().unwrap();
    let run = trained(&dir, "results", None);
    let outcome = toml_of(run.join("outcome.toml"));
    let (table, constant) = (run.join("thresholds.csv"), toml_of(run.join("provenance.toml")));
    let constant = constant["constant_mask"].as_table().unwrap();
    for (split, scores) in [("val", "best"), ("test", "test")] {
        let scores = outcome[scores].as_table().unwrap();
        for class in ["disc", "cup"] {
            let rows = curve(&table, split, class);
            assert_eq!(rows.len(), 51);
            let half = rows.iter().find(|(row, _)| row[0] == 0.5).unwrap();
            assert!((half.0[1] - number(scores, &format!("{split}_dice_{class}"))).abs() < 1e-9, "{split} {class}");
            for ([threshold, _, precision, recall], [tp, fp, fn_, tn]) in &rows {
                assert_eq!(tp + fp + fn_ + tn, PIXELS, "{split} {class} {threshold}");
                assert!(tp + fp == 0 || (precision - *tp as f64 / (tp + fp) as f64).abs() < 1e-12);
                assert!((recall - *tp as f64 / (tp + fn_) as f64).abs() < 1e-12);
            }
            assert!(rows.windows(2).all(|two| two[0].0[0] < two[1].0[0] && two[0].1[0] >= two[1].1[0]), "{rows:?}");
            assert_eq!((rows[0].1[2], rows[0].1[3], rows[50].1[0]), (0, 0, 0), "everything, and nothing, is foreground");
            // No mask is empty, so all foreground is best, and that is what the threshold 0 predicts.
            assert!((number(constant, &format!("{split}_dice_{class}")) - rows[0].0[1]).abs() < 1e-12);
        }
        let mean = (number(constant, &format!("{split}_dice_disc")) + number(constant, &format!("{split}_dice_cup"))) / 2.0;
        assert!((number(constant, &format!("{split}_dice")) - mean).abs() < 1e-12);
        assert!(number(constant, &format!("{split}_iou")) < mean);
    }
    // Whoever asks for no threshold has none.
    assert!(!outcome.contains_key("thresholds") && !outcome["test"].as_table().unwrap().contains_key("test_dice_at_threshold"));
    assert!(!header(&run).contains("thresholds") && !fs::read_to_string(run.join("run.toml")).unwrap().contains("threshold"));
    let report = fs::read_to_string(dir.path().join("results/tiny/report.md")).unwrap();
    for part in
        ["The best constant mask, all foreground or none, has validation Dice 0.", "has learnt nothing yet", "foreground found"]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    let row =
        report.lines().find(|line| line.starts_with("| – | best constant mask | – |")).expect("it has a row among the groups");
    let split = if report.contains("| Test Dice |") { "test" } else { "val" };
    assert!(row.contains(&format!("| {:.4} |", number(constant, &format!("{split}_dice")))), "{row}");
    for chart in ["thresholds-disc", "precision-recall-cup"] {
        let svg = fs::read_to_string(dir.path().join(format!("results/tiny/charts/{chart}.svg"))).unwrap();
        assert!(svg.contains("threshold in use") && report.contains(&format!("charts/{chart}.svg")), "{chart}");
    }
    let dice = fs::read_to_string(dir.path().join("results/tiny/charts/dice.svg")).unwrap();
    assert!(dice.contains("best constant mask"));
    assert!(fs::read_to_string(dir.path().join("results/tiny/report.html")).unwrap().contains("Pixels by truth and prediction"));
    let inspected = good(dir.path(), &["data", "inspect", "x.toml"]);
    let shown = format!("{:.3}", number(constant, "val_dice"));
    assert!(inspected.contains("best constant mask") && inspected.contains(&shown), "{shown}: {inspected}");
}

/// Oracle of the threshold: the largest Dice of the run's own curve. The epochs are those of a run that asks for none.
#[test]
fn a_threshold_chosen_by_validation_is_kept_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let plain = trained(&dir, "results", None);
    let run = trained(&dir, "results", Some("\"validation\""));
    let (outcome, table) = (toml_of(run.join("outcome.toml")), run.join("thresholds.csv"));
    assert_eq!(fs::read(run.join("metrics.csv")).unwrap(), fs::read(plain.join("metrics.csv")).unwrap());
    assert_eq!(fs::read(&table).unwrap(), fs::read(plain.join("thresholds.csv")).unwrap());
    let chosen = ["disc", "cup"].map(|class| {
        let threshold = number(outcome["thresholds"].as_table().unwrap(), class);
        let best = curve(&table, "val", class).iter().map(|(row, _)| row[1]).fold(0.0, f64::max);
        let at = |split: &str| curve(&table, split, class).into_iter().find(|(row, _)| row[0] == threshold).unwrap().0[1];
        assert_eq!(at("val"), best, "{class}");
        let tested = number(outcome["test"].as_table().unwrap(), &format!("test_dice_at_threshold_{class}"));
        assert!((tested - at("test")).abs() < 1e-12, "{class}");
        threshold
    });
    assert!(header(&run).contains(&format!("[{:?},{:?}]", chosen[0], chosen[1])), "{}", header(&run));
    uses(dir.path(), &run, &plain, chosen);
    is_made_again(dir.path(), &run);
    // A run that goes on from this one's weights and asks for no threshold has the very weights of one that never heard of any.
    fs::rename(&plain, dir.path().join("aside")).unwrap();
    let again = trained(&dir, "results", None);
    assert!(fs::read_to_string(again.join("provenance.toml")).unwrap().contains("continued_from"));
    let weights = |run: &Path| fs::read(run.join("checkpoints/best.safetensors")).unwrap();
    assert!(weights(&again) == weights(&dir.path().join("aside")));
}

/// `predict` and `evaluate` go by the run's thresholds, and by others if asked to.
fn uses(dir: &Path, run: &Path, plain: &Path, chosen: [f64; 2]) {
    let image = fs::read_dir(run.join("samples")).unwrap().map(|file| file.unwrap().path());
    let image = image.into_iter().find(|path| path.to_string_lossy().ends_with("_image.png")).unwrap();
    let predicted = |run: &Path, out: &str, more: &[&str]| {
        let all = [&["predict", run.to_str().unwrap(), image.to_str().unwrap(), "--out", out], more].concat();
        (good(dir, &all), fs::read_to_string(dir.join(out).join("predictions.csv")).unwrap())
    };
    let (said, own) = predicted(run, "own", &[]);
    assert!(said.contains("the run's own threshold") && said.contains(&chosen[0].to_string()), "{said}");
    for (class, (name, threshold)) in ["disc", "cup"].into_iter().zip(chosen).enumerate() {
        let (said, other) = predicted(plain, name, &["--threshold", &threshold.to_string()]);
        assert!(!said.contains("threshold"), "{said}");
        assert_eq!(own.lines().nth(class + 1), other.lines().nth(class + 1), "{name}");
    }
    let evaluate = |run: &Path, more: &[&str]| {
        let all = [&["evaluate", run.to_str().unwrap(), "x.toml", "--split", "test"], more].concat();
        good(dir, &all)
    };
    let outcome = toml_of(run.join("outcome.toml"));
    let of = |key: &str| format!("{:.4} ±", number(outcome["test"].as_table().unwrap(), key));
    let said = evaluate(run, &["--curves", "curves.csv"]);
    assert!(said.contains(&of("test_dice_at_threshold_disc")) && said.contains("predicted foreground"), "{said}");
    assert!(said.contains("classes overlap"), "a cup lies within its disc: {said}");
    let rows = |path: &Path| {
        fs::read_to_string(path).unwrap().lines().filter(|l| l.starts_with("test,")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&dir.join("curves.csv")), rows(&run.join("thresholds.csv")));
    let said = evaluate(run, &["--threshold", "0.5"]);
    assert!(said.contains(&of("test_dice_disc")) && said.contains("at the threshold 0.5,"), "{said}");
    let [tp, fp, ..] = curve(&run.join("thresholds.csv"), "test", "disc")[25].1;
    assert!(said.contains(&format!(" {tp} (")) && said.contains(&format!(" {fp} (")), "{tp}, {fp}: {said}");
    let bad = umlaut(dir, &["evaluate", run.to_str().unwrap(), "x.toml", "--threshold", "1.5"]);
    assert!(bad.status.code() == Some(2) && words(&bad).contains("between 0 and 1"), "{}", words(&bad));
    let both = ["predict", run.to_str().unwrap(), image.to_str().unwrap(), "--with", plain.to_str().unwrap(), "--out", "both"];
    assert!(good(dir, &both).contains("the runs keep different thresholds"));
}

/// What is lost of the end comes back, byte for byte, with and without the resume state.
fn is_made_again(dir: &Path, run: &Path) {
    let files = ["thresholds.csv", "outcome.toml", "checkpoints/best.safetensors"];
    let read = || files.map(|file| fs::read(run.join(file)).unwrap());
    let before = read();
    for lost in ["checkpoints/last.safetensors", "checkpoints/resume.safetensors"] {
        fs::remove_file(run.join("thresholds.csv")).unwrap();
        let said = good(dir, &["run", "x.toml"]);
        assert!(said.contains("thresholds.csv is missing"), "{said}");
        assert!(read() == before, "{lost}: {said}");
        fs::remove_file(run.join(lost)).unwrap();
    }
    fs::write(run.join("thresholds.csv"), "split\n").unwrap();
    let said = good(dir, &["status"]);
    assert!(said.contains("thresholds.csv"), "{said}");
    good(dir, &["run", "x.toml"]);
    assert!(read()[0] == before[0] && read()[2] == before[2]);
}

#[test]
fn a_threshold_of_ones_own_has_rows_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let run = trained(&dir, "results", Some("0.37"));
    let (outcome, rows) = (toml_of(run.join("outcome.toml")), curve(&run.join("thresholds.csv"), "test", "cup"));
    assert_eq!((rows.len(), number(outcome["thresholds"].as_table().unwrap(), "cup")), (52, 0.37));
    let at = rows.iter().find(|(row, _)| row[0] == 0.37).unwrap();
    assert!((number(outcome["test"].as_table().unwrap(), "test_dice_at_threshold_cup") - at.0[1]).abs() < 1e-12);
    let report = fs::read_to_string(dir.path().join("results/tiny/report.md")).unwrap();
    assert!(report.contains("| 0.37 |") && report.contains("| Dice at the threshold |"), "{report}");
}
