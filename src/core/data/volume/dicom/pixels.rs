//! Pixels as they are and in run lengths (PS3.5, chapter 8 and annexes A.4.2 and G), to stored numbers.

use super::ENDS;
use super::content::Content;
use crate::data::memory::Promise;
use crate::data::picture::plausible;

/// How the pixels of a file are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    /// Height and width.
    pub size: [usize; 2],
    /// Samples of a pixel, 1 or 3.
    pub samples: usize,
    /// Whether each sample has a plane of its own.
    pub planar: bool,
    /// Bytes of a sample, 1 or 2.
    pub bytes: usize,
    /// Bits of a sample that count, from the lowest.
    pub stored: u32,
    pub signed: bool,
    /// Whether each two bytes are in the order of the other end.
    pub swapped: bool,
    /// Whether they are in run lengths.
    pub runs: bool,
}

/// The bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    at: u64,
    length: u64,
    /// Bytes at its beginning that belong to the frame before: 8-bit frames of an odd number of bytes in words.
    skip: usize,
}

impl Form {
    /// Bytes of a frame before run lengths.
    fn frame_bytes(&self) -> u64 {
        (self.size[0] * self.size[1] * self.samples * self.bytes) as u64
    }

    /// The bits of a sample that count.
    fn mask(&self) -> i32 {
        i32::MAX >> (31 - self.stored)
    }

    /// The least and the greatest number that samples can have.
    pub fn ends(&self) -> [f64; 2] {
        let mask = self.mask();
        let [low, high] = if self.signed { [-(mask >> 1) - 1, mask >> 1] } else { [0, mask] };
        [low.into(), high.into()]
    }
}

/// Where the frames of pixels as they are lie.
///
/// # Errors
/// In words, the file not named: if there are more or fewer bytes than the frames have.
pub(super) fn plain(form: &Form, frames: usize, at: u64, length: u64) -> Result<Vec<Piece>, String> {
    let frame = form.frame_bytes();
    let all = frame.saturating_mul(frames as u64);
    // One byte more makes it even.
    if length != all.next_multiple_of(2) && (length != all || form.swapped) {
        let [h, w] = form.size;
        return Err(format!(
            "has {length} bytes of pixels, its {frames} frame(s) of {h} × {w} pixels (height × width) have {all}; restore it, or save it again"
        ));
    }
    let piece = |number: u64| {
        let begin = number * frame;
        // Swapped bytes are read in pairs.
        let skip = if form.swapped { begin % 2 } else { 0 };
        let end = if form.swapped { (begin + frame).next_multiple_of(2).min(length) } else { begin + frame };
        Piece { at: at + begin - skip, length: end - begin + skip, skip: skip as usize }
    };
    Ok((0..frames as u64).map(piece).collect())
}

const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const SEQUENCE_END: [u8; 4] = [0xFE, 0xFF, 0xDD, 0xE0];

/// Where the frames of pixels in run lengths lie: behind a table of offsets, one piece a frame.
///
/// # Errors
/// In words, the file not named: if the pieces are damaged or not as many as the frames.
pub(super) fn packed(content: &Content, form: &Form, frames: usize, at: u64) -> Result<Vec<Piece>, String> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = at;
    loop {
        let head = content.bytes(at, 8)?;
        let (tag, length) = head.split_at(4);
        let length = u64::from(u32::from_le_bytes(length.try_into().expect("four bytes")));
        at += 8;
        match tag {
            _ if tag == ITEM && at.saturating_add(length) <= content.most() => pieces.push(Piece { at, length, skip: 0 }),
            _ if tag == ITEM => return Err(ENDS.into()),
            _ if tag == SEQUENCE_END => break,
            _ => return Err("has pieces of pixels that are damaged; restore it, or save it again".into()),
        }
        // The table of offsets comes before the frames.
        if pieces.len() > frames + 1 {
            break;
        }
        at += length;
    }
    if pieces.len() != frames + 1 {
        return Err(format!("does not have one piece of pixels for each of its {frames} frame(s); save it again"));
    }
    pieces.remove(0);
    // A run of two bytes makes 128 at most.
    pieces.iter().try_for_each(|piece| plausible(form.frame_bytes(), piece.length, 64))?;
    Ok(pieces)
}

/// The stored numbers of a frame, interleaved.
///
/// # Errors
/// In words, the file not named: if data is missing or damaged, or a number has more bits than the file says.
pub(super) fn numbers(content: &Content, form: &Form, piece: Piece) -> Result<Vec<i32>, String> {
    let count = form.frame_bytes() as usize / form.bytes;
    let _promise = Promise::of(count as u64 * 12, form.size)?;
    let mut bytes = content.bytes(piece.at, piece.length)?;
    let mut numbers = vec![0; count];
    if form.runs {
        unpacked(&bytes, form, &mut numbers)?;
    } else {
        if form.swapped {
            bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
        }
        let bytes = bytes.get(piece.skip..).and_then(|bytes| bytes.get(..count * form.bytes)).ok_or(ENDS)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | i32::from(*byte));
        let plane = count / form.samples;
        for (i, bytes) in bytes.chunks_exact(form.bytes).enumerate() {
            let at = if form.planar { i % plane * form.samples + i / plane } else { i };
            numbers[at] = number(bytes);
        }
    }
    checked(form, &mut numbers)?;
    Ok(numbers)
}

/// Numbers of the bits that count. Those above may repeat the sign, or be 0.
fn checked(form: &Form, numbers: &mut [i32]) -> Result<(), String> {
    let (bits, above) = (8 * form.bytes as u32, 32 - form.stored);
    let mut strange = 0;
    for number in numbers {
        let raw = *number;
        let value = if form.signed { raw << above >> above } else { raw & form.mask() };
        let low = raw & form.mask();
        // All bits of the sample, with the sign repeated.
        let repeated = value & (i32::MAX >> (31 - bits));
        strange += usize::from(raw != low && raw != repeated);
        *number = value;
    }
    if strange == 0 {
        return Ok(());
    }
    Err(format!(
        "has {strange} value(s) of more than the {} bits that BitsStored says, perhaps an overlay; save it again with all bits or without \
         the overlay",
        form.stored
    ))
}

/// Numbers from run lengths: a segment for each byte of each sample, the highest first.
fn unpacked(bytes: &[u8], form: &Form, numbers: &mut [i32]) -> Result<(), String> {
    let damaged = || "has run lengths that are damaged; restore it, or save it again".to_owned();
    let header = bytes.get(..64).ok_or(ENDS)?.as_chunks::<4>().0;
    let number = |index: usize| u32::from_le_bytes(header[index]) as usize;
    let segments = number(0);
    if segments != form.samples * form.bytes {
        return Err(format!("has {segments} segments of run lengths instead of {}; save it again", form.samples * form.bytes));
    }
    let plane = numbers.len() / form.samples;
    for segment in 0..segments {
        let begin = number(1 + segment);
        let end = if segment + 1 < segments { number(2 + segment) } else { bytes.len() };
        let runs = bytes.get(begin..end).filter(|_| begin >= 64).ok_or_else(damaged)?;
        let unpacked = runs_of(runs, plane).ok_or_else(damaged)?;
        let sample = segment / form.bytes;
        for (pixel, byte) in numbers.chunks_exact_mut(form.samples).zip(unpacked) {
            pixel[sample] = pixel[sample] << 8 | i32::from(byte);
        }
    }
    Ok(())
}

/// So many bytes of a segment (PS3.5, G.3.2); what follows them is padding.
fn runs_of(mut runs: &[u8], count: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let (code, rest) = runs.split_first()?;
        let code = code.cast_signed();
        runs = match code {
            0.. => {
                let (plain, rest) = rest.split_at_checked(code as usize + 1)?;
                bytes.extend_from_slice(plain);
                rest
            }
            -128 => rest,
            _ => {
                let (byte, rest) = rest.split_first()?;
                bytes.resize(bytes.len() + 1 + usize::from(code.unsigned_abs()), *byte);
                rest
            }
        };
    }
    (bytes.len() == count).then_some(bytes)
}
