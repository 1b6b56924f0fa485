//! What a report gives to a paper: tables that fit a column and compile, a draft of the Methods that says what the files say and no more, and
//! a table of groups for programs.

#[path = "made_up/mod.rs"]
mod made_up;

use made_up::MadeUp;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use umlaut::report::{self, Error, Format, Wanted};
use umlaut::store::{ExperimentDir, Results};

/// Sixty runs in twenty groups, some of which failed.
fn experiment() -> (TempDir, ExperimentDir) {
    let temp = tempfile::tempdir().unwrap();
    let made_up = MadeUp { runs: 60, seeds: 3, epochs: 4, images: 12, fails: 17 };
    let dir = made_up.write(&Results::new(temp.path())).unwrap();
    (temp, dir)
}

fn latex() -> Wanted {
    Wanted { formats: vec![Format::Latex, Format::Markdown, Format::Html], ..Wanted::default() }
}

fn read(dir: &ExperimentDir, file: &str) -> String {
    fs::read_to_string(dir.path().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Whether TeX and the packages are there.
fn has_tex() -> bool {
    let found = Command::new("kpsewhich").args(["booktabs.sty", "longtable.sty"]).output();
    let found = found.is_ok_and(|output| output.status.success() && String::from_utf8_lossy(&output.stdout).lines().count() == 2);
    found && Command::new("pdflatex").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Sets a document and returns TeX's log.
fn set(place: &Path, class: &str, inputs: &[&str]) -> String {
    let inputs: String = inputs.iter().map(|file| format!("\\input{{{file}}}\n")).collect();
    let text = format!(
        "\\documentclass{class}\n\\usepackage{{booktabs,longtable}}\n\\begin{{document}}\nText.\n{inputs}\\end{{document}}\n"
    );
    fs::write(place.join("paper.tex"), text).unwrap();
    let output =
        Command::new("pdflatex").args(["-interaction=nonstopmode", "-halt-on-error", "paper.tex"]).current_dir(place).output();
    let output = output.expect("TeX starts");
    let log = fs::read_to_string(place.join("paper.log")).unwrap_or_default();
    assert!(output.status.success(), "{log}");
    log
}

#[test]
fn tables_compile_and_fit_their_columns() {
    let (_temp, dir) = experiment();
    report::write(&dir, &latex()).unwrap();
    if !has_tex() {
        return eprintln!("skipped: no TeX with booktabs was found (Debian and Ubuntu: texlive-latex-recommended)");
    }
    for class in ["[twocolumn]{article}", "[twocolumn,a4paper,11pt]{article}", "{article}"] {
        let log = set(dir.path(), class, &["tables.tex", "methods.tex"]);
        assert!(!log.contains("Overfull"), "{class}: {log}");
    }
    let log = set(dir.path(), "{article}", &["supplement.tex"]);
    assert!(!log.contains("Overfull"), "{log}");
}

#[test]
fn columns_are_chosen_and_unheard_ones_refused() {
    let (_temp, dir) = experiment();
    let metrics = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let wanted = Wanted { metrics: metrics(&["bce", "iou_cup"]), ..latex() };
    let table = report::write(&dir, &wanted).unwrap().table;
    let head = table.lines().nth(1).unwrap_or_default();
    assert!(head.contains("Test Dice") && head.contains("Test IoU, cup") && !head.contains("loss"), "{table}");
    let header = read(&dir, "report.md").split("## Groups").nth(1).and_then(|rest| rest.lines().nth(2)).unwrap().to_owned();
    assert_eq!(header, "| rank | group | n | Test Dice | 95 % interval | Test BCE | Test IoU, cup | best epoch |");
    let tex = read(&dir, "tables.tex");
    assert!(tex.contains("IoU, cup") && !tex.contains("Test loss"), "{tex}");
    let refused = report::write(&dir, &Wanted { metrics: metrics(&["dicee"]), ..Wanted::default() }).unwrap_err();
    assert!(matches!(&refused, Error::NoMetric { by, there } if by == "dicee" && there.contains("iou_cup")), "{refused}");
}

#[test]
fn groups_csv_is_long_and_narrow() {
    let (_temp, dir) = experiment();
    report::write(&dir, &Wanted::default()).unwrap();
    let text = read(&dir, "groups.csv");
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(header, ["group", "rank", "runs", "metric", "n", "mean", "sd", "low", "high"]);
    let rows: Vec<csv::StringRecord> = rows.records().map(|row| row.unwrap()).collect();
    let dice: Vec<&csv::StringRecord> = rows.iter().filter(|row| &row[3] == "test_dice").collect();
    assert_eq!(dice.len(), 20, "one row for each group");
    for row in dice {
        let number = |at: usize| row[at].parse::<f64>().unwrap();
        assert!(number(7) <= number(5) && number(5) <= number(8), "{row:?}");
        assert_eq!(row[2], row[4], "as many values as finished runs: {row:?}");
    }
}

/// Oracle: how the experiment was made up. Nothing is said of a machine or of training images, since no file says it.
#[test]
fn methods_say_what_the_files_say() {
    let (_temp, dir) = experiment();
    report::write(&dir, &latex()).unwrap();
    let text = read(&dir, "report.md");
    let methods = text.split("## Methods").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    for said in [
        "The splits hold 12 validation and 12 test images.",
        "Varied was optimizer.adam.lr: 1e-4, 3e-4, 0.001, 0.003, 0.01.",
        "| optimizer | adam (betas 0.9-0.999, eps 1e-8, lr varied, weight_decay 0.0) |",
        "60 runs in 20 groups: 57 finished, 3 failed.",
        "| runs | 60 runs of 20 configurations, 3 seeds |",
        "Groups are ordered by validation Dice and compared by test Dice, on images that chose neither epoch nor group.",
        "Training images are not augmented.",
    ] {
        assert!(methods.contains(said), "{said} is missing: {methods}");
    }
    for unsaid in ["hardware", "training images hold", "foreground", "numeric version", "| question |", "patients"] {
        assert!(!methods.contains(unsaid), "{unsaid}: {methods}");
    }
    let html = read(&dir, "report.html");
    assert!(html.contains("<h2>Methods</h2>") && html.contains("compared by test Dice"));
    assert!(read(&dir, "methods.tex").contains("Training images are not augmented."));
    // A run alone varies nothing, though its group is one of many.
    let alone = umlaut::find::Found::Run(dir.runs().unwrap().remove(0));
    let alone = report::sections(&[alone], None, report::RankBy::Validation).unwrap();
    assert!(alone.contains("<h2>Methods</h2>") && !alone.contains("Varied was") && !alone.contains("lr varied"), "{alone}");
}

#[test]
fn what_runs_record_is_among_the_methods() {
    let (_temp, dir) = experiment();
    for run in dir.runs().unwrap() {
        let mut provenance = run.provenance().unwrap().unwrap();
        provenance.images = [("train", 80), ("val", 12), ("test", 12)].map(|(name, count)| (name.to_owned(), count)).into();
        provenance.patients = [("train", 40), ("val", 6), ("test", 6)].map(|(name, count)| (name.to_owned(), count)).into();
        provenance.foreground = [("disc", 0.0521), ("cup", 0.2)].map(|(name, share)| (name.to_owned(), share)).into();
        (provenance.parameters, provenance.version) = (Some(7762), Some("0.1.0".to_owned()));
        (provenance.device, provenance.threads, provenance.cpu) = (Some("cpu".to_owned()), Some(2), Some("Zen 5".to_owned()));
        run.write_provenance(&provenance).unwrap();
        let text = fs::read_to_string(run.run_toml()).unwrap();
        fs::write(run.run_toml(), text.replace("description = \"\"", "description = \"Does width help?\"")).unwrap();
    }
    report::write(&dir, &latex()).unwrap();
    let text = read(&dir, "report.md");
    for said in [
        "Does width help? Images are drawn fundus photographs (synthetic). The splits hold 80 training, 12 validation and 12 test images.",
        "These belong to 40 training, 6 validation and 6 test patients.",
        "Foreground makes up this share of the training pixels: disc 5.2 %, cup 20.0 %.",
        "with 7,762 learned parameters",
        "Runs were made on cpu (2 threads of Zen 5).",
        "All was trained and evaluated with umlaut 0.1.0.",
        "| question | Does width help? |",
    ] {
        assert!(text.contains(said), "{said} is missing: {text}");
    }
}
