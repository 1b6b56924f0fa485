//! Where, when and by what a run was made; no part of any comparison.
//!
//! What others wrote into provenance.toml before (the data set's fingerprint, say) is kept.

use crate::config::{Model, Norm, Precision};
use crate::machine;
use crate::ops::blocked::simd::level;
use crate::plan::NUMERIC_VERSION;
use crate::store::{self, RunDir};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use toml::{Table, Value};

const CONTINUED_FROM: &str = "continued_from";
const CONTINUED_AFTER: &str = "continued_after_epoch";
const SPLIT_SINCE: &str = "micro_batches_since_epoch";
/// The file of initial weights, its hash, and what was taken of it.
const INITIAL: [&str; 3] = ["initial_weights", "initial_weights_hash", "initial_weights_notes"];

/// What is true no longer when a run starts over.
const OF_AN_ATTEMPT: [&str; 7] =
    [CONTINUED_FROM, CONTINUED_AFTER, SPLIT_SINCE, "resumed", "resumed_after_epoch", "resumed_after_batch", "ended"];

/// Notes that a run begins: with nothing, or with the epochs of another run, whose initial weights are its own then.
///
/// # Errors
/// If the file cannot be read or written.
pub fn begins(run: &RunDir, with: Option<(&RunDir, usize)>) -> Result<(), store::Error> {
    let before = run.provenance()?.unwrap_or_default();
    let mut table = before.clone();
    OF_AN_ATTEMPT.iter().chain(&INITIAL).for_each(|key| _ = table.remove(*key));
    if let Some((other, epochs)) = with {
        let known = other.provenance()?.unwrap_or_default();
        table.extend(known.into_iter().filter(|(key, _)| INITIAL.contains(&key.as_str())));
        table.insert(CONTINUED_FROM.into(), other.id().to_string().into());
        table.insert(CONTINUED_AFTER.into(), whole(epochs));
    }
    if table == before { Ok(()) } else { run.write_provenance(&table) }
}

/// Notes the weights that a run begins with, where they are not drawn: their file, its hash, and what is to be known of them.
///
/// # Errors
/// If the file cannot be read or written.
pub fn initialised(run: &RunDir, file: &Path, hash: &str, notes: Vec<String>) -> Result<(), store::Error> {
    let mut table = run.provenance()?.unwrap_or_default();
    let values: [Value; 3] = [file.display().to_string().into(), hash.into(), notes.into()];
    table.extend(INITIAL.map(str::to_owned).into_iter().zip(values));
    run.write_provenance(&table)
}

/// Notes the start with what is said of the `place`, or the resume after `epochs` epochs and `batches` batches, and returns what is known by now.
///
/// # Errors
/// If the file cannot be read or written.
pub fn started(
    run: &RunDir,
    precision: Precision,
    place: &[(&str, String)],
    (epochs, batches): (usize, usize),
) -> Result<Table, store::Error> {
    let mut table = run.provenance()?.unwrap_or_default();
    if run.micro_batches()? > 1 && !table.contains_key(SPLIT_SINCE) {
        table.insert(SPLIT_SINCE.into(), whole(epochs + 1));
    }
    let own = epochs.saturating_sub(number(&table, CONTINUED_AFTER).unwrap_or(0));
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("version", env!("CARGO_PKG_VERSION").into());
    set("numeric_version", i64::from(NUMERIC_VERSION).into());
    if let Some(commit) = option_env!("UMLAUT_GIT_COMMIT") {
        set("git_commit", commit.into());
    }
    set("host", machine::host().into());
    place.iter().for_each(|(key, value)| _ = set(key, value.as_str().into()));
    set("threads", whole(rayon::current_num_threads()));
    set("cpu", machine::processor().into());
    set("instructions", level().name().into());
    set("precision", precision.name().into());
    set("command", std::env::args().collect::<Vec<_>>().into());
    if own + batches == 0 {
        set("started", now().into());
    } else {
        set("resumed", now().into());
        set("resumed_after_epoch", whole(epochs));
        set("resumed_after_batch", whole(batches));
    }
    run.write_provenance(&table)?;
    Ok(table)
}

/// What a reader of the run's numbers should know, a sentence each.
pub fn notes(provenance: &Table, model: &Model) -> Vec<String> {
    let initial = provenance.get(INITIAL[2]).and_then(Value::as_array).into_iter().flatten();
    let mut notes: Vec<String> = initial.filter_map(|note| Some(note.as_str()?.to_owned())).collect();
    if let (Some(id), Some(epochs)) =
        (provenance.get(CONTINUED_FROM).and_then(Value::as_str), number(provenance, CONTINUED_AFTER))
    {
        notes.push(format!("epochs 1 to {epochs} were taken over from the finished run {id}"));
    }
    if let (Some(parts), Some(epoch)) = (number(provenance, "micro_batches"), number(provenance, SPLIT_SINCE)) {
        let norm = match model.blocks().norm {
            Norm::Batch => "but batch norm saw the statistics of the parts",
            Norm::Group | Norm::Instance | Norm::None => "up to rounding",
        };
        notes.push(format!(
            "for want of memory every batch was split into {parts} parts from epoch {epoch} on, their gradients added up: the updates \
             are those of whole batches, {norm}"
        ));
    }
    notes
}

fn number(table: &Table, key: &str) -> Option<usize> {
    table.get(key)?.as_integer()?.try_into().ok()
}

fn whole(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// Notes the end.
///
/// # Errors
/// If the file cannot be read or written.
pub fn ended(run: &RunDir) -> Result<(), store::Error> {
    let mut table: Table = run.provenance()?.unwrap_or_default();
    table.insert("ended".to_owned(), now().into());
    run.write_provenance(&table)
}

fn now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// UTC, whole seconds. The calendar is Howard Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March, so that the leap day is a year's last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: `date -u -d @SECONDS +%FT%TZ`.
    #[test]
    fn seconds_become_dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn what_others_wrote_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        run.write_provenance(&toml::toml! { dataset_fingerprint = "abc" }).unwrap();
        started(&run, Precision::F32, &[], (0, 0)).unwrap();
        started(&run, Precision::Bf16, &[], (3, 1)).unwrap();
        ended(&run).unwrap();
        let table = run.provenance().unwrap().unwrap();
        assert_eq!(table["dataset_fingerprint"].as_str(), Some("abc"));
        assert_eq!([number(&table, "resumed_after_epoch"), number(&table, "resumed_after_batch")], [Some(3), Some(1)]);
        assert_eq!(table["numeric_version"].as_integer(), Some(i64::from(NUMERIC_VERSION)));
        for key in ["version", "host", "cpu", "instructions", "precision", "started", "resumed", "ended"] {
            assert!(table[key].as_str().is_some_and(|value| !value.is_empty()), "{key}");
        }
    }

    fn model(norm: &str) -> Model {
        toml::from_str(&format!("[unet]\nchannels = [4, 8]\ngroups = 2\nnorm = '{norm}'")).unwrap()
    }

    #[test]
    fn a_run_that_goes_on_with_anothers_epochs_starts_after_them() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let other = RunDir::at(dir.path().join("seed-1-abc"));
        begins(&run, Some((&other, 2))).unwrap();
        let table = started(&run, Precision::F32, &[], (2, 0)).unwrap();
        assert!(table.contains_key("started") && !table.contains_key("resumed"), "{table}");
        assert_eq!(notes(&table, &model("batch")), ["epochs 1 to 2 were taken over from the finished run seed-1-abc"]);
        assert!(started(&run, Precision::F32, &[], (3, 0)).unwrap().contains_key("resumed"));
        begins(&run, None).unwrap();
        let table = started(&run, Precision::F32, &[], (0, 0)).unwrap();
        assert!(!table.contains_key("resumed") && notes(&table, &model("batch")).is_empty(), "{table}");
    }

    #[test]
    fn a_note_says_since_when_batches_are_split_and_what_that_does_to_batch_norm() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        for (parts, epochs) in [(1, 0), (2, 3), (4, 5)] {
            let mut table = run.provenance().unwrap().unwrap_or_default();
            table.insert("micro_batches".into(), parts.into());
            run.write_provenance(&table).unwrap();
            started(&run, Precision::F32, &[], (epochs, 0)).unwrap();
        }
        let table = run.provenance().unwrap().unwrap();
        let told = |norm: &str| notes(&table, &model(norm)).concat();
        assert!(told("batch").starts_with("for want of memory every batch was split into 4 parts from epoch 4 on"), "{table}");
        assert!(told("batch").contains("batch norm") && !told("group").contains("batch norm"));
    }
}
