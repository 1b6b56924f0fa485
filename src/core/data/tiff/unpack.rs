//! Chunks as plain bytes: what each compression makes of them.

use super::super::jpeg;
use super::super::picture::plausible;
use super::compression::{Compression, RECOMPRESS};
use super::fax;
use super::page::{Meaning, Page, SAVE};
use flate2::read::ZlibDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::fmt::Display;
use std::io::Read;
use weezl::{BitOrder, LzwStatus};

impl Compression {
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
    let colours = if page.meaning == Meaning::Ycc { jpeg::Colours::Ycc } else { jpeg::Colours::AsStored };
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
