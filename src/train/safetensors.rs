//! Writes and reads safetensors files with metadata, straight from tensors to the file.
//!
//! The format: 8 bytes little-endian length of a JSON header, the header (padded to a multiple of 8 with spaces), the numbers. The
//! metadata holds the hash of the file, see [`Seal`](crate::store::Seal).
//! <https://github.com/huggingface/safetensors#format>

use crate::store::{Seal, sealed, unsealed};
use candle_core::{Device, Result, Storage, Tensor, bail};
use safetensors::SafeTensors;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::{self, Write};

/// An f32 tensor to be written.
pub struct Entry<'a> {
    /// Its name in the file.
    pub name: String,
    /// Its numbers.
    pub values: Values<'a>,
}

/// Where an entry's numbers are.
pub enum Values<'a> {
    /// In a tensor.
    Tensor(&'a Tensor),
    /// In memory, as a tensor of this shape.
    Plain(&'a [f32], &'a [usize]),
}

impl Values<'_> {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.dims(),
            Self::Plain(_, shape) => shape,
        }
    }
}

/// Writes entries in their order, and returns the hash that the file has in its metadata; equal input gives equal bytes.
///
/// # Errors
/// If writing fails or a tensor is not f32.
pub fn write(out: &mut impl Write, metadata: &[(&str, &str)], entries: &[Entry]) -> io::Result<String> {
    let (key, none_yet) = unsealed();
    let header = header(&[metadata, &[(key, &none_yet)]].concat(), entries);
    // The hash stands before what it is of, so all numbers pass twice.
    let mut hasher = blake3::Hasher::new();
    pour(&mut hasher, &header, entries)?;
    let (header, hash) = sealed(&header, &hasher);
    pour(out, &header, entries)?;
    Ok(hash)
}

fn pour(out: &mut impl Write, header: &str, entries: &[Entry]) -> io::Result<()> {
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for entry in entries {
        match entry.values {
            Values::Plain(values, _) => write_values(out, values)?,
            Values::Tensor(tensor) => write_tensor(out, tensor)?,
        }
    }
    Ok(())
}

/// Without a copy where the numbers lie in memory one after the other.
fn write_tensor(out: &mut impl Write, tensor: &Tensor) -> io::Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
        return write_values(out, &storage.as_slice::<f32>().map_err(io::Error::other)?[start..end]);
    }
    drop(storage);
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    write_values(out, &values.map_err(io::Error::other)?)
}

fn header(metadata: &[(&str, &str)], entries: &[Entry]) -> String {
    let mut table = Map::new();
    let metadata: Map<String, Value> = metadata.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    table.insert("__metadata__".into(), metadata.into());
    let mut start = 0;
    for entry in entries {
        let shape = entry.values.shape();
        let end = start + shape.iter().product::<usize>() * size_of::<f32>();
        table.insert(entry.name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        start = end;
    }
    let mut text = Value::from(table).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    text
}

/// Little-endian.
fn write_values(out: &mut impl Write, values: &[f32]) -> io::Result<()> {
    if cfg!(target_endian = "little") {
        return out.write_all(bytemuck::cast_slice(values));
    }
    values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

/// A file read back: its tensors and its metadata.
pub struct Contents {
    /// By name.
    pub tensors: HashMap<String, Tensor>,
    /// What was written as metadata.
    pub metadata: HashMap<String, String>,
    /// Whether the file is as it was written.
    pub seal: Seal,
}

impl Contents {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// If they are no safetensors file.
    pub fn read(bytes: &[u8], device: &Device) -> Result<Self> {
        let tensors = crate::model::tensors(bytes, device)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(candle_core::Error::wrap)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        Ok(Self { tensors, metadata, seal: Seal::of(bytes) })
    }

    /// A tensor by its name.
    ///
    /// # Errors
    /// If there is none.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        let Some(tensor) = self.tensors.get(name) else { bail!("there is no tensor {name} in it") };
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candle_reads_what_is_written() {
        let tensor = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let entries = [
            Entry { name: "b.weight".into(), values: Values::Tensor(&tensor) },
            Entry { name: "a".into(), values: Values::Plain(&[5.0, f32::NAN, -0.0], &[3, 1]) },
        ];
        let mut bytes = Vec::new();
        let hash = write(&mut bytes, &[("format", "pt")], &entries).unwrap();
        let contents = Contents::read(&bytes, &Device::Cpu).unwrap();
        assert_eq!(contents.seal, Seal::Whole(hash));
        assert_eq!(contents.metadata["format"], "pt");
        assert_eq!(contents.tensor("b.weight").unwrap().to_vec2::<f32>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(contents.tensor("a").unwrap().dims(), [3, 1]);
        let a = contents.tensor("a").unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(a[0] == 5.0 && a[1].is_nan() && a[2].is_sign_negative());
        assert!(contents.tensor("c").is_err());
        assert!(Contents::read(&bytes[..bytes.len() - 1], &Device::Cpu).is_err());
    }
    /// Each bit of a small file, header and hash included.
    #[test]
    fn one_bit_breaks_the_seal() {
        let entries = [Entry { name: "a".into(), values: Values::Plain(&[1.0, 2.0], &[2]) }];
        let mut bytes = Vec::new();
        write(&mut bytes, &[("epoch", "3")], &entries).unwrap();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(Seal::of(&bytes), Seal::Whole(_)), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(matches!(Seal::of(&bytes), Seal::Whole(_)));
    }
}
