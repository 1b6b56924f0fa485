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
mod planes;
mod samples;
mod unpack;

use super::picture::{Canvas, Palette, Picture, plausible};
use super::source::Source;
use compression::Compression;
use directory::{Directory, Reader};
use page::{Meaning, Page};
use std::collections::HashSet;

/// Where a picture is in its file: one plane, or a plane of each channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRef(Vec<Plane>);

/// Where a plane is: a page, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plane {
    directory: u64,
    /// Which of several planes, one right after the other, that this directory stands for.
    number: u64,
}

/// All images of a file, in the order of time and depth. Reduced copies and transparency masks do not count; planes that are channels of one image by
/// the word of ImageJ or OME are one.
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
        // For each directory whether it is of a picture.
        let mut all: Vec<(u64, bool)> = Vec::new();
        while at != 0 {
            if !seen.insert(at) {
                return Err("its directories go round in a circle; restore it, or save it again".into());
            }
            let directory = reader.directory(at)?;
            let is_picture = page::is_picture(&reader, &directory)?;
            all.push((at, is_picture));
            if is_picture {
                places.push(Plane { directory: at, number: 0 });
                if first.is_none() {
                    first = Some((page::promised(&reader, &directory)?, page::description(&reader, &directory)?));
                }
            }
            at = directory.next;
        }
        let (promised, text) = first.ok_or("holds no page but reduced copies and masks of others; save the image itself")?;
        if promised > places.len() as u64 {
            places = spread(&reader, &places, promised)?;
        }
        planes::pictures(&text, places, &all).map(|pictures| Self(pictures.into_iter().map(PageRef).collect()))
    }
}

/// The pictures of an ImageJ file that has one directory for all of them: they lie one after the other, uncompressed.
fn spread(reader: &Reader, places: &[Plane], promised: u64) -> Result<Vec<Plane>, String> {
    let message = |why: &str| {
        let there = places.len();
        format!(
            "ImageJ says that it holds {promised} images, and there are {there} pages and {why}; save each image as a page of its own"
        )
    };
    let [place] = places else { return Err(message("no more")) };
    let page = Page::new(reader, &reader.directory(place.directory)?)?;
    let follows = page.offsets.windows(2).zip(&page.counts).all(|(at, length)| at[0].checked_add(*length) == Some(at[1]));
    if page.compression != Compression::None || page.tiled || !follows {
        return Err(message("the others cannot be found"));
    }
    let end = promised.checked_mul(image_bytes(&page)).and_then(|bytes| bytes.checked_add(page.offsets[0]));
    if end.is_none_or(|end| end > reader.source.length()) {
        return Err(message("less data than that"));
    }
    Ok((0..promised).map(|number| Plane { number, ..*place }).collect())
}

/// Bytes of an uncompressed picture.
fn image_bytes(page: &Page) -> u64 {
    let planes = if page.planar { page.samples } else { 1 };
    page.chunk_bytes(page.size[0]).saturating_mul(planes) as u64
}

impl Pages {
    /// The same where pictures are wanted one after the other: of a file whose planes are all said to be channels of one picture each by itself.
    /// Writers say so of any pages that nobody gave a meaning (tifffile for ImageJ).
    pub fn apart(self) -> Vec<PageRef> {
        match &self.0[..] {
            [PageRef(planes)] => planes.iter().map(|plane| PageRef(vec![*plane])).collect(),
            _ => self.0,
        }
    }
}

/// What can be said of a picture without its pixels.
pub(super) struct Header(Vec<One>);

/// The same of one of its planes.
struct One {
    page: Page,
    order: directory::Order,
    skip: u64,
}

impl Header {
    /// Reads what directories say.
    ///
    /// # Errors
    /// In words, the file not named: what is not read, or channels that are not alike.
    pub fn read(source: &Source, place: &PageRef) -> Result<Self, String> {
        let reader = Reader::new(source)?;
        let planes: Vec<One> = place.0.iter().map(|plane| One::read(&reader, source, *plane)).collect::<Result<_, _>>()?;
        let facts = |one: &One| (one.page.size, one.page.bits, one.page.format, one.page.orientation, one.page.meaning.clone());
        if planes.iter().any(|one| facts(one) != facts(&planes[0])) {
            return Err("its channels differ in size or type; save them alike".into());
        }
        if planes.len() > 1 && planes.iter().any(|one| one.page.samples > 1 || matches!(one.page.meaning, Meaning::Palette(_))) {
            return Err("its channels are pages that have colours of their own; save each as grey".into());
        }
        Ok(Self(planes))
    }

    fn first(&self) -> &Page {
        &self.0[0].page
    }

    /// Height and width as stored.
    pub fn size(&self) -> [usize; 2] {
        self.first().size
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        if self.0.len() > 1 { self.0.len() } else { self.first().channels() }
    }

    /// How it is to be turned, 1 (not) to 8.
    pub fn orientation(&self) -> u8 {
        self.first().orientation
    }

    /// Bytes that decoding takes at its height.
    pub fn bytes(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, one| sum.saturating_add(one.bytes()))
    }

    /// Reads the pixels.
    ///
    /// # Errors
    /// In words, the file not named: if data is missing or damaged.
    pub fn decode(self, source: &Source) -> Result<Picture, String> {
        let page = self.first();
        let [samples, kept] = if self.0.len() > 1 { [self.0.len(); 2] } else { [page.samples, page.kept] };
        let full = page.format.full(page.bits).filter(|_| page.is_wide());
        let mut canvas = match page.is_wide() {
            true => Canvas::of_floats(page.size, samples, kept, full.map_or(1.0, |[_, most]| most)),
            false => Canvas::new(page.size, samples, kept, page.top()),
        };
        for (channel, one) in self.0.iter().enumerate() {
            chunks::fill(&one.page, source, one.order, one.skip, channel, &mut canvas)?;
        }
        let mut picture = match &page.meaning {
            Meaning::Palette(colours) => {
                canvas.indexed(Palette { colours: colours.clone(), top: u16::MAX, clear: Vec::new() })?
            }
            _ => canvas.picture(),
        };
        picture.lossy = self.0.iter().any(|one| matches!(one.page.compression, Compression::Jpeg(_)));
        picture.full = full;
        Ok(picture.turned(page.orientation))
    }
}

impl One {
    fn read(reader: &Reader, source: &Source, plane: Plane) -> Result<Self, String> {
        let directory: Directory = reader.directory(plane.directory)?;
        let page = Page::new(reader, &directory)?;
        let (plain, coded) = (image_bytes(&page), page.counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)));
        plausible(plain, coded.min(source.length()), page.compression.most_of_a_byte(page.row_bytes()))?;
        let skip = plane.number.saturating_mul(image_bytes(&page));
        Ok(Self { page, order: reader.order, skip })
    }

    fn bytes(&self) -> u64 {
        let page = &self.page;
        // A chunk as stored, and plain; of a JPEG its coefficients too.
        let plain = page.chunk_bytes(page.chunk[0]) as u64;
        let factor = if matches!(page.compression, Compression::Jpeg(_)) { 4 } else { 1 };
        let stored = page.counts.iter().max().copied().unwrap_or(0);
        let turned = if page.orientation == 1 { 1 } else { 2 };
        (page.kept_bytes().saturating_mul(turned)).saturating_add(plain.saturating_mul(factor)).saturating_add(stored)
    }
}
