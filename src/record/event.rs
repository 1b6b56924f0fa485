//! What a run tells while it goes, a line of JSON each: a child process writes them, whoever started it reads them.

use serde::{Deserialize, Serialize};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Another process is at the run; this one waits until it ends.
    Waiting {
        /// Which process, in words.
        holder: String,
    },
    /// Something about the run's files or its device should be known.
    Note {
        /// In words.
        text: String,
    },
    /// Training begins with epoch `first` of `epochs` (1-based; above `epochs` if only the end is left), each of `steps` batches.
    Started {
        /// The first epoch of this attempt.
        first: usize,
        /// Epochs of the whole run.
        epochs: usize,
        /// Batches an epoch.
        steps: usize,
    },
    /// A batch is done. Not every one is told.
    Step {
        /// 1-based.
        epoch: usize,
        /// 1-based.
        step: usize,
        /// Mean training loss of the epoch so far.
        loss: f64,
    },
    /// An epoch is done, validated and kept.
    Epoch {
        /// 1-based.
        epoch: usize,
        /// Mean training loss.
        train_loss: f64,
        /// Validation loss.
        val_loss: f64,
        /// Validation Dice, in [0, 1].
        val_dice: f64,
    },
    /// What the run takes of its GPU, known after its first epoch there.
    Memory {
        /// Bytes.
        device_bytes: u64,
    },
}

impl Event {
    /// As a line, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Reads a line; `None` if it is none of ours.
    pub fn from_line(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_a_line_and_strangers_are_ignored() {
        let event = Event::Step { epoch: 2, step: 3, loss: 0.1 + 0.2 };
        assert_eq!(Event::from_line(&event.to_line()), Some(event));
        assert_eq!(Event::from_line("hello"), None);
    }
}
