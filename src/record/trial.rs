//! What a hyperparameter search leaves: its jobs, the settings that they follow from, and which trial it names.

use serde::{Deserialize, Serialize};

/// More virtual slots than any search has: [search] takes 256 at the most.
const MOST_PARALLEL: usize = 65_536;

/// A number of things as a field has it. Those of files may be anything; up to here they can be added up.
fn count(field: &str) -> Option<usize> {
    field.parse::<u32>().ok().map(|number| number as usize)
}

/// One row of history.csv: a job of a search, in which a trial is trained until a rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialJob {
    /// Counted from 0; the row's number.
    pub job: usize,
    /// The trial, counted from 0.
    pub trial: usize,
    /// The rung that it reaches, counted from 0.
    pub rung: usize,
    /// Epochs of that rung, counted from the beginning of training.
    pub epochs: usize,
    /// Ids of the trial's runs, one per fold and seed.
    pub runs: Vec<String>,
    /// When the job starts by the virtual clock, in ticks.
    pub start: u128,
    /// Ticks that it takes by prediction, in millions of floating-point operations.
    pub cost: u64,
    /// How many results of earlier jobs it follows from.
    pub seen: usize,
    /// The hash of these results.
    pub seen_hash: String,
    /// Values of the searched keys as TOML, in the order of the header; empty where a key is not searched.
    pub values: Vec<String>,
}

/// The columns before those of the searched keys.
const COLUMNS: [&str; 9] = ["job", "trial", "rung", "epochs", "runs", "start", "cost", "seen", "seen_hash"];

impl TrialJob {
    /// The header of history.csv.
    pub fn header(keys: &[String]) -> Vec<String> {
        COLUMNS.iter().map(|column| (*column).to_owned()).chain(keys.iter().cloned()).collect()
    }

    /// The searched keys of a header; `None` if it is none of a history.
    pub fn keys(header: &[String]) -> Option<Vec<String>> {
        let fits = header.len() >= COLUMNS.len() && header.iter().zip(COLUMNS).all(|(found, column)| found == column);
        fits.then(|| header[COLUMNS.len()..].to_vec())
    }

    /// As a row.
    pub fn fields(&self) -> Vec<String> {
        let numbers = [self.job, self.trial, self.rung, self.epochs].map(|number| number.to_string());
        let rest =
            [self.runs.join(" "), self.start.to_string(), self.cost.to_string(), self.seen.to_string(), self.seen_hash.clone()];
        numbers.into_iter().chain(rest).chain(self.values.iter().cloned()).collect()
    }

    /// Reads a row; `None` if it is none.
    pub fn from_fields(fields: &[String]) -> Option<Self> {
        let [job, trial, rung, epochs, runs, start, cost, seen, seen_hash, values @ ..] = fields else { return None };
        Some(Self {
            job: count(job)?,
            trial: count(trial)?,
            rung: count(rung)?,
            epochs: count(epochs)?,
            runs: runs.split(' ').map(str::to_owned).collect(),
            start: start.parse().ok()?,
            cost: cost.parse().ok()?,
            seen: count(seen)?,
            seen_hash: seen_hash.clone(),
            values: values.to_vec(),
        })
    }
}

/// What a search's history follows from besides results: all of search.toml. A history with other ones cannot be continued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchSettings {
    /// The version of the proposals.
    pub version: u32,
    /// The sampler that was chosen.
    pub sampler: String,
    /// Seed of the proposals.
    pub seed: u64,
    /// Virtual slots.
    pub parallel: usize,
    /// The column that is made better.
    pub by: String,
    /// Epochs of each rung, the last those of a whole run.
    pub rungs: Vec<usize>,
    /// Of so many trials at a rung one goes on.
    pub eta: usize,
    /// Seeds of every trial.
    pub seeds: Vec<u64>,
    /// Folds of every trial; 1 without cross-validation.
    pub folds: usize,
    /// The hash of what is drawn, when, and what is excluded.
    pub space: String,
    /// The hash of the rest of the experiment, its data included.
    pub base: String,
}

impl SearchSettings {
    /// What no search can have, in words; nothing if all is possible.
    pub fn problem(&self) -> Option<String> {
        let most = self.rungs.iter().chain([&self.folds, &self.eta]).max().copied().unwrap_or(0);
        if self.parallel > MOST_PARALLEL {
            return Some(format!("parallel = {} is beyond {MOST_PARALLEL}", self.parallel));
        }
        (most > u32::MAX as usize).then(|| format!("{most} is beyond {}", u32::MAX))
    }

    /// What differs between these and others, in words: what it is called, what it was and what it is.
    pub fn differences(&self, now: &Self) -> Vec<(&'static str, String, String)> {
        let all = |of: &Self| {
            [
                ("the version of the proposals", of.version.to_string()),
                ("search.sampler", of.sampler.clone()),
                ("search.seed", of.seed.to_string()),
                ("search.parallel", of.parallel.to_string()),
                ("search.by", of.by.clone()),
                ("the epochs of the rungs", format!("{:?}", of.rungs)),
                ("search.halving.eta", of.eta.to_string()),
                ("training.seeds", format!("{:?}", of.seeds)),
                ("the number of folds", of.folds.to_string()),
                ("the hash of search.draw, search.when and search.exclude", of.space.clone()),
                ("the hash of the other tables and the data", of.base.clone()),
            ]
        };
        let pairs = all(self).into_iter().zip(all(now));
        pairs.filter(|(before, now)| before != now).map(|((name, before), (_, now))| (name, before, now)).collect()
    }
}

/// The result of a job, as results.csv has it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialResult {
    /// The job.
    pub job: usize,
    /// Its trial.
    pub trial: usize,
    /// The rung that it reached.
    pub rung: usize,
    /// The mean of the searched column over its runs; `None` while it is not known, NaN if one diverged.
    pub score: Option<f64>,
}

impl TrialResult {
    /// The header of results.csv.
    pub const COLUMNS: [&str; 4] = ["job", "trial", "rung", "score"];

    /// As a row.
    pub fn fields(&self) -> Vec<String> {
        let score = self.score.map_or(String::new(), |score| score.to_string());
        [self.job, self.trial, self.rung].map(|number| number.to_string()).into_iter().chain([score]).collect()
    }

    /// Reads a row; `None` if it is none.
    pub fn from_fields(fields: &[String]) -> Option<Self> {
        let [job, trial, rung, score] = fields else { return None };
        let score = if score.is_empty() { None } else { Some(score.parse().ok()?) };
        Some(Self { job: count(job)?, trial: count(trial)?, rung: count(rung)?, score })
    }
}

/// How much a searched key matters, as importance.csv has it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyShare {
    /// The dotted key.
    pub key: String,
    /// The share of the variance of a model's predictions over the searched space that it accounts for by itself, 0 to 1.
    pub share: f64,
    /// The epochs of the rung whose results the model has.
    pub epochs: usize,
    /// How many results these are.
    pub results: usize,
}

impl KeyShare {
    /// The header of importance.csv.
    pub const COLUMNS: [&str; 4] = ["key", "share", "epochs", "results"];

    /// As a row.
    pub fn fields(&self) -> Vec<String> {
        vec![self.key.clone(), format!("{:.6}", self.share), self.epochs.to_string(), self.results.to_string()]
    }

    /// Reads a row; `None` if it is none.
    pub fn from_fields(fields: &[String]) -> Option<Self> {
        let [key, share, epochs, results] = fields else { return None };
        let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share))?;
        Some(Self { key: key.clone(), share, epochs: count(epochs)?, results: count(results)? })
    }
}

/// A fresh run of a trial's configuration, as confirm.csv has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmation {
    /// The trial.
    pub trial: usize,
    /// Its fresh seed.
    pub seed: u64,
    /// Ids of the runs, one per fold.
    pub runs: Vec<String>,
    /// The mean of the searched column over them; `None` while it is not known, NaN if one diverged.
    pub score: Option<f64>,
}

impl Confirmation {
    /// The header of confirm.csv.
    pub const COLUMNS: [&str; 4] = ["trial", "seed", "runs", "score"];

    /// As a row.
    pub fn fields(&self) -> Vec<String> {
        let score = self.score.map_or(String::new(), |score| score.to_string());
        vec![self.trial.to_string(), self.seed.to_string(), self.runs.join(" "), score]
    }

    /// Reads a row; `None` if it is none.
    pub fn from_fields(fields: &[String]) -> Option<Self> {
        let [trial, seed, runs, score] = fields else { return None };
        let score = if score.is_empty() { None } else { Some(score.parse().ok()?) };
        let runs = runs.split(' ').map(str::to_owned).collect();
        Some(Self { trial: count(trial)?, seed: seed.parse().ok()?, runs, score })
    }
}

/// The configuration that a search names, as winner.toml has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Winner {
    /// Its trial.
    pub trial: usize,
    /// Trials of the search that named it.
    pub trials: usize,
    /// The column that was made better.
    pub by: String,
    /// Its score in the search, by which it was one of the best: flattered, since the best of many is.
    pub searched: f64,
    /// The mean of its scores with fresh seeds that chose nothing; NaN if one diverged.
    pub confirmed: f64,
    /// These scores.
    pub scores: Vec<f64>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The searched keys with its values as TOML.
    pub values: std::collections::BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_its_fields_and_a_header_is_known() {
        let job = TrialJob {
            job: 3,
            trial: 2,
            rung: 1,
            epochs: 6,
            runs: vec!["a-1".into(), "a-2".into()],
            start: 1 << 70,
            cost: 12,
            seen: 2,
            seen_hash: "ab".into(),
            values: vec!["[1, 2]".into(), String::new()],
        };
        assert_eq!(TrialJob::from_fields(&job.fields()), Some(job.clone()));
        let keys = ["a.b".to_owned(), "c".to_owned()];
        assert_eq!(TrialJob::keys(&TrialJob::header(&keys)), Some(keys.to_vec()));
        assert_eq!((TrialJob::keys(&["job".into()]), TrialJob::from_fields(&[])), (None, None));
        let fresh = Confirmation { trial: 1, seed: 7, runs: vec!["a-1".into()], score: None };
        assert_eq!(Confirmation::from_fields(&fresh.fields()), Some(fresh));
        let share = KeyShare { key: "a.b".into(), share: 0.25, epochs: 9, results: 12 };
        assert_eq!(KeyShare::from_fields(&share.fields()), Some(share));
        let result = TrialResult { job: 3, trial: 1, rung: 0, score: Some(0.1 + 0.2) };
        assert_eq!(TrialResult::from_fields(&result.fields()), Some(result));
    }
}
