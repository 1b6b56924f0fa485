//! Sweep × seeds × folds.

use super::label::Labels;
use super::{FOLD, RunId, SEED, names, of_repetition, spoken};
use crate::config::{self, Experiment, Initial, MOST_RUNS, Point, SplitRule};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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
    let of_group: Vec<&(String, String)> = differs.iter().filter(|(key, _)| !of_repetition(key)).collect();
    let names = names(&of_group.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
    let words: Vec<String> = names.iter().zip(&of_group).map(|(name, (_, value))| format!("{name} {}", spoken(value))).collect();
    if words.is_empty() { "all".to_owned() } else { words.join(", ") }
}

/// The runs of an experiment, in the order in which they are listed.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Name of the experiment.
    pub experiment: String,
    /// The runs.
    pub runs: Vec<RunSpec>,
    /// Points of the sweep that have runs.
    pub points: usize,
    /// Points of the sweep that have none.
    pub excluded: Vec<Excluded>,
}

/// A point of a sweep that is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// Its keys and values.
    pub point: String,
    /// Why, in words.
    pub reason: String,
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
    /// More runs than can be planned.
    #[error(
        "the experiment has {0} runs, folds and seeds counted; at most {MOST_RUNS} can be planned: list fewer values, folds or seeds, or \
         write several experiments"
    )]
    TooMany(usize),
    /// The data set cannot be read.
    #[error("{0}")]
    Data(String),
    /// A file of initial weights cannot be read.
    #[error("{0}")]
    Weights(String),
}

/// Unfolds an experiment whose files of initial weights are not looked at. `fingerprint` says what a data set holds; it is asked once for
/// each distinct data set.
///
/// # Errors
/// If a combination of swept values is impossible, or the fingerprint cannot be had.
pub fn expand(
    experiment: &Experiment,
    fingerprint: impl FnMut(&config::Dataset) -> Result<String, String>,
) -> Result<Plan, Error> {
    expand_with(experiment, fingerprint, |initial| Ok(initial.clone()))
}

/// Unfolds an experiment. `fingerprint` is as for [`expand`]; `weights` says of initial weights that are not drawn which file is meant
/// and what its hash is, for each point of the sweep that has some.
///
/// # Errors
/// If a combination of swept values is impossible, or the fingerprint or the weights cannot be had.
pub fn expand_with(
    experiment: &Experiment,
    mut fingerprint: impl FnMut(&config::Dataset) -> Result<String, String>,
    mut weights: impl FnMut(&Initial) -> Result<Initial, String>,
) -> Result<Plan, Error> {
    let mut known: Vec<(config::Dataset, String)> = Vec::new();
    let mut ids = HashMap::new();
    let mut plan = Plan { experiment: experiment.name.clone(), runs: Vec::new(), excluded: Vec::new(), points: 0 };
    let points = experiment.points();
    few_enough(experiment, &points)?;
    let labels = Labels::of(&points);
    for Point { values, left_out } in points {
        if let Some(reason) = left_out {
            plan.excluded.push(Excluded { point: words(&values), reason });
            continue;
        }
        let mut resolved = experiment.at(&values).map_err(|problem| Error::Point { point: words(&values), problem })?;
        let print = match known.iter().find(|(dataset, _)| *dataset == resolved.dataset) {
            Some((_, print)) => print.clone(),
            None => {
                let print = fingerprint(&resolved.dataset).map_err(Error::Data)?;
                known.push((resolved.dataset.clone(), print.clone()));
                print
            }
        };
        if !resolved.training.initial.is_random() {
            resolved.training.initial = weights(&resolved.training.initial).map_err(Error::Weights)?;
        }
        let differs: Vec<_> = values.iter().map(|(key, value)| (key.clone(), labels.text(key, value))).collect();
        let runs = folds(&resolved).into_iter().flat_map(|fold| resolved.training.seeds.iter().map(move |seed| (fold, *seed)));
        let runs = runs.map(|(fold, seed)| run(&resolved, &differs, fold, seed, &print)).collect();
        plan.add(runs, &values, &mut ids);
    }
    Ok(plan)
}

/// Counts the runs before any is unfolded. Configurations are checked by the folds that they name themselves; here those count that a
/// sweep of the split gives.
fn few_enough(experiment: &Experiment, points: &[Point]) -> Result<(), Error> {
    let of_split = |(key, _): &(String, toml::Value)| key == "split" || key.starts_with("split.");
    let mut runs = 0_usize;
    for Point { values, .. } in points.iter().filter(|point| point.left_out.is_none()) {
        let folds = if values.iter().any(of_split) {
            experiment.at(values).map_err(|problem| Error::Point { point: words(values), problem })?.split.fold_count()
        } else {
            experiment.split.fold_count()
        };
        runs = runs.saturating_add(folds.saturating_mul(experiment.training.seeds.len()));
    }
    if runs > MOST_RUNS { Err(Error::TooMany(runs)) } else { Ok(()) }
}

impl Plan {
    /// Adds the runs of a point, but for those that a point before has under another name; `ids` are those by their hashes.
    fn add(&mut self, runs: Vec<RunSpec>, values: &[(String, toml::Value)], ids: &mut HashMap<String, RunId>) {
        let twin = runs.first().and_then(|run| ids.get(run.id.hash()).cloned());
        let before = self.runs.len();
        for run in runs {
            if let Entry::Vacant(vacant) = ids.entry(run.id.hash().to_owned()) {
                vacant.insert(run.id.clone());
                self.runs.push(run);
            }
        }
        match twin.filter(|_| self.runs.len() == before) {
            Some(twin) => self.excluded.push(Excluded { point: words(values), reason: format!("the same run as {twin}") }),
            None => self.points += 1,
        }
    }
}

/// The folds to run; `None` where there are none.
fn folds(resolved: &Experiment) -> Vec<Option<usize>> {
    match &resolved.split {
        SplitRule::KFold(s) if s.folds.is_empty() => (1..=s.k).map(Some).collect(),
        SplitRule::KFold(s) => s.folds.iter().copied().map(Some).collect(),
        _ => vec![None],
    }
}

fn run(point: &Experiment, swept: &[(String, String)], fold: Option<usize>, seed: u64, fingerprint: &str) -> RunSpec {
    let mut experiment = point.clone();
    experiment.training.seeds = vec![seed];
    let mut differs = swept.to_vec();
    if let (SplitRule::KFold(split), Some(fold)) = (&mut experiment.split, fold) {
        split.folds = vec![fold];
        differs.push((FOLD.into(), fold.to_string()));
    }
    differs.push((SEED.into(), seed.to_string()));
    RunSpec { id: RunId::new(&experiment, fingerprint, &differs), experiment, differs }
}

fn words(point: &[(String, toml::Value)]) -> String {
    point.iter().map(|(key, value)| format!("{key} {}", spoken(&value.to_string()))).collect::<Vec<_>>().join(", ")
}

impl Plan {
    /// The keys that differ between its runs, as [`keys`] gives them.
    pub fn keys(&self) -> Vec<&str> {
        keys(&self.runs)
    }
}

/// The keys that differ between runs, in the order of their first appearance.
pub fn keys(runs: &[RunSpec]) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in runs.iter().flat_map(|run| &run.differs) {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    keys
}

impl RunSpec {
    /// The run's value of a key that differs between runs, as TOML.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.differs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        let experiment =
            config::load_str("x.toml", &format!("name = 'x'\n{text}")).unwrap_or_else(|problems| panic!("{problems}"));
        expand(&experiment, |_| Ok("same".into())).unwrap()
    }

    #[test]
    fn points_times_seeds_times_folds() {
        let plan = plan("[split.k_fold]\nk = 3\n[training]\nseeds = 2\n[sweep.grid]\n'training.epochs' = [1, 2]");
        assert_eq!((plan.points, plan.runs.len()), (2, 12));
        let ids: std::collections::HashSet<_> = plan.runs.iter().map(|run| run.id.hash()).collect();
        assert_eq!(ids.len(), 12);
        assert_eq!(plan.runs.iter().map(RunSpec::seed).max(), Some(2));
    }

    #[test]
    fn what_is_not_run_is_named_with_its_reason() {
        let plan = plan(
            "[sweep.grid]\n'training.epochs' = [1, 2]\n'optimizer' = [{ adam = {} }, { adam = { lr = 1e-3 } }]\n\
             [[sweep.exclude]]\n'training.epochs' = 2",
        );
        assert_eq!((plan.points, plan.runs.len()), (1, 1));
        let reasons: Vec<&str> = plan.excluded.iter().map(|excluded| excluded.reason.as_str()).collect();
        let by = "excluded by training.epochs = 2";
        assert_eq!(reasons, [by, &format!("the same run as {}", plan.runs[0].id), by]);
        assert_eq!(plan.excluded[0].point, "optimizer adam, training.epochs 2");
    }

    #[test]
    fn two_names_of_the_same_weights_are_one_run_and_drawn_ones_need_no_file() {
        let text = "name = 'x'\n[sweep.grid]\n'training.initial.weights' = ['random', 'w/a', 'w/b', 'w/c']";
        let experiment = config::load_str("x.toml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let of = |initial: &Initial| match initial.weights.as_str() {
            "w/c" => Ok(Initial { hash: Some("2".into()), ..initial.clone() }),
            _ => Ok(Initial { hash: Some("1".into()), ..initial.clone() }),
        };
        let plan = expand_with(&experiment, |_| Ok("same".into()), of).unwrap();
        let groups: Vec<String> = plan.runs.iter().map(RunSpec::group).collect();
        assert_eq!(groups, ["weights random", "weights a", "weights c"]);
        assert_eq!(plan.excluded[0].reason, format!("the same run as {}", plan.runs[1].id));
        let none = |_: &Initial| Err("no such file".to_owned());
        assert_eq!(expand_with(&experiment, |_| Ok("same".into()), none).unwrap_err().to_string(), "no such file");
    }

    #[test]
    fn folds_that_two_points_share_are_run_once() {
        let plan = plan("[split.k_fold]\nk = 3\n[sweep.grid]\n'split.k_fold.folds' = [[1], [1, 2]]");
        assert_eq!((plan.points, plan.runs.len()), (2, 2));
    }
}
