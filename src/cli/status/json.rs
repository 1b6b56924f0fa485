//! What is seen as one JSON document, for programs. The page `results` of the guide describes it: keys may be added, and none changes its meaning.

use serde_json::{Value, json};
use std::path::Path;
use umlaut::status::{Run, Seen, search_document};

/// The document; `root` is what was asked for.
pub fn document(root: &Path, seen: &[Seen]) -> String {
    let experiments: Vec<Value> = seen.iter().map(experiment).collect();
    let document = json!({ "path": root.display().to_string(), "experiments": experiments });
    serde_json::to_string_pretty(&document).expect("plain data") + "\n"
}

fn experiment(seen: &Seen) -> Value {
    let holder = seen.holder.as_ref().map(|holder| json!({ "process": holder.process, "host": holder.host }));
    json!({
        "name": seen.name,
        "path": seen.path.display().to_string(),
        "bytes": seen.bytes,
        "held_by": holder,
        "problem": seen.problem,
        "search": seen.standing.as_deref().map(search_document),
        "runs_of_other_plans": seen.others,
        "runs": seen.runs.iter().map(|of| run(seen, of)).collect::<Vec<_>>(),
    })
}

fn run(seen: &Seen, run: &Run) -> Value {
    let best = run.best.as_ref().map(|best| json!({ "epoch": best.epoch, "column": best.column, "value": best.value }));
    json!({
        "id": run.id,
        "path": run.path.display().to_string(),
        "bytes": run.bytes,
        "state": run.word(),
        "queued": seen.has_queued(run),
        "cause": run.cause(),
        "epoch": run.epochs_done,
        "epochs": run.epochs,
        "best": best,
        "seconds_since_last_epoch": run.since().map(|since| since.as_secs()),
        "device": run.device,
        "without_weights": run.without_weights,
    })
}
