//! The doors of what runs and searches leave, as status, reports and comparisons read it.

use super::copied;
use std::fs;
use std::path::Path;
use umlaut::config::load_run;
use umlaut::find::Found;
use umlaut::record::{ImageScores, Outcome, Provenance, ThresholdScores, TrialJob};
use umlaut::report::{self, RankBy};
use umlaut::settings::Settings;
use umlaut::status::{Seen, search_document};
use umlaut::store::{ExperimentDir, RunDir};
use umlaut::trials::SearchStanding;

/// The run whose files are replaced.
const RUN: &str = "runs/seed-1-edad87e70c";

/// Files of a run and its experiment.
const FILES: [&str; 14] = [
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
const SEARCH: [&str; 7] = [
    "search/search.toml",
    "search/history.csv",
    "search/results.csv",
    "search/importance.csv",
    "search/confirm.csv",
    "search/winner.toml",
    "plan.csv",
];

/// Does `look` while a file of a copy of the base is another one. The first byte says which.
fn with(scratch: &Path, name: &str, files: &[&str], bytes: &[u8], look: impl FnOnce(&ExperimentDir, &str)) {
    let Some((first, content)) = bytes.split_first() else { return };
    let dir = copied(scratch, name);
    let file = files[usize::from(*first) % files.len()];
    let path = dir.join(file);
    let right = fs::read(&path).ok();
    fs::write(&path, content).expect("the scratch directory takes a file");
    look(&ExperimentDir::at(dir), file);
    match right {
        Some(right) => fs::write(path, right).expect("the scratch directory takes a file"),
        None => fs::remove_file(path).expect("it was written"),
    }
}

/// A file of a run, as `status`, `compare`, `why` and the next command read it; also as `umlaut.toml`.
pub fn run_files(scratch: &Path, bytes: &[u8]) {
    if let Some(text) = bytes.get(1..).and_then(|rest| std::str::from_utf8(rest).ok()) {
        _ = toml::from_str::<Settings>(text).map_err(|e| e.to_string());
    }
    with(scratch, "tiny", &FILES, bytes, |dir, _| {
        let run = RunDir::at(dir.path().join(RUN));
        let seen = Seen::of(dir);
        // No file leads out of the directory of runs.
        assert!(seen.runs.iter().all(|run| run.path.parent() == Some(&dir.path().join("runs"))), "{seen:?}");
        for seen in &seen.runs {
            _ = (seen.word(), seen.cause(), seen.since(), seen.is_finished());
        }
        of_run(&run);
        _ = (dir.command().map_err(|e| e.to_string()), dir.planned().map_err(|e| e.to_string()));
        _ = report::compare(&[Found::Experiment(dir.clone())], None, RankBy::Validation, 80).map_err(|e| e.to_string());
    });
}

/// All that is read of a run. What is written of it and read again is the same.
fn of_run(run: &RunDir) {
    _ = load_run(&run.run_toml()).map_err(|problems| problems.render(false));
    if let Ok(Some(outcome)) = run.outcome() {
        let text = toml::to_string(&outcome).expect("an outcome is plain data");
        // NaN is not equal to itself.
        let again: Outcome = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(format!("{again:?}"), format!("{outcome:?}"));
        _ = (run.unfit(&outcome), run.unfit_scores(&outcome), run.lacks_weights(&outcome), run.finished());
    }
    if let Ok(Some(provenance)) = run.provenance() {
        let again = Provenance::from_toml(&provenance.to_toml()).map(|again| format!("{again:?}"));
        assert_eq!(again, Ok(format!("{provenance:?}")));
    }
    if let Ok(scores) = run.image_scores() {
        let again = ImageScores::from_table(&scores.table()).map(|again| format!("{again:?}"));
        assert!(again == Ok(format!("{scores:?}")) || scores == ImageScores::default(), "{again:?} {scores:?}");
    }
    if let Ok(scores) = run.threshold_scores() {
        let again = ThresholdScores::from_table(&scores.table()).map(|again| format!("{again:?}"));
        assert_eq!(again, Ok(format!("{scores:?}")));
    }
    _ = (run.metrics(), run.timing(), run.metrics_hash(1), run.last_epoch_at(), run.differs(), run.micro_batches());
    _ = (run.reported(), run.last_log_lines(0, 20), run.is_damaged(), run.sample_names(), run.pictured_epochs("1"));
    _ = run.best_weights().map_err(|e| e.to_string());
}

/// A file of a run, as a report draws it.
pub fn report(scratch: &Path, bytes: &[u8]) {
    with(scratch, "tiny", &FILES, bytes, |dir, file| {
        if let Ok(page) = report::page(dir, None, RankBy::Validation) {
            assert!(page.ends_with("</html>\n") || page.ends_with("</html>"), "{file}: a page without an end");
        }
    });
}

/// A file of a search, as `status`, `why`, `compare` and a report read it.
pub fn history(scratch: &Path, bytes: &[u8]) {
    with(scratch, "hunt", &SEARCH, bytes, |dir, _| {
        let files = dir.search();
        if let Ok(Some((_, jobs))) = files.jobs() {
            jobs.iter().for_each(|job| assert_eq!(TrialJob::from_fields(&job.fields()).as_ref(), Some(job)));
        }
        _ = (files.results(), files.importance(), files.confirmations(), files.winner());
        if let Ok(Some(standing)) = SearchStanding::of(dir) {
            for job in 0..standing.jobs.len() {
                _ = (standing.score(job), standing.place(job), standing.sees(job), standing.was_modelled(job));
                _ = standing.values(standing.jobs[job].trial);
            }
            _ = search_document(&standing).to_string();
        }
        let seen = Seen::of(dir);
        assert!(seen.runs.iter().all(|run| run.path.parent() == Some(&dir.path().join("runs"))), "{seen:?}");
        _ = report::compare(&[Found::Experiment(dir.clone())], None, RankBy::Validation, 80).map_err(|e| e.to_string());
        _ = report::sections(&[Found::Experiment(dir.clone())], None, RankBy::Validation).map_err(|e| e.to_string());
    });
}
