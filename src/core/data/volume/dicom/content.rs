//! The bytes of a file's data set, inflated where it is deflated, and no more of them than are wanted.

use super::ENDS;
use super::attribute::{TRANSFER_SYNTAX, unsound};
use super::element::{Elements, Fault, Parser};
use super::syntax::Syntax;
use crate::data::source::Source;
use flate2::read::DeflateDecoder;
use std::io::{self, Read};

/// What comes before the pixels has at most so many bytes.
const LONGEST: u64 = 64 << 20;

/// Bytes that deflate can make of one.
const MOST_OF_A_BYTE: u64 = 1032;

/// An open file of which the header (group 2) has been read. Places are counted from the data set's first byte.
#[derive(Debug)]
pub(super) struct Content {
    source: Source,
    from: u64,
    pub syntax: Syntax,
}

impl Content {
    /// Reads the header.
    ///
    /// # Errors
    /// In words, the file not named: if it is no DICOM file, damaged, or of a transfer syntax that is not read.
    pub fn of(source: Source) -> Result<Self, String> {
        if !super::knows(&source.start(132)?) {
            return Err("is no DICOM file (the mark DICM is missing); restore it, or take it out".into());
        }
        let whole = source.length();
        let (meta, from) = grown(
            |length| source.start(length),
            |_| whole,
            |bytes, length| {
                let mut parser = Parser::new(bytes, length, 132);
                parser.meta().map(|meta| (meta, parser.at))
            },
        )?;
        let uid = meta.text(TRANSFER_SYNTAX).ok_or_else(|| unsound(TRANSFER_SYNTAX, "is missing"))?;
        Ok(Self { source, from, syntax: Syntax::of(&uid)? })
    }

    /// The elements up to the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if something is damaged.
    pub fn elements(&self) -> Result<Elements, String> {
        let most = self.most();
        // Where a deflated data set ends is known when it does.
        let length = |there: Option<u64>| there.unwrap_or(most);
        grown(|length| self.start(length), length, |bytes, length| Parser::new(bytes, length, 0).set(self.syntax.coding))
    }

    /// How many bytes there are, of deflated ones at most.
    pub fn most(&self) -> u64 {
        let stored = self.source.length() - self.from;
        if self.syntax.deflated { stored.saturating_mul(MOST_OF_A_BYTE) } else { stored }
    }

    /// So many bytes from a place on.
    ///
    /// # Errors
    /// In words, the file not named: if they lie beyond the end.
    pub fn bytes(&self, at: u64, length: u64) -> Result<Vec<u8>, String> {
        if at.checked_add(length).is_none_or(|end| end > self.most()) {
            return Err(ENDS.into());
        }
        if !self.syntax.deflated {
            return self.source.bytes(self.from + at, length);
        }
        let packed = self.packed()?;
        let mut plain = DeflateDecoder::new(&packed[..]);
        io::copy(&mut plain.by_ref().take(at), &mut io::sink()).map_err(|e| damaged(&e))?;
        let mut bytes = Vec::with_capacity(length as usize);
        plain.take(length).read_to_end(&mut bytes).map_err(|e| damaged(&e))?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(ENDS.into()) }
    }

    /// The first bytes, at most so many.
    fn start(&self, length: u64) -> Result<Vec<u8>, String> {
        if !self.syntax.deflated {
            return self.source.bytes(self.from, length.min(self.most()));
        }
        let mut bytes = Vec::new();
        DeflateDecoder::new(&self.packed()?[..]).take(length).read_to_end(&mut bytes).map_err(|e| damaged(&e))?;
        Ok(bytes)
    }

    fn packed(&self) -> Result<Vec<u8>, String> {
        self.source.bytes(self.from, self.source.length() - self.from)
    }
}

/// What `parse` makes of as many first bytes as it needs. `length` gets how many there are in all, if that is known, and says it.
fn grown<T>(
    start: impl Fn(u64) -> Result<Vec<u8>, String>,
    length: impl Fn(Option<u64>) -> u64,
    parse: impl Fn(&[u8], u64) -> Result<T, Fault>,
) -> Result<T, String> {
    let mut wanted = 1 << 16;
    loop {
        let bytes = start(wanted)?;
        let there = bytes.len() as u64;
        match parse(&bytes, length((there < wanted).then_some(there))) {
            Ok(found) => return Ok(found),
            Err(Fault::Wrong(problem)) => return Err(problem),
            Err(Fault::Short) if there < wanted => return Err(ENDS.into()),
            Err(Fault::Short) if wanted >= LONGEST => {
                return Err(format!("has more than {} MiB before its pixels; save it again", LONGEST >> 20));
            }
            Err(Fault::Short) => wanted *= 8,
        }
    }
}

fn damaged(problem: &io::Error) -> String {
    format!("its deflate compression is damaged ({problem}); restore the file, or save it again")
}
