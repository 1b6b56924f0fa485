//! Sweep × seeds × folds.

use super::RunId;
use crate::config::{self, Experiment, Split};

/// One run: a resolved configuration (one seed, one fold at most, no sweep) and its id.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// Names the run and its directory.
    pub id: RunId,
    /// The configuration, with nothing left open.
    pub experiment: Experiment,
    /// Dotted keys that are swept, with this run's values as TOML; the seed (and the fold) last.
    pub differs: Vec<(String, String)>,
}

impl RunSpec {
    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.experiment.training.seeds[0]
    }

    /// What the run shares with its repetitions: the swept values without seed and fold, `unet` if nothing is swept.
    pub fn group(&self) -> String {
        group_name(&self.differs)
    }
}

/// The name of a group of runs that differ by nothing but seed and fold.
pub fn group_name(differs: &[(String, String)]) -> String {
    let of_group = differs.iter().filter(|(key, _)| key != "seed" && key != "fold");
    let words: Vec<String> = of_group.map(|(key, value)| format!("{} {value}", key.rsplit('.').next().unwrap_or(key))).collect();
    if words.is_empty() { "all".to_owned() } else { words.join(", ") }
}

/// The runs of an experiment, in the order in which they are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name of the experiment.
    pub experiment: String,
    /// The runs.
    pub runs: Vec<RunSpec>,
}

/// Why an experiment has no plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A combination of swept values is no valid experiment.
    #[error("the sweep's combination {point} is not possible: {problem}")]
    Point {
        /// The swept keys and values.
        point: String,
        /// What the check said.
        problem: String,
    },
    /// The data set cannot be read.
    #[error("{0}")]
    Data(String),
}

/// Unfolds an experiment. `fingerprint` says what a data set holds; it is asked once for each distinct data set.
///
/// # Errors
/// If a combination of swept values is impossible, or the fingerprint cannot be had.
pub fn expand(
    experiment: &Experiment,
    mut fingerprint: impl FnMut(&config::Dataset) -> Result<String, String>,
) -> Result<Plan, Error> {
    let mut known: Vec<(config::Dataset, String)> = Vec::new();
    let mut runs = Vec::new();
    for point in points(experiment) {
        let resolved = experiment.at(&point).map_err(|problem| Error::Point { point: words(&point), problem })?;
        let print = match known.iter().find(|(dataset, _)| *dataset == resolved.dataset) {
            Some((_, print)) => print.clone(),
            None => {
                let print = fingerprint(&resolved.dataset).map_err(Error::Data)?;
                known.push((resolved.dataset.clone(), print.clone()));
                print
            }
        };
        for fold in folds(&resolved) {
            for seed in &resolved.training.seeds {
                runs.push(run(&resolved, &point, fold, *seed, &print));
            }
        }
    }
    Ok(Plan { experiment: experiment.name.clone(), runs })
}

/// Every combination of the grid, the last key running fastest.
fn points(experiment: &Experiment) -> Vec<Vec<(String, toml::Value)>> {
    let mut points = vec![Vec::new()];
    for (key, values) in &experiment.sweep.grid {
        let longer = |point: &Vec<(String, toml::Value)>| {
            let point = point.clone();
            values.iter().map(move |v| point.iter().cloned().chain([(key.clone(), v.clone())]).collect()).collect::<Vec<_>>()
        };
        points = points.iter().flat_map(longer).collect();
    }
    points
}

/// The folds to run; `None` where there are none.
fn folds(resolved: &Experiment) -> Vec<Option<usize>> {
    match &resolved.split {
        Split::KFold(s) if s.folds.is_empty() => (1..=s.k).map(Some).collect(),
        Split::KFold(s) => s.folds.iter().copied().map(Some).collect(),
        _ => vec![None],
    }
}

fn run(point: &Experiment, swept: &[(String, toml::Value)], fold: Option<usize>, seed: u64, fingerprint: &str) -> RunSpec {
    let mut experiment = point.clone();
    experiment.training.seeds = vec![seed];
    let mut differs: Vec<(String, String)> = swept.iter().map(|(key, value)| (key.clone(), value.to_string())).collect();
    if let (Split::KFold(split), Some(fold)) = (&mut experiment.split, fold) {
        split.folds = vec![fold];
        differs.push(("fold".into(), fold.to_string()));
    }
    differs.push(("seed".into(), seed.to_string()));
    RunSpec { id: RunId::new(&experiment, fingerprint, &differs), experiment, differs }
}

fn words(point: &[(String, toml::Value)]) -> String {
    point.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")
}
