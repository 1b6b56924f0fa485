//! Whether anything of a run or an experiment has changed, without reading it.

use super::claim::Holder;
use super::error::Result;
use super::experiment_dir::ExperimentDir;
use super::names::{CHECKPOINTS, METRICS, OUTCOME, PER_IMAGE, PLACE, PROVENANCE, RUN, THRESHOLDS, TIMING};
use super::run_dir::RunDir;
use crate::system;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// What tells one state of files from another: lengths, times of change and numbers of the files, and who holds them. Two states that differ have
/// two stamps; of files that change within the clock's tick this may fail until they change again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// As text.
    pub fn text(self) -> String {
        format!("{:016x}", self.0)
    }

    /// Of several together, in their order.
    pub fn of_all(stamps: impl IntoIterator<Item = Self>) -> Self {
        let mut hasher = DefaultHasher::new();
        stamps.into_iter().for_each(|stamp| stamp.hash(&mut hasher));
        Self(hasher.finish())
    }

    fn of(dir: &Path, names: &[&str], holder: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (dir, holder).hash(&mut hasher);
        for name in names {
            let found = fs::metadata(dir.join(name)).ok();
            found.map(|found| (found.len(), found.modified().ok(), system::change_and_number(&found))).hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

impl RunDir {
    /// Of all that a report reads; neither of its log nor of its events.
    pub fn stamp(&self) -> Stamp {
        const NAMES: [&str; 9] = [RUN, PLACE, PROVENANCE, METRICS, TIMING, OUTCOME, PER_IMAGE, THRESHOLDS, CHECKPOINTS];
        Stamp::of(self.path(), &NAMES, &shown(self.holder()))
    }
}

impl ExperimentDir {
    /// Of its plan, its search and who holds it; not of its runs.
    pub fn stamp(&self) -> Stamp {
        let files = Stamp::of(self.path(), &["plan.csv"], &shown(self.holder()));
        let search =
            Stamp::of(self.search().path(), &["search.toml", "history.csv", "results.csv", "confirm.csv", "winner.toml"], "");
        Stamp::of_all([files, search])
    }
}

fn shown(holder: Result<Option<Holder>>) -> String {
    holder.ok().flatten().map_or(String::new(), |holder| holder.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EpochRecord;

    #[test]
    fn an_epoch_a_claim_and_its_end_are_changes_and_looking_is_none() {
        let temp = tempfile::tempdir().unwrap();
        let run = RunDir::at(temp.path());
        let empty = run.stamp();
        assert_eq!(run.stamp(), empty);
        let mut writer = run.metrics_after(0).unwrap();
        writer.append(&EpochRecord { epoch: 1, values: vec![("val_dice".into(), 0.5)] }, 1.0).unwrap();
        let one = run.stamp();
        assert_ne!(one, empty);
        let claim = run.claim().unwrap();
        let claimed = run.stamp();
        assert_ne!(claimed, one);
        drop(claim);
        assert_eq!(run.stamp(), one);
    }
}
