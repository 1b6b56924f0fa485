//! NumPy's arrays (NEP 1, format versions 1 to 3): two axes are rows and columns, a third one channels.

use super::picture::{Picture, Values};
use crate::config::ChannelAxis;
use half::f16;

/// An array of which the header has been read.
pub(super) struct Npy {
    bytes: Vec<u8>,
    /// Where the values begin.
    data: usize,
    kind: Kind,
    big_endian: bool,
    /// Rows, columns and channels.
    shape: [usize; 3],
    /// How many values lie between neighbours along each.
    strides: [usize; 3],
}

/// The type of the values, by the letter and the number of bytes of NumPy's `descr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    letter: u8,
    width: usize,
}

/// Channels that an array has at most for its axis to be recognised.
const MOST_CHANNELS: usize = 16;
const MAGIC: &[u8] = b"\x93NUMPY";
const SAVE: &str = "save it by numpy.save as an array of numbers, height × width or height × width × channels";

/// Whether these are the first bytes of an array.
pub(super) fn knows(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

impl Npy {
    /// Reads the header.
    ///
    /// # Errors
    /// In words, the file not named: other axes or types than are read, and a length that is not the one of the shape.
    pub fn new(bytes: Vec<u8>, axis: ChannelAxis) -> Result<Self, String> {
        let (text, data) = header(&bytes)?;
        let fields = Fields::of(text)?;
        let (kind, big_endian) = kind(&fields.descr)?;
        let needed = fields.shape.iter().try_fold(kind.width, |product, side| product.checked_mul(*side));
        let there = bytes.len() - data;
        if needed != Some(there) {
            let shape = &fields.shape;
            return Err(format!(
                "has {there} bytes of values, which are not those of its shape {shape:?}; restore it, or save it again"
            ));
        }
        if there == 0 {
            return Err(format!("has no values (its shape is {:?}); restore it, or save it again", fields.shape));
        }
        let steps = steps(&fields.shape, fields.fortran);
        let places = places(&fields.shape, axis)?;
        let of = |from: &[usize], none: usize| places.map(|place| place.map_or(none, |at| from[at]));
        Ok(Self { data, kind, big_endian, shape: of(&fields.shape, 1), strides: of(&steps, 0), bytes })
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        [self.shape[0], self.shape[1]]
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.shape[2]
    }

    /// Bytes that decoding takes beside the file's own.
    pub fn taken(&self) -> u64 {
        let value = if matches!((self.kind.letter, self.kind.width), (b'u' | b'b', 1 | 2)) { self.kind.width } else { 4 };
        self.shape.iter().fold(value as u64, |product, side| product.saturating_mul(*side as u64))
    }

    /// The values.
    pub fn decode(self) -> Picture {
        let (size, channels, letter) = (self.size(), self.channels(), self.kind.letter);
        match (letter, self.kind.width) {
            (b'b', _) => Picture::of(size, channels, 1, Values::Bytes(self.each(|v: [u8; 1]| u8::from(v[0] != 0)))),
            (b'u', 1) => Picture::of_bytes(size, channels, self.each(|[v]: [u8; 1]| v)),
            (b'u', 2) => Picture::of(size, channels, u16::MAX, Values::Words(self.each(u16::from_le_bytes))),
            (_, width) => {
                let full = full(letter, width);
                Picture { full, ..Picture::of(size, channels, u16::MAX, Values::Floats(self.floats())) }
            }
        }
    }

    /// Values that become the nearest f32.
    fn floats(&self) -> Vec<f32> {
        match (self.kind.letter, self.kind.width) {
            (b'u', 4) => self.each(|v| u32::from_le_bytes(v) as f32),
            (b'u', _) => self.each(|v| u64::from_le_bytes(v) as f32),
            (b'i', 1) => self.each(|v| f32::from(i8::from_le_bytes(v))),
            (b'i', 2) => self.each(|v| f32::from(i16::from_le_bytes(v))),
            (b'i', 4) => self.each(|v| i32::from_le_bytes(v) as f32),
            (b'i', _) => self.each(|v| i64::from_le_bytes(v) as f32),
            (_, 2) => self.each(|v| f16::from_le_bytes(v).to_f32()),
            (_, 4) => self.each(f32::from_le_bytes),
            (_, _) => self.each(|v| f64::from_le_bytes(v) as f32),
        }
    }

    /// Every value by `read`, which gets its bytes with the lowest first, in the order of rows, columns, channels.
    fn each<const N: usize, T>(&self, read: impl Fn([u8; N]) -> T) -> Vec<T> {
        let [h, w, channels] = self.shape;
        let (values, _) = self.bytes[self.data..].as_chunks::<N>();
        let at = |y: usize, x: usize, c: usize| y * self.strides[0] + x * self.strides[1] + c * self.strides[2];
        let mut read_values = Vec::with_capacity(h * w * channels);
        for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
            read_values.extend((0..channels).map(|c| {
                let mut bytes = values[at(y, x, c)];
                if self.big_endian {
                    bytes.reverse();
                }
                read(bytes)
            }));
        }
        read_values
    }
}

/// The least and the greatest number of an integer type; none of floats.
pub(super) fn full(letter: u8, width: usize) -> Option<[f64; 2]> {
    let bits = 8 * width as i32;
    match letter {
        b'u' => Some([0.0, 2_f64.powi(bits) - 1.0]),
        b'i' => Some([-2_f64.powi(bits - 1), 2_f64.powi(bits - 1) - 1.0]),
        _ => None,
    }
}

/// The text of the header, and where the values begin.
fn header(bytes: &[u8]) -> Result<(&str, usize), String> {
    let cut = "ends before its header does; restore it, or save it again";
    let (start, length) = match bytes.get(6).ok_or(cut)? {
        1 => (10, bytes.get(8..10).ok_or(cut)?.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))),
        2 | 3 => (12, bytes.get(8..12).ok_or(cut)?.iter().rev().fold(0, |all, byte| all << 8 | usize::from(*byte))),
        other => return Err(format!("is of the version {other} of NumPy's format, which is not read; {SAVE}")),
    };
    let text = bytes.get(start..start + length).ok_or(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| format!("has a header that is no text; {SAVE}"))?;
    Ok((text, start + length))
}

/// What the header says.
struct Fields {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Fields {
    /// Reads a dictionary of Python with exactly the three keys, as NumPy writes it.
    fn of(text: &str) -> Result<Self, String> {
        let strange = || format!("has a header that is not understood; {SAVE}");
        let inside = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(strange)?;
        let (mut descr, mut fortran, mut shape, mut rest) = (None, None, None, inside.trim());
        while !rest.is_empty() {
            let (key, after) = quoted(rest).ok_or_else(strange)?;
            let value = after.trim_start().strip_prefix(':').ok_or_else(strange)?.trim_start();
            let left = match key {
                "descr" if value.starts_with('[') => return Err(format!("has fields of several types; {SAVE}")),
                "descr" if descr.is_none() => quoted(value).map(|(text, left)| {
                    descr = Some(text.to_owned());
                    left
                }),
                "fortran_order" if fortran.is_none() => {
                    let is = [("True", true), ("False", false)].into_iter();
                    is.filter_map(|(word, is)| Some((is, value.strip_prefix(word)?))).next().map(|(is, left)| {
                        fortran = Some(is);
                        left
                    })
                }
                "shape" if shape.is_none() => {
                    value.strip_prefix('(').and_then(|text| text.split_once(')')).and_then(|(sides, left)| {
                        let sides = sides.trim().trim_end_matches(',');
                        let sides =
                            sides.split(',').map(|side| side.trim().trim_end_matches('L')).filter(|side| !side.is_empty());
                        shape = Some(sides.map(|side| side.parse().ok()).collect::<Option<Vec<usize>>>()?);
                        Some(left)
                    })
                }
                _ => None,
            };
            let left = left.ok_or_else(strange)?.trim_start();
            rest = match left.strip_prefix(',') {
                Some(left) => left.trim_start(),
                None if left.is_empty() => left,
                None => return Err(strange()),
            };
        }
        let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else { return Err(strange()) };
        Ok(Self { descr, fortran, shape })
    }
}

/// A text in quotes, and what comes after it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    text[1..].split_once(mark)
}

/// The type of the values, and whether the highest byte comes first.
fn kind(descr: &str) -> Result<(Kind, bool), String> {
    let other = || format!("has values of the type '{descr}', which are not read; {SAVE}");
    let [order @ (b'<' | b'>' | b'|'), letter, width @ ..] = descr.as_bytes() else { return Err(other()) };
    let width = match (letter, width) {
        (b'b', b"1") | (b'u' | b'i', b"1") => 1,
        (b'u' | b'i' | b'f', b"2") => 2,
        (b'u' | b'i' | b'f', b"4") => 4,
        (b'u' | b'i' | b'f', b"8") => 8,
        _ => return Err(other()),
    };
    if *order == b'|' && width > 1 {
        return Err(other());
    }
    Ok((Kind { letter: *letter, width }, *order == b'>'))
}

/// How many values lie between neighbours along each axis.
fn steps(shape: &[usize], fortran: bool) -> Vec<usize> {
    let axes = 0..shape.len();
    axes.map(|axis| if fortran { shape[..axis].iter().product() } else { shape[axis + 1..].iter().product() }).collect()
}

/// Which axes are rows, columns and channels; of two axes none is the last.
fn places(shape: &[usize], axis: ChannelAxis) -> Result<[Option<usize>; 3], String> {
    let first = [Some(1), Some(2), Some(0)];
    let last = [Some(0), Some(1), Some(2)];
    let [a, b, c] = match *shape {
        [_, _] => return Ok([Some(0), Some(1), None]),
        [a, b, c] => [a, b, c],
        _ => return Err(format!("has the shape {shape:?}, and two or three axes are read; {SAVE}")),
    };
    match axis {
        ChannelAxis::First => Ok(first),
        ChannelAxis::Last => Ok(last),
        ChannelAxis::Auto if a <= MOST_CHANNELS && a < b.min(c) => Ok(first),
        ChannelAxis::Auto if c <= MOST_CHANNELS && c < a.min(b) => Ok(last),
        ChannelAxis::Auto => Err(format!(
            "has the shape {shape:?}, of which neither the first nor the last axis is clearly the channels ({MOST_CHANNELS} at most and \
             fewer than the others); set channel_axis = \"first\" or \"last\" in [dataset.folders]"
        )),
    }
}

#[cfg(test)]
mod tests;
