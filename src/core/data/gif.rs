//! GIF: the one picture of a file, as indices of its palette. Animations are refused.

use super::picture::{Canvas, Palette, Picture, Row, broken, plausible};
use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError};
use std::io::Cursor;

/// A file of which all has been read that comes before the pixels.
pub(super) struct Gif<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    size: [usize; 2],
    palette: Palette,
}

/// Whether these are the first bytes of a GIF.
pub(super) fn knows(start: &[u8]) -> bool {
    start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a")
}

impl<'a> Gif<'a> {
    /// Reads all that comes before the pixels of the first picture.
    ///
    /// # Errors
    /// In words, the file not named: no picture, or one that does not fill its canvas.
    pub fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let mut decoder = options().read_info(Cursor::new(bytes)).map_err(message)?;
        let size = [decoder.height(), decoder.width()].map(usize::from);
        let Some(frame) = decoder.next_frame_info().map_err(message)? else { return Err(broken("it holds no image")) };
        let place = [frame.top, frame.left, frame.height, frame.width].map(usize::from);
        if place != [0, 0, size[0], size[1]] || size.contains(&0) {
            return Err(format!(
                "has an image of {} × {} (height × width) that does not fill its canvas of {} × {}; save it as PNG",
                place[2], place[3], size[0], size[1]
            ));
        }
        let clear = frame.transparent;
        // Codes of LZW have 12 bits at most, for strings of up to 4096 pixels.
        plausible((size[0] * size[1]) as u64, bytes.len() as u64, 4096)?;
        let colours: Vec<[u16; 3]> =
            decoder.palette().map_err(message)?.as_chunks::<3>().0.iter().map(|c| c.map(u16::from)).collect();
        let alpha = |index: usize| if clear.map(usize::from) == Some(index) { 0 } else { u8::MAX };
        let clear = (0..colours.len()).map(alpha).collect();
        Ok(Self { decoder, size, palette: Palette { colours, top: 255, clear } })
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Channels, 1 or 3.
    pub fn channels(&self) -> usize {
        if self.palette.is_grey() { 1 } else { 3 }
    }

    /// Bytes that decoding takes at its height: indices twice.
    pub fn bytes(&self) -> u64 {
        2 * (self.size[0] * self.size[1]) as u64
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged, or there are more pictures.
    pub fn decode(mut self) -> Result<Picture, String> {
        let mut indices = vec![0; self.size[0] * self.size[1]];
        self.decoder.read_into_buffer(&mut indices).map_err(message)?;
        if self.decoder.next_frame_info().map_err(message)?.is_some() {
            return Err("is an animation; save its frames as files of their own".into());
        }
        let mut canvas = Canvas::new(self.size, 1, 1, 255);
        indices.chunks_exact(self.size[1]).enumerate().for_each(|(y, row)| canvas.put([y, 0], 0, 1, Row::Bytes(row)));
        canvas.indexed(self.palette)
    }
}

fn options() -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options
}

fn message(problem: DecodingError) -> String {
    broken(match problem {
        DecodingError::Io(_) => "the file ends before the image does",
        _ => "its blocks or its compressed data are damaged",
    })
}
