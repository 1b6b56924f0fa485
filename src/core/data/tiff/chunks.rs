//! The pixels of a page: its strips or tiles, one after the other, each put where it belongs.

use super::super::picture::{Canvas, Row};
use super::super::source::Source;
use super::directory::Order;
use super::page::{Extra, Meaning, Page};
use super::samples::{self, Differences};

/// Reads the pixels of a page as stored into a canvas, from the sample of number `first` on. They begin `skip` bytes later than its directory says.
///
/// # Errors
/// In words, the file not named: if data is missing, damaged or means something else than colours.
pub(super) fn fill(
    page: &Page,
    source: &Source,
    order: Order,
    skip: u64,
    first: usize,
    canvas: &mut Canvas,
) -> Result<(), String> {
    let [down, across] = [0, 1].map(|axis| page.size[axis].div_ceil(page.chunk[axis]));
    for (index, (at, length)) in page.offsets.iter().zip(&page.counts).enumerate() {
        let (plane, place) = (index / (down * across), index % (down * across));
        let [y, x] = [place / across * page.chunk[0], place % across * page.chunk[1]];
        let left = page.size[0] - y;
        let rows = if page.tiled { page.chunk[0] } else { page.chunk[0].min(left) };
        let at = at.checked_add(skip).ok_or("the file ends before the image does; restore it, or save it again")?;
        let mut plain = page.compression.plain(source.bytes(at, *length)?, page, rows)?;
        let width = page.chunk[1].min(page.size[1] - x);
        for (row, bytes) in plain.chunks_exact_mut(page.row_bytes()).take(rows.min(left)).enumerate() {
            put_row(page, order, bytes, width, |values| canvas.put([y + row, x], first + plane, page.together(), values));
        }
    }
    if page.extra == Extra::Multiplied && canvas.alpha_below_top() {
        return Err("its colours are multiplied by its alpha channel, which is not full everywhere; save it without alpha".into());
    }
    Ok(())
}

/// Brings a row of a chunk to values of 8 or 16 bits or to floats, as many as `width` pixels have, in place where they are bytes already.
fn put_row(page: &Page, order: Order, bytes: &mut [u8], width: usize, put: impl FnOnce(Row)) {
    let (together, invert) = (page.together(), page.meaning == Meaning::Grey { inverted: true });
    let count = width * together;
    if page.is_wide() {
        return put(Row::Floats(&samples::floats(page.kind(), together, order, bytes)[..count]));
    }
    let differs = page.differences == Differences::Horizontal;
    if page.bits == 8 {
        if differs {
            (together..bytes.len()).for_each(|i| bytes[i] = bytes[i].wrapping_add(bytes[i - together]));
        }
        let bytes = &mut bytes[..count];
        if invert {
            bytes.iter_mut().for_each(|v| *v = !*v);
        }
        return put(Row::Bytes(bytes));
    }
    let mut values: Vec<u16> = match page.bits {
        16 => bytes.as_chunks::<2>().0.iter().map(|pair| order.number(pair) as u16).collect(),
        bits => (0..count).map(|i| packed(bytes, bits, i)).collect(),
    };
    if differs {
        (together..values.len()).for_each(|i| values[i] = values[i].wrapping_add(values[i - together]));
    }
    values.truncate(count);
    if invert {
        values.iter_mut().for_each(|v| *v = page.top() - *v);
    }
    match page.bits {
        9.. => put(Row::Words(&values)),
        _ => put(Row::Bytes(&values.iter().map(|v| *v as u8).collect::<Vec<_>>())),
    }
}

/// The value of this number in a row of values of `bits` bits each, the highest bit first.
fn packed(bytes: &[u8], bits: usize, index: usize) -> u16 {
    let (first, last) = (index * bits, (index + 1) * bits);
    let word = (first / 8..last.div_ceil(8)).fold(0_u32, |word, at| word << 8 | u32::from(bytes[at]));
    let below = last.div_ceil(8) * 8 - last;
    (word >> below & ((1 << bits) - 1)) as u16
}
