//! Checkpoints that know whether they are as they were written: the hash of a safetensors file in its own metadata.
//!
//! The metadata's `blake3` is the BLAKE3 hash of the whole file with zeros in place of that hash's digits. So one changed bit
//! anywhere shows, and two files of weights can be compared by their headers alone.

use crate::regular;
use safetensors::tensor::Metadata;
use std::io::{self, Read};
use std::path::Path;

/// The word of the metadata.
const KEY: &str = "blake3";

const DIGITS: usize = 2 * blake3::OUT_LEN;

/// A header longer than this is none: a network of thousands of tensors needs a hundredth of it.
const LONGEST: u64 = 100_000_000;

/// How a file stands to the hash in its metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seal {
    /// It is as it was written; the hash.
    Whole(String),
    /// It is not as it was written.
    Broken,
    /// It has none: another program wrote it.
    None,
}

/// The word of metadata that a file is written with before its hash is known: key and placeholder.
pub fn unsealed() -> (&'static str, String) {
    (KEY, "0".repeat(DIGITS))
}

/// The header with the hash in the place that [`unsealed`] kept, and the hash. `hasher` has seen the whole file, with this header.
pub fn sealed(header: &str, hasher: &blake3::Hasher) -> (String, String) {
    let hash = hasher.finalize().to_hex().to_string();
    (header.replacen(&word(&"0".repeat(DIGITS)), &word(&hash), 1), hash)
}

fn word(hash: &str) -> String {
    format!("\"{KEY}\":\"{hash}\"")
}

impl Seal {
    /// Compares the bytes of a file with its hash.
    pub fn of(bytes: &[u8]) -> Self {
        let Some((_, header)) = split(bytes) else { return Self::Broken };
        let Some(hash) = hash_in(header) else { return Self::None };
        let word = word(&hash);
        let Some(at) = header.windows(word.len()).position(|window| window == word.as_bytes()) else { return Self::Broken };
        // After the file's own first 8 bytes, and before the quotation mark at the end.
        let at = 8 + at + word.len() - 1 - DIGITS;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..at]).update("0".repeat(DIGITS).as_bytes()).update(&bytes[at + DIGITS..]);
        if hasher.finalize().to_hex().as_str() == hash { Self::Whole(hash) } else { Self::Broken }
    }
}

/// What the header of a file of weights says, the numbers unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// The hash that the file should have.
    pub hash: Option<String>,
    /// The epoch after which it was written.
    pub epoch: Option<usize>,
}

impl Header {
    /// Reads it; `None` if the file is no safetensors file or not as long as its header says.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut file = regular::open(path)?;
        let length = file.metadata()?.len();
        let mut start = [0; 8];
        if length < 8 {
            return Ok(None);
        }
        file.read_exact(&mut start)?;
        let header = u64::from_le_bytes(start);
        if header > length.min(LONGEST) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(header).read_to_end(&mut bytes)?;
        let Ok(tensors) = serde_json::from_slice::<Metadata>(&bytes) else { return Ok(None) };
        if length != 8 + header + tensors.data_len() as u64 {
            return Ok(None);
        }
        let epoch = tensors.metadata().as_ref().and_then(|words| words.get("epoch")?.parse().ok());
        Ok(Some(Self { hash: hash_in(&bytes), epoch }))
    }
}

/// The length at the start of a file, and its header.
fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*length);
    Some((length, rest.get(..usize::try_from(length).ok()?)?))
}

/// The hash that a header names, if it is one.
fn hash_in(header: &[u8]) -> Option<String> {
    let header: Metadata = serde_json::from_slice(header).ok()?;
    header.metadata().as_ref()?.get(KEY).filter(|hash| hash.len() == DIGITS).cloned()
}
