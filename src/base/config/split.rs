//! Which samples train, validate and test.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which samples train, validate and test: exactly one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitRule {
    /// The data set's own parts; `drishti_gs` and `rim_one` have them.
    Official(OfficialSplit),
    /// Random shares.
    Fractions(FractionSplit),
    /// One part in k validates; a run a fold.
    KFold(KFoldSplit),
    /// Names, part by part.
    Lists(ListSplit),
}

/// The data set's own training and test splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OfficialSplit {
    /// Which official part validates.
    pub validate_on: ValidateOn,
    /// With `validate_on = "training"`: the share of it that validates, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub val_fraction: f64,
    /// Seed of that draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub group: Option<String>,
}

/// Which official part validates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidateOn {
    /// A share of the official training split; the official test split tests.
    #[default]
    Training,
    /// The official test split; nothing is left for a test. What many reports do, and optimistic.
    Test,
}

/// Random shares; they add up to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FractionSplit {
    /// Share that trains, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub train: f64,
    /// Share that validates, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub val: f64,
    /// Share that tests, in [0, 1).
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub test: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub group: Option<String>,
}

/// Cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KFoldSplit {
    /// Number of folds, 2 or more.
    #[schemars(range(min = 2, max = 1000))]
    pub k: usize,
    /// The folds to run, 1-based; empty means all.
    #[schemars(inner(range(min = 1)), extend("uniqueItems" = true))]
    pub folds: Vec<usize>,
    /// Share that is set aside for the test before folding, in [0, 1).
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub test: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// Regular expression on the name; samples whose first capture group (or whole match) is equal stay together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "regex"))]
    pub group: Option<String>,
}

/// Names of samples (file stems), part by part; `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSplit {
    /// Samples that train.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub train: Vec<String>,
    /// Samples that validate.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub val: Vec<String>,
    /// Samples that test.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub test: Vec<String>,
}

impl SplitRule {
    /// How many folds run: 1 where nothing is folded.
    pub fn fold_count(&self) -> usize {
        match self {
            Self::KFold(split) if split.folds.is_empty() => split.k,
            Self::KFold(split) => split.folds.len(),
            _ => 1,
        }
    }
}

impl SplitRule {
    /// The expression that keeps samples in one part; lists name them one by one.
    pub(super) fn group_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Official(split) => Some(&mut split.group),
            Self::Fractions(split) => Some(&mut split.group),
            Self::KFold(split) => Some(&mut split.group),
            Self::Lists(_) => None,
        }
    }
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::Fractions(FractionSplit::default())
    }
}

impl Default for OfficialSplit {
    fn default() -> Self {
        Self { validate_on: ValidateOn::Training, val_fraction: 0.2, seed: 1, group: None }
    }
}

impl Default for FractionSplit {
    fn default() -> Self {
        Self { train: 0.7, val: 0.15, test: 0.15, seed: 1, group: None }
    }
}

impl Default for KFoldSplit {
    fn default() -> Self {
        Self { k: 5, folds: Vec::new(), test: 0.0, seed: 1, group: None }
    }
}
