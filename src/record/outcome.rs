//! How a run ended: all of outcome.toml.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a run ended. Keys of the file that this program does not know, as a newer one may write them, are passed over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Finished, failed, interrupted or paused.
    pub status: Status,
    /// What kind of failure it was; absent if it did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why it failed, in words, with epoch and step where there are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What a reader of the numbers should know, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Epochs that are in metrics.csv.
    pub epochs: usize,
    /// The best epoch by the metric that the experiment names; absent if none ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// That metric's column.
    pub best_by: String,
    /// The columns of the best epoch.
    #[serde(default)]
    pub best: BTreeMap<String, f64>,
    /// Metrics on the test split with the best weights; empty without a test split.
    #[serde(default)]
    pub test: BTreeMap<String, f64>,
    /// From which probability on a pixel of each class is foreground, where the experiment asks for a threshold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub thresholds: BTreeMap<String, f64>,
    /// What the files of a finished run hold.
    #[serde(default, skip_serializing_if = "Files::is_empty")]
    pub files: Files,
}

/// What the files of a run hold: BLAKE3 hashes in hexadecimal digits, by which files of one moment are known to fit each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Of the whole rows of metrics.csv, the header first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<String>,
    /// Of per_image.csv.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_image: Option<String>,
    /// Of thresholds.csv.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<String>,
    /// Of the weights of the best epoch, as the file itself has it in its metadata; absent without a best epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<String>,
    /// Of the weights of the last epoch, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

impl Files {
    /// Whether nothing is known of any file.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All epochs done.
    Finished,
    /// Cannot go on: diverged, out of memory, ….
    Failed,
    /// Stopped from outside; goes on where it was when asked again.
    #[default]
    Interrupted,
    /// All epochs done that were asked for by now; goes on with the next when more are.
    Paused,
}

/// Kinds of failure, as far as they call for different remedies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// A loss was no finite number, or absurd when the epochs were over; the same numbers would come again.
    Diverged,
    /// What was asked for cannot be: the configuration or the data must be changed.
    Mistake,
    /// No memory was left.
    OutOfMemory,
    /// No room was left on the disk, it could not be written, or a file of the run is not as the run left it.
    Disk,
    /// The process was ended from outside.
    Killed,
    /// The process died of itself, or computing failed.
    Crashed,
}

impl Failure {
    /// Whether the same attempt, made again, may end differently.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Killed | Self::Crashed)
    }
}
