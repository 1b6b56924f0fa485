//! One run as the events of a file.

use super::hparams::{self, Swept};
use super::wire::append_record;
use super::{event, pictures};
use crate::metric::Split;
use crate::record::{EpochRecord, Outcome, Status};
use crate::store::{self, RunDir};
use std::collections::HashMap;

/// Pictures of a run at most.
const PICTURES: usize = 4;

/// What a run left that goes into its file.
pub(super) struct Ended {
    pub dir: RunDir,
    pub differs: Vec<(String, String)>,
    outcome: Outcome,
    rows: Vec<EpochRecord>,
    /// Seconds since 1970 at which each epoch ended.
    clock: HashMap<usize, f64>,
    started: f64,
    ended: f64,
    run_toml: String,
}

/// Reads a run.
///
/// # Errors
/// In words, if it has not ended yet or its files cannot be read.
pub(super) fn read(dir: &RunDir) -> Result<Ended, String> {
    let message = |e: store::Error| e.to_string();
    let rows = dir.metrics().map_err(message)?;
    let outcome = dir.outcome().map_err(message)?;
    let outcome = match outcome {
        Some(outcome) if outcome.status != Status::Interrupted => outcome,
        other => {
            let word = if other.is_some() { "interrupted" } else { "not ended" };
            return Err(format!("{word} after {} epochs; let it end, then export again", rows.len()));
        }
    };
    let started = dir.provenance().map_err(message)?.and_then(|message| seconds(&message.started?)).unwrap_or(0.0);
    let (mut ended, mut clock) = (started, HashMap::new());
    for row in dir.timing() {
        ended += row.seconds().unwrap_or(0.0);
        clock.insert(row.epoch, ended);
    }
    let run_toml = store::read_bytes(&dir.run_toml()).map_err(message)?;
    let run_toml = String::from_utf8(run_toml).map_err(|_| format!("{}: no text in UTF-8", dir.run_toml().display()))?;
    Ok(Ended { differs: dir.differs().map_err(message)?, dir: dir.clone(), outcome, rows, clock, started, ended, run_toml })
}

impl Ended {
    /// Tags of the values by which TensorBoard's table compares runs: those over all classes.
    pub(super) fn compared(&self) -> Vec<String> {
        let compared = ["dice", "iou", "loss"].iter().flat_map(|name| [format!("val_best/{name}"), format!("test/{name}")]);
        let known: Vec<String> = self.best().into_iter().chain(self.tested()).map(|(tag, _)| tag).collect();
        compared.filter(|tag| known.contains(tag)).collect()
    }

    /// The whole file. What could not be drawn is added to the problems.
    pub(super) fn file(&self, swept: &Swept, metrics: &[String], problems: &mut Vec<String>) -> Vec<u8> {
        let mut file = Vec::new();
        let mut add = |event: event::Message| append_record(&mut file, event.bytes());
        add(event::version(self.started));
        let text = format!("```toml\n{}\n```", self.run_toml.trim_end());
        let start = [swept.experiment(metrics), swept.start(&self.differs, self.started), event::text("configuration", &text)];
        add(event::summary(self.started, 0, &start));
        let mut now = self.started;
        for row in &self.rows {
            now = self.clock.get(&row.epoch).copied().unwrap_or(now);
            let values: Vec<_> = row.values.iter().map(|(column, value)| event::scalar(&tag(column), *value)).collect();
            add(event::summary(now, row.epoch as u64, &values));
        }
        if let Some(best_epoch) = self.outcome.best_epoch {
            let values = self.best().into_iter().chain(self.tested());
            let mut values: Vec<_> = values.map(|(tag, value)| event::scalar(&tag, value)).collect();
            values.extend(self.pictures(problems));
            add(event::summary(self.ended, best_epoch as u64, &values));
        }
        add(event::summary(self.ended, 0, &[hparams::end(self.outcome.status == Status::Finished, self.ended)]));
        file
    }

    /// Values of the best epoch on the validation split.
    fn best(&self) -> Vec<(String, f64)> {
        let best = self.outcome.best.iter();
        best.filter_map(|(column, value)| {
            Some((format!("val_best/{}", Split::of(column).filter(|(split, _)| *split == Split::Val)?.1), *value))
        })
        .collect()
    }

    /// Values on the test split with the weights of the best epoch.
    fn tested(&self) -> Vec<(String, f64)> {
        let test = self.outcome.test.iter();
        test.map(|(column, value)| (format!("test/{}", Split::of(column).map_or(column.as_str(), |(_, stem)| stem)), *value))
            .collect()
    }

    fn pictures(&self, problems: &mut Vec<String>) -> Vec<event::Message> {
        let names = self.dir.sample_names().unwrap_or_else(|e| {
            problems.push(e.to_string());
            Vec::new()
        });
        let mut drawn = Vec::new();
        for name in names.iter().take(PICTURES) {
            match pictures::draw(&self.dir, name) {
                Ok(picture) => drawn.push(event::image(&format!("truth and prediction/{name}"), &picture)),
                Err(problem) => problems.push(problem),
            }
        }
        drawn
    }
}

/// `val_dice_disc` → `val/dice_disc`: TensorBoard groups charts by what is before the first stroke.
fn tag(column: &str) -> String {
    Split::of(column).map_or_else(|| column.to_owned(), |(split, rest)| format!("{}/{rest}", split.prefix()))
}

/// Seconds since 1970 of a time, `2026-03-01T12:00:00Z`.
fn seconds(time: &str) -> Option<f64> {
    Some(time.parse::<jiff::Timestamp>().ok()?.as_duration().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_grouped_by_part() {
        let tags = ["val_dice_disc", "train_loss", "lr", "grad_norm", "value"].map(tag);
        assert_eq!(tags, ["val/dice_disc", "train/loss", "lr", "grad_norm", "value"]);
    }

    /// Oracle: `date -u -d TIME +%s`.
    #[test]
    fn times_become_seconds() {
        for (time, wanted) in [
            ("1970-01-01T00:00:00Z", 0.0),
            ("2000-02-29T12:34:56Z", 951_827_696.0),
            ("2024-12-31T23:59:59Z", 1_735_689_599.0),
            ("2026-03-01T00:00:00Z", 1_772_323_200.0),
        ] {
            assert_eq!(seconds(time), Some(wanted), "{time}");
        }
        assert_eq!(seconds("yesterday"), None);
    }
}
