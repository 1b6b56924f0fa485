//! One file: what its elements say of its pixels, checked, and where they are.

use super::super::stored::{Range, Scale};
use super::attribute::{
    ALLOCATED, COLUMNS, FRAMES, HIGH_BIT, PHOTOMETRIC, PIXELS, PLANAR, REPRESENTATION, ROWS, SAMPLES, SERIES, STORED, unsound,
};
use super::content::Content;
use super::element::{Elements, Value};
use super::frame::{Frame, Groups};
use super::pixels::{self, Form, Piece};
use crate::data::source::Source;
use std::path::{Path, PathBuf};

/// More frames than any file has.
const MOST_FRAMES: usize = 100_000;

const SAVE: &str = "convert it to grey of 8 or 16 bits";

/// A file of which all but the pixels has been read.
#[derive(Debug)]
pub(super) struct Image {
    pub path: PathBuf,
    pub form: Form,
    /// Whether low values are meant to be bright.
    pub inverted: bool,
    /// The series that it belongs to.
    pub series: Option<String>,
    pub frames: Vec<Frame>,
    /// Where each frame's pixels are.
    pieces: Vec<Piece>,
}

impl Image {
    /// Reads a file's elements.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, damaged, or does not fit together.
    pub fn open(path: &Path, source: Source) -> Result<Self, String> {
        let content = Content::of(source)?;
        let set = content.elements()?;
        let (form, inverted) = form(&set, &content)?;
        let frames = frame_count(&set)?;
        let Some(Value::Pixels { at, length, .. }) = set.get(PIXELS) else {
            return Err(
                "has no pixels (PixelData), or floating-point ones, which are not read; take it out, or convert it".into()
            );
        };
        let pieces = match (length, content.syntax.runs) {
            (Some(length), false) => pixels::plain(&form, frames, *at, *length)?,
            (None, true) => pixels::packed(&content, &form, frames, *at)?,
            (None, false) => return Err("has pixels in pieces though its transfer syntax has none; save it again".into()),
            (Some(_), true) => return Err("has no pieces of pixels though its transfer syntax has them; save it again".into()),
        };
        let groups = Groups::of(&set, frames)?;
        let frames = (0..frames).map(|number| groups.frame(number)).collect::<Result<Vec<_>, _>>()?;
        if form.samples == 3 && frames.iter().any(|frame| frame.scale != Scale::NONE) {
            return Err("is RGB with a rescale slope, which has no meaning; save it without".into());
        }
        Ok(Self { path: path.to_owned(), form, inverted, series: set.text(SERIES), frames, pieces })
    }

    /// What the values of all frames are kept as.
    pub fn range(&self) -> Range {
        let ranges = self.frames.iter().map(|frame| Range::of(self.form.ends(), frame.scale));
        ranges.reduce(Range::or).expect("an image has a frame")
    }

    /// The stored numbers of a frame, interleaved.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn numbers(&self, frame: usize) -> Result<Vec<i32>, String> {
        let content = Content::of(Source::open(&self.path)?)?;
        pixels::numbers(&content, &self.form, self.pieces[frame])
    }
}

fn form(set: &Elements, content: &Content) -> Result<(Form, bool), String> {
    let size = [set.needed(ROWS)?, set.needed(COLUMNS)?].map(usize::from);
    if size.contains(&0) {
        return Err(format!("claims {} × {} pixels (height × width); restore it, or save it again", size[0], size[1]));
    }
    let (samples, photometric) = (set.short(SAMPLES)?.unwrap_or(1), set.text(PHOTOMETRIC).unwrap_or_default());
    let inverted = match (samples, photometric.as_str()) {
        (1, "MONOCHROME1") => true,
        (1, "MONOCHROME2") | (3, "RGB") => false,
        (1 | 3, "") => return Err(format!("lacks {}; restore it, or save it again", PHOTOMETRIC.name)),
        (samples, other) => {
            return Err(format!("is {other} of {samples} sample(s) a pixel, which is not read; {SAVE}, or to RGB"));
        }
    };
    let planar = match (samples, set.short(PLANAR)?) {
        (1, _) | (3, Some(0)) => false,
        (3, Some(1)) => true,
        (_, None) => return Err(format!("lacks {}; restore it, or save it again", PLANAR.name)),
        (_, Some(other)) => return Err(unsound(PLANAR, &format!("is {other}"))),
    };
    let (allocated, stored) = (set.needed(ALLOCATED)?, set.needed(STORED)?);
    if !matches!(allocated, 8 | 16) {
        return Err(format!("has pixels of {allocated} bits, which are not read; {SAVE}"));
    }
    if !(1..=allocated).contains(&stored) {
        return Err(unsound(STORED, &format!("is {stored} of {allocated}")));
    }
    let high = set.short(HIGH_BIT)?.unwrap_or(stored - 1);
    if high != stored - 1 {
        return Err(format!("has pixels of {stored} bits up to bit {high}, which are not read; {SAVE}"));
    }
    let signed = match set.needed(REPRESENTATION)? {
        0 => false,
        1 => true,
        other => return Err(unsound(REPRESENTATION, &format!("is {other}"))),
    };
    if signed && samples == 3 {
        return Err(format!("is RGB of signed numbers, which are not read; {SAVE}, or to RGB of unsigned ones"));
    }
    let big_endian = content.syntax.coding.big_endian;
    let words = matches!(set.get(PIXELS), Some(Value::Pixels { words: true, .. }));
    let (samples, bytes, stored) = (samples.into(), usize::from(allocated / 8), stored.into());
    let swapped = big_endian && (bytes == 2 || words);
    Ok((Form { size, samples, planar, bytes, stored, signed, swapped, runs: content.syntax.runs }, inverted))
}

fn frame_count(set: &Elements) -> Result<usize, String> {
    let Some(text) = set.text(FRAMES) else { return Ok(1) };
    let count = text.parse().ok().filter(|count| (1..=MOST_FRAMES).contains(count));
    count.ok_or_else(|| unsound(FRAMES, &format!("is {text:?}, 1 to {MOST_FRAMES} are read")))
}
