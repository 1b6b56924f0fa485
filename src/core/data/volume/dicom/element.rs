//! Data elements and sequences of them (PS3.5, chapter 7).

use super::ENDS;
use super::attribute::{self, Attribute, PIXELS};
use std::collections::BTreeMap;

/// How data elements are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coding {
    /// Whether each tells the kind of its value.
    pub explicit: bool,
    pub big_endian: bool,
}

impl Coding {
    pub const IMPLICIT: Self = Self { explicit: false, big_endian: false };
    pub const EXPLICIT: Self = Self { explicit: true, big_endian: false };
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    /// Of a sequence.
    Items(Vec<Elements>),
    /// Where pixels begin, how many bytes they have (`None`: in pieces), and whether they are kept as words of 16 bits.
    Pixels {
        at: u64,
        length: Option<u64>,
        words: bool,
    },
}

/// Those elements of a data set that are read at all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elements {
    by_tag: BTreeMap<u32, Value>,
    /// Whether its numbers begin with the highest byte.
    pub big_endian: bool,
}

impl Elements {
    /// The value of an attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&Value> {
        self.by_tag.get(&attribute.tag)
    }
}

/// Why elements are not read.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// There are more bytes in the file, and they are needed.
    Short,
    /// In words, the file not named.
    Wrong(String),
}

const UNDEFINED: u32 = u32::MAX;
const ITEM: u32 = 0xFFFE_E000;
const ITEM_END: u32 = 0xFFFE_E00D;
const SEQUENCE_END: u32 = 0xFFFE_E0DD;

/// Sequences in sequences that are followed.
const DEEPEST: usize = 32;

/// Items that a sequence may have; those of frames have one each.
const MOST_ITEMS: usize = 100_000;

/// Kinds of values whose length has 16 bits, and those whose length has 32.
const SHORT_KINDS: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM",
    b"UI", b"UL", b"US",
];
const LONG_KINDS: [&[u8; 2]; 13] = [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// The beginning of a file or data set, and how far it was read.
pub(super) struct Parser<'a> {
    /// As many bytes as are at hand.
    bytes: &'a [u8],
    /// Bytes in all.
    length: u64,
    /// Where the next element begins.
    pub at: u64,
}

/// What comes before a value.
struct Head {
    tag: u32,
    /// Of files that tell it.
    kind: Option<[u8; 2]>,
    length: u32,
}

impl<'a> Parser<'a> {
    /// Reads from a place on.
    pub fn new(bytes: &'a [u8], length: u64, at: u64) -> Self {
        Self { bytes, length, at }
    }

    /// The elements of group 2, which are coded explicitly, from the lowest byte.
    ///
    /// # Errors
    /// If there are too few bytes at hand, or something is damaged.
    pub fn meta(&mut self) -> Result<Elements, Fault> {
        let mut by_tag = BTreeMap::new();
        while self.at < self.length && self.peek()?[..2] == [2, 0] {
            self.element(Coding::EXPLICIT, 0, &mut by_tag)?;
        }
        Ok(Elements { by_tag, big_endian: false })
    }

    /// The elements of a data set up to its pixels.
    ///
    /// # Errors
    /// If there are too few bytes at hand, or something is damaged.
    pub fn set(&mut self, coding: Coding) -> Result<Elements, Fault> {
        let mut by_tag = BTreeMap::new();
        while self.at < self.length && !by_tag.contains_key(&PIXELS.tag) {
            self.element(coding, 0, &mut by_tag)?;
        }
        Ok(Elements { by_tag, big_endian: coding.big_endian })
    }

    /// One element, kept if it is of those that are read; pixels are kept at depth 0 alone.
    fn element(&mut self, coding: Coding, depth: usize, kept: &mut BTreeMap<u32, Value>) -> Result<(), Fault> {
        let head = self.head(coding)?;
        let message = || attribute::named(head.tag);
        if head.tag >> 16 == 0xFFFE {
            return Err(Fault::Wrong(format!(
                "has a mark of sequences ({}) outside of one; restore it, or save it again",
                message()
            )));
        }
        let wanted = attribute::of(head.tag);
        if head.tag == PIXELS.tag && depth == 0 {
            let length = (head.length != UNDEFINED).then_some(head.length.into());
            let words = head.kind.is_none_or(|kind| kind == *b"OW");
            if let Some(length) = length {
                self.within(length)?;
            }
            kept.insert(head.tag, Value::Pixels { at: self.at, length, words });
            return Ok(());
        }
        let inner = self.inner(coding, &head, wanted)?;
        let value = match inner {
            Some(inner) => Value::Items(self.sequence(inner, head.length, depth, wanted.is_some())?),
            None if head.length == UNDEFINED => {
                self.pieces()?;
                return Ok(());
            }
            None => {
                let length = u64::from(head.length);
                self.within(length)?;
                let bytes = if wanted.is_some() { self.take(length)?.to_vec() } else { Vec::new() };
                self.at += if wanted.is_some() { 0 } else { length };
                Value::Bytes(bytes)
            }
        };
        if wanted.is_some() && kept.insert(head.tag, value).is_some() {
            return Err(Fault::Wrong(format!("has the element {} twice; restore it, or save it again", message())));
        }
        Ok(())
    }

    /// How the items of an element are coded that has some which must be looked at. Of undefined length all are, to find their end. What is of
    /// unknown kind (UN) is coded implicitly, from the lowest byte (PS3.5, 6.2.2).
    fn inner(&self, coding: Coding, head: &Head, wanted: Option<Attribute>) -> Result<Option<Coding>, Fault> {
        let sequence = wanted.is_some_and(Attribute::is_sequence);
        let undefined = head.length == UNDEFINED;
        match head.kind.as_ref() {
            Some(b"SQ") => Ok((sequence || undefined).then_some(coding)),
            Some(b"UN") => Ok((sequence || undefined).then_some(Coding::IMPLICIT)),
            None => Ok((sequence || undefined).then_some(coding)),
            // The pixels of an icon.
            Some(b"OB" | b"OW") if undefined && head.tag == PIXELS.tag => Ok(None),
            Some(_) if !undefined && !sequence => Ok(None),
            Some(kind) => {
                let (message, kind) = (attribute::named(head.tag), String::from_utf8_lossy(kind).into_owned());
                let problem = if undefined { "has no length" } else { "should be a sequence" };
                Err(Fault::Wrong(format!("its element {message} of the kind {kind} {problem}; restore it, or save it again")))
            }
        }
    }

    /// The items of a sequence, kept if they are wanted.
    fn sequence(&mut self, coding: Coding, length: u32, depth: usize, wanted: bool) -> Result<Vec<Elements>, Fault> {
        if depth >= DEEPEST {
            return Err(Fault::Wrong(format!("has more than {DEEPEST} sequences in each other; save it again")));
        }
        let end = self.end(length)?;
        let mut items = Vec::new();
        while end.is_none_or(|end| self.at < end) {
            let head = self.mark(coding)?;
            match head.tag {
                ITEM => {
                    let item = self.item(coding, head.length, depth)?;
                    if wanted && items.len() == MOST_ITEMS {
                        return Err(Fault::Wrong(format!("has a sequence of more than {MOST_ITEMS} items; save it again")));
                    }
                    if wanted {
                        items.push(item);
                    }
                }
                SEQUENCE_END if end.is_none() => return Ok(items),
                other => {
                    let message = attribute::named(other);
                    return Err(Fault::Wrong(format!(
                        "has {message} where an item of a sequence should be; restore it, or save it again"
                    )));
                }
            }
        }
        self.closed(end)?;
        Ok(items)
    }

    fn item(&mut self, coding: Coding, length: u32, depth: usize) -> Result<Elements, Fault> {
        let end = self.end(length)?;
        let mut by_tag = BTreeMap::new();
        while end.is_none_or(|end| self.at < end) {
            if end.is_none() && self.next_tag(coding)? == ITEM_END {
                self.mark(coding)?;
                break;
            }
            self.element(coding, depth + 1, &mut by_tag)?;
        }
        self.closed(end)?;
        Ok(Elements { by_tag, big_endian: coding.big_endian })
    }

    /// Passes over pixels in pieces.
    fn pieces(&mut self) -> Result<(), Fault> {
        loop {
            let head = self.mark(Coding::IMPLICIT)?;
            if head.tag == SEQUENCE_END {
                return Ok(());
            }
            if head.tag != ITEM || head.length == UNDEFINED {
                return Err(Fault::Wrong("has pixels in pieces that are damaged; restore it, or save it again".into()));
            }
            self.within(head.length.into())?;
            self.at += u64::from(head.length);
        }
    }

    fn end(&self, length: u32) -> Result<Option<u64>, Fault> {
        if length == UNDEFINED {
            return Ok(None);
        }
        self.within(length.into())?;
        Ok(Some(self.at + u64::from(length)))
    }

    fn closed(&self, end: Option<u64>) -> Result<(), Fault> {
        match end {
            Some(end) if end != self.at => {
                Err(Fault::Wrong("has a sequence that is longer than it claims; restore it, or save it again".into()))
            }
            _ => Ok(()),
        }
    }

    fn next_tag(&self, coding: Coding) -> Result<u32, Fault> {
        Ok(tag(self.peek()?, coding.big_endian))
    }

    fn peek(&self) -> Result<[u8; 4], Fault> {
        Parser { bytes: self.bytes, length: self.length, at: self.at }.array()
    }

    fn head(&mut self, coding: Coding) -> Result<Head, Fault> {
        let tag = tag(self.array()?, coding.big_endian);
        if !coding.explicit || tag >> 16 == 0xFFFE {
            let length = self.long(coding)?;
            return Ok(Head { tag, kind: None, length });
        }
        let kind: [u8; 2] = self.array()?;
        if LONG_KINDS.contains(&&kind) {
            self.array::<2>()?;
            return Ok(Head { tag, kind: Some(kind), length: self.long(coding)? });
        }
        if !SHORT_KINDS.contains(&&kind) {
            let (message, kind) = (attribute::named(tag), kind.escape_ascii());
            return Err(Fault::Wrong(format!(
                "its element {message} is of the unknown kind \"{kind}\"; restore it, or save it again"
            )));
        }
        let bytes: [u8; 2] = self.array()?;
        let length = if coding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        Ok(Head { tag, kind: Some(kind), length: length.into() })
    }

    /// The head of an item or of an end.
    fn mark(&mut self, coding: Coding) -> Result<Head, Fault> {
        self.head(Coding { explicit: false, ..coding })
    }

    fn long(&mut self, coding: Coding) -> Result<u32, Fault> {
        let bytes = self.array()?;
        Ok(if coding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().expect("of this length"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        self.within(length)?;
        let end = self.at + length;
        let bytes = (end <= self.bytes.len() as u64).then(|| &self.bytes[self.at as usize..end as usize]).ok_or(Fault::Short)?;
        self.at = end;
        Ok(bytes)
    }

    /// Refuses what reaches beyond the end.
    fn within(&self, length: u64) -> Result<(), Fault> {
        if self.at.saturating_add(length) <= self.length { Ok(()) } else { Err(Fault::Wrong(ENDS.into())) }
    }
}

fn tag(bytes: [u8; 4], big_endian: bool) -> u32 {
    let [a, b, c, d] = bytes;
    let half = |bytes| if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    u32::from(half([a, b])) << 16 | u32::from(half([c, d]))
}
