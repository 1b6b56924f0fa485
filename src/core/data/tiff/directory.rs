//! Directories of a TIFF file (TIFF 6.0, section 2; BigTIFF): which tags a page has and the numbers they hold.
//!
//! The main type is [`Reader`]. Nothing is known here of what a tag means. Whatever a file claims, no more is read than it holds.

use super::super::source::Source;
use std::collections::BTreeMap;

/// Order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Order {
    /// Lowest first, `II`.
    Little,
    /// Highest first, `MM`.
    Big,
}

impl Order {
    /// The number that up to 8 bytes are.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Big => bytes.iter().fold(0, join),
            Self::Little => bytes.iter().rev().fold(0, join),
        }
    }
}

/// Where the values of a tag are.
#[derive(Debug, Clone, Copy)]
struct Field {
    kind: u64,
    count: u64,
    at: u64,
}

impl Field {
    /// Bytes a value, 0 for a kind that is not known.
    fn width(self) -> u64 {
        match self.kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 0,
        }
    }
}

/// The tags of one page.
#[derive(Debug)]
pub(in crate::data) struct Directory {
    fields: BTreeMap<u16, Field>,
    /// Where the next page's directory is; 0 after the last.
    pub next: u64,
}

/// A file of which directories are read.
pub(in crate::data) struct Reader<'a> {
    /// Its bytes.
    pub source: &'a Source,
    /// The order of its numbers.
    pub order: Order,
    big: bool,
    /// Where the first directory is.
    pub first: u64,
}

/// Bytes that values may take in all: the offsets of a million strips, say.
const MOST: u64 = 1 << 26;

impl<'a> Reader<'a> {
    /// Whether these are the first bytes of a TIFF file.
    pub fn knows(start: &[u8]) -> bool {
        [&b"II*\0"[..], b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| start.starts_with(magic))
    }

    /// Reads the header.
    ///
    /// # Errors
    /// In words, the file not named: if it is cut off or no TIFF.
    pub fn new(source: &'a Source) -> Result<Self, String> {
        let start = source.bytes(0, 8)?;
        let order = if start[0] == b'I' { Order::Little } else { Order::Big };
        let big = order.number(&start[2..4]) == 43;
        let first = if big { order.number(&source.bytes(8, 8)?) } else { order.number(&start[4..8]) };
        if big && order.number(&start[4..8]) != if order == Order::Little { 8 } else { 8 << 16 } {
            return Err("is a BigTIFF whose header is damaged; restore it, or save it again".into());
        }
        Ok(Self { source, order, big, first })
    }

    /// The directory at a place.
    ///
    /// # Errors
    /// In words, the file not named: if it lies beyond the end, or has a tag twice.
    pub fn directory(&self, at: u64) -> Result<Directory, String> {
        let (head, entry, link) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.order.number(&self.source.bytes(at, head)?);
        // Tags have 16 bits, and none may be there twice.
        if count > 1 << 16 {
            return Err(format!("a directory claims {count} tags; restore the file, or save it again"));
        }
        let table = self.source.bytes(at + head, count * entry + link)?;
        let (rows, next) = table.split_at((count * entry) as usize);
        let mut fields = BTreeMap::new();
        for (row, at) in rows.chunks_exact(entry as usize).zip((at + head..).step_by(entry as usize)) {
            let (tag, field) = self.field(row, at);
            if fields.insert(tag, field).is_some() {
                return Err(format!("has the tag {tag} twice in a directory; save it again"));
            }
        }
        Ok(Directory { fields, next: self.order.number(next) })
    }

    /// A tag and where its values are: within the entry, which lies at `at`, if they fit there.
    fn field(&self, row: &[u8], at: u64) -> (u16, Field) {
        let (count, inside) = if self.big { (&row[4..12], 12) } else { (&row[4..8], 8) };
        let number = |bytes: &[u8]| self.order.number(bytes);
        let mut field = Field { kind: number(&row[2..4]), count: number(count), at: at + inside as u64 };
        if field.width().saturating_mul(field.count) > (row.len() - inside) as u64 {
            field.at = number(&row[inside..]);
        }
        (number(&row[..2]) as u16, field)
    }

    fn raw(&self, tag: u16, field: Field) -> Result<Vec<u8>, String> {
        let length = field.width().saturating_mul(field.count);
        if length > MOST {
            return Err(format!("the tag {tag} claims {} values; restore the file, or save it again", field.count));
        }
        self.source.bytes(field.at, length)
    }

    /// The whole numbers of a tag; none if the page lacks it.
    ///
    /// # Errors
    /// In words, the file not named: if they are no unsigned numbers, or lie beyond the end.
    pub fn numbers(&self, directory: &Directory, tag: u16) -> Result<Vec<u64>, String> {
        let Some(field) = directory.fields.get(&tag) else { return Ok(Vec::new()) };
        if !matches!(field.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18) {
            return Err(format!("the tag {tag} holds no unsigned numbers; save the file again"));
        }
        let raw = self.raw(tag, *field)?;
        Ok(raw.chunks_exact(field.width() as usize).map(|bytes| self.order.number(bytes)).collect())
    }

    /// The one number of a tag, or `default` if the page lacks it.
    ///
    /// # Errors
    /// As [`Reader::numbers`], and if there are several.
    pub fn number(&self, directory: &Directory, tag: u16, default: u64) -> Result<u64, String> {
        match self.numbers(directory, tag)?[..] {
            [] => Ok(default),
            [number] => Ok(number),
            _ => Err(format!("the tag {tag} has several values where one belongs; save the file again")),
        }
    }

    /// The bytes of a tag, of text say; none if the page lacks it.
    ///
    /// # Errors
    /// In words, the file not named: if they lie beyond the end.
    pub fn text(&self, directory: &Directory, tag: u16) -> Result<Vec<u8>, String> {
        directory.fields.get(&tag).map_or(Ok(Vec::new()), |field| self.raw(tag, *field))
    }
}
