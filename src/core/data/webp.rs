//! WebP: still pictures, RGB; alpha is dropped. Animations are refused.

use super::picture::{Canvas, Picture, Row, broken};
use image::metadata::Orientation;
use image_webp::{DecodingError, WebPDecoder};
use std::io::Cursor;

/// A file of which the header has been read.
pub(super) struct WebP<'a> {
    decoder: WebPDecoder<Cursor<&'a [u8]>>,
    orientation: u8,
}

/// Whether these are the first bytes of a WebP.
pub(super) fn knows(start: &[u8]) -> bool {
    start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP")
}

impl<'a> WebP<'a> {
    /// Reads all that comes before the pixels.
    ///
    /// # Errors
    /// In words, the file not named: also if it is an animation.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(message)?;
        if decoder.is_animated() {
            return Err("is an animation; save its frames as files of their own".into());
        }
        let exif = decoder.exif_metadata().map_err(message)?;
        let exif = exif.as_deref().map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        let orientation = exif.and_then(Orientation::from_exif_chunk).map_or(1, Orientation::to_exif);
        Ok(Self { decoder, orientation })
    }

    /// Height and width as stored.
    pub fn size(&self) -> [usize; 2] {
        let (width, height) = self.decoder.dimensions();
        [height as usize, width as usize]
    }

    /// How it is to be turned, 1 (not) to 8.
    pub fn orientation(&self) -> u8 {
        self.orientation
    }

    /// Bytes that decoding takes at its height: samples as decoded and as kept, and what they are made of.
    pub fn bytes(&self) -> u64 {
        let pixels = self.size().iter().fold(1, |pixels: u64, side| pixels.saturating_mul(*side as u64));
        pixels.saturating_mul(if self.orientation == 1 { 11 } else { 14 })
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn decode(mut self) -> Result<Picture, String> {
        let (size, samples) = (self.size(), if self.decoder.has_alpha() { 4 } else { 3 });
        let mut values = vec![0; self.decoder.output_buffer_size().ok_or_else(|| broken("it is too large"))?];
        self.decoder.read_image(&mut values).map_err(message)?;
        let mut canvas = Canvas::new(size, samples, 3, 255);
        values.chunks_exact(size[1] * samples).enumerate().for_each(|(y, row)| canvas.put([y, 0], 0, samples, Row::Bytes(row)));
        let lossy = self.decoder.is_lossy();
        Ok(Picture { lossy, ..canvas.picture() }.turned(self.orientation))
    }
}

/// The decoder's own words have the debug text of its types.
fn message(problem: DecodingError) -> String {
    broken(match problem {
        DecodingError::IoError(_) => "the file ends before the image does",
        _ => "its chunks or its compressed data are damaged",
    })
}
