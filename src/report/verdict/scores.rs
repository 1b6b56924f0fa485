//! Which scores groups are compared by, and what two groups have in common.

use crate::metric::{self, Part};
use crate::plan;
use crate::record::ImageRow;
use crate::report::collect::{Comparison, Group, Run, State};
use crate::report::inference::Cells;
use std::collections::{BTreeMap, BTreeSet};

/// By seed: the score of each image, in the mean over classes.
type BySeed = BTreeMap<String, BTreeMap<String, f64>>;

/// Scores of single images of all groups.
pub(super) struct Scores {
    /// The column that groups are compared by.
    pub column: String,
    pub part: Part,
    groups: Vec<BySeed>,
}

/// What two groups have in common.
pub(super) struct Shared {
    pub a: Cells,
    pub b: Cells,
    /// Whether a row of both is the same seed.
    pub paired: bool,
    pub seeds: usize,
}

impl Scores {
    /// By `by`, a column without its part (`iou`, `dice_disc`); else by Dice if there is one, else by what chooses the best epoch.
    pub(super) fn of(comparison: &Comparison, by: Option<&str>) -> Self {
        let part = part(comparison);
        let has_dice = comparison.groups.iter().any(|group| !group.values(&format!("{}_dice", part.prefix())).is_empty());
        let best_by = comparison.best_by.strip_prefix("val_").unwrap_or(&comparison.best_by);
        let stem = by.unwrap_or(if has_dice { "dice" } else { best_by });
        let (name, class) = metric::describe(stem).map_or((stem, None), |metric| (metric.name, metric.class));
        let groups = comparison.groups.iter().map(|group| by_seed(group, part, name, class.as_deref())).collect();
        Self { column: format!("{}_{stem}", part.prefix()), part, groups }
    }

    /// Seeds of a group with scores of single images.
    pub(super) fn seeds(&self, group: usize) -> usize {
        self.groups[group].len()
    }

    /// The cells of two groups that can be compared: those of common seeds, or of all seeds where none is common; `None` without a
    /// common image.
    pub(super) fn shared(&self, a: usize, b: usize) -> Option<Shared> {
        let (a, b) = (&self.groups[a], &self.groups[b]);
        let common: Vec<&String> = a.keys().filter(|seed| b.contains_key(*seed)).collect();
        let all = |of: &BySeed| of.values().flat_map(BTreeMap::keys).cloned().collect::<BTreeSet<String>>();
        let images: Vec<String> = all(a).intersection(&all(b)).cloned().collect();
        let row = |of: &BTreeMap<String, f64>, other: Option<&BTreeMap<String, f64>>| -> Vec<f64> {
            let there = |image: &String| other.is_none_or(|other| other.contains_key(image));
            images.iter().map(|image| of.get(image).copied().filter(|_| there(image)).unwrap_or(f64::NAN)).collect()
        };
        let paired = !common.is_empty();
        let rows = |of: &BySeed, other: &BySeed| -> Cells {
            let seeds: Vec<&String> = if paired { common.clone() } else { of.keys().collect() };
            Cells { seeds: seeds.iter().map(|seed| row(&of[*seed], other.get(*seed))).collect() }
        };
        let shared =
            Shared { a: rows(a, b), b: rows(b, a), paired, seeds: if paired { common.len() } else { a.len().min(b.len()) } };
        (!shared.differences().is_empty()).then_some(shared)
    }
}

impl Shared {
    /// a − b of each common image, in the mean over seeds.
    pub(super) fn differences(&self) -> Vec<f64> {
        let images = self.a.seeds.first().map_or(0, Vec::len);
        let mean = |of: &Cells, image: usize| {
            let values: Vec<f64> = of.seeds.iter().map(|row| row[image]).filter(|value| !value.is_nan()).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        (0..images).map(|image| mean(&self.a, image) - mean(&self.b, image)).filter(|difference| !difference.is_nan()).collect()
    }

    /// Mean of a − mean of b over their cells.
    pub(super) fn mean_difference(&self) -> f64 {
        let mean = |of: &Cells| {
            let values: Vec<f64> = of.seeds.iter().flatten().copied().filter(|value| !value.is_nan()).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        mean(&self.a) - mean(&self.b)
    }
}

/// The test part if every group with scores of images has some of it.
fn part(comparison: &Comparison) -> Part {
    let scored = |group: &Group| group.settled().iter().any(|run| !run.images.rows.is_empty());
    let tested = |run: &&Run| run.images.rows.iter().any(|row| row.part == Part::Test.prefix());
    let mut groups = comparison.groups.iter().filter(|group| scored(group)).peekable();
    let all = groups.peek().is_some() && groups.all(|group| group.settled().iter().any(tested));
    if all { Part::Test } else { Part::Val }
}

/// The folds of a seed count as one: their images are others.
fn by_seed(group: &Group, part: Part, metric: &str, class: Option<&str>) -> BySeed {
    let mut seeds = BySeed::new();
    for run in group.settled().into_iter().filter(|run| run.state == State::Finished) {
        let Some(place) = run.images.place(metric) else { continue };
        let seed = run.differs.iter().find(|(key, _)| key == plan::SEED).map(|(_, seed)| seed.clone()).unwrap_or_default();
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        // A row of the image itself has no class, and NaN where a metric is of classes; rows of classes have NaN where it is not.
        let counts = |row: &&ImageRow| {
            row.part == part.prefix() && class.is_none_or(|class| class == row.class) && !row.values[place].is_nan()
        };
        for row in run.images.rows.iter().filter(counts) {
            let sum = sums.entry(&row.image).or_default();
            *sum = (sum.0 + row.values[place], sum.1 + 1.0);
        }
        // Images of different data sets are others, whatever they are called.
        let of_run = sums.into_iter().map(|(image, (sum, count))| (format!("{}/{image}", run.data), sum / count));
        seeds.entry(seed).or_default().extend(of_run);
    }
    seeds.retain(|_, images| !images.is_empty());
    seeds
}
