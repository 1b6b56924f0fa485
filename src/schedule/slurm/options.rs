//! What is asked of Slurm: settings of a user or a site, never part of what a run is.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU16, NonZeroUsize};
use std::time::Duration;

/// Runs that are in the queue at a time, if nobody says anything.
const SUBMITTED: usize = 1000;

/// Between two looks at the queue lies so much, if nobody says anything.
const LOOK: u16 = 10;

/// `[slurm]` of the settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// `--partition`.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// `--account`.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `--qos`.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub qos: Option<String>,
    /// `--constraint`.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// `--time` of a task: minutes, `HH:MM:SS`, `D-HH:MM:SS`; without it what recorded runs took, with a margin.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `--mem` of a task: megabytes, or a number with K, M, G or T; without it what a run is expected to need, with a margin.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// `--cpus-per-task`, the threads of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<NonZeroU16>,
    /// `--gres=gpu:` of a task: 0, 1 or `TYPE:1`, for a run trains on one GPU.
    #[serde(deserialize_with = "word", skip_serializing_if = "Option::is_none")]
    pub gpus: Option<String>,
    /// Tasks of an array that run at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub array_limit: Option<NonZeroUsize>,
    /// Runs that are in the queue at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submit_limit: Option<NonZeroUsize>,
    /// Whether a task that has no time left puts itself into the queue again; else it is submitted anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requeue: Option<bool>,
    /// Seconds between two looks at the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<NonZeroU16>,
    /// Further options of `sbatch`, one each.
    #[serde(deserialize_with = "lines", skip_serializing_if = "Vec::is_empty")]
    pub sbatch: Vec<String>,
    /// Lines of the shell before a task begins: modules, environment.
    #[serde(deserialize_with = "lines", skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
}

impl Options {
    /// These with values of `KEY=VALUE` in place of their own, all checked.
    ///
    /// # Errors
    /// In words, with the key, if there is no such key or its value cannot be.
    pub fn with(&self, sets: &[String]) -> Result<Self, String> {
        let mut table = toml::Table::try_from(self).expect("options are plain data");
        for set in sets {
            let (key, text) = set.split_once('=').ok_or_else(|| format!("--slurm {set}: write KEY=VALUE, as in time=2:00:00"))?;
            table.insert(key.trim().to_owned(), value(text));
            let tried: Result<Self, _> = table.clone().try_into();
            tried.map_err(|e| format!("--slurm {set}: {}", e.message()))?;
        }
        let options: Self = table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        options.check()?;
        Ok(options)
    }

    /// Says what cannot be.
    fn check(&self) -> Result<(), String> {
        let is_time = |text: &str| {
            let (days, rest) = text.split_once('-').map_or((None, text), |(days, rest)| (Some(days), rest));
            let parts: Vec<&str> = rest.split(':').collect();
            let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            days.as_ref().is_none_or(digits) && parts.iter().all(digits) && parts.len() <= 3
        };
        let is_memory = |text: &str| {
            let digits = text.strip_suffix(['K', 'M', 'G', 'T']).unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_gpu = |text: &str| text == "0" || text.split(':').next_back() == Some("1");
        let wrong = |key: &str, value: &Option<String>, is: &dyn Fn(&str) -> bool, may: &str| match value {
            Some(value) if !is(value) => Err(format!("slurm.{key} = {value:?}: use {may}")),
            _ => Ok(()),
        };
        wrong("time", &self.time, &is_time, "minutes, HH:MM:SS or D-HH:MM:SS")?;
        wrong("memory", &self.memory, &is_memory, "megabytes, or a number with K, M, G or T")?;
        wrong("gpus", &self.gpus, &is_gpu, "0, 1 or TYPE:1; a run trains on one GPU")?;
        let plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        for (key, value) in
            [("partition", &self.partition), ("account", &self.account), ("qos", &self.qos), ("constraint", &self.constraint)]
        {
            wrong(key, value, &plain, "one line of text")?;
        }
        match self.sbatch.iter().find(|option| !option.starts_with('-') || !plain(option)) {
            Some(option) => Err(format!("slurm.sbatch has {option:?}: write an option each, as in \"--exclusive\"")),
            None => Ok(()),
        }
    }

    /// What its runs are given: a GPU by Slurm's words for it, or none.
    pub fn gpu(&self) -> Option<&str> {
        self.gpus.as_deref().filter(|gpus| *gpus != "0")
    }

    /// Threads of a run.
    pub fn threads(&self) -> usize {
        self.cpus.map_or(1, |cpus| cpus.get().into())
    }

    /// Runs that are in the queue at a time.
    pub fn submitted(&self) -> usize {
        self.submit_limit.map_or(SUBMITTED, NonZeroUsize::get)
    }

    /// Whether a task puts itself into the queue again.
    pub fn requeues(&self) -> bool {
        self.requeue.unwrap_or(true)
    }

    /// Between two looks at the queue lies so much.
    pub fn pause(&self) -> Duration {
        Duration::from_secs(self.look.map_or(LOOK, NonZeroU16::get).into())
    }
}

/// A value of the command line: TOML where it is some, else text.
fn value(text: &str) -> toml::Value {
    let parsed = format!("value = {text}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    match parsed {
        // 02:00:00 is a time of day to TOML.
        Some(toml::Value::Datetime(_)) | None => toml::Value::String(text.to_owned()),
        Some(value) => value,
    }
}

/// A text, or a number as one.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Word;
    impl Visitor<'_> for Word {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("text or a number")
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }
    }
    deserializer.deserialize_any(Word).map(Some)
}

/// Lines, or a text of several.
fn lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Lines;
    impl<'de> Visitor<'de> for Lines {
        type Value = Vec<String>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("text or a list of texts")
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Vec<String>, E> {
            Ok(value.lines().map(str::to_owned).collect())
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<String>, A::Error> {
            let mut lines = Vec::new();
            while let Some(line) = seq.next_element()? {
                lines.push(line);
            }
            Ok(lines)
        }
    }
    deserializer.deserialize_any(Lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(sets: &[&str]) -> Result<Options, String> {
        Options::default().with(&sets.iter().map(|&set| set.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn values_of_the_command_line_are_toml_or_text() {
        let options = with(&["time=02:00:00", "memory=8G", "partition=gpu", "cpus=4", "gpus=a100:1", "requeue=false"]).unwrap();
        assert_eq!((options.time.as_deref(), options.memory.as_deref()), (Some("02:00:00"), Some("8G")));
        assert_eq!((options.threads(), options.gpu(), options.requeues()), (4, Some("a100:1"), false));
        assert_eq!(with(&["time=90"]).unwrap().time.as_deref(), Some("90"));
        assert_eq!(with(&["setup=module load a"]).unwrap().setup, ["module load a"]);
        assert_eq!(with(&["sbatch=['--exclusive', '--nice=5']"]).unwrap().sbatch, ["--exclusive", "--nice=5"]);
        let before: Options = toml::from_str("partition = 'a'\ncpus = 2\nsetup = \"x\\ny\"").unwrap();
        let after = before.with(&["cpus=3".into()]).unwrap();
        assert_eq!((after.partition.as_deref(), after.threads(), after.setup.len()), (Some("a"), 3, 2));
    }

    #[test]
    fn mistakes_name_the_key_and_what_may_be_there() {
        for (set, part) in [
            ("time", "KEY=VALUE"),
            ("tiem=1", "`time`"),
            ("time=soon", "HH:MM:SS"),
            ("time=1:2:3:4", "HH:MM:SS"),
            ("memory=8GB", "K, M, G or T"),
            ("gpus=2", "one GPU"),
            ("cpus=0", "--slurm cpus=0"),
            ("sbatch=exclusive", "slurm.sbatch"),
            ("partition=", "slurm.partition"),
        ] {
            let message = with(&[set]).unwrap_err();
            assert!(message.contains(part), "{set}: {message}");
        }
    }
}
