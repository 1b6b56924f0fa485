//! Pages of TIFF files, by the rules of [`Picture`]: grey or RGB, 8 or 16 bits (grey of 1 bit too), strips or tiles.

use super::picture::{Picture, broken};
use std::io::{Cursor, Read, Seek};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};

/// The picture of a file that holds one.
///
/// # Errors
/// In words, the file not named; also if there are more pages.
pub(super) fn single(bytes: &[u8]) -> Result<Picture, String> {
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(broken)?;
    if decoder.more_images() {
        return Err("has several pages; read it with [dataset.stack], or save the pages as files of their own".into());
    }
    picture(&mut decoder)
}

/// Number of pages; reads directories only.
///
/// # Errors
/// In words, the file not named.
pub(super) fn count(reader: impl Read + Seek) -> Result<usize, String> {
    let mut decoder = Decoder::new(reader).map_err(broken)?;
    let mut pages = 1;
    while decoder.more_images() {
        decoder.next_image().map_err(broken)?;
        pages += 1;
    }
    Ok(pages)
}

/// One page, counted from 0.
///
/// # Errors
/// In words, the file not named.
pub(super) fn page(reader: impl Read + Seek, index: usize) -> Result<Picture, String> {
    let mut decoder = Decoder::new(reader).map_err(broken)?;
    decoder.seek_to_image(index).map_err(broken)?;
    picture(&mut decoder)
}

/// Channels of the first page, 1 or 3.
///
/// # Errors
/// In words, the file not named.
pub(super) fn channels(reader: impl Read + Seek) -> Result<usize, String> {
    let mut decoder = Decoder::new(reader).map_err(broken)?;
    Ok(if samples(decoder.colortype().map_err(broken)?)?.0 < 3 { 1 } else { 3 })
}

/// Samples a pixel and bits a sample.
fn samples(colour: ColorType) -> Result<(usize, u8), String> {
    match colour {
        ColorType::Gray(bits @ (1 | 8 | 16)) => Ok((1, bits)),
        // Grey with alpha has no name of its own in the decoder.
        ColorType::GrayA(bits @ (8 | 16)) | ColorType::Multiband { bit_depth: bits @ (8 | 16), num_samples: 2 } => Ok((2, bits)),
        ColorType::RGB(bits @ (8 | 16)) => Ok((3, bits)),
        ColorType::RGBA(bits @ (8 | 16)) => Ok((4, bits)),
        other => Err(broken(format!("pixels of the kind {other:?}"))),
    }
}

fn picture<R: Read + Seek>(decoder: &mut Decoder<R>) -> Result<Picture, String> {
    let (width, height) = decoder.dimensions().map_err(broken)?;
    let size = [height as usize, width as usize];
    let (samples, bits) = samples(decoder.colortype().map_err(broken)?)?;
    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(broken)?;
    let values: Vec<u16> = match buffer {
        DecodingResult::U8(bytes) if bits == 1 => unpack_bits(&bytes, size),
        DecodingResult::U8(bytes) => bytes.into_iter().map(u16::from).collect(),
        DecodingResult::U16(values) => values,
        _ => return Err(broken("its samples are no unsigned integers of 8 or 16 bits")),
    };
    let values = if layout.planes > 1 { interleave(&values, samples) } else { values };
    let top = if bits == 1 {
        1
    } else if bits == 8 {
        255
    } else {
        u16::MAX
    };
    Picture::new(size, samples, top, values)
}

/// Rows start at whole bytes, the highest bit is the leftmost pixel.
fn unpack_bits(bytes: &[u8], [_, width]: [usize; 2]) -> Vec<u16> {
    let row = |row: &[u8]| (0..width).map(|x| u16::from(row[x / 8] >> (7 - x % 8) & 1)).collect::<Vec<_>>();
    bytes.chunks_exact(width.div_ceil(8)).flat_map(row).collect()
}

fn interleave(planes: &[u16], samples: usize) -> Vec<u16> {
    let pixels = planes.len() / samples;
    (0..pixels).flat_map(|i| planes.iter().skip(i).step_by(pixels)).copied().collect()
}
