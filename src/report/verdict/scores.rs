//! Which scores groups are compared by, and the complete tables that they make.

use crate::metric::{self, Split};
use crate::plan;
use crate::record::ImageRow;
use crate::report::collect::{Comparison, Group, Run, State};
use crate::report::inference::{self, Pooled};
use std::collections::{BTreeMap, BTreeSet};

/// An image that is judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Image {
    /// Empty where all folds are judged on the same images.
    fold: String,
    name: String,
}

/// By seed: the score of each image, in the mean over classes.
type BySeed = BTreeMap<String, BTreeMap<Image, f64>>;

/// Scores of single images of all groups.
pub(super) struct Scores {
    /// The column that groups are judged by.
    pub column: String,
    pub split: Split,
    metric: String,
    groups: Vec<BySeed>,
}

/// Groups that are tested against each other, and their table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tested {
    /// Places in [`Comparison::groups`], in the order of the table.
    pub groups: Vec<usize>,
    pub table: Pooled,
    pub unit: Unit,
    /// Images that all of them have.
    pub images: usize,
    /// Images that some of them have.
    pub of_images: usize,
}

/// What counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Image,
    Patient,
    Fold,
}

/// Why a group is not tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Untested {
    /// No run has scores of single images.
    NoScores,
    OneSeed,
    /// Of two seeds or more not two have every fold.
    FoldsMissing,
    /// There is no other group whose scores compare.
    Alone,
    /// Too few images are those of the others too.
    OtherImages,
}

impl Unit {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Unit::Image => "image",
            Unit::Patient => "patient",
            Unit::Fold => "fold",
        }
    }
}

impl Scores {
    /// By `by`, a column without its split (`iou`, `dice_disc`); else by Dice if there is one, else by what chooses the best epoch.
    pub(super) fn of(comparison: &Comparison, by: Option<&str>) -> Self {
        let split = split(comparison);
        let has_dice = comparison.groups.iter().any(|group| !group.values(&split.column("dice")).is_empty());
        let best_by = Split::of(&comparison.best_by).map_or(comparison.best_by.as_str(), |(_, stem)| stem);
        let stem = by.unwrap_or(if has_dice { "dice" } else { best_by });
        let (name, class) = metric::describe(stem).map_or((stem, None), |metric| (metric.name, metric.class));
        let groups = comparison.groups.iter().map(|group| by_seed(group, split, name, class.as_deref())).collect();
        Self { column: split.column(stem), split, metric: name.to_owned(), groups }
    }

    /// The column without its split.
    pub(super) fn stem(&self) -> &str {
        self.column.split_once('_').map_or(&self.column, |(_, stem)| stem)
    }

    /// The tables of groups that compare, of all groups in `order`, and why others are in none.
    pub(super) fn tables(&self, comparison: &Comparison, order: &[usize]) -> (Vec<Tested>, Vec<(usize, Untested)>) {
        let (mut sets, mut untested): (Vec<Vec<usize>>, Vec<(usize, Untested)>) = (Vec::new(), Vec::new());
        let key = |group: usize| comparison.groups[group].key();
        for &group in order {
            let why = match self.groups[group].len() {
                0 => Some(Untested::NoScores),
                1 => Some(Untested::OneSeed),
                _ => (self.rows(comparison, group).len() < 2).then_some(Untested::FoldsMissing),
            };
            match (why, sets.iter_mut().find(|set| key(set[0]).compares_with(&key(group), &self.metric))) {
                (Some(why), _) => untested.push((group, why)),
                (None, Some(set)) => set.push(group),
                (None, None) => sets.push(vec![group]),
            }
        }
        let tables = sets.iter().filter_map(|set| self.table(comparison, set, &mut untested)).collect();
        (tables, untested)
    }

    /// The seeds of a group that have every fold which any of its seeds has.
    fn rows(&self, comparison: &Comparison, group: usize) -> Vec<&BTreeMap<Image, f64>> {
        let folds = |row: &BTreeMap<Image, f64>| row.keys().map(|image| image.fold.as_str()).collect::<BTreeSet<_>>().len();
        let rows = &self.groups[group];
        let most = rows.values().map(folds).max().unwrap_or(0);
        let by_fold = self.by_fold(comparison, group).is_some();
        rows.values().filter(|row| !by_fold || folds(row) == most).collect()
    }

    /// Into how many folds the data set is split, where each has images of its own.
    fn by_fold(&self, comparison: &Comparison, group: usize) -> Option<usize> {
        comparison.groups[group].key().design.folds.filter(|folds| self.split == Split::Val && *folds > 1)
    }

    /// Groups join as long as what they have in common is half of what it was; `None` if fewer than two are left.
    fn table(&self, comparison: &Comparison, set: &[usize], untested: &mut Vec<(usize, Untested)>) -> Option<Tested> {
        let (mut groups, mut common, mut all) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for &group in set {
            let mut own = self.rows(comparison, group).into_iter().map(|row| row.keys().collect::<BTreeSet<&Image>>());
            let first = own.next().unwrap_or_default();
            let own = own.fold(first, |common, row| &common & &row);
            let joined: BTreeSet<&Image> = if groups.is_empty() { own.clone() } else { &common & &own };
            if joined.len() >= 2 && (groups.is_empty() || 2 * joined.len() >= common.len()) {
                groups.push(group);
                all.extend(own);
                common = joined;
            } else {
                untested.push((group, Untested::OtherImages));
            }
        }
        if groups.len() < 2 {
            untested.extend(groups.iter().map(|group| (*group, Untested::Alone)));
            return None;
        }
        let images: Vec<&Image> = common.into_iter().collect();
        let folds = self.by_fold(comparison, groups[0]);
        let (unit, inner, outer) = units(comparison, &groups, &images, folds.is_some());
        let row = |of: &BTreeMap<Image, f64>| -> Vec<f64> {
            let scores: Vec<f64> = images.iter().map(|image| of[*image]).collect();
            let scores = inference::means(&scores, &inner);
            outer.as_ref().map_or(scores.clone(), |folds| inference::means(&scores, folds))
        };
        let cells: Vec<Vec<Vec<f64>>> =
            groups.iter().map(|group| self.rows(comparison, *group).into_iter().map(row).collect()).collect();
        let overlap = folds.map_or(0.0, |folds| 1.0 / (folds - 1) as f64);
        let Some(table) = Pooled::of(&cells, overlap) else {
            untested.extend(groups.iter().map(|group| (*group, Untested::OtherImages)));
            return None;
        };
        Some(Tested { groups, table, unit, images: images.len(), of_images: all.len() })
    }
}

/// What counts once, the image's place among the images or patients (of a fold), and of these the place among the folds.
fn units(comparison: &Comparison, groups: &[usize], images: &[&Image], folds: bool) -> (Unit, Vec<usize>, Option<Vec<usize>>) {
    let names: Vec<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let patients = groups.iter().filter_map(|group| comparison.groups[*group].key().design.patients_of(&names));
    // Of several expressions the one that finds the fewest patients claims the least.
    let patients = patients.min_by_key(|patients| patients.iter().collect::<BTreeSet<_>>().len());
    let unit = if patients.is_some() { Unit::Patient } else { Unit::Image };
    let own = |at: usize| patients.as_ref().map_or(names[at], |patients| &patients[at]);
    let fold = |at: usize| if folds { images[at].fold.as_str() } else { "" };
    let keys: Vec<(&str, &str)> = (0..images.len()).map(|at| (fold(at), own(at))).collect();
    let distinct: Vec<(&str, &str)> = keys.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let inner = places(&keys, &distinct);
    if !folds {
        return (unit, inner, None);
    }
    let of_distinct: Vec<&str> = distinct.iter().map(|key| key.0).collect();
    let names: Vec<&str> = of_distinct.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    (Unit::Fold, inner, Some(places(&of_distinct, &names)))
}

fn places<T: Ord>(keys: &[T], among: &[T]) -> Vec<usize> {
    keys.iter().map(|key| among.binary_search(key).expect("it is one of them")).collect()
}

/// The test split if every group with scores of images has some of it.
fn split(comparison: &Comparison) -> Split {
    let scored = |group: &Group| group.settled().iter().any(|run| !run.images.rows.is_empty());
    let tested = |run: &&Run| run.images.rows.iter().any(|row| row.split == Split::Test.prefix());
    let mut groups = comparison.groups.iter().filter(|group| scored(group)).peekable();
    let all = groups.peek().is_some() && groups.all(|group| group.settled().iter().any(tested));
    if all { Split::Test } else { Split::Val }
}

/// The folds of a seed are one row: images of their own where they validate, means over the folds where all are judged on the same images.
fn by_seed(group: &Group, split: Split, metric: &str, class: Option<&str>) -> BySeed {
    let mut sums: BTreeMap<String, BTreeMap<Image, (f64, f64)>> = BTreeMap::new();
    for run in group.settled().into_iter().filter(|run| run.state == State::Finished) {
        let Some(place) = run.images.place(metric) else { continue };
        let own = |key: &str| run.differs.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone()).unwrap_or_default();
        let fold = if split == Split::Val { own(plan::FOLD) } else { String::new() };
        // A row of the image itself has no class, and NaN where a metric is of classes; rows of classes have NaN where it is not.
        let counts = |row: &&ImageRow| {
            row.split == split.prefix() && class.is_none_or(|class| class == row.class) && row.values[place].is_finite()
        };
        let row = sums.entry(own(plan::SEED)).or_default();
        for score in run.images.rows.iter().filter(counts) {
            let image = Image { fold: fold.clone(), name: score.image.clone() };
            let sum = row.entry(image).or_default();
            *sum = (sum.0 + score.values[place], sum.1 + 1.0);
        }
    }
    let mean = |row: BTreeMap<Image, (f64, f64)>| row.into_iter().map(|(image, (sum, count))| (image, sum / count)).collect();
    let seeds = sums.into_iter().map(|(seed, row): (String, BTreeMap<Image, (f64, f64)>)| (seed, mean(row)));
    seeds.filter(|(_, row): &(String, BTreeMap<Image, f64>)| !row.is_empty()).collect()
}
