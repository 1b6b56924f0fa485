//! What the files and folders of a run are called, and what is done about one that is damaged.

use std::path::Path;

pub(super) const RUN: &str = "run.toml";
pub(super) const PLACE: &str = "place.toml";
pub(super) const PROVENANCE: &str = "provenance.toml";
pub(super) const METRICS: &str = "metrics.csv";
pub(super) const TIMING: &str = "timing.csv";
pub(super) const OUTCOME: &str = "outcome.toml";
pub(super) const PER_IMAGE: &str = "per_image.csv";
pub(super) const THRESHOLDS: &str = "thresholds.csv";
pub(super) const LOG: &str = "log.txt";
pub(super) const EVENTS: &str = "events.jsonl";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const SAMPLES: &str = "samples";

/// How the names of directories of runs begin that are being deleted.
pub(super) const DELETING: &str = ".deleting-";

/// How the names of directories of runs begin that are being taken over.
pub(super) const TAKING: &str = ".taking-";

/// Whether a directory of a run is one that is being deleted or taken over, and no run.
pub(super) fn is_passing(run: &Path) -> bool {
    run.file_name().is_some_and(|name| [DELETING, TAKING].iter().any(|start| name.to_string_lossy().starts_with(start)))
}

/// What is done about a run's damaged file: the end of every message about one.
pub(super) const REMEDY: &str = "`umlaut run` puts it aside, into a folder damaged-N of the run, and makes again what is lost with it; the other runs are not concerned";
