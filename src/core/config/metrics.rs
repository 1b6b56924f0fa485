//! What is measured beside losses and counted scores, when a run ends.

use super::model::is_default;
use crate::metric::{ExtraMetric, USUAL_THRESHOLD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured beside losses and counted scores: of every validation and test image, with the best weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Metrics that take longer than counting, computed once, when the run ends.
    #[schemars(extend("uniqueItems" = true))]
    pub extra: Vec<ExtraMetric>,
    /// Height and width in mm of one pixel at `preprocess.size`; lengths are given in mm too then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("items" = serde_json::json!({"type": "number", "exclusiveMinimum": 0})))]
    pub spacing_mm: Option<[f64; 2]>,
    /// From which probability on a pixel is foreground, for test scores at the threshold, predictions and evaluations: a number from 0 to
    /// 1, or `validation`, the one with the best validation Dice. The columns of metrics.csv are those of 0.5 whatever it is.
    #[serde(skip_serializing_if = "is_default")]
    pub threshold: Threshold,
}

/// From which probability on a pixel is foreground.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Threshold {
    /// The same number for every class, in [0, 1].
    Fixed(#[schemars(range(min = 0, max = 1))] f64),
    /// Chosen when the run ends, for each class.
    By(ThresholdBy),
}

/// By which scores a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdBy {
    /// The best mean over the validation images of the Dice score of the class.
    Validation,
}

impl Default for Threshold {
    /// 0.5, at which every column of metrics.csv is.
    fn default() -> Self {
        Self::Fixed(USUAL_THRESHOLD)
    }
}
