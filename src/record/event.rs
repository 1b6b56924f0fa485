//! What a run reports while it goes, one line of JSON per event: the process at it writes them, whoever watches it reads them.

use serde::{Deserialize, Deserializer, Serialize};

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
    /// A batch is done. Not every one is reported.
    Step {
        /// 1-based.
        epoch: usize,
        /// 1-based.
        step: usize,
        /// Mean training loss of the epoch so far.
        #[serde(deserialize_with = "number")]
        loss: f64,
    },
    /// An epoch is done, validated and kept.
    Epoch {
        /// 1-based.
        epoch: usize,
        /// Mean training loss.
        #[serde(deserialize_with = "number")]
        train_loss: f64,
        /// Validation loss.
        #[serde(deserialize_with = "number")]
        val_loss: f64,
        /// Validation Dice, in [0, 1].
        #[serde(deserialize_with = "number")]
        val_dice: f64,
    },
    /// What the run takes of its GPU, known after its first epoch there.
    Memory {
        /// Bytes.
        device_bytes: u64,
    },
    /// How busy the run's GPU was during an epoch, with all who compute there.
    GpuUse {
        /// The mean share of the time in which it computed anything, 0 to 1.
        share: f64,
    },
}

/// JSON has no NaN and no infinity; `null` is written for them.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
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
        let unjudged = Event::Epoch { epoch: 1, train_loss: 0.5, val_loss: f64::NAN, val_dice: f64::INFINITY };
        let Some(Event::Epoch { train_loss, val_loss, val_dice, .. }) = Event::from_line(&unjudged.to_line()) else { panic!() };
        assert!(train_loss == 0.5 && val_loss.is_nan() && val_dice.is_nan());
    }
}
