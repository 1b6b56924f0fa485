//! PNG: header, palette and raw samples; of an indexed file its very indices.

use super::picture::{Canvas, Palette, Picture, Row, broken};
use image::metadata::Orientation;
use png::{BitDepth, ColorType, DecodeOptions, DecodingError, Info, Limits, Reader, Transformations};
use std::io::Cursor;

/// What the decoder may allocate beside rows of pixels, for colour profiles say.
const BESIDE: usize = 64 << 20;

/// A file of which the header has been read.
pub(super) struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    orientation: u8,
}

impl<'a> Png<'a> {
    /// Reads all that comes before the pixels.
    ///
    /// # Errors
    /// In words, the file not named.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let mut options = DecodeOptions::default();
        options.set_ignore_adler32(false);
        options.set_ignore_text_chunk(true);
        options.set_ignore_iccp_chunk(true);
        let mut decoder = png::Decoder::new_with_options(Cursor::new(bytes), options);
        decoder.set_limits(Limits { bytes: BESIDE });
        decoder.set_transformations(Transformations::IDENTITY);
        let reader = decoder.read_info().map_err(message)?;
        let exif = chunk(bytes, b"eXIf").and_then(Orientation::from_exif_chunk);
        Ok(Self { reader, orientation: exif.map_or(1, Orientation::to_exif) })
    }

    fn info(&self) -> &Info<'static> {
        self.reader.info()
    }

    /// Height and width as stored.
    pub fn size(&self) -> [usize; 2] {
        [self.info().height as usize, self.info().width as usize]
    }

    /// How it is to be turned, 1 (not) to 8.
    pub fn orientation(&self) -> u8 {
        self.orientation
    }

    /// Channels, 1 or 3.
    pub fn channels(&self) -> usize {
        match self.info().color_type {
            ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
            ColorType::Rgb | ColorType::Rgba => 3,
            ColorType::Indexed => {
                if self.palette().is_grey() {
                    1
                } else {
                    3
                }
            }
        }
    }

    /// Bytes of all samples before they are compressed.
    pub fn raw_bytes(&self) -> u64 {
        let [h, w] = self.size().map(|side| side as u64);
        h.saturating_mul(w.saturating_mul(self.info().bits_per_pixel() as u64).div_ceil(8))
    }

    /// Bytes that decoding takes at its height.
    pub fn bytes(&self) -> u64 {
        let info = self.info();
        let kept = self.kept() as u64 * if info.bit_depth == BitDepth::Sixteen { 2 } else { 1 };
        // Of an interlaced file all samples come together.
        let raw = if info.interlaced { self.raw_bytes() } else { 0 };
        let turned = if self.orientation == 1 { 1 } else { 2 };
        self.size().iter().fold(kept * turned, |bytes, side| bytes.saturating_mul(*side as u64)).saturating_add(raw)
    }

    /// Samples of a pixel that are kept.
    fn kept(&self) -> usize {
        if matches!(self.info().color_type, ColorType::Rgb | ColorType::Rgba) { 3 } else { 1 }
    }

    fn palette(&self) -> Palette {
        let entries = self.info().palette.as_deref().unwrap_or_default().as_chunks::<3>().0;
        let colours = entries.iter().map(|colour| colour.map(u16::from)).collect();
        Palette { colours, top: 255, clear: self.info().trns.as_deref().unwrap_or_default().to_vec() }
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn decode(mut self) -> Result<Picture, String> {
        let (size, samples, kept, depth) = (self.size(), self.info().color_type.samples(), self.kept(), self.info().bit_depth);
        let top = ((1_u32 << depth as u8) - 1) as u16;
        let mut canvas = Canvas::new(size, samples, kept, top);
        let bits = depth as usize;
        let mut put = |y: usize, bytes: &[u8]| put_row(&mut canvas, y, samples, size[1], bits, bytes);
        if self.info().interlaced {
            let mut raw = vec![0; self.reader.output_buffer_size().ok_or_else(|| broken("it is too large"))?];
            let frame = self.reader.next_frame(&mut raw).map_err(message)?;
            raw.chunks_exact(frame.line_size).take(size[0]).enumerate().for_each(|(y, row)| put(y, row));
        } else {
            for y in 0..size[0] {
                let row = self.reader.next_row().map_err(message)?;
                put(y, row.ok_or_else(|| broken("the file ends before the image does"))?.data());
            }
        }
        // Checksums and the end mark.
        self.reader.finish().map_err(message)?;
        let indexed = self.info().color_type == ColorType::Indexed;
        let picture = if indexed { canvas.indexed(self.palette())? } else { canvas.picture() };
        Ok(picture.turned(self.orientation))
    }
}

/// A row as the file has it: samples of 16 bits with the high byte first, of less than 8 bits packed, the leftmost highest.
fn put_row(canvas: &mut Canvas, y: usize, samples: usize, width: usize, bits: usize, bytes: &[u8]) {
    let count = width * samples;
    match bits {
        8 => canvas.put([y, 0], 0, samples, Row::Bytes(&bytes[..count])),
        16 => {
            let values: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            canvas.put([y, 0], 0, samples, Row::Words(&values[..count]));
        }
        bits => {
            let value = |i: usize| bytes[i * bits / 8] >> (8 - bits - i * bits % 8) & ((1 << bits) - 1);
            canvas.put([y, 0], 0, samples, Row::Bytes(&(0..count).map(value).collect::<Vec<u8>>()));
        }
    }
}

/// The decoder's own words have the debug text of its types.
fn message(problem: DecodingError) -> String {
    broken(match problem {
        DecodingError::IoError(_) => "the file ends before the image does",
        DecodingError::LimitsExceeded => "one of its chunks is too large",
        DecodingError::Format(_) | DecodingError::Parameter(_) => "its chunks or its compressed data are damaged",
    })
}

/// The data of the first chunk of a kind, wherever it is; chunks are length, kind, data, checksum.
fn chunk<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.first_chunk().copied()?) as usize;
        let data = rest.get(8..)?.get(..length)?;
        if rest.get(4..8)? == kind {
            return Some(data);
        }
        rest = rest.get(8 + length + 4..)?;
    }
}
