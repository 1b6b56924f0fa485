//! What is seen of an experiment and its runs at the moment.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use umlaut::config::Experiment;
use umlaut::metric::{self, Direction};
use umlaut::record::{EpochRecord, Outcome};
use umlaut::regular::{self, Most};
use umlaut::schedule::{Standing, standing};
use umlaut::store::{self, ExperimentDir, Holder, RunDir};
use umlaut::trials::SearchStanding;

/// What is seen of an experiment at the moment.
pub struct Seen {
    pub name: String,
    pub path: PathBuf,
    /// Bytes of all its files.
    pub bytes: u64,
    pub holder: Option<Holder>,
    pub runs: Vec<Run>,
    /// Whether one run was asked for alone.
    pub alone: bool,
    /// Runs that are there but not in the plan.
    pub others: usize,
    /// Its search, if it has one.
    pub search: Option<SearchStanding>,
    /// What could not be read of the experiment itself.
    pub problem: Option<String>,
}

/// What is seen of a run.
pub struct Run {
    pub id: String,
    pub path: PathBuf,
    /// Bytes of all its files.
    pub bytes: u64,
    pub standing: Result<Standing, String>,
    /// Where it trained last: `cpu`, `cuda:0`.
    pub device: Option<String>,
    pub epochs_done: usize,
    /// Whether it has finished and its best weights are gone.
    pub without_weights: bool,
    /// Epochs of the whole run, if run.toml says.
    pub epochs: Option<usize>,
    /// Validation Dice after the last epoch.
    pub dice: Option<f64>,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// Time since the last epoch ended.
    pub since: Option<Duration>,
}

/// The best epoch, by the column that chooses it.
pub struct Best {
    pub epoch: usize,
    pub column: String,
    pub value: f64,
}

impl Seen {
    /// All runs of an experiment.
    pub fn of(dir: &ExperimentDir) -> Self {
        let (runs, others, problem) = match runs(dir) {
            Ok(found) => found,
            Err(error) => (Vec::new(), 0, Some(error.to_string())),
        };
        let (search, problem) = match SearchStanding::of(dir) {
            Ok(search) => (search, problem),
            Err(error) => (None, problem.or(Some(error.to_string()))),
        };
        Self { runs, others, problem, search, ..Self::without_runs(dir) }
    }

    /// One run of an experiment.
    pub fn of_run(dir: &ExperimentDir, run: &RunDir) -> Self {
        Self { runs: vec![Run::of(run)], alone: true, ..Self::without_runs(dir) }
    }

    fn without_runs(dir: &ExperimentDir) -> Self {
        let path = std::path::absolute(dir.path()).unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (holder, path) = (dir.holder().unwrap_or_default(), dir.path().to_owned());
        Self { name, path, bytes: dir.bytes(), holder, runs: Vec::new(), alone: false, others: 0, search: None, problem: None }
    }

    /// Whether anything is to be expected of it without another command.
    pub fn is_under_way(&self) -> bool {
        let runs = self.runs.iter().any(|run| matches!(run.standing, Ok(Standing::Running(_))));
        // Whoever holds the experiment will come to a run that waits.
        runs || (self.holder.is_some() && !(self.alone && self.runs.iter().all(Run::is_finished)))
    }
}

/// The planned runs, and how many there are beside them; where there is no plan, all that are there; and what is wrong with the plan, if it
/// cannot be read.
fn runs(dir: &ExperimentDir) -> Result<(Vec<Run>, usize, Option<String>), store::Error> {
    let there = dir.runs()?;
    let (planned, problem) = match dir.planned() {
        Ok(planned) => (planned, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let Some(planned) = planned else { return Ok((there.iter().map(Run::of).collect(), 0, problem)) };
    let places = dir.places(&planned)?;
    let hashes: HashSet<&str> = planned.iter().map(|id| id.hash()).collect();
    let others = there.iter().filter(|run| !hashes.contains(run.id().hash())).count();
    Ok((places.iter().map(Run::of).collect(), others, None))
}

impl Run {
    fn of(place: &RunDir) -> Self {
        let standing = standing(place).map_err(|error| error.to_string());
        let rows = place.metrics().unwrap_or_default();
        let toml = regular::text(&place.run_toml(), Most::SMALL).ok();
        let experiment: Option<Experiment> = toml.and_then(|text| toml::from_str(&text).ok());
        let device = place.provenance().ok().flatten().and_then(|message| message.device);
        // A clock that was set back makes the past the future.
        let since = place.last_epoch_at().map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        let best = match &standing {
            Ok(Standing::Finished(outcome)) => of_outcome(outcome),
            _ => experiment.as_ref().and_then(|experiment| of_rows(&rows, &experiment.training.best)),
        };
        Self {
            id: place.id().to_string(),
            path: place.path().to_owned(),
            bytes: place.bytes(),
            without_weights: matches!(&standing, Ok(Standing::Finished(outcome)) if place.lacks_weights(outcome)),
            standing,
            device,
            epochs_done: rows.len(),
            epochs: experiment.map(|experiment| experiment.training.epochs),
            dice: rows.last().and_then(|row| row.get("val_dice")),
            best,
            since: since.filter(|_| !rows.is_empty()),
        }
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

    fn is_finished(&self) -> bool {
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
