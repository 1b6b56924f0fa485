//! The weights that a run begins with where they are not drawn: those of a safetensors file, of another run or written by PyTorch.
//!
//! Tensors are matched by name and shape. Everything must be accounted for: what the network has and the file has not, or the other way
//! round, is a mistake unless `training.initial.skip` names it. A run reads the file once, when it begins; from then on its own
//! resume state has all.

mod fit;
mod seen;

use super::safetensors::Contents;
use super::{Error, provenance};
use crate::config::{Experiment, Initial, Normalise};
use crate::data::Normaliser;
use crate::model::{self, Params};
use crate::regular::{self, Most};
use crate::store::{RunDir, Seal};
use candle_core::{DType, Device, Tensor};
use fit::{Fit, Unfit, few};
pub use seen::seen;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What PyTorch's wrappers put before every name: `DataParallel`, a module that holds the network, `torch.compile`.
const PREFIXES: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// A file of weights, read.
pub struct InitialWeights {
    file: PathBuf,
    hash: String,
    /// f32 wherever they were floating-point numbers of another kind.
    tensors: BTreeMap<String, Tensor>,
    /// What was done to them, in words.
    changes: Vec<String>,
    /// The epoch after which a run of ours wrote them.
    epoch: Option<String>,
    /// What images they expect, as far as the file tells.
    normaliser: Option<Normaliser>,
}

impl InitialWeights {
    /// Reads a file.
    ///
    /// # Errors
    /// A mistake of the user's, if it is no safetensors file.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let message = |problem: String| mistake(file, &problem);
        let bytes = regular::bytes(file, Most::WHOLE).map_err(|e| message(format!("cannot be read: {e}")))?;
        let contents = Contents::read(&bytes, &Device::Cpu).map_err(|e| message(no_safetensors(&bytes, &e)))?;
        if contents.seal == Seal::Broken {
            return Err(message(
                "is damaged: its content does not fit the BLAKE3 hash in its metadata; restore it from a copy".to_owned(),
            ));
        }
        if contents.metadata.contains_key("state") {
            return Err(message("is what a run is resumed from; name the run, or its best.safetensors beside".to_owned()));
        }
        let word = |key: &str| contents.metadata.get(key).map(String::as_str);
        let epoch = word("epoch").map(str::to_owned);
        let text = word(Normaliser::METADATA);
        // Our files say so where images are normalised; of others nothing is known.
        let known = text.is_some() || epoch.is_some();
        let normaliser = known.then(|| Normaliser::from_metadata(text)).transpose().map_err(message)?;
        let mut changes = Vec::new();
        let tensors = in_f32(without_prefixes(contents.tensors, &mut changes), &mut changes)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        Ok(Self { file: file.to_owned(), hash, tensors, changes, epoch, normaliser })
    }

    /// The BLAKE3 hash of the file, in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Checks the file against a network before anything runs.
    ///
    /// # Errors
    /// A mistake of the user's: tensors are missing, of another shape, left over, or hold what is no finite number; or
    /// `training.initial.skip` names what is nowhere.
    pub fn check(&self, experiment: &Experiment, in_channels: usize, classes: usize) -> Result<(), Error> {
        let network = model::blank(&experiment.model, in_channels, classes, &Device::Cpu)?;
        Fit::of(&self.tensors, network.params(), &experiment.training.initial.skip).map_err(|e| self.message(e)).map(drop)
    }

    /// What should be known before images are normalised otherwise than those that the weights were trained on.
    pub fn doubt(&self, normalise: Normalise) -> Option<String> {
        let theirs = match self.normaliser.as_ref()? {
            Normaliser::None => Normalise::None,
            Normaliser::Image => Normalise::Image,
            Normaliser::Dataset { .. } => Normalise::Dataset,
        };
        let (theirs, ours) = (word(theirs), word(normalise));
        (theirs != ours).then(|| {
            format!("its weights were trained on images with preprocess.normalise = \"{theirs}\", here it is \"{ours}\"")
        })
    }

    /// Checks that the file holds what was planned.
    ///
    /// # Errors
    /// A mistake of the user's, if it has another hash than `training.initial.hash`.
    pub fn is_planned(&self, initial: &Initial) -> Result<(), Error> {
        match initial.hash.as_ref().filter(|planned| **planned != self.hash) {
            Some(planned) => {
                let problem = format!("its BLAKE3 hash is {}, not {planned} as training.initial.hash says", self.hash);
                Err(mistake(
                    &self.file,
                    &format!("{problem}; the file was changed: plan the run again, or bring the old one back"),
                ))
            }
            None => Ok(()),
        }
    }

    /// Puts the weights that `initial` asks for into parameters that hold what was drawn.
    ///
    /// # Errors
    /// A mistake of the user's, as [`is_planned`](Self::is_planned) and [`check`](Self::check) have it.
    pub fn put(&self, params: &Params, initial: &Initial) -> Result<(), Error> {
        self.taken(params, initial).map(drop)
    }

    /// The same, and what was taken.
    fn taken(&self, params: &Params, initial: &Initial) -> Result<Fit, Error> {
        self.is_planned(initial)?;
        let fit = Fit::of(&self.tensors, params, &initial.skip).map_err(|e| self.message(e))?;
        self.fill(params, &fit)?;
        Ok(fit)
    }

    /// What does not fit, as reported to the user.
    fn message(&self, unfit: Unfit) -> Error {
        match unfit {
            Unfit::Mistake(problem) => mistake(&self.file, &problem),
            Unfit::Tensor(error) => error.into(),
        }
    }

    /// Puts what is taken into the parameters.
    fn fill(&self, params: &Params, fit: &Fit) -> Result<(), Error> {
        for (name, var) in params.trained.iter().chain(&params.buffers).filter(|(name, _)| fit.taken.contains(name)) {
            var.set(&self.tensors[name])?;
        }
        Ok(())
    }

    /// What a reader of the run's numbers should know.
    fn notes(&self, fit: &Fit, normalise: Normalise) -> Vec<String> {
        let epoch = self.epoch.as_ref().map_or(String::new(), |epoch| format!(", as they were after epoch {epoch}"));
        let mut note = format!("began with the {} tensors of {}{epoch}", fit.taken.len(), self.file.display());
        for (what, names) in [("drawn by the seed", &fit.drawn), ("passed over in the file", &fit.passed)] {
            if !names.is_empty() {
                note += &format!("; {what}: {}", few(names.iter().cloned(), ", "));
            }
        }
        note.extend(self.changes.iter().map(|change| format!("; {change}")));
        let doubt = self.doubt(normalise).map(|doubt| format!("{}: {doubt}", self.file.display()));
        std::iter::once(note).chain(doubt).collect()
    }
}

/// Puts the weights of the experiment's file, if it names one, into the parameters, which hold what was drawn; notes that in the
/// provenance.
///
/// # Errors
/// A mistake of the user's if the file does not fit or is not the one that was planned; else if the provenance cannot be written.
pub fn begin(run: &RunDir, experiment: &Experiment, params: &Params) -> Result<(), Error> {
    let Some((weights, fit)) = taken(experiment, params)? else { return Ok(()) };
    let mut notes = weights.notes(&fit, experiment.preprocess.normalise);
    notes.extend(seen(experiment));
    Ok(provenance::initialised(run, &weights.file, &weights.hash, notes)?)
}

/// Puts the weights of the experiment's file, if it names one, into the parameters, which hold what was drawn.
///
/// # Errors
/// A mistake of the user's if the file does not fit or is not the one that was planned.
pub fn fill(experiment: &Experiment, params: &Params) -> Result<(), Error> {
    taken(experiment, params).map(drop)
}

fn taken(experiment: &Experiment, params: &Params) -> Result<Option<(InitialWeights, Fit)>, Error> {
    let initial = &experiment.training.initial;
    if initial.is_random() {
        return Ok(None);
    }
    let weights = InitialWeights::read(Path::new(&initial.weights))?;
    let fit = weights.taken(params, initial)?;
    Ok(Some((weights, fit)))
}

fn without_prefixes(tensors: impl IntoIterator<Item = (String, Tensor)>, changes: &mut Vec<String>) -> BTreeMap<String, Tensor> {
    let weighs = |(name, _): &(String, Tensor)| !name.ends_with(".num_batches_tracked");
    let mut tensors: BTreeMap<String, Tensor> = tensors.into_iter().filter(weighs).collect();
    let common = |tensors: &BTreeMap<String, Tensor>| {
        PREFIXES.into_iter().find(|prefix| !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(prefix)))
    };
    while let Some(prefix) = common(&tensors) {
        changes.push(format!("\"{prefix}\" before every name there was taken off"));
        tensors = tensors.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect();
    }
    tensors
}

fn in_f32(mut tensors: BTreeMap<String, Tensor>, changes: &mut Vec<String>) -> Result<BTreeMap<String, Tensor>, Error> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in tensors.values_mut().filter(|tensor| matches!(tensor.dtype(), DType::F16 | DType::BF16 | DType::F64)) {
        *kinds.entry(tensor.dtype().as_str()).or_default() += 1;
        *tensor = tensor.to_dtype(DType::F32)?;
    }
    changes.extend(kinds.iter().map(|(kind, count)| format!("{count} tensors were converted from {kind} to f32")));
    Ok(tensors)
}

/// What a file seems to be that is no safetensors file.
fn no_safetensors(bytes: &[u8], cause: &candle_core::Error) -> String {
    // An archive, as torch.save writes it now, and a pickle, as it did before.
    match bytes.first_chunk::<2>() {
        Some(b"PK" | b"\x80\x02") => {
            "seems to be written by torch.save; write it anew with safetensors.torch.save_file(model.state_dict(), FILE)"
                .to_owned()
        }
        _ => format!("is no whole safetensors file: {cause}"),
    }
}

fn word(normalise: Normalise) -> &'static str {
    match normalise {
        Normalise::None => "none",
        Normalise::Image => "image",
        Normalise::Dataset => "dataset",
    }
}

fn mistake(file: &Path, problem: &str) -> Error {
    Error::Setup(format!("{}: {problem}", file.display()))
}

#[cfg(test)]
mod tests;
