//! The files that a run is continued from.
//!
//! best.safetensors and last.safetensors hold weights and running statistics under PyTorch-style names, so that
//! `model.load_state_dict(safetensors.torch.load_file(path))` takes them. resume.safetensors alone holds all that an exact resume
//! needs: the same tensors (`model.NAME`), the optimizer's (`optimizer.KIND.NAME`), gradients that wait for an update
//! (`gradient.NAME`), EMA weights (`ema.NAME`), and the [`State`] as TOML in the metadata, with the hashes of the files that
//! go with it. It is replaced atomically, and last of all that an epoch leaves; whatever else is newer than it is made again, bit for
//! bit, and what does not fit it otherwise is dealt with in [`vouched`](super::vouched). No state of a random generator is needed: order
//! and augmentation follow from the seed and the epoch's number.

use super::Error;
use super::ema::Ema;
use super::gradient::Accumulation;
use super::lr_schedule::Plateau;
use super::optimizer::Optimizer;
use super::safetensors::{Contents, Entry, Values, write};
use crate::data::Normaliser;
use crate::metric::{Means, THRESHOLDS_METADATA, Tally, thresholds_to_metadata};
use crate::model::Params;
use crate::ops::Gradients;
use crate::record::{EpochRecord, Files};
use crate::store::{self, Seal};
use candle_core::{Device, Tensor, Var, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where a run stands, tensors aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Epochs done.
    pub epoch: usize,
    /// Updates done by the optimizer.
    pub steps: u64,
    /// What the plateau schedule remembers.
    pub plateau: Plateau,
    /// The best epoch so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// How far the epoch after those done is, if the run was stopped in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// What the other files hold: rows and weights after the epochs done.
    pub files: Files,
}

/// How far an epoch is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Batches done.
    pub batches: usize,
    /// How many of them have no update yet, their gradients added up.
    #[serde(rename = "waiting")]
    pub accumulated: usize,
    /// How long they took.
    pub seconds: f64,
    /// Their scores.
    pub tally: Tally,
    /// Their further terms of the loss.
    #[serde(default)]
    pub terms: Means,
}

/// The best epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// 1-based.
    pub epoch: usize,
    /// Its row of metrics.csv.
    pub values: BTreeMap<String, f64>,
}

impl Best {
    /// An epoch's row.
    pub fn of(record: &EpochRecord) -> Self {
        Self { epoch: record.epoch, values: record.values.iter().cloned().collect() }
    }
}

fn all(params: &Params) -> impl Iterator<Item = &(String, Var)> {
    params.trained.iter().chain(&params.buffers)
}

/// Writes weights and running statistics after `epoch`, and how images are normalised, if they are. Returns the file's hash.
///
/// # Errors
/// If the file cannot be written.
pub fn write_weights(path: &Path, params: &Params, epoch: usize, normaliser: &Normaliser) -> Result<String, Error> {
    let mut hash = String::new();
    store::replace(path, |file| pour_weights(file, params, epoch, normaliser, &[]).map(|of_file| hash = of_file))?;
    Ok(hash)
}

/// The same with the thresholds of a run that has ended, or again without them. The file with them tells the hash of the one without,
/// which a resume state vouches for: whoever is killed between the two goes on with either.
///
/// # Errors
/// If the file cannot be written.
pub fn note_thresholds(
    path: &Path,
    params: &Params,
    epoch: usize,
    normaliser: &Normaliser,
    thresholds: Option<&[f64]>,
) -> Result<String, Error> {
    let Some(thresholds) = thresholds else { return write_weights(path, params, epoch, normaliser) };
    let text = thresholds_to_metadata(thresholds);
    let mut hash = String::new();
    store::replace(path, |file| {
        let without = pour_weights(&mut io::sink(), params, epoch, normaliser, &[])?;
        let more = [(THRESHOLDS_METADATA, text.as_str()), (WITHOUT, without.as_str())];
        hash = pour_weights(file, params, epoch, normaliser, &more)?;
        Ok(())
    })?;
    Ok(hash)
}

/// The word of the metadata that has the hash of the same weights without thresholds.
const WITHOUT: &str = "without_thresholds";

/// Writes weights with their metadata and `more` of it; returns the file's hash.
fn pour_weights(
    out: &mut impl Write,
    params: &Params,
    epoch: usize,
    normaliser: &Normaliser,
    more: &[(&str, &str)],
) -> io::Result<String> {
    let entries: Vec<Entry> = all(params).map(|(name, var)| Entry { name: name.clone(), values: Values::Tensor(var) }).collect();
    let epoch = epoch.to_string();
    let normaliser = normaliser.to_metadata();
    let mut metadata = vec![("format", "pt"), ("epoch", epoch.as_str())];
    metadata.extend(normaliser.as_deref().map(|text| (Normaliser::METADATA, text)));
    metadata.extend(more);
    write(out, &metadata, &entries)
}

/// Whether weights that are whole are those of a hash, with thresholds or without.
pub fn are_of(contents: &Contents, hash: &str) -> bool {
    let without = contents.metadata.get(WITHOUT).is_some_and(|without| without == hash);
    matches!(&contents.seal, Seal::Whole(own) if own == hash || without)
}

/// Puts the weights of a file that [`write_weights`] wrote, with this hash, into the parameters.
///
/// # Errors
/// If the file cannot be read, is another one, or does not fit.
pub fn read_weights(path: &Path, params: &Params, hash: Option<&str>) -> Result<(), Error> {
    let contents = Contents::read(&store::read_bytes(path)?, &Device::Cpu).map_err(|e| misfit(path, &e))?;
    if !hash.is_some_and(|hash| are_of(&contents, hash)) {
        let problem = "it does not hold the weights of the run's best epoch; restore it from a copy, or repeat the command, which \
                       makes it again";
        return Err(Error::File { path: path.display().to_string(), problem: problem.to_owned() });
    }
    fill(&contents, params, "").map_err(|e| misfit(path, &e))
}

/// Writes all that an exact resume needs.
///
/// # Errors
/// If the file cannot be written.
pub fn write_resume(
    path: &Path,
    params: &Params,
    optimizer: &Optimizer,
    state: &State,
    accumulated: &Gradients,
    ema: Option<&Ema>,
) -> Result<(), Error> {
    let mut entries: Vec<Entry> =
        all(params).map(|(name, var)| Entry { name: format!("model.{name}"), values: Values::Tensor(var) }).collect();
    for (kind, index, values) in optimizer.state() {
        let (name, var) = &params.trained[index];
        entries.push(Entry { name: format!("optimizer.{kind}.{name}"), values: Values::Plain(values, var.dims()) });
    }
    for (index, (name, _)) in params.trained.iter().enumerate() {
        let values = accumulated.get(index).map(Values::Tensor);
        entries.extend(values.map(|values| Entry { name: format!("gradient.{name}"), values }));
    }
    for (name, average) in ema.into_iter().flat_map(|ema| ema.named(params)) {
        entries.push(Entry { name: format!("ema.{name}"), values: Values::Tensor(average) });
    }
    let state = toml::to_string(state).expect("a state is plain data");
    Ok(store::replace(path, |file| write(file, &[("state", &state)], &entries).map(drop))?)
}

/// A file that [`write_resume`] wrote.
pub struct Resume {
    path: PathBuf,
    contents: Contents,
    /// Where the run stood.
    pub state: State,
}

impl Resume {
    /// Reads the file, which must be there; `None` if it is damaged.
    ///
    /// # Errors
    /// If it cannot be read, or another version wrote it.
    pub fn read(path: PathBuf) -> Result<Option<Self>, Error> {
        let Ok(contents) = Contents::read(&store::read_bytes(&path)?, &Device::Cpu) else { return Ok(None) };
        if !matches!(contents.seal, Seal::Whole(_)) {
            return Ok(None);
        }
        let state = contents.metadata.get("state").map(String::as_str).unwrap_or_default();
        let state = toml::from_str(state).map_err(|e| misfit(&path, &e))?;
        Ok(Some(Self { path, contents, state }))
    }

    /// Puts everything back where it was.
    ///
    /// # Errors
    /// If the file is of another network or optimizer.
    pub fn restore(&self, params: &Params, optimizer: &mut Optimizer) -> Result<(), Error> {
        let moments = |kind: &'static str, index: usize| {
            let name = format!("optimizer.{kind}.{}", params.trained[index].0);
            self.contents.tensor(&name)?.flatten_all()?.to_vec1()
        };
        let restored = fill(&self.contents, params, "model.").and_then(|()| optimizer.resume(self.state.steps, moments));
        restored.map_err(|e| misfit(&self.path, &e))
    }

    /// The EMA weights.
    ///
    /// # Errors
    /// If the file has none, or those of another network.
    pub fn ema(&self, decay: f64, params: &Params) -> Result<Ema, Error> {
        Ema::resume(decay, params, |name| self.contents.tensor(&format!("ema.{name}")).cloned())
            .map_err(|e| misfit(&self.path, &e))
    }

    /// The epoch that the run was stopped in, if it was, with the gradients that wait for an update.
    ///
    /// # Errors
    /// If the file is of another network or of data with other classes.
    pub fn within(&self, params: &Params, classes: usize) -> Result<Option<(Within, Accumulation)>, Error> {
        let Some(within) = &self.state.within else { return Ok(None) };
        if within.tally.classes() != classes {
            let problem = format!("its epoch under way counts {} classes, the data has {classes}", within.tally.classes());
            return Err(Error::Checkpoint { path: self.path.display().to_string(), problem });
        }
        let mut gradients = Vec::new();
        for (name, var) in &params.trained {
            let gradient = self.contents.tensors.get(&format!("gradient.{name}"));
            gradient.map_or(Ok(()), |gradient| fits(name, gradient, var)).map_err(|e| misfit(&self.path, &e))?;
            gradients.push(gradient.cloned());
        }
        Ok(Some((within.clone(), Accumulation::resume(Gradients::new(gradients), within.accumulated))))
    }
}

fn fits(name: &str, tensor: &Tensor, var: &Var) -> candle_core::Result<()> {
    if tensor.shape() != var.shape() {
        bail!("{name} has shape {:?} there and {:?} in the network", tensor.shape(), var.shape());
    }
    Ok(())
}

fn fill(contents: &Contents, params: &Params, prefix: &str) -> candle_core::Result<()> {
    for (name, var) in all(params) {
        let tensor = contents.tensor(&format!("{prefix}{name}"))?;
        fits(name, tensor, var)?;
        var.set(tensor)?;
    }
    Ok(())
}

fn misfit(path: &Path, problem: &dyn std::error::Error) -> Error {
    Error::Checkpoint { path: path.display().to_string(), problem: problem.to_string() }
}
