//! How strips and tiles are compressed.
//!
//! The main type is [`Compression`]; `unpack` makes plain bytes of them: no more than the pixels of a chunk need, whatever the file claims, and less is an
//! error.

use super::directory::{Directory, Reader};
use super::fax::Fax;
use std::fmt::{self, Display, Formatter};

const FAX_OPTIONS: u16 = 292;
const JPEG_TABLES: u16 = 347;

pub(super) const RECOMPRESS: &str = "save it with LZW or deflate compression, or as PNG";

/// How chunks are compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) enum Compression {
    None,
    PackBits,
    Lzw,
    Deflate,
    Zstandard,
    /// With the tables that all chunks share.
    Jpeg(Vec<u8>),
    Fax(Fax),
}

impl Display for Compression {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no compression",
            Self::PackBits => "PackBits compression",
            Self::Lzw => "LZW compression",
            Self::Deflate => "deflate compression",
            Self::Zstandard => "Zstandard compression",
            Self::Jpeg(_) => "JPEG compression",
            Self::Fax(_) => "fax compression",
        })
    }
}

impl Compression {
    /// From the number of tag 259 and what goes with it.
    ///
    /// # Errors
    /// In words, the file not named: a compression that is not read.
    pub fn of(reader: &Reader, directory: &Directory, number: u64, bits: usize) -> Result<Self, String> {
        let options = reader.number(directory, FAX_OPTIONS, 0)?;
        let other = match number {
            1 => return Ok(Self::None),
            2 | 4 if bits == 1 => return Ok(Self::Fax(if number == 2 { Fax::Rows } else { Fax::Group4 })),
            3 if bits == 1 && options & 0b10 == 0 => return Ok(Self::Fax(Fax::Group3 { two_dimensional: options & 1 == 1 })),
            2..=4 => "fax compression of other than plain black and white",
            5 => return Ok(Self::Lzw),
            7 if bits == 8 => return Ok(Self::Jpeg(reader.text(directory, JPEG_TABLES)?)),
            8 | 32_946 => return Ok(Self::Deflate),
            32_773 => return Ok(Self::PackBits),
            50_000 | 34_926 => return Ok(Self::Zstandard),
            6 => "JPEG compression of the kind given up in 1995",
            7 => "JPEG compression of other than 8 bits",
            33_003 | 33_004 | 33_005 | 34_712 => "JPEG 2000 compression",
            34_887 => "LERC compression",
            34_892 => "lossy JPEG compression of DNG",
            34_925 => "LZMA compression",
            50_001 | 34_927 => "WebP compression",
            50_002 | 52_546 => "JPEG XL compression",
            other => return Err(format!("has the unknown compression {other}; {RECOMPRESS}")),
        };
        Err(format!("has {other}, which is not read; {RECOMPRESS}"))
    }

    /// How many plain bytes can come of one, at most.
    pub fn most_of_a_byte(&self, row_bytes: usize) -> u64 {
        match self {
            Self::None => 1,
            Self::PackBits => 64,
            // Codes of 12 bits for strings of up to 4096 bytes.
            Self::Lzw => 4096,
            Self::Deflate => 1032,
            // A block of 128 KiB that repeats a byte takes four.
            Self::Zstandard => 1 << 17,
            // A block of 64 values a bit.
            Self::Jpeg(_) => 64 * 8,
            // A row a bit.
            Self::Fax(_) => 8 * row_bytes as u64,
        }
    }

    /// Whether writers and readers agree on differences of pixels beneath it.
    pub fn takes_differences(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstandard)
    }
}
