//! What is measured beside losses and counted scores, when a run ends.

use crate::metric::ExtraMetric;
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
}
