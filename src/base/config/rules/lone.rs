//! Normalisation of a single value, which is 0 whatever the value is.
//!
//! Where the deepest maps are 1 × 1, an instance norm has one value to normalise, and a batch norm one for each sample of a batch. The
//! maps of all other levels are larger.

use super::Finding;
use super::size::{gcd, size_key};
use crate::config::{Experiment, Norm};

/// Groups that are proposed at the most, as many as the default.
const MOST_GROUPS: usize = 8;

impl Experiment {
    /// How many samples a batch that trains must have at least: 2 where a batch norm has one value of each sample, else 1.
    pub fn least_batch(&self) -> usize {
        if self.ends_in_one_pixel() && self.model.blocks().norm == Norm::Batch { 2 } else { 1 }
    }

    /// What can be done where a norm has one value to normalise, in words: what is proposed for the batch, then what helps whatever the
    /// batch is.
    pub fn more_values(&self, batch: Option<String>) -> String {
        let [channels, norm, groups] = self.model.keys();
        let mut ways: Vec<String> = batch.into_iter().collect();
        if self.model.channels().len() > 2 {
            ways.push(format!("drop a level of `{channels}`"));
        }
        let doubled = self.input_size().map(|side| 2 * side);
        if self.patches.is_none() || doubled.iter().zip(self.preprocess.size).all(|(side, image)| *side <= image) {
            ways.push(format!("write `{}` = {doubled:?}", size_key(self)));
        }
        let (common, deepest) = (self.model.channels().iter().fold(0, |a, b| gcd(a, *b)), self.deepest_channels());
        ways.push(match (1..=MOST_GROUPS).rev().find(|groups| common % groups == 0 && *groups < deepest) {
            Some(count) => format!("write `{norm}` = \"group\" with `{groups}` = {count}"),
            None => format!("write `{norm}` = \"none\""),
        });
        listed_ways(&ways)
    }

    /// Whether the maps of the deepest level are 1 × 1.
    fn ends_in_one_pixel(&self) -> bool {
        let depth = self.model.channels().len().saturating_sub(1);
        depth < 32 && self.input_size() == [1 << depth; 2]
    }

    fn deepest_channels(&self) -> usize {
        self.model.channels().last().copied().unwrap_or(0)
    }
}

/// `a, b, or c`.
fn listed_ways(ways: &[String]) -> String {
    match ways {
        [others @ .., last] if !others.is_empty() => format!("{}, or {last}", others.join(", ")),
        _ => ways.concat(),
    }
}

pub(super) fn lone(e: &Experiment) -> Option<Finding> {
    const BATCH: &str = "training.batch_size";
    let ([channels, norm, groups], size, blocks) = (e.model.keys(), size_key(e), e.model.blocks());
    let [h, w] = e.input_size();
    let where_ = format!("the deepest of the {} levels is 1 × 1 at `{size}` = [{h}, {w}]", e.model.channels().len());
    if !e.ends_in_one_pixel() {
        return None;
    }
    match blocks.norm {
        Norm::Batch if e.training.batch_size == 1 => {
            let title = format!("`{BATCH}` = 1 gives batch norm a single value to normalise: {where_}");
            Some(Finding::new(title, &[BATCH, channels, size, norm], e.more_values(Some(format!("write `{BATCH}` = 2 or more")))))
        }
        Norm::Instance => {
            let title = format!("`{norm}` = \"instance\" has a single value to normalise, which becomes 0: {where_}");
            Some(Finding::new(title, &[norm, channels, size], e.more_values(None)))
        }
        Norm::Group if blocks.groups == e.deepest_channels() => {
            let title = format!("`{groups}` = {} leaves a single value to normalise, which becomes 0: {where_}", blocks.groups);
            Some(Finding::new(title, &[groups, norm, channels, size], e.more_values(None)))
        }
        _ => None,
    }
}
