//! TIFF files: which pictures they hold, and the pixels of each, exactly as the file says or refused with the true reason.
//!
//! [`Pages`] walks the directories once; a [`PageRef`] of it is read whenever it is wanted. Compressed data is unpacked by crates; what surrounds it
//! (strips, tiles, planes, orders of bits, differences, palettes, orientation, further samples) is put together here, since the decoder of the crate
//! `tiff` reads several of these wrongly without a word.

mod chunks;
mod compression;
mod directory;
mod fax;
mod page;

use super::picture::{Canvas, Palette, Picture, plausible};
use super::source::Source;
use compression::Compression;
use directory::{Directory, Reader};
use page::{Meaning, Page};
use std::collections::HashSet;

/// Where a picture is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef {
    directory: u64,
    /// Which of several pictures, one right after the other, that this directory stands for.
    number: u64,
}

/// All images of a file. Reduced copies and transparency masks do not count.
#[derive(Debug)]
pub(super) struct Pages(pub Vec<PageRef>);

/// Whether these are the first bytes of a TIFF file.
pub(super) fn knows(start: &[u8]) -> bool {
    Reader::knows(start)
}

impl Pages {
    /// Walks the directories.
    ///
    /// # Errors
    /// In words, the file not named: if they are damaged, hold no picture, or hold several in a way that is not read.
    pub fn of(source: &Source) -> Result<Self, String> {
        if !knows(&source.start(8)?) {
            return Err("is no TIFF file; save it as TIFF".into());
        }
        let reader = Reader::new(source)?;
        let (mut seen, mut at, mut places, mut first) = (HashSet::new(), reader.first, Vec::new(), None);
        while at != 0 {
            if !seen.insert(at) {
                return Err("its directories go round in a circle; restore it, or save it again".into());
            }
            let directory = reader.directory(at)?;
            if page::is_picture(&reader, &directory)? {
                places.push(PageRef { directory: at, number: 0 });
                first.get_or_insert(page::promised(&reader, &directory)?);
            }
            at = directory.next;
        }
        let promised = first.ok_or("holds no page but reduced copies and masks of others; save the image itself")?;
        if promised > places.len() as u64 {
            places = spread(&reader, &places, promised)?;
        }
        Ok(Self(places))
    }
}

/// The pictures of an ImageJ file that has one directory for all of them: they lie one after the other, uncompressed.
fn spread(reader: &Reader, places: &[PageRef], promised: u64) -> Result<Vec<PageRef>, String> {
    let told = |why: &str| {
        let there = places.len();
        format!(
            "ImageJ says that it holds {promised} images, and there are {there} pages and {why}; save each image as a page of its own"
        )
    };
    let [place] = places else { return Err(told("no more")) };
    let page = Page::new(reader, &reader.directory(place.directory)?)?;
    let follows = page.offsets.windows(2).zip(&page.counts).all(|(at, length)| at[0].checked_add(*length) == Some(at[1]));
    if page.compression != Compression::None || page.tiled || !follows {
        return Err(told("the others cannot be found"));
    }
    let end = promised.checked_mul(image_bytes(&page)).and_then(|bytes| bytes.checked_add(page.offsets[0]));
    if end.is_none_or(|end| end > reader.source.length()) {
        return Err(told("less data than that"));
    }
    Ok((0..promised).map(|number| PageRef { number, ..*place }).collect())
}

/// Bytes of an uncompressed picture.
fn image_bytes(page: &Page) -> u64 {
    let planes = if page.planar { page.samples } else { 1 };
    page.chunk_bytes(page.size[0]).saturating_mul(planes) as u64
}

/// What can be said of a picture without its pixels.
pub(super) struct Header {
    page: Page,
    order: directory::Order,
    skip: u64,
}

impl Header {
    /// Reads what a directory says.
    ///
    /// # Errors
    /// In words, the file not named: what is not read.
    pub fn read(source: &Source, place: PageRef) -> Result<Self, String> {
        let reader = Reader::new(source)?;
        let directory: Directory = reader.directory(place.directory)?;
        let page = Page::new(&reader, &directory)?;
        let (plain, coded) = (image_bytes(&page), page.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)));
        plausible(plain, coded.min(source.length()), page.compression.most_of_a_byte(page.row_bytes()))?;
        let skip = place.number.saturating_mul(image_bytes(&page));
        Ok(Self { page, order: reader.order, skip })
    }

    /// Height and width as stored.
    pub fn size(&self) -> [usize; 2] {
        self.page.size
    }

    /// Channels, 1 or 3.
    pub fn channels(&self) -> usize {
        self.page.channels()
    }

    /// How it is to be turned, 1 (not) to 8.
    pub fn orientation(&self) -> u8 {
        self.page.orientation
    }

    /// Bytes that decoding takes at its height.
    pub fn bytes(&self) -> u64 {
        let page = &self.page;
        // A chunk as stored, and plain; of a JPEG its coefficients too.
        let plain = page.chunk_bytes(page.chunk[0]) as u64;
        let factor = if matches!(page.compression, Compression::Jpeg(_)) { 4 } else { 1 };
        let stored = page.counts.iter().max().copied().unwrap_or(0);
        let turned = if page.orientation == 1 { 1 } else { 2 };
        (page.kept_bytes().saturating_mul(turned)).saturating_add(plain.saturating_mul(factor)).saturating_add(stored)
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn decode(self, source: &Source) -> Result<Picture, String> {
        let Self { page, order, skip } = self;
        let mut canvas = Canvas::new(page.size, page.samples, page.kept(), page.top());
        chunks::fill(&page, source, order, skip, &mut canvas)?;
        let mut picture = match page.meaning {
            Meaning::Palette(colours) => canvas.indexed(Palette { colours, top: u16::MAX, clear: Vec::new() })?,
            _ => canvas.picture(),
        };
        picture.lossy = matches!(page.compression, Compression::Jpeg(_));
        Ok(picture.turned(page.orientation))
    }
}
