//! What the files and folders of a run are called, and what is done about one that is damaged.

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

/// What is done about a run's damaged file: the end of every message about one.
pub(super) const REMEDY: &str = "`umlaut run` puts it aside, into a folder damaged-N of the run, and makes again what is lost with it; the other runs are not concerned";
