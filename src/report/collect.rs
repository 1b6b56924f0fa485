//! Reads an experiment's runs into groups that differ by nothing but seed and fold.
//!
//! A run whose files are damaged is kept with the reason, so that one bad file does not hide the others.

use super::design::{self, Design, Key};
use super::search::Search;
use super::{Error, column, own};
use crate::find::Found;
use crate::metric::Split;
use crate::plan;
use crate::record::{EpochRecord, ImageScores, Outcome, Provenance, Status, ThresholdScores};
use crate::regular::{self, Most};
use crate::store::{self, ExperimentDir, RunDir};
use crate::text::counted;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Finished,
    Failed,
    Interrupted,
    /// Asked for a part of its epochs by now.
    Paused,
    /// No outcome yet: waiting, under way, or killed.
    Unfinished,
    /// Its files cannot be read.
    Damaged,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Finished => "finished",
            State::Failed => "failed",
            State::Interrupted => "interrupted",
            State::Paused => "paused",
            State::Unfinished => "unfinished",
            State::Damaged => "damaged",
        }
    }
}

/// What a run left behind.
pub(super) struct Run {
    pub dir: RunDir,
    pub id: String,
    /// Swept keys with this run's values, then fold and seed.
    pub differs: Vec<(String, String)>,
    /// Fingerprint of its data set; empty if the run does not say.
    pub data: String,
    /// What its own input says of comparing its scores.
    pub design: Design,
    pub state: State,
    /// Why it failed or cannot be read.
    pub cause: Option<String>,
    /// Where, when and by what it was made; empty if it does not say.
    pub provenance: Provenance,
    /// What is to be known of its numbers.
    pub notes: Vec<String>,
    pub rows: Vec<EpochRecord>,
    /// Sum over the epochs that timing.csv knows.
    pub seconds: f64,
    /// Seconds of each of these epochs.
    pub epoch_seconds: Vec<f64>,
    pub best_epoch: Option<usize>,
    pub best: BTreeMap<String, f64>,
    pub test: BTreeMap<String, f64>,
    /// Scores of single images with the best weights; empty while the run is not finished.
    pub images: ImageScores,
    /// Scores over the threshold, likewise.
    pub thresholds: ThresholdScores,
    /// The threshold in use of each class, where it is not 0.5.
    pub used: BTreeMap<String, f64>,
}

/// Runs that differ by nothing but seed and fold.
pub(super) struct Group {
    pub name: String,
    pub runs: Vec<Run>,
    /// Swept keys that it does not name, with the file's own values.
    pub own: Vec<(String, String)>,
}

/// All that is compared, in the order of every chart and table.
pub(super) struct Comparison {
    /// The experiment's name.
    pub name: String,
    pub groups: Vec<Group>,
    /// Mask classes, in the order of the columns.
    pub classes: Vec<String>,
    /// The column that chooses the best epoch.
    pub best_by: String,
    /// Runs of the directory that the present plan does not have.
    pub of_other_plans: usize,
    /// What is to be known of the directories, a sentence each.
    pub remarks: Vec<String>,
    /// The search that the runs are of.
    pub search: Option<Search>,
    /// The metrics that tables show beside what ranks, columns without their split, where the reader has chosen them.
    pub metrics: Option<Vec<String>>,
}

impl Run {
    /// Epochs with a finite value of a column.
    pub(super) fn points(&self, column: &str) -> Vec<(usize, f64)> {
        let value = |row: &EpochRecord| row.get(column).filter(|v| v.is_finite()).map(|v| (row.epoch, v));
        self.rows.iter().filter_map(value).collect()
    }

    fn gone(&self) -> bool {
        matches!(self.state, State::Failed | State::Damaged)
    }
}

impl Group {
    /// The runs that speak for the group: those that finished, or while there are none, those that did not fail.
    pub(super) fn settled(&self) -> Vec<&Run> {
        let finished: Vec<&Run> = self.runs.iter().filter(|r| r.state == State::Finished).collect();
        if finished.is_empty() { self.runs.iter().filter(|r| !r.gone()).collect() } else { finished }
    }

    /// The other ones.
    pub(super) fn others(&self) -> Vec<&Run> {
        let settled: Vec<&str> = self.settled().iter().map(|r| r.id.as_str()).collect();
        self.runs.iter().filter(|r| !settled.contains(&r.id.as_str())).collect()
    }

    /// What must be equal where its scores compare with those of others.
    pub(super) fn key(&self) -> Key<'_> {
        Key { data: self.data(), design: self.settled().first().map_or(&design::UNKNOWN, |run| &run.design) }
    }

    /// Runs that failed or cannot be read, and so have no part in its scores.
    pub(super) fn lost(&self) -> usize {
        self.runs.iter().filter(|run| run.gone()).count()
    }

    /// Fingerprint of the data set that it is about; empty if no run says.
    pub(super) fn data(&self) -> &str {
        self.runs.iter().map(|run| run.data.as_str()).find(|data| !data.is_empty()).unwrap_or_default()
    }

    /// The mean best epoch of the settled runs, to the nearest one.
    pub(super) fn best_epoch(&self) -> Option<usize> {
        // A file may name any number as an epoch.
        let epochs: Vec<u128> = self.settled().iter().filter_map(|run| run.best_epoch).map(|epoch| epoch as u128).collect();
        let count = epochs.len() as u128;
        (count > 0).then(|| ((2 * epochs.iter().sum::<u128>() + count) / (2 * count)) as usize)
    }

    /// Values of a `val_` column at the best epoch, or of a `test_` column, over the settled runs.
    pub(super) fn values(&self, column: &str) -> Vec<f64> {
        let Some((Split::Test, stem)) = Split::of(column) else { return self.best(column) };
        let of = |run: &&Run| run.test.get(column).or_else(|| run.test.get(stem)).copied();
        self.settled().iter().filter_map(of).filter(|v| v.is_finite()).collect()
    }

    /// Best-epoch values of a column over the settled runs.
    pub(super) fn best(&self, column: &str) -> Vec<f64> {
        self.settled().iter().filter_map(|r| r.best.get(column).copied()).filter(|v| v.is_finite()).collect()
    }
}

impl Comparison {
    fn of(name: String, groups: Vec<Group>, best_by: String, of_other_plans: usize) -> Self {
        let (classes, remarks) = (Vec::new(), Vec::new());
        let mut comparison = Self { name, groups, classes, best_by, of_other_plans, remarks, search: None, metrics: None };
        comparison.classes = column::classes(&comparison.columns());
        comparison
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.groups.iter().flat_map(|group| &group.runs)
    }

    /// Each group's name, and the swept keys with its values.
    pub(super) fn swept(&self) -> Vec<(String, Vec<(String, String)>)> {
        let own = |group: &Group| {
            let differs = group.runs.first().map(|r| r.differs.clone()).unwrap_or_default();
            differs.into_iter().filter(|(key, _)| !plan::of_repetition(key)).collect()
        };
        self.groups.iter().map(|group| (group.name.clone(), own(group))).collect()
    }

    /// Columns in the order of metrics.csv, without repeats; then what runs have measured of the validation split at their end alone.
    pub(super) fn columns(&self) -> Vec<String> {
        let of_epochs = self.runs().filter_map(|r| r.rows.first()).flat_map(|row| &row.values).map(|(name, _)| name);
        let at_the_end = self.runs().flat_map(|r| r.best.keys()).filter(|name| Split::Val.has(name));
        let mut columns: Vec<String> = Vec::new();
        for name in of_epochs.chain(at_the_end) {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        columns
    }
}

/// Reads the runs of the present plan, or all if nothing was planned: what was planned before the experiment file was changed is no
/// repetition of what is planned now.
///
/// # Errors
/// If the directory cannot be listed or holds no run.
pub(super) fn collect(dir: &ExperimentDir) -> Result<Comparison, Error> {
    let (planned, remark) = match dir.planned() {
        Ok(planned) => (planned, None),
        Err(error) if error.is_of_one_file() => (None, Some(format!("All runs of the directory are shown: {error}."))),
        Err(error) => return Err(error.into()),
    };
    let planned: Option<HashSet<String>> = planned.map(|ids| ids.iter().map(|id| id.hash().to_owned()).collect());
    let in_plan = |run: &RunDir| planned.as_ref().is_none_or(|planned| planned.contains(run.id().hash()));
    let (present, others): (Vec<RunDir>, Vec<RunDir>) = dir.runs()?.into_iter().partition(in_plan);
    let of_other_plans = others.len();
    if present.is_empty() {
        return Err(Error::NoRuns { path: dir.path().display().to_string() });
    }
    let mut runs: Vec<Read> = present.into_par_iter().map(read).collect();
    let best_by = complete_all(&mut runs);
    let paused = without_paused(&mut runs);
    let mut groups = group(runs);
    fill_own(&mut groups);
    let comparison = Comparison::of(name(dir), groups, best_by, of_other_plans);
    // What was once searched may be another experiment now.
    let (search, unread) = match Search::of(dir) {
        Ok(search) => (search.filter(|search| comparison.runs().any(|run| search.has(&run.id))), None),
        Err(error) if error.is_of_one_file() => (None, Some(unread_search(&error))),
        Err(error) => return Err(error.into()),
    };
    Ok(Comparison { remarks: remark.into_iter().chain(paused).chain(unread).collect(), search, ..comparison })
}

/// What a report lacks without the files of its search.
fn unread_search(error: &store::Error) -> String {
    format!("What the search found is not shown, and groups are compared as if their scores had not chosen them: {error}.")
}

/// Takes out the runs that are paused, unless there are no others: their epochs are fewer than those of the others. Says how many there were.
fn without_paused(runs: &mut Vec<Read>) -> Option<String> {
    let paused = runs.iter().filter(|(run, _)| run.state == State::Paused).count();
    if paused == 0 || paused == runs.len() {
        return None;
    }
    runs.retain(|(run, _)| run.state != State::Paused);
    Some(format!("{} of the plan paused after a part of the epochs: not compared with the others.", counted(paused, "run")))
}

/// Gives each group of an experiment the values of the keys that only others name, by the run.toml of one of its runs; nothing where that cannot
/// be read.
fn fill_own(groups: &mut [Group]) {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in groups.iter().filter_map(|group| group.runs.first()).flat_map(|run| &run.differs) {
        if !plan::of_repetition(key) && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    for group in groups {
        let Some(run) = group.runs.first() else { continue };
        let unnamed: Vec<&String> = keys.iter().filter(|key| run.differs.iter().all(|(named, _)| named != *key)).collect();
        if !unnamed.is_empty() {
            group.own = own::values(&run.dir.run_toml(), &unnamed);
        }
    }
}

/// Reads what is named: an experiment's groups, or a run, which is a group of its own under its id.
///
/// # Errors
/// As [`collect`].
pub(super) fn collect_several(found: &[Found]) -> Result<Comparison, Error> {
    let several = found.iter().filter(|found| matches!(found, Found::Experiment(_))).count() > 1;
    let (mut groups, mut best_by, mut names, mut of_other_plans) = (Vec::new(), None, Vec::new(), 0);
    let mut remarks = Vec::new();
    for place in found {
        match place {
            Found::Experiment(dir) => {
                let mut of = collect(dir)?;
                of.groups.iter_mut().filter(|_| several).for_each(|group| group.name = format!("{}: {}", of.name, group.name));
                groups.append(&mut of.groups);
                best_by.get_or_insert(of.best_by);
                names.push(of.name);
                of_other_plans += of.of_other_plans;
                remarks.append(&mut of.remarks);
            }
            Found::Run(dir) => {
                let mut runs = vec![read(dir.clone())];
                let by = complete_all(&mut runs);
                best_by.get_or_insert(by);
                let name = dir.id().to_string();
                names.push(name.clone());
                groups.push(Group { name, runs: runs.into_iter().map(|(run, _)| run).collect(), own: Vec::new() });
            }
        }
    }
    let comparison = Comparison::of(names.join(", "), groups, best_by.unwrap_or_default(), of_other_plans);
    Ok(Comparison { remarks, ..comparison })
}

fn name(dir: &ExperimentDir) -> String {
    let path = std::path::absolute(dir.path()).unwrap_or_else(|_| dir.path().to_owned());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Fills in what the runs have not said themselves, and returns the column that chooses the best epoch.
fn complete_all(runs: &mut [Read]) -> String {
    let best_by = runs.iter().find_map(|r| r.1.clone()).unwrap_or_else(|| "val_loss".to_owned());
    runs.iter_mut().for_each(|(run, _)| complete(run, &best_by));
    best_by
}

/// A run, and the column by which its best epoch was chosen if it says so.
type Read = (Run, Option<String>);

fn read(dir: RunDir) -> Read {
    let mut run = Run {
        id: dir.id().to_string(),
        differs: dir.differs().unwrap_or_default(),
        data: String::new(),
        design: Design::default(),
        state: State::Unfinished,
        cause: None,
        provenance: Provenance::default(),
        notes: Vec::new(),
        rows: Vec::new(),
        seconds: 0.0,
        epoch_seconds: Vec::new(),
        best_epoch: None,
        best: BTreeMap::new(),
        test: BTreeMap::new(),
        images: ImageScores::default(),
        thresholds: ThresholdScores::default(),
        used: BTreeMap::new(),
        dir,
    };
    let by = match fill(&mut run) {
        Ok(by) => by,
        Err(e) => {
            (run.state, run.cause) = (State::Damaged, Some(e.to_string()));
            None
        }
    };
    (run, by)
}

fn fill(run: &mut Run) -> Result<Option<String>, store::Error> {
    run.differs = run.dir.differs()?;
    run.provenance = run.dir.provenance()?.unwrap_or_default();
    run.data = run.provenance.dataset_fingerprint.clone().unwrap_or_default();
    let input = regular::text(&run.dir.run_toml(), Most::SMALL).unwrap_or_default();
    run.design = Design::of(&input);
    let outcome = run.dir.outcome()?;
    // Numbers of another moment are none of this run's.
    if let Some(unfit) = outcome.as_ref().map(|outcome| run.dir.unfit_scores(outcome)).transpose()?.into_iter().flatten().next() {
        let remedy = "repeat `umlaut run`, which makes it again".to_owned();
        return Err(store::Error::Content { path: unfit.path.display().to_string(), problem: unfit.problem, remedy });
    }
    run.rows = run.dir.metrics()?;
    run.images = run.dir.image_scores()?;
    run.thresholds = run.dir.threshold_scores()?;
    run.epoch_seconds = run.dir.timing().iter().filter_map(|row| row.seconds()).collect();
    run.seconds = run.epoch_seconds.iter().sum();
    let Some(Outcome { status, cause, notes, best_epoch, best_by, best, test, thresholds, .. }) = outcome else {
        return Ok(chosen_by(&input));
    };
    (run.cause, run.notes, run.best_epoch, run.best, run.test) = (cause, notes, best_epoch, best, test);
    run.used = thresholds;
    run.state = match status {
        Status::Finished => State::Finished,
        Status::Failed => State::Failed,
        Status::Interrupted => State::Interrupted,
        Status::Paused => State::Paused,
    };
    Ok(Some(best_by))
}

/// The column that will choose the best epoch, by run.toml.
fn chosen_by(run_toml: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(run_toml).ok()?;
    table.get("training")?.get("best")?.as_str().map(str::to_owned)
}

/// Finds the best epoch so far where the run itself has not said it.
fn complete(run: &mut Run, best_by: &str) {
    let sign = if column::higher_is_better(best_by) { -1.0 } else { 1.0 };
    if run.best_epoch.is_none() {
        run.best_epoch = run.points(best_by).into_iter().min_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1))).map(|p| p.0);
    }
    if run.best.is_empty()
        && let Some(row) = run.rows.iter().find(|row| Some(row.epoch) == run.best_epoch)
    {
        run.best = row.values.iter().cloned().collect();
    }
}

/// Runs of one data set whose swept keys and values are the same but for seed and fold; one that does not say of which data it is, because it has
/// not started, counts to whichever group fits. Names are for readers: where two groups would have one, whole keys distinguish them,
/// and where the data differs, its fingerprint.
fn group(runs: Vec<Read>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let (known, unknown): (Vec<Read>, Vec<Read>) = runs.into_iter().partition(|(run, _)| !run.data.is_empty());
    for (run, _) in known.into_iter().chain(unknown) {
        let fits = |group: &&mut Group| {
            of_group(&group.runs[0]).eq(of_group(&run)) && (run.data.is_empty() || run.data == group.runs[0].data)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { name: plan::group_name(&run.differs), runs: vec![run], own: Vec::new() }),
        }
    }
    let whole = |group: &Group| {
        let keys = of_group(&group.runs[0]).map(|(key, value)| format!("{key} {}", plan::spoken(value)));
        Some(keys.collect::<Vec<_>>().join(", ")).filter(|words| !words.is_empty()).unwrap_or_else(|| group.name.clone())
    };
    rename_alike(&mut groups, whole);
    rename_alike(&mut groups, |group| format!("{}, data {}", group.name, plan::short_fingerprint(group.data())));
    groups.iter_mut().for_each(|g| g.runs.sort_by(|a, b| natural(&words(a), &words(b))));
    groups.sort_by(|a, b| natural(&a.name, &b.name));
    groups
}

/// Gives other names to groups that have one in common.
fn rename_alike(groups: &mut [Group], other: impl Fn(&Group) -> String) {
    let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    for group in groups.iter_mut().filter(|group| names.iter().filter(|name| **name == group.name).count() > 1) {
        group.name = other(group);
    }
}

/// What a run shares with its repetitions.
fn of_group(run: &Run) -> impl Iterator<Item = &(String, String)> {
    run.differs.iter().filter(|(key, _)| !plan::of_repetition(key))
}

fn words(run: &Run) -> String {
    run.differs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
}

/// Order of text in which numbers count by value: `channels 8-16` before `channels 16-32`.
fn natural(a: &str, b: &str) -> Ordering {
    let split = |text: &str| -> Vec<String> {
        // A dash between digits parts the items of a list; the one of `1e-3` does not.
        let bytes = text.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let dash = |at: usize| bytes[at] == b'-' && at > 0 && digit(at - 1) && digit(at + 1);
        let spaced: String = text.char_indices().map(|(at, c)| if dash(at) { ' ' } else { c }).collect();
        let parts = spaced.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '"'));
        parts.filter(|p| !p.is_empty()).map(str::to_owned).collect()
    };
    let by_part = |a: &String, b: &String| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    };
    let (x, y) = (split(a), split(b));
    let first = x.iter().zip(&y).map(|(a, b)| by_part(a, b)).find(|o| o.is_ne());
    first.unwrap_or_else(|| x.len().cmp(&y.len())).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        let mut names = ["channels 16-32, lr 1e-3", "channels 8-16, lr 0.01", "channels 8-16, lr 1e-3", "norms [[8], [2]]"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["channels 8-16, lr 1e-3", "channels 8-16, lr 0.01", "channels 16-32, lr 1e-3", "norms [[8], [2]]"]);
    }
}
