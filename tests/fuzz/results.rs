//! The doors of what runs and searches leave, as status, reports and comparisons read it.
//!
//! Of the first byte of an input the remainder says which file of a copy of the base it replaces, the quotient who reads it: one input goes to one
//! reader, because a report takes as long as a thousand files.

use super::copied;
use std::fs;
use std::path::Path;
use umlaut::config::load_run;
use umlaut::find::Found;
use umlaut::record::{ImageScores, Outcome, Provenance, ThresholdScores, TrialJob};
use umlaut::report::{self, RankBy};
use umlaut::settings::Settings;
use umlaut::status::{Run, Seen, search_document};
use umlaut::store::{ExperimentDir, RunDir};
use umlaut::trials::SearchStanding;

/// The run whose files are replaced.
const RUN: &str = "runs/seed-1-edad87e70c";

/// Files of a run and its experiment.
pub const FILES: [&str; 14] = [
    "runs/seed-1-edad87e70c/run.toml",
    "runs/seed-1-edad87e70c/place.toml",
    "runs/seed-1-edad87e70c/provenance.toml",
    "runs/seed-1-edad87e70c/outcome.toml",
    "runs/seed-1-edad87e70c/metrics.csv",
    "runs/seed-1-edad87e70c/timing.csv",
    "runs/seed-1-edad87e70c/per_image.csv",
    "runs/seed-1-edad87e70c/thresholds.csv",
    "runs/seed-1-edad87e70c/events.jsonl",
    "runs/seed-1-edad87e70c/log.txt",
    "runs/seed-1-edad87e70c/samples/1_pred.png",
    "plan.csv",
    "command.toml",
    "slurm/b1/batch.toml",
];

/// Files of a search.
pub const SEARCH: [&str; 7] = [
    "search/search.toml",
    "search/history.csv",
    "search/results.csv",
    "search/importance.csv",
    "search/confirm.csv",
    "search/winner.toml",
    "plan.csv",
];

/// Does `look` while a file of a copy of the base is another one.
fn with(scratch: &Path, name: &str, file: &str, content: &[u8], look: impl FnOnce(&ExperimentDir)) {
    let dir = copied(scratch, name);
    let path = dir.join(file);
    let right = fs::read(&path).ok();
    fs::write(&path, content).expect("the scratch directory takes a file");
    look(&ExperimentDir::at(dir));
    match right {
        Some(right) => fs::write(path, right).expect("the scratch directory takes a file"),
        None => fs::remove_file(path).expect("it was written"),
    }
}

/// A file of a run: by the function that reads it, as `status` looks at the run, or as the next command makes sure that the run is whole.
pub fn run_files(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let (file, way) = (usize::from(*first) % FILES.len(), usize::from(*first) / FILES.len());
    with(scratch, "tiny", FILES[file], content, |dir| {
        let run = RunDir::at(dir.path().join(RUN));
        match (FILES[file].starts_with(RUN), way % 3) {
            (true, 0) => of_run(&run, file),
            (true, 1) => standing(&run),
            (true, _) => _ = (run.is_damaged(), run.best_weights().map_err(|e| e.to_string())),
            (false, 0) => of_experiment(dir, content),
            (false, _) => seen(dir),
        }
    });
}

/// What is seen of a run.
fn standing(run: &RunDir) {
    let seen = Run::of(run);
    _ = (seen.word(), seen.cause(), seen.since(), seen.is_finished());
}

/// What is seen of an experiment. No file leads out of its directory.
fn seen(dir: &ExperimentDir) {
    let seen = Seen::of(dir);
    assert!(seen.runs.iter().all(|run| run.path.parent() == Some(&dir.path().join("runs"))), "{seen:?}");
}

/// A file of an experiment, and the same as `umlaut.toml`.
fn of_experiment(dir: &ExperimentDir, content: &[u8]) {
    _ = (dir.command().map_err(|e| e.to_string()), dir.planned().map_err(|e| e.to_string()), dir.queued());
    if let Ok(text) = std::str::from_utf8(content) {
        _ = toml::from_str::<Settings>(text).map_err(|e| e.to_string());
    }
}

/// A file of a run. What is written of it and read again is the same.
fn of_run(run: &RunDir, file: usize) {
    match file {
        0 => _ = load_run(&run.run_toml()).map_err(|problems| problems.render(false)),
        1 => _ = run.differs(),
        2 => of_provenance(run),
        3 => of_outcome(run),
        4 => _ = (run.metrics(), run.metrics_hash(1), run.last_epoch_at()),
        5 => _ = run.timing(),
        6 => of_images(run),
        7 => of_thresholds(run),
        8 => _ = run.reported(),
        9 => _ = run.last_log_lines(0, 20),
        _ => _ = (run.sample_names(), run.pictured_epochs("1")),
    }
}

fn of_provenance(run: &RunDir) {
    if let Ok(Some(provenance)) = run.provenance() {
        let again = Provenance::from_toml(&provenance.to_toml()).map(|again| format!("{again:?}"));
        assert_eq!(again, Ok(format!("{provenance:?}")));
    }
    _ = run.micro_batches();
}

fn of_outcome(run: &RunDir) {
    if let Ok(Some(outcome)) = run.outcome() {
        let text = toml::to_string(&outcome).expect("an outcome is plain data");
        // NaN is not equal to itself.
        let again: Outcome = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(format!("{again:?}"), format!("{outcome:?}"));
        _ = (run.unfit(&outcome), run.unfit_scores(&outcome), run.lacks_weights(&outcome), run.finished());
    }
}

fn of_images(run: &RunDir) {
    if let Ok(scores) = run.image_scores() {
        let again = ImageScores::from_table(&scores.table()).map(|again| format!("{again:?}"));
        assert!(again == Ok(format!("{scores:?}")) || scores == ImageScores::default(), "{again:?} {scores:?}");
    }
}

fn of_thresholds(run: &RunDir) {
    if let Ok(scores) = run.threshold_scores() {
        let again = ThresholdScores::from_table(&scores.table()).map(|again| format!("{again:?}"));
        assert_eq!(again, Ok(format!("{scores:?}")));
    }
}

/// Ways to look at an experiment: the page of its report, the sections of one in the web view, the table of a comparison.
pub const LOOKS: usize = 3;

/// A file of a run or a search, as a report or a comparison shows it. The first byte says which of these, the second which file.
pub fn report(scratch: &Path, bytes: &[u8]) {
    let [look, file, content @ ..] = bytes else { return };
    let file = usize::from(*file) % (FILES.len() + SEARCH.len());
    let (name, file) = if file < FILES.len() { ("tiny", FILES[file]) } else { ("hunt", SEARCH[file - FILES.len()]) };
    with(scratch, name, file, content, |dir| {
        let found = [Found::Experiment(dir.clone())];
        match usize::from(*look) % LOOKS {
            0 => {
                if let Ok(page) = report::page(dir, None, RankBy::Validation) {
                    assert!(page.trim_end().ends_with("</html>"), "{file}: a page without an end");
                }
            }
            1 => _ = report::sections(&found, None, RankBy::Validation).map_err(|e| e.to_string()),
            _ => _ = report::compare(&found, None, RankBy::Validation, 80).map_err(|e| e.to_string()),
        }
    });
}

/// A file of a search: by the function that reads it, or with all others of the search, as `status` and reports do.
pub fn history(scratch: &Path, bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first() else { return };
    let (file, way) = (usize::from(*first) % SEARCH.len(), usize::from(*first) / SEARCH.len());
    with(scratch, "hunt", SEARCH[file], content, |dir| match way % 2 {
        0 => of_search(dir, file),
        _ if SEARCH[file] == "plan.csv" => seen(dir),
        _ => course(dir),
    });
}

fn of_search(dir: &ExperimentDir, file: usize) {
    let files = dir.search();
    match file {
        0 => _ = files.settings(),
        1 => {
            _ = files.history();
            if let Ok(Some((_, jobs))) = files.jobs() {
                jobs.iter().for_each(|job| assert_eq!(TrialJob::from_fields(&job.fields()).as_ref(), Some(job)));
            }
        }
        2 => _ = files.results(),
        3 => _ = files.importance(),
        4 => _ = files.confirmations(),
        5 => _ = files.winner(),
        _ => _ = dir.planned().map_err(|e| e.to_string()),
    }
}

/// Where a search stands.
fn course(dir: &ExperimentDir) {
    let Ok(Some(standing)) = SearchStanding::of(dir) else { return };
    for job in 0..standing.jobs.len() {
        _ = (standing.score(job), standing.place(job), standing.sees(job), standing.was_modelled(job));
        _ = standing.values(standing.jobs[job].trial);
    }
    _ = search_document(&standing).to_string();
}
