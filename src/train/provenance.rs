//! Notes in a run's [`Provenance`] where, when and by what it was made; no part of any comparison.
//!
//! What others wrote there before (the data set's fingerprint, say) is kept.

use crate::config::{Model, Norm, Precision};
use crate::machine;
use crate::ops::blocked::simd::level;
use crate::plan::NUMERIC_VERSION;
use crate::record::Provenance;
use crate::store::{self, RunDir};
use jiff::Timestamp;
use std::path::Path;

/// The device of a run and what computes there.
#[derive(Debug, Clone, Default)]
pub struct Where {
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// The GPU's name.
    pub gpu: Option<String>,
    /// What computes the convolutions on the GPU.
    pub convolutions: Option<String>,
}

/// Notes that a run begins: with nothing, or with the epochs of another run, whose initial weights are its own then.
///
/// # Errors
/// If the file cannot be read or written.
pub fn begins(run: &RunDir, with: Option<(&RunDir, usize)>) -> Result<(), store::Error> {
    let before = run.provenance()?.unwrap_or_default();
    let mut now = before.clone();
    now.start_over();
    if let Some((other, epochs)) = with {
        let known = other.provenance()?.unwrap_or_default();
        now.initial_weights = known.initial_weights;
        now.initial_weights_hash = known.initial_weights_hash;
        now.initial_weights_notes = known.initial_weights_notes;
        now.continued_from = Some(other.id().to_string());
        now.continued_after_epoch = Some(epochs);
    }
    if now == before { Ok(()) } else { run.write_provenance(&now) }
}

/// Notes the weights that a run begins with, where they are not drawn: their file, its hash, and what is to be known of them.
///
/// # Errors
/// If the file cannot be read or written.
pub fn initialised(run: &RunDir, file: &Path, hash: &str, notes: Vec<String>) -> Result<(), store::Error> {
    run.write_provenance(&Provenance {
        initial_weights: Some(file.display().to_string()),
        initial_weights_hash: Some(hash.to_owned()),
        initial_weights_notes: notes,
        ..run.provenance()?.unwrap_or_default()
    })
}

/// Notes the start with the `place`, or the resume after `epochs` epochs and `batches` batches, and returns what is known by now.
///
/// # Errors
/// If the file cannot be read or written.
pub fn started(
    run: &RunDir,
    precision: Precision,
    place: Where,
    (epochs, batches): (usize, usize),
) -> Result<Provenance, store::Error> {
    let mut provenance = run.provenance()?.unwrap_or_default();
    if provenance.micro_batches.unwrap_or(1) > 1 {
        provenance.micro_batches_since_epoch.get_or_insert(epochs + 1);
    }
    provenance.version = Some(env!("CARGO_PKG_VERSION").to_owned());
    provenance.numeric_version = Some(NUMERIC_VERSION);
    provenance.git_commit = option_env!("UMLAUT_GIT_COMMIT").map(str::to_owned).or(provenance.git_commit);
    provenance.host = Some(machine::host());
    provenance.device = Some(place.device);
    (provenance.gpu, provenance.convolutions) = (place.gpu, place.convolutions);
    provenance.threads = Some(rayon::current_num_threads());
    provenance.cpu = Some(machine::processor());
    provenance.instructions = Some(level().name().to_owned());
    provenance.precision = Some(precision.name().to_owned());
    provenance.command = std::env::args().collect();
    if epochs.saturating_sub(provenance.continued_after_epoch.unwrap_or(0)) + batches == 0 {
        provenance.started = Some(now());
    } else {
        provenance.resumed = Some(now());
        provenance.resumed_after_epoch = Some(epochs);
        provenance.resumed_after_batch = Some(batches);
    }
    run.write_provenance(&provenance)?;
    Ok(provenance)
}

/// What a reader of the run's numbers should know, a sentence each.
pub fn notes(provenance: &Provenance, model: &Model) -> Vec<String> {
    let mut notes = provenance.initial_weights_notes.clone();
    if let (Some(id), Some(epochs)) = (&provenance.continued_from, provenance.continued_after_epoch) {
        notes.push(format!("epochs 1 to {epochs} were taken over from the finished run {id}"));
    }
    if let (Some(parts), Some(epoch)) = (provenance.micro_batches, provenance.micro_batches_since_epoch) {
        let norm = match model.blocks().norm {
            Norm::Batch => "but batch norm saw the statistics of the micro-batches",
            Norm::Group | Norm::Instance | Norm::None => "up to rounding",
        };
        notes.push(format!(
            "for want of memory every batch was split into {parts} micro-batches from epoch {epoch} on, their gradients added up: the updates \
             are those of whole batches, {norm}"
        ));
    }
    notes
}

/// Notes the end.
///
/// # Errors
/// If the file cannot be read or written.
pub fn ended(run: &RunDir) -> Result<(), store::Error> {
    run.write_provenance(&Provenance { ended: Some(now()), ..run.provenance()?.unwrap_or_default() })
}

/// UTC, whole seconds.
fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu() -> Where {
        Where { device: "cpu".into(), ..Where::default() }
    }

    #[test]
    fn what_others_wrote_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        run.write_provenance(&Provenance { dataset_fingerprint: Some("abc".into()), ..Provenance::default() }).unwrap();
        started(&run, Precision::F32, cpu(), (0, 0)).unwrap();
        started(&run, Precision::Bf16, cpu(), (3, 1)).unwrap();
        ended(&run).unwrap();
        let provenance = run.provenance().unwrap().unwrap();
        assert_eq!(provenance.dataset_fingerprint.as_deref(), Some("abc"));
        assert_eq!([provenance.resumed_after_epoch, provenance.resumed_after_batch], [Some(3), Some(1)]);
        assert_eq!(provenance.numeric_version, Some(NUMERIC_VERSION));
        let words = [
            &provenance.version,
            &provenance.host,
            &provenance.device,
            &provenance.cpu,
            &provenance.instructions,
            &provenance.precision,
        ];
        for word in words.into_iter().chain([&provenance.started, &provenance.resumed, &provenance.ended]) {
            assert!(word.as_ref().is_some_and(|word| !word.is_empty()), "{provenance:?}");
        }
    }

    fn model(norm: &str) -> Model {
        toml::from_str(&format!("[unet]\nchannels = [4, 8]\ngroups = 2\nnorm = '{norm}'")).unwrap()
    }

    #[test]
    fn a_run_that_goes_on_with_anothers_epochs_starts_after_them() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        let other = RunDir::at(dir.path().join("seed-1-abc"));
        begins(&run, Some((&other, 2))).unwrap();
        let provenance = started(&run, Precision::F32, cpu(), (2, 0)).unwrap();
        assert!(provenance.started.is_some() && provenance.resumed.is_none(), "{provenance:?}");
        assert_eq!(notes(&provenance, &model("batch")), ["epochs 1 to 2 were taken over from the finished run seed-1-abc"]);
        assert!(started(&run, Precision::F32, cpu(), (3, 0)).unwrap().resumed.is_some());
        begins(&run, None).unwrap();
        let provenance = started(&run, Precision::F32, cpu(), (0, 0)).unwrap();
        assert!(provenance.resumed.is_none() && notes(&provenance, &model("batch")).is_empty(), "{provenance:?}");
    }

    #[test]
    fn a_note_says_since_when_batches_are_split_and_what_that_does_to_batch_norm() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        for (parts, epochs) in [(1, 0), (2, 3), (4, 5)] {
            let known = run.provenance().unwrap().unwrap_or_default();
            run.write_provenance(&Provenance { micro_batches: Some(parts), ..known }).unwrap();
            started(&run, Precision::F32, cpu(), (epochs, 0)).unwrap();
        }
        let provenance = run.provenance().unwrap().unwrap();
        let words = |norm: &str| notes(&provenance, &model(norm)).concat();
        assert!(
            words("batch").starts_with("for want of memory every batch was split into 4 micro-batches from epoch 4 on"),
            "{provenance:?}"
        );
        assert!(words("batch").contains("batch norm") && !words("group").contains("batch norm"));
    }
}
