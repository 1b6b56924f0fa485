//! Where weights come from: a seeded draw or a file.

use super::{Error, Params};
use crate::regular::{self, Most};
use candle_core::safetensors::SliceSafetensors;
use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

/// Bytes of a header at most, as safetensors itself has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// Draws each tensor from a generator of its own, seeded by (seed, name): neither order nor other layers matter.
pub(super) struct Drawn {
    pub seed: u64,
}

impl SimpleBackend for Drawn {
    fn get(&self, shape: Shape, name: &str, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        match init {
            Init::Const(value) => Tensor::full(value as f32, shape, device)?.to_dtype(dtype),
            Init::Uniform { lo, up } => {
                let values = uniform(self.seed, name, shape.elem_count(), lo, up);
                // Of a variable the parameter is no copy.
                Var::from_vec(values, shape, device)?.into_inner().to_dtype(dtype)
            }
            other => candle_core::bail!("`{name}`: no draw for {other:?}"),
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("`{name}`: a draw needs a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// `count` numbers in [lo, up), 24 random bits each.
fn uniform(seed: u64, name: &str, count: usize, lo: f64, up: f64) -> Vec<f32> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(name.as_bytes());
    let mut rng = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
    let unit = || f64::from(rng.next_u32() >> 8) / f64::from(1u32 << 24);
    std::iter::repeat_with(unit).take(count).map(|u| (lo + (up - lo) * u) as f32).collect()
}

/// The tensors of a safetensors file's bytes, by name.
///
/// # Errors
/// If they are no such file, or a shape is beyond counting, which the format allows where another side is 0.
pub fn tensors(bytes: &[u8], device: &Device) -> Result<HashMap<String, Tensor>> {
    for (name, view) in SliceSafetensors::new(bytes)?.tensors() {
        if view.shape().iter().try_fold(1_usize, |count, side| count.checked_mul(*side.max(&1))).is_none() {
            bail!("the tensor {name} has the shape {:?}, which nothing can have", view.shape());
        }
    }
    candle_core::safetensors::load_buffer(bytes, device)
}

/// The tensors of a safetensors file, without PyTorch's counters of batches.
pub(super) fn read(file: &Path) -> std::result::Result<HashMap<String, Tensor>, Error> {
    let failed = |cause: candle_core::Error| Error::Read { file: file.to_owned(), cause };
    let bytes = regular::bytes(file, Most::WHOLE).map_err(|e| failed(e.into()))?;
    let mut tensors = tensors(&bytes, &Device::Cpu).map_err(failed)?;
    tensors.retain(|name, _| !name.ends_with(".num_batches_tracked"));
    Ok(tensors)
}

/// A word of a safetensors file's metadata; `None` without one.
pub(super) fn metadata(file: &Path, key: &str) -> std::result::Result<Option<String>, Error> {
    let failed = |cause: candle_core::Error| Error::Read { file: file.to_owned(), cause };
    let read = || -> std::io::Result<Vec<u8>> {
        let (mut open, mut length) = (regular::open(file)?, [0; 8]);
        open.read_exact(&mut length)?;
        let mut header = Vec::new();
        // What the format allows: whatever a damaged length says, no more is read.
        open.take(u64::from_le_bytes(length).min(LONGEST_HEADER)).read_to_end(&mut header)?;
        Ok(header)
    };
    let header = read().map_err(|e| failed(e.into()))?;
    let header: serde_json::Value = serde_json::from_slice(&header).map_err(|e| failed(candle_core::Error::wrap(e)))?;
    Ok(header["__metadata__"][key].as_str().map(str::to_owned))
}

/// Channels that the network of a file takes, and classes that it gives, by the shapes of its first and last convolution.
pub(super) fn ends(file: &Path) -> std::result::Result<(usize, usize), Error> {
    let tensors = read(file)?;
    let length = |name: &str, axis: usize| {
        let missing = || Error::Missing { file: file.to_owned(), name: name.to_owned() };
        tensors.get(name).and_then(|tensor| tensor.dims().get(axis).copied()).ok_or_else(missing)
    };
    // UNet++ calls its first block otherwise.
    let first = length("block.0.0.0.weight", 1).or_else(|_| length("encoder.0.0.weight", 1));
    Ok((first?, length("head.weight", 0)?))
}

/// Says which file a complaint of candle-nn's [`HashMap`] backend is about.
pub(super) fn blame(error: Error, file: &Path) -> Error {
    use candle_core::Error as Candle;
    let file = file.to_owned();
    match error {
        Error::Tensor(Candle::WithBacktrace { inner, .. }) => blame(Error::Tensor(*inner), &file),
        Error::Tensor(Candle::CannotFindTensor { path }) => Error::Missing { file, name: path },
        Error::Tensor(Candle::UnexpectedShape { msg, expected, got }) => {
            let name = msg.rsplit(' ').next().unwrap_or(&msg).to_owned();
            Error::Shape { file, name, got: got.into_dims(), want: expected.into_dims() }
        }
        other => other,
    }
}

/// Complains of the first tensor, by name, that the network has no place for.
pub(super) fn check_nothing_left(
    tensors: &HashMap<String, Tensor>,
    params: &Params,
    file: &Path,
) -> std::result::Result<(), Error> {
    let known: BTreeSet<&str> = params.trained.iter().chain(&params.buffers).map(|(name, _)| name.as_str()).collect();
    match tensors.keys().filter(|name| !known.contains(name.as_str())).min() {
        Some(name) => Err(Error::Extra { file: file.to_owned(), name: name.clone() }),
        None => Ok(()),
    }
}

/// Complains of the first tensor that holds NaN or an infinite number.
pub(super) fn check_finite(params: &Params, file: &Path) -> std::result::Result<(), Error> {
    for (name, var) in params.trained.iter().chain(&params.buffers) {
        if !var.flatten_all()?.to_vec1::<f32>()?.iter().all(|value| value.is_finite()) {
            return Err(Error::NotFinite { file: file.to_owned(), name: name.clone() });
        }
    }
    Ok(())
}
