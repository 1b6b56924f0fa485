//! BMP (Windows GDI, BITMAPFILEHEADER and what follows): palettes with their very indices, run lengths, bit masks, both orders of rows.
//!
//! The decoder of the crate `image` replaces indices by colours, beyond a palette's end by black, and gives indices of 8 bits only.

use super::picture::{Canvas, Palette, Picture, Row};

/// A file of which the header has been read.
pub(super) struct Bmp<'a> {
    bytes: &'a [u8],
    size: [usize; 2],
    top_down: bool,
    bits: usize,
    /// Of red, green, blue and alpha; the last 0 where there is none. Unused where there is a palette.
    masks: [u32; 4],
    /// Whether runs are coded (RLE8, RLE4).
    runs: bool,
    palette: Option<Vec<[u16; 3]>>,
    /// Where the pixels begin.
    data: usize,
}

const ENDS: &str = "the file ends before the image does; restore it, or save it again";
const SAVE: &str = "save it as PNG, or as BMP of 8 or 24 bits";

/// Little-endian numbers.
fn number(bytes: &[u8], at: usize, length: usize) -> Result<u32, String> {
    let bytes = at.checked_add(length).and_then(|end| bytes.get(at..end)).ok_or(ENDS)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

impl<'a> Bmp<'a> {
    /// Reads all that comes before the pixels.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, or does not fit together.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let read = |at, length| number(bytes, at, length);
        let header = read(14, 4)? as usize;
        let core = header == 12;
        let (width, height, bits, kind, colours) = match header {
            12 => (read(18, 2)? as i32, read(20, 2)? as i32, read(24, 2)?, 0, 0),
            40 | 52 | 56 | 64 | 108 | 124 => {
                (read(18, 4)? as i32, read(22, 4)? as i32, read(28, 2)?, read(30, 4)?, read(46, 4)? as usize)
            }
            other => return Err(format!("has a header of {other} bytes, which is not read; {SAVE}")),
        };
        if width <= 0 || height == 0 || height == i32::MIN {
            return Err(format!("claims {height} × {width} pixels (height × width); restore it, or save it again"));
        }
        let bits = bits as usize;
        let runs = matches!((kind, bits), (1, 8) | (2, 4));
        let masked = matches!((kind, bits), (3 | 6, 16 | 32)) && header != 64;
        if !(runs && height > 0 || masked || kind == 0 && matches!(bits, 1 | 2 | 4 | 8 | 16 | 24 | 32)) {
            return Err(format!("has pixels of {bits} bits with the compression {kind}, which is not read; {SAVE}"));
        }
        let masks = match (masked, bits) {
            (true, _) => masks(bytes, header, kind)?,
            (false, 16) => [0x7C00, 0x03E0, 0x001F, 0],
            _ => [0x00FF_0000, 0xFF00, 0xFF, 0],
        };
        let beyond = match (masked && header == 40, kind) {
            (false, _) => 0,
            (true, 3) => 12,
            (true, _) => 16,
        };
        let (data, start) = (read(10, 4)? as usize, 14 + header + beyond);
        let palette = (bits <= 8).then(|| palette(bytes, start..data, if core { 3 } else { 4 }, colours, bits)).transpose()?;
        let size = [height.unsigned_abs() as usize, width as usize];
        Ok(Self { bytes, size, top_down: height < 0, bits, masks, runs, palette, data })
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Channels, 1 or 3.
    pub fn channels(&self) -> usize {
        let is_grey = |colours: &Vec<[u16; 3]>| colours.iter().all(|[r, g, b]| r == g && g == b);
        if self.palette.as_ref().is_some_and(is_grey) { 1 } else { 3 }
    }

    /// Bytes of all rows before runs are coded.
    pub fn raw_bytes(&self) -> u64 {
        let [h, w] = self.size.map(|side| side as u64);
        w.saturating_mul(self.bits as u64).div_ceil(8).saturating_mul(h)
    }

    /// How many of them can come of a byte of the file: of coded runs, with rows that end early, more than any encoder makes of them.
    pub fn most_of_a_byte(&self) -> u64 {
        if self.runs { 8192 } else { 1 }
    }

    /// Bytes that decoding takes at its height.
    pub fn bytes(&self) -> u64 {
        let kept = if self.palette.is_some() { 1 } else { 3 };
        (self.size[0] as u64).saturating_mul(self.size[1] as u64).saturating_mul(kept)
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn decode(self) -> Result<Picture, String> {
        let ([h, w], stride) = (self.size, (self.size[1] * self.bits).div_ceil(32) * 4);
        let data = self.bytes.get(self.data..).ok_or(ENDS)?;
        let row_of = |row: usize| if self.top_down { row } else { h - 1 - row };
        let Some(colours) = self.palette else {
            let samples = if self.masks[3] == 0 { 3 } else { 4 };
            let mut canvas = Canvas::new(self.size, samples, 3, 255);
            let rows = data.get(..stride.checked_mul(h).ok_or(ENDS)?).ok_or(ENDS)?;
            for (row, bytes) in rows.chunks_exact(stride).enumerate() {
                let pixels = bytes.chunks_exact(self.bits / 8).take(w);
                let pixels = pixels.map(|pixel| pixel.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)));
                let values: Vec<u8> =
                    pixels.flat_map(|p| self.masks[..samples].iter().map(move |mask| scaled(p, *mask))).collect();
                canvas.put([row_of(row), 0], 0, samples, Row::Bytes(&values));
            }
            return Ok(canvas.picture());
        };
        let mut canvas = Canvas::new(self.size, 1, 1, 255);
        if self.runs {
            let indices = unpacked(data, self.size, self.bits)?;
            indices.chunks_exact(w).enumerate().for_each(|(row, bytes)| canvas.put([row_of(row), 0], 0, 1, Row::Bytes(bytes)));
        } else {
            let rows = data.get(..stride.checked_mul(h).ok_or(ENDS)?).ok_or(ENDS)?;
            for (row, bytes) in rows.chunks_exact(stride).enumerate() {
                let (bits, mask) = (self.bits, ((1_u16 << self.bits) - 1) as u8);
                let values: Vec<u8> = (0..w).map(|x| bytes[x * bits / 8] >> (8 - bits - x * bits % 8) & mask).collect();
                canvas.put([row_of(row), 0], 0, 1, Row::Bytes(&values));
            }
        }
        canvas.indexed(Palette { colours, top: 255, clear: Vec::new() })
    }
}

/// Of red, green, blue and alpha, behind the first 40 bytes of the header.
fn masks(bytes: &[u8], header: usize, kind: u32) -> Result<[u32; 4], String> {
    let alpha = if kind == 6 || header >= 56 { number(bytes, 66, 4)? } else { 0 };
    let masks = [number(bytes, 54, 4)?, number(bytes, 58, 4)?, number(bytes, 62, 4)?, alpha];
    let whole = |mask: &u32| {
        let width = mask.count_ones();
        width <= 8 && mask.checked_shr(mask.trailing_zeros()).unwrap_or(0) == (1 << width) - 1
    };
    if masks[..3].contains(&0) || !masks.iter().all(whole) {
        return Err(format!("has bit masks of other than 1 to 8 neighbouring bits, which are not read; {SAVE}"));
    }
    Ok(masks)
}

/// The bits of a mask, brought to 0 to 255, rounded.
fn scaled(pixel: u32, mask: u32) -> u8 {
    let (value, most) = ((pixel & mask) >> mask.trailing_zeros(), (1 << mask.count_ones()) - 1);
    ((value * 255 + most / 2) / most) as u8
}

/// Blue, green, red each, in what lies between the header and the pixels.
fn palette(
    bytes: &[u8],
    place: std::ops::Range<usize>,
    width: usize,
    colours: usize,
    bits: usize,
) -> Result<Vec<[u16; 3]>, String> {
    let all = 1 << bits;
    let count = if colours == 0 { all } else { colours.min(all) };
    let entries = bytes.get(place).ok_or(ENDS)?.chunks_exact(width).take(count);
    Ok(entries.map(|entry| [entry[2], entry[1], entry[0]].map(u16::from)).collect())
}

/// Indices from coded runs, the lowest row first. Pixels that are jumped over have index 0.
fn unpacked(mut data: &[u8], [h, w]: [usize; 2], bits: usize) -> Result<Vec<u8>, String> {
    let damaged = || "its coded runs are damaged; restore the file, or save it again".to_owned();
    let (mut indices, mut y, mut x) = (vec![0; h * w], 0, 0);
    // Of a byte of two indices the higher half comes first.
    let index = |byte: u8, i: usize| match bits {
        8 => byte,
        _ => {
            if i.is_multiple_of(2) {
                byte >> 4
            } else {
                byte & 15
            }
        }
    };
    while y < h {
        // The end mark may be missing after the last row.
        let [count, value, rest @ ..] = data else { return if y + 1 == h && x == w { Ok(indices) } else { Err(ENDS.into()) } };
        data = rest;
        let (count, value) = (usize::from(*count), usize::from(*value));
        let mut put = |x: usize, count: usize, byte: &dyn Fn(usize) -> u8| {
            let row = indices[y * w..][..w].get_mut(x..x + count).ok_or_else(damaged)?;
            row.iter_mut().enumerate().for_each(|(i, pixel)| *pixel = index(byte(i), i));
            Ok::<(), String>(())
        };
        match (count, value) {
            (0, 0) => (y, x) = (y + 1, 0),
            (0, 1) => return Ok(indices),
            (0, 2) => {
                let [right, up, rest @ ..] = data else { return Err(ENDS.into()) };
                (y, x, data) = (y + usize::from(*up), x + usize::from(*right), rest);
            }
            (0, count) => {
                let length = (count * bits).div_ceil(8);
                let plain = data.get(..length).ok_or(ENDS)?;
                put(x, count, &|i| plain[i * bits / 8])?;
                // Up to whole words.
                data = data.get(length.next_multiple_of(2)..).unwrap_or_default();
                x += count;
            }
            (count, value) => {
                put(x, count, &|_| value as u8)?;
                x += count;
            }
        }
    }
    Ok(indices)
}
