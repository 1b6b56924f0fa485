//! Names that begin like formulas: spreadsheets must not run them, and the program reads them as they are.

use crate::desk::{Desk, TINY, expect_code};
use std::fs;
use std::path::Path;

/// The fields of a CSV file.
fn fields(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("it was written");
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().flat_map(|row| row.expect("a row").iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn is_formula(field: &str) -> bool {
    field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err()
}

#[test]
fn no_csv_holds_a_formula_and_reports_show_names_as_they_are() {
    let (head, tail) = (TINY.find("[dataset").expect("it is there"), TINY.find("[preprocess").expect("it is there"));
    let text = format!("{}[dataset.folders]\nroot = \"=data\"\n{}", &TINY[..head], &TINY[tail..]);
    let desk = Desk::with(&text.replace("epochs = 3", "epochs = 1"));
    desk.folder("=data", 3, |n| format!("{}{n}=1+1", ["=", "+", "-", "@"][n as usize % 4]));
    expect_code(&desk.umlaut(&["run", "x.toml"]), 0);
    let run = fs::read_dir(desk.path("results/tiny/runs")).expect("listed").next().expect("a run").expect("listed").path();
    expect_code(&desk.umlaut(&["predict", &run.display().to_string(), "=data/images", "--out", "out"]), 0);
    expect_code(&desk.umlaut(&["data", "export", "x.toml", "--out", "samples"]), 0);
    expect_code(&desk.umlaut(&["evaluate", &run.display().to_string(), "x.toml", "--out", "scores.csv"]), 0);
    fs::write(desk.path("plan.csv"), desk.said(&["plan", "x.toml", "--csv"])).expect("writable");
    let below = ["results/tiny/plan.csv", "results/tiny/summary.csv", "results/tiny/groups.csv", "out/predictions.csv"];
    let files = below.into_iter().chain(["samples/samples.csv", "scores.csv", "plan.csv"]).map(|file| desk.path(file));
    for file in files.chain([run.join("per_image.csv")]) {
        let found = fields(&file).into_iter().find(|field| is_formula(field));
        assert!(found.is_none(), "{}: {found:?}", file.display());
    }
    let scores = fields(&run.join("per_image.csv"));
    assert!(
        scores.iter().any(|field| field.starts_with("'=")) && scores.iter().any(|field| field.starts_with("'-")),
        "{scores:?}"
    );
    // What was written so is read as it was: the worst and best samples of the report go by their names.
    let report = fs::read_to_string(desk.path("results/tiny/report.html")).expect("it was written");
    assert!(report.contains("worst: ") && !report.contains("worst: '"), "names without quotes");
    assert!(!desk.said(&["compare", "tiny"]).contains("no images in common"));
}
