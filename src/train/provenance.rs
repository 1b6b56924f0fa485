//! Where, when and by what a run was made; no part of any comparison.
//!
//! What others wrote into provenance.toml before (the data set's fingerprint, say) is kept.

use crate::config::Precision;
use crate::machine;
use crate::ops::blocked::simd::level;
use crate::store::{self, RunDir};
use std::time::{SystemTime, UNIX_EPOCH};
use toml::{Table, Value};

/// Notes the start, or the resume after `epochs_done` epochs.
///
/// # Errors
/// If the file cannot be read or written.
pub fn started(run: &RunDir, precision: Precision, epochs_done: usize) -> Result<(), store::Error> {
    let mut table = run.provenance()?.unwrap_or_default();
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("version", env!("CARGO_PKG_VERSION").into());
    if let Some(commit) = option_env!("UMLAUT_GIT_COMMIT") {
        set("git_commit", commit.into());
    }
    set("host", machine::host().into());
    set("device", "cpu".into());
    set("threads", i64::try_from(rayon::current_num_threads()).unwrap_or(i64::MAX).into());
    set("cpu", machine::processor().into());
    set("instructions", level().name().into());
    set("precision", precision.name().into());
    set("command", std::env::args().collect::<Vec<_>>().into());
    if epochs_done == 0 {
        set("started", now().into());
    } else {
        set("resumed", now().into());
        set("resumed_after_epoch", i64::try_from(epochs_done).unwrap_or(i64::MAX).into());
    }
    run.write_provenance(&table)
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
        started(&run, Precision::F32, 0).unwrap();
        started(&run, Precision::Bf16, 3).unwrap();
        ended(&run).unwrap();
        let table = run.provenance().unwrap().unwrap();
        assert_eq!(table["dataset_fingerprint"].as_str(), Some("abc"));
        assert_eq!(table["resumed_after_epoch"].as_integer(), Some(3));
        for key in ["version", "host", "cpu", "instructions", "precision", "started", "resumed", "ended"] {
            assert!(table[key].as_str().is_some_and(|value| !value.is_empty()), "{key}");
        }
    }
}
