//! Scores of single images by group: the mean over the group's runs, for one class or over all that an image has.

use super::collect::{Comparison, Group};
use super::verdict::Verdict;
use crate::metric::{self, Split};
use std::collections::BTreeMap;

/// What is read of per_image.csv: the metric that groups are compared by, where images have it, else Dice.
pub(super) struct Measure {
    /// `dice`, `bce`, ….
    pub metric: String,
    pub split: Split,
    /// The class that groups are compared by; `None` for the mean over classes.
    pub class: Option<String>,
}

impl Measure {
    /// By the verdict.
    pub(super) fn of(comparison: &Comparison, verdict: &Verdict) -> Self {
        let judged = metric::describe(&verdict.column);
        let has = |name: &str| comparison.runs().any(|run| run.images.place(name).is_some());
        match judged.filter(|judged| has(judged.name)) {
            Some(judged) => Self { metric: judged.name.to_owned(), split: verdict.split(), class: judged.class },
            None => Self { metric: "dice".to_owned(), split: verdict.split(), class: None },
        }
    }

    /// The column of a class, or of the mean over classes: its title, range and direction.
    pub(super) fn column(&self, class: Option<&str>) -> String {
        match class {
            Some(class) => self.split.column(&format!("{}_{class}", self.metric)),
            None => self.split.column(&self.metric),
        }
    }

    /// Every image of the split that a run of the group has scored, with the mean over runs, and over classes where none is named.
    pub(super) fn scores<'a>(&self, group: &'a Group, class: Option<&str>) -> BTreeMap<&'a str, f64> {
        let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for run in group.settled() {
            let Some(place) = run.images.place(&self.metric) else { continue };
            let of_class = |row: &&crate::record::ImageRow| match class {
                Some(class) => row.class == class,
                None => !row.class.is_empty(),
            };
            for row in run.images.rows.iter().filter(|row| row.split == self.split.prefix()).filter(of_class) {
                // A class that the split does not show has no Dice.
                if row.values[place].is_finite() {
                    let (sum, count) = sums.entry(&row.image).or_default();
                    (*sum, *count) = (*sum + row.values[place], *count + 1);
                }
            }
        }
        sums.into_iter().map(|(image, (sum, count))| (image, sum / count as f64)).collect()
    }
}
