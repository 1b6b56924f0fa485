//! Extra metrics and the classes that they need.

use super::Finding;
use crate::config::Experiment;
use crate::config::ExtraMetric;

/// The rules that `[metrics]` has with other tables.
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
