//! How far are experiments at the moment?
//!
//! [`Seen`] is what is seen of an experiment and its runs by their files alone, which may change meanwhile. How it is shown, on a terminal or a
//! page, is not known here.

mod progress;
mod search;

use crate::config::Experiment;
use crate::metric::{self, Direction};
use crate::record::{EpochRecord, Outcome};
use crate::regular::{self, Most};
use crate::schedule::{Standing, standing};
use crate::store::{self, ExperimentDir, Holder, RunDir};
use crate::trials::SearchStanding;
pub use progress::Progress;
pub use search::document as search_document;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What is seen of an experiment at the moment.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// Bytes of all its files, where they were counted.
    pub bytes: Option<u64>,
    /// The process that starts its runs.
    pub holder: Option<Holder>,
    /// Those of its plan, or all where there is no plan.
    pub runs: Vec<Arc<Run>>,
    /// The names of runs that were given to a queue and have not ended there, as far as the files say.
    pub queued: HashSet<String>,
    /// Whether one run was asked for alone.
    pub alone: bool,
    /// Runs that are there but not in the plan.
    pub others: usize,
    /// Lines on its search, if it has one.
    pub search: Vec<String>,
    /// Its search itself.
    pub standing: Option<Arc<SearchStanding>>,
    /// What could not be read of the experiment itself.
    pub problem: Option<String>,
}

/// What is seen of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its directory.
    pub path: PathBuf,
    /// Bytes of all its files, where they were counted.
    pub bytes: Option<u64>,
    /// Where it stands, or what cannot be read.
    pub standing: Result<Standing, String>,
    /// Where it trained last: `cpu`, `cuda:0`.
    pub device: Option<String>,
    /// Whole epochs in metrics.csv.
    pub epochs_done: usize,
    /// Whether it has finished and its best weights are gone.
    pub without_weights: bool,
    /// Epochs of the whole run, if run.toml says.
    pub epochs: Option<usize>,
    /// Validation Dice after the last epoch.
    pub dice: Option<f64>,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// When the last epoch ended.
    pub last_epoch: Option<SystemTime>,
    /// Seconds of an epoch, the mean over those that are known.
    pub epoch_seconds: Option<f64>,
    /// When it began and when it ended, UTC as in RFC 3339.
    pub times: (Option<String>, Option<String>),
}

/// The best epoch, by the column that chooses it.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// 1-based.
    pub epoch: usize,
    /// The column.
    pub column: String,
    /// Its value then.
    pub value: f64,
}

impl Seen {
    /// All runs of an experiment.
    pub fn of(dir: &ExperimentDir) -> Self {
        Self::by(dir, |run| Arc::new(Run::of(run)))
    }

    /// The same, with `look` for looking at a run: who looks often remembers what has not changed.
    pub fn by(dir: &ExperimentDir, look: impl Fn(&RunDir) -> Arc<Run>) -> Self {
        let (runs, others, problem) = match runs(dir, look) {
            Ok(found) => found,
            Err(error) => (Vec::new(), 0, Some(error.to_string())),
        };
        let (search, standing) = match SearchStanding::of(dir) {
            Ok(found) => (found.as_ref().map(search::lines).unwrap_or_default(), found.map(Arc::new)),
            Err(error) => (vec![error.to_string()], None),
        };
        Self { runs, others, problem, search, standing, ..Self::without_runs(dir) }
    }

    /// One run of an experiment.
    pub fn of_run(dir: &ExperimentDir, run: &RunDir) -> Self {
        Self { runs: vec![Arc::new(Run::of(run))], alone: true, ..Self::without_runs(dir) }
    }

    /// Counts the bytes of all files.
    #[must_use]
    pub fn with_bytes(mut self) -> Self {
        self.bytes = Some(ExperimentDir::at(&self.path).bytes());
        for run in &mut self.runs {
            let bytes = RunDir::at(&run.path).bytes();
            Arc::make_mut(run).bytes = Some(bytes);
        }
        self
    }

    fn without_runs(dir: &ExperimentDir) -> Self {
        let path = std::path::absolute(dir.path()).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (holder, path) = (dir.holder().unwrap_or_default(), dir.path().to_owned());
        Self {
            name,
            path,
            bytes: None,
            holder,
            runs: Vec::new(),
            queued: dir.queued().unwrap_or_default(),
            alone: false,
            others: 0,
            search: Vec::new(),
            standing: None,
            problem: None,
        }
    }

    /// Whether a run waits to be started by a queue.
    pub fn has_queued(&self, run: &Run) -> bool {
        self.queued.contains(&run.id) && !matches!(run.standing, Ok(Standing::Running(_) | Standing::Finished(_)))
    }

    /// Whether anything is to be expected of it without another command.
    pub fn is_under_way(&self) -> bool {
        let runs = self.runs.iter().any(|run| self.has_queued(run) || matches!(run.standing, Ok(Standing::Running(_))));
        // Whoever holds the experiment will come to a run that waits.
        runs || (self.holder.is_some() && !(self.alone && self.runs.iter().all(|run| run.is_finished())))
    }
}

/// Runs, how many there are beside them, and what is wrong with the plan.
type Listed = (Vec<Arc<Run>>, usize, Option<String>);

/// The planned runs, and how many there are beside them; where there is no plan, all that are there; and what is wrong with the plan, if it
/// cannot be read.
fn runs(dir: &ExperimentDir, look: impl Fn(&RunDir) -> Arc<Run>) -> Result<Listed, store::Error> {
    let there = dir.runs()?;
    let (planned, problem) = match dir.planned() {
        Ok(planned) => (planned, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let Some(planned) = planned else { return Ok((there.iter().map(look).collect(), 0, problem)) };
    let places = dir.places(&planned)?;
    let hashes: HashSet<&str> = planned.iter().map(|id| id.hash()).collect();
    let others = there.iter().filter(|run| !hashes.contains(run.id().hash())).count();
    Ok((places.iter().map(look).collect(), others, None))
}

impl Run {
    /// Of a run's directory.
    pub fn of(place: &RunDir) -> Self {
        let standing = standing(place).map_err(|error| error.to_string());
        let rows = place.metrics().unwrap_or_default();
        let toml = regular::text(&place.run_toml(), Most::SMALL).ok();
        let experiment: Option<Experiment> = toml.and_then(|text| toml::from_str(&text).ok());
        let provenance = place.provenance().ok().flatten().unwrap_or_default();
        let seconds: Vec<f64> = place.timing().iter().filter_map(EpochRecord::seconds).collect();
        let best = match &standing {
            Ok(Standing::Finished(outcome)) => of_outcome(outcome),
            _ => experiment.as_ref().and_then(|experiment| of_rows(&rows, &experiment.training.best)),
        };
        Self {
            id: place.id().to_string(),
            path: place.path().to_owned(),
            bytes: None,
            without_weights: matches!(&standing, Ok(Standing::Finished(outcome)) if place.lacks_weights(outcome)),
            standing,
            device: provenance.device,
            epochs_done: rows.len(),
            epochs: experiment.map(|experiment| experiment.training.epochs),
            dice: rows.last().and_then(|row| row.get("val_dice")),
            best,
            last_epoch: place.last_epoch_at().filter(|_| !rows.is_empty()),
            epoch_seconds: (!seconds.is_empty()).then(|| seconds.iter().sum::<f64>() / seconds.len() as f64),
            times: (provenance.started, provenance.ended),
        }
    }

    /// Time since the last epoch ended.
    pub fn since(&self) -> Option<Duration> {
        // A clock that was set back makes the past the future.
        self.last_epoch.map(|at| SystemTime::now().duration_since(at).unwrap_or_default())
    }

    /// How it stands, in a word.
    pub fn word(&self) -> &'static str {
        match &self.standing {
            Ok(Standing::Running(_)) => "running",
            Ok(standing) => standing.word(),
            Err(_) => "damaged",
        }
    }

    /// Why it failed or cannot be read.
    pub fn cause(&self) -> Option<&str> {
        match &self.standing {
            Ok(Standing::Failed(outcome)) => Some(outcome.cause.as_deref().unwrap_or("no cause recorded")),
            Ok(Standing::Incomplete(problem)) | Err(problem) => Some(problem),
            Ok(_) => None,
        }
    }

    /// Whether all is done.
    pub fn is_finished(&self) -> bool {
        matches!(self.standing, Ok(Standing::Finished(_)))
    }
}

fn of_outcome(outcome: &Outcome) -> Option<Best> {
    let column = outcome.best_by.clone();
    Some(Best { epoch: outcome.best_epoch?, value: *outcome.best.get(&column)?, column })
}

/// Of equals the earlier is best, NaN never is, as in training.
fn of_rows(rows: &[EpochRecord], column: &str) -> Option<Best> {
    let direction = metric::describe(column).map_or(Direction::Lower, |metric| metric.direction);
    let values = rows.iter().filter_map(|row| Some((row.epoch, row.get(column).filter(|value| !value.is_nan())?)));
    let best = values.reduce(|best, next| if direction.is_better(next.1, best.1) { next } else { best });
    best.map(|(epoch, value)| Best { epoch, column: column.to_owned(), value })
}
