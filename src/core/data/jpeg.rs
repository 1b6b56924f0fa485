//! JPEG (ITU-T T.81): what its segments say, and its pixels by the crate `jpeg-decoder`.
//!
//! Which colours components are follows from the segments as libjpeg takes them; kinds that are not read are refused here, by name. The decoder of the
//! crate `image`, zune-jpeg, is faster and decodes files of one scan per component to garbage.

use super::picture::{Picture, broken};
use image::metadata::Orientation;
use jpeg_decoder::{ColorTransform, Decoder};
use std::borrow::Cow;

/// What components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// What they are stored as: RGB, or grey.
    AsStored,
    /// Luma and chroma, to be turned into RGB.
    Ycc,
}

/// Values of 8 bits.
pub(super) struct Decoded {
    /// Height and width.
    pub size: [usize; 2],
    /// 1 or 3.
    pub channels: usize,
    /// height · width · channels, interleaved.
    pub values: Vec<u8>,
}

/// A component of a frame.
#[derive(Debug, Clone, Copy)]
struct Component {
    id: u8,
    /// Sampling factors: vertical, horizontal.
    sampling: [u8; 2],
}

/// What the segments of a file say.
#[derive(Debug, Default)]
pub(super) struct Segments {
    /// The marker that begins the frame: 0xC0 baseline, 0xC1 extended, 0xC2 progressive.
    kind: u8,
    bits: u8,
    size: [usize; 2],
    components: Vec<Component>,
    scans: usize,
    has_jfif: bool,
    /// What the Adobe segment says of colours.
    adobe: Option<u8>,
    orientation: Option<Orientation>,
}

const START_OF_SCAN: u8 = 0xDA;
const END: u8 = 0xD9;

impl Segments {
    /// Reads them all, to the end mark.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, or that the file was cut off: the decoder fills up with grey and says nothing.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        let mut segments = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        loop {
            // A marker may be preceded by fill bytes 0xFF.
            let [0xFF, marker, tail @ ..] = rest else { return Err(cut_off()) };
            rest = match *marker {
                0xFF => &rest[1..],
                END => break,
                0x01 | 0xD0..=0xD7 => tail,
                marker => {
                    let length = tail.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
                    let length = length.filter(|length| *length >= 2).ok_or_else(cut_off)?;
                    segments.take(marker, tail.get(2..length).ok_or_else(cut_off)?)?;
                    let rest = &tail[length..];
                    if marker == START_OF_SCAN { &rest[entropy_coded(rest)..] } else { rest }
                }
            };
        }
        segments.check()?;
        Ok(segments)
    }

    fn take(&mut self, marker: u8, data: &[u8]) -> Result<(), String> {
        match (marker, data) {
            // All starts of frames; 0xC4, 0xC8 and 0xCC are something else.
            (0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF, [bits, h0, h1, w0, w1, _, components @ ..]) => {
                if !self.components.is_empty() {
                    return Err(refused("several frames"));
                }
                (self.kind, self.bits) = (marker, *bits);
                self.size = [[*h0, *h1], [*w0, *w1]].map(|side| u16::from_be_bytes(side).into());
                let component = |c: &[u8; 3]| Component { id: c[0], sampling: [c[1] & 15, c[1] >> 4] };
                self.components = components.as_chunks::<3>().0.iter().map(component).collect();
            }
            (START_OF_SCAN, _) => self.scans += 1,
            (0xE0, [b'J', b'F', b'I', b'F', 0, ..]) => self.has_jfif = true,
            (0xE1, [b'E', b'x', b'i', b'f', 0, _, exif @ ..]) if self.orientation.is_none() => {
                self.orientation = Orientation::from_exif_chunk(exif);
            }
            (0xEE, [b'A', b'd', b'o', b'b', b'e', rest @ ..]) => self.adobe = rest.get(6).copied(),
            (0xDC, _) => return Err(refused("a height that is given after its pixels")),
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        match self.kind {
            0xC0..=0xC2 => {}
            0 => return Err(cut_off()),
            0xC3 | 0xC7 | 0xCB | 0xCF => return Err(refused("lossless coding")),
            0xC9..=0xCB | 0xCD => return Err(refused("arithmetic coding")),
            _ => return Err(refused("several resolutions, each made from the last")),
        }
        if self.bits != 8 {
            return Err(refused(&format!("{} bits a sample", self.bits)));
        }
        if self.size.contains(&0) || self.scans == 0 {
            return Err(cut_off());
        }
        if self.components.iter().any(|c| c.sampling.iter().any(|factor| !(1..=4).contains(factor))) {
            return Err(broken("its sampling factors are none"));
        }
        let most = [0, 1].map(|axis| self.components.iter().map(|c| c.sampling[axis]).max().unwrap_or(1));
        if self.components.iter().any(|c| !most[0].is_multiple_of(c.sampling[0]) || !most[1].is_multiple_of(c.sampling[1])) {
            return Err(refused("components whose resolutions are no multiples of each other"));
        }
        match self.components.len() {
            1 => Ok(()),
            3 => Ok(()),
            4 => Err(refused("CMYK colours")),
            count => Err(refused(&format!("{count} components"))),
        }
    }

    /// Height and width as stored.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// How it is to be turned, 1 (not) to 8.
    pub fn orientation(&self) -> u8 {
        self.orientation.map_or(1, Orientation::to_exif)
    }

    /// Channels, 1 or 3.
    pub fn channels(&self) -> usize {
        self.components.len()
    }

    /// Bytes that decoding takes at its height.
    pub fn bytes(&self) -> u64 {
        let values = self.size.iter().fold(self.channels() as u64, |bytes, side| bytes.saturating_mul(*side as u64));
        // The components and what is made of them; where there are several scans or spectral parts coefficients of 16 bits too.
        let factor = if self.scans > 1 { 4 } else { 2 } + u64::from(self.orientation() > 1);
        values.saturating_mul(factor)
    }

    /// What the components are by the rules of libjpeg (jdapimin.c, `default_decompress_parms`).
    fn colours(&self) -> Colours {
        let ids = || self.components.iter().map(|component| component.id);
        let is_rgb = match (self.has_jfif, self.adobe) {
            (true, _) => false,
            (false, Some(transform)) => transform == 0,
            (false, None) => ids().eq(*b"RGB"),
        };
        if self.components.len() == 1 || is_rgb { Colours::AsStored } else { Colours::Ycc }
    }
}

/// Reads a file's pixels.
///
/// # Errors
/// In words, the file not named: if data is missing or damaged.
pub(super) fn picture(bytes: &[u8], segments: &Segments) -> Result<Picture, String> {
    let Decoded { size, channels, values } = pixels(bytes, segments, segments.colours())?;
    let picture = Picture { lossy: true, ..Picture::of_bytes(size, channels, values) };
    Ok(picture.turned(segments.orientation()))
}

/// A stream within another file, which says what its components are.
///
/// # Errors
/// In words, the file not named.
pub(super) fn decode(stream: &[u8], colours: Colours) -> Result<Decoded, String> {
    let segments = Segments::new(stream)?;
    let colours = if segments.components.len() == 1 { Colours::AsStored } else { colours };
    pixels(stream, &segments, colours)
}

/// A stream with the tables that several share (TIFF Technical Note 2): those of `tables` before its own.
pub(super) fn with_tables<'a>(tables: &[u8], stream: &'a [u8]) -> Cow<'a, [u8]> {
    let inner = tables.strip_prefix(&[0xFF, 0xD8]).and_then(|rest| rest.strip_suffix(&[0xFF, END]));
    match (inner, stream) {
        (Some(inner), [start @ .., _]) if !inner.is_empty() && start.len() > 2 => {
            Cow::Owned([&stream[..2], inner, &stream[2..]].concat())
        }
        _ => Cow::Borrowed(stream),
    }
}

fn pixels(bytes: &[u8], segments: &Segments, colours: Colours) -> Result<Decoded, String> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_color_transform(match (segments.components.len(), colours) {
        (1, _) => ColorTransform::Grayscale,
        (_, Colours::AsStored) => ColorTransform::RGB,
        (_, Colours::Ycc) => ColorTransform::YCbCr,
    });
    let (channels, values) = (segments.components.len(), decoder.decode().map_err(broken)?);
    if values.len() != segments.size[0] * segments.size[1] * channels {
        return Err(broken("its segments contradict each other about its size"));
    }
    Ok(Decoded { size: segments.size, channels, values })
}

/// How many bytes of coded data there are before the next marker. In them 0xFF is followed by 0 or a restart mark (T.81, B.1.1.5).
fn entropy_coded(bytes: &[u8]) -> usize {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7);
    bytes.windows(2).position(is_marker).unwrap_or(bytes.len())
}

fn cut_off() -> String {
    broken("the file ends before the image does")
}

fn refused(what: &str) -> String {
    format!("is a JPEG with {what}, which is not read; save it as PNG, or as plain JPEG, grey or RGB")
}
