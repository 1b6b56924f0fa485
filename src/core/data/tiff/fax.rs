//! Fax codes in TIFF: modified Huffman (TIFF compression 2), Group 3 (ITU-T T.4) and Group 4 (T.6), to rows of packed bits, 1 black.
//!
//! Tables of codes come from the crate `fax`. Rows are put together here, since its decoders pass damaged rows for good ones, know no Group 3
//! of two dimensions and no rows without marks between them.

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;

/// The kinds of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data) enum Fax {
    /// Each row by itself, from a whole byte on, nothing between them.
    Rows,
    /// Each row after a mark; if `two_dimensional`, a bit says which rows are coded as changes of the one above.
    Group3 {
        /// Whether there are such rows.
        two_dimensional: bool,
    },
    /// Every row as changes of the one above.
    Group4,
}

type Bits<'a> = ByteReader<Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a>>;

/// Rows of `width` pixels, each from a whole byte on, the highest bit leftmost.
///
/// # Errors
/// In words, the file not named: a code that is none, a row that is too long, an end that comes too early.
pub(super) fn decode(kind: Fax, raw: &[u8], width: usize, rows: usize) -> Result<Vec<u8>, String> {
    let problem = || "its fax code is damaged; restore the file, or save it again".to_owned();
    // A code may look 16 bits ahead beyond the end.
    let bytes: Box<dyn Iterator<Item = _>> = Box::new(raw.iter().copied().chain([0; 4]).map(Ok));
    let Ok(mut bits) = ByteReader::new(bytes);
    let mut plain = vec![0; rows * width.div_ceil(8)];
    let mut above: Vec<usize> = Vec::new();
    for row in plain.chunks_exact_mut(width.div_ceil(8)) {
        let changes = match kind {
            Fax::Rows => by_itself(&mut bits, width),
            Fax::Group4 => by_changes(&mut bits, &above, width),
            Fax::Group3 { two_dimensional } => {
                skip_mark(&mut bits);
                match two_dimensional && !take_bit(&mut bits).ok_or_else(problem)? {
                    false => by_itself(&mut bits, width),
                    true => by_changes(&mut bits, &above, width),
                }
            }
        };
        above = changes.ok_or_else(problem)?;
        if kind == Fax::Rows {
            let rest = bits.bits_to_byte_boundary();
            let Ok(()) = bits.consume(rest);
        }
        for black in above.chunks(2) {
            let end = black.get(1).copied().unwrap_or(width);
            (black[0]..end).for_each(|x| row[x / 8] |= 0x80 >> (x % 8));
        }
    }
    Ok(plain)
}

fn take_bit(bits: &mut Bits) -> Option<bool> {
    let bit = bits.peek(1)?;
    bits.consume(1).ok()?;
    Some(bit == 1)
}

/// A mark is 11 zeros or more and a one. No code of a run begins with 9 zeros.
fn skip_mark(bits: &mut Bits) {
    if bits.peek(11) == Some(0) {
        while bits.peek(1) == Some(0) {
            if bits.consume(1).is_err() {
                return;
            }
        }
        _ = bits.consume(1);
    }
}

/// Length of a run: codes of multiples of 64, then one of less.
fn run(bits: &mut Bits, is_black: bool) -> Option<usize> {
    let mut sum = 0;
    loop {
        let part = usize::from(if is_black { black::decode(bits) } else { white::decode(bits) }?);
        sum += part;
        if part < 64 {
            return Some(sum);
        }
    }
}

/// Where colours change in a row that begins white, coded as runs.
fn by_itself(bits: &mut Bits, width: usize) -> Option<Vec<usize>> {
    let (mut changes, mut at) = (Vec::new(), 0);
    while at < width {
        at += run(bits, changes.len() % 2 == 1)?;
        if at > width {
            return None;
        }
        changes.push(at);
    }
    Some(changes)
}

/// The same of a row that is coded as changes of the one above (T.6, 2.2). Names of places are those of the standard.
fn by_changes(bits: &mut Bits, above: &[usize], width: usize) -> Option<Vec<usize>> {
    let mut changes: Vec<usize> = Vec::new();
    // Before the row begins, a0 is left of its first pixel.
    let (mut a0, mut b) = (None, 0);
    while a0.unwrap_or(0) < width {
        let is_black = changes.len() % 2 == 1;
        // b1: the first change above to the right of a0 that is to the other colour than a0 has.
        let right = |change: usize| a0.is_none_or(|a0| change > a0);
        while b > 0 && right(above[b - 1]) {
            b -= 1;
        }
        while b < above.len() && (!right(above[b]) || (b % 2 == 1) != is_black) {
            b += 1;
        }
        let [b1, b2] = [b, b + 1].map(|b| above.get(b).copied().unwrap_or(width));
        match mode::decode(bits)? {
            Mode::Pass => a0 = Some(b2),
            Mode::Vertical(by) => {
                let a1 = b1.checked_add_signed(isize::from(by)).filter(|a1| *a1 <= width && a0.is_none_or(|a0| *a1 >= a0))?;
                changes.push(a1);
                a0 = Some(a1);
            }
            Mode::Horizontal => {
                let a1 = a0.unwrap_or(0) + run(bits, is_black)?;
                let a2 = a1 + run(bits, !is_black)?;
                if a2 > width {
                    return None;
                }
                changes.extend([a1, a2]);
                a0 = Some(a2);
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(changes)
}
