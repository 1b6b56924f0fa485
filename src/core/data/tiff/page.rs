//! What the tags of a page say of its pixels: a checked [`Page`], or the true reason why it is not read.
//!
//! Numbers of tags and their values are those of TIFF 6.0 and of the Adobe Photoshop TIFF Technical Notes.

use super::compression::Compression;
use super::directory::{Directory, Reader};
use super::samples::{Differences, Format, Kind};

/// Tags by number.
mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const WIDTH: u16 = 256;
    pub const LENGTH: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const DESCRIPTION: u16 = 270;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_COUNTS: u16 = 279;
    pub const PLANAR: u16 = 284;
    pub const PREDICTOR: u16 = 317;
    pub const COLOUR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_COUNTS: u16 = 325;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const DEPTH: u16 = 32_997;
    pub const STK_PLANES: u16 = 33_629;
}

/// What the samples of a pixel mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data) enum Meaning {
    /// One brightness; `inverted` where 0 is white.
    Grey { inverted: bool },
    /// Red, green and blue.
    Rgb,
    /// Luma and two chromas of a JPEG stream, which its decoder turns into RGB.
    Ycc,
    /// Numbers of colours of 16 bits.
    Palette(Vec<[u16; 3]>),
}

/// What is said of the last sample that is no channel: the fourth of RGB, say, or the second of grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Extra {
    /// There is none.
    None,
    /// It may go.
    Alpha,
    /// Colours are multiplied by it: it may go only if it is full everywhere.
    Multiplied,
}

/// How a page is stored.
#[derive(Debug, Clone)]
pub(in crate::data) struct Page {
    /// Height and width as stored.
    pub size: [usize; 2],
    /// Samples a pixel.
    pub samples: usize,
    /// Bits a sample, 1 to 16, 32 or 64.
    pub bits: usize,
    /// What kind of numbers they are.
    pub format: Format,
    /// How many of them are channels, the first ones.
    pub kept: usize,
    /// What they mean.
    pub meaning: Meaning,
    /// What the last of them means beside.
    pub extra: Extra,
    /// How strips or tiles are compressed.
    pub compression: Compression,
    /// What is stored in place of samples.
    pub differences: Differences,
    /// Whether the lowest bit of each byte comes first.
    pub reversed: bool,
    /// Whether each sample has a plane of its own.
    pub planar: bool,
    /// Height and width of a strip or tile.
    pub chunk: [usize; 2],
    /// Whether chunks at the edge are stored whole.
    pub tiled: bool,
    /// Where chunks begin, plane by plane, row by row.
    pub offsets: Vec<u64>,
    /// Bytes of each.
    pub counts: Vec<u64>,
    /// How it is to be turned, 1 (not) to 8.
    pub orientation: u8,
}

/// Whether a directory is of a page in its own right: no smaller copy of another, and no mask of one.
///
/// # Errors
/// In words, the file not named.
pub(super) fn is_picture(reader: &Reader, directory: &Directory) -> Result<bool, String> {
    const REDUCED_OR_MASK: u64 = 0b101;
    let old = reader.number(directory, tag::SUBFILE_TYPE, 1)?;
    Ok(reader.number(directory, tag::NEW_SUBFILE_TYPE, 0)? & REDUCED_OR_MASK == 0 && old != 2)
}

/// The text that says what the file's pages are, if one does.
///
/// # Errors
/// In words, the file not named.
pub(super) fn description(reader: &Reader, directory: &Directory) -> Result<String, String> {
    let text = String::from_utf8_lossy(&reader.text(directory, tag::DESCRIPTION)?).into_owned();
    Ok(text.trim_end_matches('\0').to_owned())
}

/// How many pictures a directory stands for by what ImageJ says of its file; 1 without a word.
///
/// # Errors
/// In words, the file not named: if there are several in a way that is not read.
pub(super) fn promised(reader: &Reader, directory: &Directory) -> Result<u64, String> {
    let text = description(reader, directory)?;
    let several = |what: &str| {
        Err(format!("holds several images in one directory ({what}), which is not read; save each image as a page of its own"))
    };
    if reader.number(directory, tag::DEPTH, 1)? > 1 {
        return several("ImageDepth");
    }
    let planes = reader.text(directory, tag::STK_PLANES)?;
    if !planes.is_empty() {
        return several("a MetaMorph stack");
    }
    if text.starts_with('{') && text.replace(' ', "").contains("\"truncated\":true") {
        return several("a truncated series of tifffile");
    }
    if !text.starts_with("ImageJ=") {
        return Ok(1);
    }
    let images = text.lines().find_map(|line| line.strip_prefix("images=")).map(|number| number.trim().parse());
    match images {
        None => Ok(1),
        Some(Ok(images @ 1..)) => Ok(images),
        Some(_) => Err("its ImageJ description has a number of images that is none; save it again".into()),
    }
}

impl Page {
    /// From the tags of a directory.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, or does not fit together.
    pub fn new(reader: &Reader, directory: &Directory) -> Result<Self, String> {
        let number = |tag, default| reader.number(directory, tag, default);
        let size = [number(tag::LENGTH, 0)?, number(tag::WIDTH, 0)?];
        if size.iter().any(|side| !(1..=1 << 31).contains(side)) {
            return Err(format!("claims {} × {} pixels (height × width); restore it, or save it again", size[0], size[1]));
        }
        let size = size.map(|side| side as usize);
        let samples = number(tag::SAMPLES, 1)? as usize;
        let bits = alike(&reader.numbers(directory, tag::BITS)?, 1, "bits")? as usize;
        let format = alike(&reader.numbers(directory, tag::SAMPLE_FORMAT)?, 1, "kinds")?;
        let format = Format::of(format, bits).map_err(|kind| {
            format!("its samples are {kind} of {bits} bits, which are not read; {SAVE}, after bringing the values to that range")
        })?;
        let compression = Compression::of(reader, directory, number(tag::COMPRESSION, 1)?, bits)?;
        let planar = match number(tag::PLANAR, 1)? {
            1 => false,
            2 => samples > 1,
            other => return Err(format!("has the unknown order of planes {other}; {SAVE}")),
        };
        let photometric = reader.numbers(directory, tag::PHOTOMETRIC)?.first().copied();
        let photometric =
            photometric.ok_or_else(|| format!("does not say what its values mean (it lacks the tag 262); {SAVE}"))?;
        let meaning = meaning(reader, directory, photometric, bits, &compression, planar)?;
        let extras = reader.numbers(directory, tag::EXTRA_SAMPLES)?;
        let (extra, kept) = extra(&meaning, samples, &extras)?;
        refuse_strange(&meaning, format, bits, kept)?;
        let differences = differences(number(tag::PREDICTOR, 1)?, &compression, bits, format)?;
        let reversed = match number(tag::FILL_ORDER, 1)? {
            1 => false,
            2 => true,
            other => return Err(format!("has the unknown order of bits {other}; {SAVE}")),
        };
        // Values beyond 8 mean nothing; libtiff takes them for 1.
        let orientation = match number(tag::ORIENTATION, 1)? {
            turned @ 2..=8 => turned as u8,
            _ => 1,
        };
        let mut page = Self {
            size,
            samples,
            bits,
            format,
            kept,
            meaning,
            extra,
            compression,
            differences,
            reversed,
            planar,
            chunk: size,
            tiled: false,
            offsets: Vec::new(),
            counts: Vec::new(),
            orientation,
        };
        page.lay_out(reader, directory)?;
        Ok(page)
    }

    /// Finds the strips or tiles.
    fn lay_out(&mut self, reader: &Reader, directory: &Directory) -> Result<(), String> {
        let numbers = |tag| reader.numbers(directory, tag);
        self.tiled = !numbers(tag::TILE_WIDTH)?.is_empty();
        if self.tiled {
            let sides = [reader.number(directory, tag::TILE_LENGTH, 0)?, reader.number(directory, tag::TILE_WIDTH, 0)?];
            if sides.iter().any(|side| !(1..=1 << 16).contains(side)) {
                return Err(format!("has tiles of {} × {} pixels; {SAVE}", sides[0], sides[1]));
            }
            self.chunk = sides.map(|side| side as usize);
        } else {
            let rows = reader.number(directory, tag::ROWS_PER_STRIP, u64::from(u32::MAX))?;
            self.chunk = [rows.clamp(1, self.size[0] as u64) as usize, self.size[1]];
        }
        let tags = if self.tiled { (tag::TILE_OFFSETS, tag::TILE_COUNTS) } else { (tag::STRIP_OFFSETS, tag::STRIP_COUNTS) };
        (self.offsets, self.counts) = (numbers(tags.0)?, numbers(tags.1)?);
        // Some writers keep tiles under the tags of strips.
        if self.tiled && self.offsets.is_empty() {
            (self.offsets, self.counts) = (numbers(tag::STRIP_OFFSETS)?, numbers(tag::STRIP_COUNTS)?);
        }
        let [down, across] = [0, 1].map(|axis| self.size[axis].div_ceil(self.chunk[axis]));
        let wanted = down.saturating_mul(across).saturating_mul(if self.planar { self.samples } else { 1 });
        let plain = self.compression == Compression::None;
        // Very old files of one strip leave out how long it is.
        if self.counts.is_empty() && plain && wanted == 1 {
            self.counts = vec![self.chunk_bytes(self.chunk[0]) as u64];
        }
        let what = if self.tiled { "tiles" } else { "strips" };
        if self.offsets.len() != wanted || self.counts.len() != wanted {
            let (there, long) = (self.offsets.len(), self.counts.len());
            return Err(format!("needs {wanted} {what} and has {there}, with lengths of {long}; restore it, or save it again"));
        }
        if self.offsets.iter().zip(&self.counts).any(|(at, length)| *at == 0 || *length == 0) {
            return Err(format!("some of its {what} are empty; {SAVE}"));
        }
        Ok(())
    }

    /// Samples of a pixel that lie side by side.
    pub fn together(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Bytes of a row of a chunk.
    pub fn row_bytes(&self) -> usize {
        (self.chunk[1] * self.together() * self.bits).div_ceil(8)
    }

    /// Bytes of so many rows of a chunk.
    pub fn chunk_bytes(&self, rows: usize) -> usize {
        rows.saturating_mul(self.row_bytes())
    }

    /// Channels of the picture.
    pub fn channels(&self) -> usize {
        match &self.meaning {
            Meaning::Grey { .. } | Meaning::Rgb | Meaning::Ycc => self.kept,
            Meaning::Palette(colours) => {
                if colours.iter().all(|[r, g, b]| r == g && g == b) {
                    1
                } else {
                    3
                }
            }
        }
    }

    /// What its samples are.
    pub fn kind(&self) -> Kind {
        Kind { format: self.format, bits: self.bits, differences: self.differences }
    }

    /// Whether values become f32.
    pub fn is_wide(&self) -> bool {
        self.bits > 16 || self.format != Format::Unsigned
    }

    /// The value of full brightness of those that do not.
    pub fn top(&self) -> u16 {
        ((1_u32 << self.bits) - 1) as u16
    }

    /// Bytes of the values that are kept.
    pub fn kept_bytes(&self) -> u64 {
        let value = if self.is_wide() { 4 } else { 1 + u64::from(self.bits > 8) };
        self.size.iter().fold(value * self.kept as u64, |bytes, side| bytes.saturating_mul(*side as u64))
    }
}

/// The remedy for what is not read.
pub(super) const SAVE: &str = "save it as PNG, or as TIFF of 8 or 16 bits, grey or RGB";

/// The number that all samples have.
fn alike(numbers: &[u64], default: u64, what: &str) -> Result<u64, String> {
    let first = numbers.first().copied().unwrap_or(default);
    if numbers.iter().any(|number| *number != first) {
        return Err(format!("its samples are of several {what}; {SAVE}"));
    }
    Ok(first)
}

fn meaning(
    reader: &Reader,
    directory: &Directory,
    photometric: u64,
    bits: usize,
    compression: &Compression,
    planar: bool,
) -> Result<Meaning, String> {
    let jpeg = matches!(compression, Compression::Jpeg(_));
    let other = match photometric {
        0 | 1 => return Ok(Meaning::Grey { inverted: photometric == 0 }),
        2 => return Ok(Meaning::Rgb),
        3 if bits <= 8 && !jpeg => return Ok(Meaning::Palette(palette(&reader.numbers(directory, tag::COLOUR_MAP)?, bits)?)),
        6 if jpeg && !planar => return Ok(Meaning::Ycc),
        3 => "numbers of more than 256 colours, or such in JPEG",
        4 => "a mask of transparency",
        5 => "CMYK or other inks",
        6 => "YCbCr colours without JPEG",
        8..=10 => "CIE L*a*b* colours",
        32_803 => "the raw mosaic of a camera",
        32_844 | 32_845 => "LogLuv colours",
        34_892 => "linear raw values of a camera",
        _ => "values of an unknown meaning",
    };
    Err(format!("holds {other}, which is not read; {SAVE}"))
}

/// All reds, all greens, all blues, each 16 bits.
fn palette(map: &[u64], bits: usize) -> Result<Vec<[u16; 3]>, String> {
    let count = 1 << bits;
    if map.len() != 3 * count {
        return Err(format!("its palette has {} numbers instead of {}; {SAVE}", map.len(), 3 * count));
    }
    if (1..256).contains(map.iter().max().unwrap_or(&0)) {
        return Err(format!("its palette has colours of 8 bits where 16 belong; {SAVE}"));
    }
    Ok((0..count).map(|i| [0, 1, 2].map(|c| map[c * count + i] as u16)).collect())
}

/// Refuses kinds of numbers that have no order of brightness, or that palettes cannot be made of.
fn refuse_strange(meaning: &Meaning, format: Format, bits: usize, kept: usize) -> Result<(), String> {
    let plain = format == Format::Unsigned && bits <= 16;
    match meaning {
        Meaning::Grey { inverted: true } if !plain || kept > 1 => Err(format!(
            "says that 0 is white, which is not read of several channels or of other numbers than unsigned ones of up to 16 bits; {SAVE}"
        )),
        Meaning::Palette(_) | Meaning::Ycc if !plain => Err(format!("has colours of numbers that are not read; {SAVE}")),
        _ => Ok(()),
    }
}

/// What the samples beyond colours are, and how many of all are channels: colours, and all that are said to be data. Refuses others than one
/// that may go.
fn extra(meaning: &Meaning, samples: usize, extras: &[u64]) -> Result<(Extra, usize), String> {
    const DATA: u64 = 0;
    let kept = if matches!(meaning, Meaning::Rgb | Meaning::Ycc) { 3 } else { 1 };
    if samples < kept {
        return Err(format!("has {samples} sample(s) a pixel where colours need {kept}; restore it, or save it again"));
    }
    let (more, has_channels) = (samples - kept, !matches!(meaning, Meaning::Palette(_) | Meaning::Ycc));
    match (more, extras) {
        (0, _) => Ok((Extra::None, kept)),
        (1, [1]) => Ok((Extra::Multiplied, kept)),
        (1, [2]) => Ok((Extra::Alpha, kept)),
        // Padding of pixels to four samples.
        (1, [] | [DATA]) if kept == 3 => Ok((Extra::Alpha, kept)),
        (_, [data @ .., last]) if has_channels && extras.len() == more && data.iter().all(|kind| *kind == DATA) => match *last {
            DATA => Ok((Extra::None, samples)),
            1 => Ok((Extra::Multiplied, samples - 1)),
            2 => Ok((Extra::Alpha, samples - 1)),
            _ => Err(format!("its last channel is of the unknown kind {last}; {SAVE}")),
        },
        _ => Err(format!(
            "has {samples} channels, of which {} are neither colour nor alpha; save those that matter as files of their own, grey or RGB",
            samples - kept
        )),
    }
}

fn differences(predictor: u64, compression: &Compression, bits: usize, format: Format) -> Result<Differences, String> {
    match predictor {
        1 => Ok(Differences::None),
        2 if compression.takes_differences() && format != Format::Float && matches!(bits, 8 | 16 | 32 | 64) => {
            Ok(Differences::Horizontal)
        }
        3 if compression.takes_differences() && format == Format::Float => Ok(Differences::Float),
        2 => Err(format!("stores differences of pixels with {bits} bits and {compression}, which is not read; {SAVE}")),
        3 => Err(format!(
            "stores differences of floating-point numbers with {compression} or of other numbers, which is not read; {SAVE}"
        )),
        other => Err(format!("stores differences of an unknown kind ({other}); {SAVE}")),
    }
}
