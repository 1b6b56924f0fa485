//! Which groups are drawn in colour where there are too many to tell apart.

use crate::report::collect::Comparison;
use crate::report::verdict::Verdict;

/// The groups that are drawn in colour and named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Focus {
    shown: Vec<bool>,
}

/// The most groups that are all drawn in colour, and how many of more than these.
const MOST: usize = 12;
const BEST: usize = 10;

impl Focus {
    /// All groups, or the ten best of more than twelve; groups without a value come last.
    pub(crate) fn of(comparison: &Comparison, verdict: &Verdict) -> Self {
        let count = comparison.groups.len();
        if count <= MOST {
            return Self::all(count);
        }
        let order = verdict.order(comparison);
        Self { shown: (0..count).map(|group| order[..BEST].contains(&group)).collect() }
    }

    /// Each of some groups.
    pub(crate) fn all(count: usize) -> Self {
        Self { shown: vec![true; count] }
    }

    pub(crate) fn shows(&self, group: usize) -> bool {
        self.shown[group]
    }

    /// How many groups are shown.
    pub(crate) fn count(&self) -> usize {
        self.shown.iter().filter(|shown| **shown).count()
    }

    /// What the key calls the rest: `90 others`.
    pub(crate) fn others(&self) -> Option<String> {
        match self.shown.len() - self.count() {
            0 => None,
            1 => Some("1 other".to_owned()),
            n => Some(format!("{n} others")),
        }
    }
}
