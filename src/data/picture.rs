//! A decoded file as plain numbers: PNG, JPEG, TIFF or BMP, grey or RGB, 8 or 16 bits. Alpha is dropped. JPEG and PNG are turned as their
//! EXIF orientation says.

use super::pages;
use crate::regular::{self, Most};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;
use std::path::Path;

/// Pixels as they are in the file.
#[derive(Debug)]
pub(super) struct Picture {
    /// Height and width.
    pub size: [usize; 2],
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// The value of full brightness: 255 or 65535, less for grey PNG of 1, 2 or 4 bits.
    pub top: u16,
    /// height · width · channels, interleaved.
    pub values: Vec<u16>,
    /// The colours of an indexed PNG.
    pub palette: Option<Vec<[u8; 3]>>,
    /// Whether the values are near what was meant rather than exact.
    pub lossy: bool,
    /// Whether all pixels have one colour and an alpha, dropped, that differs.
    pub only_alpha: bool,
    /// Whether it is turned or mirrored against what is stored, as EXIF says.
    pub turned: bool,
}

impl Picture {
    /// Reads a file whole.
    ///
    /// # Errors
    /// In words, the file named.
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |problem: String| format!("{}: {problem}", path.display());
        let bytes = regular::bytes(path, Most::WHOLE).map_err(|e| told(format!("cannot be read: {e}")))?;
        Self::decode(&bytes).map_err(told)
    }

    /// Channels of a file (1 or 3), from its header.
    ///
    /// # Errors
    /// In words, the file named.
    pub fn channels_of(path: &Path) -> Result<usize, String> {
        let told = |problem: String| format!("{}: {problem}", path.display());
        let bytes = regular::bytes(path, Most::WHOLE).map_err(|e| told(format!("cannot be read: {e}")))?;
        header_channels(&bytes).map_err(told)
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let format = format_of(bytes)?;
        if format == ImageFormat::Tiff {
            return pages::single(bytes);
        }
        let lossy = format == ImageFormat::Jpeg;
        if lossy && !jpeg_is_complete(bytes) {
            return Err(broken("the file ends before the picture does"));
        }
        let orientation = orientation(bytes, format);
        let mut decoded = image::load_from_memory_with_format(bytes, format).map_err(broken)?;
        decoded.apply_orientation(orientation);
        let mut picture = Self::from_image(&decoded)?;
        (picture.lossy, picture.turned) = (lossy, orientation != Orientation::NoTransforms);
        if format == ImageFormat::Png {
            picture.undo_expansion(bytes);
        }
        Ok(picture)
    }

    fn from_image(image: &DynamicImage) -> Result<Self, String> {
        let wide = |raw: &[u8]| raw.iter().map(|v| u16::from(*v)).collect::<Vec<_>>();
        let (samples, top, values) = match image {
            DynamicImage::ImageLuma8(image) => (1, 255, wide(image)),
            DynamicImage::ImageLumaA8(image) => (2, 255, wide(image)),
            DynamicImage::ImageRgb8(image) => (3, 255, wide(image)),
            DynamicImage::ImageRgba8(image) => (4, 255, wide(image)),
            DynamicImage::ImageLuma16(image) => (1, u16::MAX, image.to_vec()),
            DynamicImage::ImageLumaA16(image) => (2, u16::MAX, image.to_vec()),
            DynamicImage::ImageRgb16(image) => (3, u16::MAX, image.to_vec()),
            DynamicImage::ImageRgba16(image) => (4, u16::MAX, image.to_vec()),
            other => return Err(broken(format!("pixels of the kind {:?}", other.color()))),
        };
        Self::new([image.height() as usize, image.width() as usize], samples, top, values)
    }

    /// From interleaved values; of 2 or 4 samples a pixel the last is alpha and goes.
    ///
    /// # Errors
    /// If there are no pixels, or not as many values as pixels need.
    pub fn new(size: [usize; 2], samples: usize, top: u16, mut values: Vec<u16>) -> Result<Self, String> {
        if values.is_empty() || values.len() != size[0] * size[1] * samples {
            return Err(broken("it is empty, or has fewer values than its size says"));
        }
        let channels = if samples < 3 { 1 } else { 3 };
        let mut only_alpha = false;
        if samples != channels {
            let pixels = || values.chunks_exact(samples);
            let alike = |range: std::ops::Range<usize>| pixels().all(|pixel| pixel[range.clone()] == values[range.clone()]);
            only_alpha = alike(0..channels) && !alike(channels..samples);
            values = values.chunks_exact(samples).flat_map(|pixel| &pixel[..channels]).copied().collect();
        }
        Ok(Self { size, channels, top, values, palette: None, lossy: false, only_alpha, turned: false })
    }

    /// The decoder spreads grey of 1, 2 or 4 bits over 0-255 and replaces palette indices by colours; class indices need the
    /// numbers of the file.
    fn undo_expansion(&mut self, bytes: &[u8]) {
        match png_header(bytes) {
            Some((PNG_GREY, depth @ (1 | 2 | 4))) => {
                self.top = (1 << depth) - 1;
                let step = 255 / self.top;
                self.values.iter_mut().for_each(|v| *v /= step);
            }
            Some((PNG_INDEXED, _)) => {
                self.palette = png_palette(bytes);
                if self.palette.as_deref().is_some_and(is_grey) {
                    self.values = self.values.iter().copied().step_by(3).collect();
                    self.channels = 1;
                }
            }
            _ => {}
        }
    }

    /// `channels` planes of height · width in [0, 1]. Grey of RGB is Rec. 601 luma, RGB of grey the same plane three times.
    pub fn planes(&self, channels: usize) -> Vec<f32> {
        let top = f32::from(self.top);
        let plane = |c: usize| self.values.iter().skip(c).step_by(self.channels).map(move |v| f32::from(*v) / top);
        match (self.channels, channels) {
            (3, 1) => plane(0).zip(plane(1)).zip(plane(2)).map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b).collect(),
            (1, 3) => plane(0).chain(plane(0)).chain(plane(0)).collect(),
            _ => (0..self.channels).flat_map(plane).collect(),
        }
    }
}

const PNG_GREY: u8 = 0;
const PNG_INDEXED: u8 = 3;

/// What to say of a file that does not decode.
pub(super) fn broken(problem: impl std::fmt::Display) -> String {
    format!("cannot be decoded: {problem}; save it again as PNG, 8 or 16 bits, grey or RGB")
}

fn format_of(bytes: &[u8]) -> Result<ImageFormat, String> {
    if bytes.is_empty() {
        return Err("is empty; restore it".into());
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff | ImageFormat::Bmp)) => Ok(format),
        _ => Err(broken("its content is no PNG, JPEG, TIFF or BMP")),
    }
}

/// How a JPEG or PNG is to be turned; what cannot be told is left as it is.
fn orientation(bytes: &[u8], format: ImageFormat) -> Orientation {
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png) {
        return Orientation::NoTransforms;
    }
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder();
    decoder.and_then(|mut decoder| decoder.orientation()).unwrap_or(Orientation::NoTransforms)
}

/// Whether a file is shown turned or mirrored against what it stores.
pub(super) fn is_turned(bytes: &[u8]) -> bool {
    format_of(bytes).is_ok_and(|format| orientation(bytes, format) != Orientation::NoTransforms)
}

fn header_channels(bytes: &[u8]) -> Result<usize, String> {
    let format = format_of(bytes)?;
    if format == ImageFormat::Tiff {
        return pages::channels(Cursor::new(bytes));
    }
    if format == ImageFormat::Png && png_palette(bytes).as_deref().is_some_and(is_grey) {
        return Ok(1);
    }
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(broken)?;
    Ok(if decoder.color_type().has_color() { 3 } else { 1 })
}

/// Colour type and bit depth (PNG specification, 11.2.1 IHDR).
fn png_header(bytes: &[u8]) -> Option<(u8, u8)> {
    Some((*bytes.get(25)?, *bytes.get(24)?))
}

/// The PLTE chunk of an indexed PNG; chunks are length, type, data, checksum.
fn png_palette(bytes: &[u8]) -> Option<Vec<[u8; 3]>> {
    if png_header(bytes)?.0 != PNG_INDEXED {
        return None;
    }
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(rest.first_chunk().copied()?) as usize;
        let data = rest.get(8..)?.get(..length)?;
        if rest.get(4..8)? == b"PLTE" {
            return Some(data.as_chunks::<3>().0.to_vec());
        }
        rest = rest.get(8 + length + 4..)?;
    }
}

fn is_grey(palette: &[[u8; 3]]) -> bool {
    palette.iter().all(|[r, g, b]| r == g && g == b)
}

/// Whether the end marker follows the start of the scan. The decoder fills up a file that was cut off with grey and says
/// nothing. Within a scan 0xFF 0xD9 is never data (ITU-T T.81, B.1.1.5), before it segments carry their length.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xFF, marker, tail @ ..] = rest {
        if *marker == START_OF_SCAN {
            return tail.windows(2).any(|pair| pair == [0xFF, 0xD9]);
        }
        // A marker may be preceded by fill bytes 0xFF.
        rest = match (*marker, tail) {
            (0xFF, _) => &rest[1..],
            (_, [high, low, ..]) => tail.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default(),
            _ => &[],
        };
    }
    false
}
