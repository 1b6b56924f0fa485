//! Where, when and by what a run was made: all of provenance.toml.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Where, when and by what a run was made. Every key is optional: the file grows while a run goes on, and an older program knew fewer keys.
///
/// This is the one place that knows the file's keys. Keys that it does not know, of a newer program or of a reader's own, are kept in
/// [`others`](Self::others) and written back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Version of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its numeric version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numeric_version: Option<u32>,
    /// The commit that it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// Fingerprint of the data set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset_fingerprint: Option<String>,
    /// The machine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `cpu`, `cuda:0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The GPU's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// What computes the convolutions on the GPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convolutions: Option<String>,
    /// Threads of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// The processor's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// The instruction set of the CPU's kernels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// `f32`, `tf32`, `bf16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// The command line of the process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// When the run started, UTC as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it went on last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<String>,
    /// Whole epochs that were done then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_after_epoch: Option<usize>,
    /// Batches of the next epoch that were done then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed_after_batch: Option<usize>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The finished run whose epochs it began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_from: Option<String>,
    /// How many epochs those were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_after_epoch: Option<usize>,
    /// Micro-batches that every batch is split into for want of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batches: Option<usize>,
    /// The first epoch with more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batches_since_epoch: Option<usize>,
    /// The file of the initial weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<String>,
    /// Its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_weights_hash: Option<String>,
    /// What is to be known of how they were taken over, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub initial_weights_notes: Vec<String>,
    /// What the best constant mask, all foreground or none, scores on the splits: `val_dice`, `val_iou_CLASS`, `test_dice`, ….
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub constant_mask: BTreeMap<String, f64>,
    /// Images of the splits that it began with: `train`, `val` and `test`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, usize>,
    /// Patients among them, where the split names patients.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub patients: BTreeMap<String, usize>,
    /// The share of foreground among the training pixels that count, by class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub foreground: BTreeMap<String, f64>,
    /// Numbers that the network learns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<usize>,
    /// Keys that this program does not know.
    #[serde(skip)]
    pub others: Table,
}

impl Provenance {
    /// Reads the text of provenance.toml.
    ///
    /// # Errors
    /// If it is no TOML, or a known key has a value of another kind.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        let mut known: Self = toml::from_str(text)?;
        let mut others: Table = text.parse()?;
        for key in known.table().keys() {
            others.remove(key);
        }
        known.others = others;
        Ok(known)
    }

    /// The text of provenance.toml.
    pub fn to_toml(&self) -> String {
        self.table().to_string()
    }

    /// Keys and values for a reader, in the order of the alphabet: without the command, which says nothing that other keys do not, without
    /// the notes on initial weights, which stand among a run's notes, without the scores of the best constant mask, which stand beside the
    /// run's own, and without the shares of foreground, which stand among the methods.
    pub fn shown(&self) -> Vec<(String, String)> {
        let shown = Self {
            command: Vec::new(),
            initial_weights_notes: Vec::new(),
            constant_mask: BTreeMap::new(),
            foreground: BTreeMap::new(),
            ..self.clone()
        };
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        shown.table().into_iter().map(|(key, value)| (key, text(value))).collect()
    }

    /// Forgets what is true no longer when the run starts over.
    pub fn start_over(&mut self) {
        *self = Self {
            continued_from: None,
            continued_after_epoch: None,
            micro_batches_since_epoch: None,
            resumed: None,
            resumed_after_epoch: None,
            resumed_after_batch: None,
            ended: None,
            initial_weights: None,
            initial_weights_hash: None,
            initial_weights_notes: Vec::new(),
            ..std::mem::take(self)
        };
    }

    fn table(&self) -> Table {
        let mut table = Table::try_from(self).expect("words and numbers are TOML");
        table.extend(self.others.clone());
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_unknown_keys_stay() {
        let text = "dataset_fingerprint = \"abc\"\nthreads = 3\nnewer = [1, 2]\n[table]\nx = 1\n";
        let read = Provenance::from_toml(text).unwrap();
        assert_eq!((read.dataset_fingerprint.as_deref(), read.threads, read.others.len()), (Some("abc"), Some(3), 2));
        assert_eq!(Provenance::from_toml(&read.to_toml()).unwrap(), read);
        assert_eq!(read.to_toml().parse::<Table>().unwrap(), text.parse::<Table>().unwrap());
        assert!(Provenance::from_toml("threads = \"many\"").is_err());
        let provenance = Provenance { constant_mask: BTreeMap::from([("val_dice".into(), 0.5)]), threads: Some(3), ..read };
        assert_eq!(Provenance::from_toml(&provenance.to_toml()).unwrap(), provenance);
        assert!(provenance.shown().iter().all(|(key, _)| key != "constant_mask"));
    }

    #[test]
    fn a_start_over_keeps_what_is_true_of_every_attempt() {
        let mut provenance = Provenance { host: Some("here".into()), ended: Some("now".into()), ..Provenance::default() };
        provenance.start_over();
        assert_eq!(provenance, Provenance { host: Some("here".into()), ..Provenance::default() });
    }
}
