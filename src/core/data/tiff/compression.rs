//! Strips and tiles to plain bytes.
//!
//! The main type is [`Compression`]. No more is made than the pixels of a chunk need, whatever the file claims; less is an error.

use super::super::jpeg;
use super::super::picture::plausible;
use super::directory::{Directory, Reader};
use super::fax::{self, Fax};
use super::page::{Page, SAVE};
use flate2::read::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fmt::{self, Display, Formatter};
use std::io::Read;
use weezl::{BitOrder, LzwStatus};

const FAX_OPTIONS: u16 = 292;
const JPEG_TABLES: u16 = 347;

const RECOMPRESS: &str = "save it with LZW or deflate compression, or as PNG";

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

    /// The bytes of so many rows of a chunk.
    ///
    /// # Errors
    /// In words, the file not named: if the data is damaged or too short.
    pub fn plain(&self, mut raw: Vec<u8>, page: &Page, rows: usize) -> Result<Vec<u8>, String> {
        let wanted = page.chunk_bytes(rows);
        plausible(wanted as u64, raw.len() as u64, self.most_of_a_byte(page.row_bytes()))?;
        // JPEG streams have an order of bits of their own.
        if page.reversed && !matches!(self, Self::Jpeg(_)) {
            raw.iter_mut().for_each(|byte| *byte = byte.reverse_bits());
        }
        let plain = match self {
            Self::None => {
                raw.truncate(wanted);
                raw
            }
            Self::PackBits => unpack(&raw, wanted),
            Self::Lzw => lzw(&raw, wanted)?,
            Self::Deflate => inflate(&raw, wanted)?,
            Self::Zstandard => zstandard(&raw, wanted)?,
            Self::Jpeg(tables) => jpeg(&raw, tables, page, rows)?,
            Self::Fax(kind) => fax::decode(*kind, &raw, page.chunk[1], rows)?,
        };
        if plain.len() < wanted {
            return Err("a strip or tile ends before its pixels do; restore the file, or save it again".into());
        }
        Ok(plain)
    }
}

fn damaged(what: impl Display) -> String {
    format!("is damaged ({what}); restore it, or save it again")
}

/// TIFF 6.0, section 9: a byte n < 128 is followed by n + 1 bytes, one above 128 by a byte that is meant 257 − n times.
fn unpack(mut raw: &[u8], wanted: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(wanted);
    while let [head, rest @ ..] = raw {
        if plain.len() >= wanted {
            break;
        }
        let head = usize::from(*head);
        raw = match head {
            0..128 => {
                let (bytes, rest) = rest.split_at((head + 1).min(rest.len()));
                plain.extend(bytes);
                rest
            }
            128 => rest,
            _ => {
                let Some((byte, rest)) = rest.split_first() else { break };
                plain.extend(std::iter::repeat_n(*byte, 257 - head));
                rest
            }
        };
    }
    plain.truncate(wanted);
    plain
}

fn lzw(raw: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    if let [0, second, ..] = raw
        && second & 1 == 1
    {
        return Err(format!("has LZW compression of the kind before 1987, which is not read; {RECOMPRESS}"));
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut plain, mut read, mut made) = (vec![0; wanted], 0, 0);
    while made < wanted {
        let step = decoder.decode_bytes(&raw[read..], &mut plain[made..]);
        read += step.consumed_in;
        made += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) => {}
            Ok(LzwStatus::Done | LzwStatus::NoProgress) => break,
            Err(problem) => return Err(damaged(problem)),
        }
    }
    plain.truncate(made);
    Ok(plain)
}

fn inflate(raw: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    let mut plain = Vec::with_capacity(wanted);
    let mut decoder = ZlibDecoder::new(raw);
    decoder.by_ref().take(wanted as u64).read_to_end(&mut plain).map_err(damaged)?;
    // One byte more makes it look at the checksum.
    decoder.read(&mut [0]).map_err(damaged)?;
    Ok(plain)
}

fn zstandard(raw: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    let mut plain = Vec::with_capacity(wanted);
    let mut decoder = StreamingDecoder::new(raw).map_err(|_| damaged("its Zstandard frame has no good header"))?;
    decoder.by_ref().take(wanted as u64).read_to_end(&mut plain).map_err(|_| damaged("corrupt Zstandard blocks"))?;
    Ok(plain)
}

/// Of a chunk at the edge the stream may have whole rows and columns that the page lacks, never fewer.
fn jpeg(raw: &[u8], tables: &[u8], page: &Page, rows: usize) -> Result<Vec<u8>, String> {
    let stream = jpeg::with_tables(tables, raw);
    let colours = if page.meaning == super::page::Meaning::Ycc { jpeg::Colours::Ycc } else { jpeg::Colours::AsStored };
    let decoded = jpeg::decode(&stream, colours)?;
    let [height, width] = decoded.size;
    if decoded.channels != page.together() || width != page.chunk[1] || height < rows {
        return Err(format!(
            "has a JPEG stream of {height} × {width} × {} values where {rows} × {} × {} belong; {SAVE}",
            decoded.channels,
            page.chunk[1],
            page.together()
        ));
    }
    Ok(decoded.values)
}
