//! What is measured beside losses and counted scores, when a run ends.

use super::Experiment;
use super::rules::Finding;
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

/// The rules that this table has with others.
pub(super) fn check(e: &Experiment) -> Vec<Finding> {
    let (classes, about) = (e.dataset.classes(), e.dataset.classes_path());
    let has = |name: &str| classes.iter().any(|class| class == name);
    let mut found = Vec::new();
    if e.metrics.extra.contains(&ExtraMetric::VcdrError) && !(has("disc") && has("cup")) {
        let title = format!("\"vcdr_error\" in `metrics.extra` needs the classes \"disc\" and \"cup\" in `{about}`");
        found.push(Finding::new(title, &["metrics.extra", about], "take \"vcdr_error\" out, or name the classes so"));
    }
    if e.metrics.spacing_mm.is_some() && has("mm") {
        let title = format!(
            "a class of `{about}` cannot be named \"mm\" with `metrics.spacing_mm`: the column `val_hd95_mm` has another meaning"
        );
        found.push(Finding::new(title, &[about, "metrics.spacing_mm"], "choose another name, or take spacing_mm out"));
    }
    found
}
