//! TIFF files of several pages as volumes: a page is a slice.

use crate::config::Axis;
use crate::data::picture::{Opened, Picture};
use crate::data::source::Source;
use crate::data::tiff::{self, PageRef, Pages};
use std::path::{Path, PathBuf};

/// A file of which the directories have been read.
#[derive(Debug)]
pub(super) struct Stack {
    path: PathBuf,
    pages: Vec<PageRef>,
    size: [usize; 2],
    channels: usize,
}

/// Whether a file begins as TIFF does.
pub(super) fn knows(start: &[u8]) -> bool {
    tiff::knows(start)
}

impl Stack {
    /// Reads the directories.
    ///
    /// # Errors
    /// In words, the file not named: what is not read or damaged, or another axis than the third.
    pub fn open(path: &Path, source: &Source, axis: Axis) -> Result<Self, String> {
        if axis != Axis::Third {
            return Err("is TIFF, which is read page by page; leave `axis` out, or convert it to NIfTI".into());
        }
        let pages = Pages::of(source)?.apart();
        let first = Opened::page(path, &pages[0])?;
        let (size, channels) = (first.upright(), first.channels());
        Ok(Self { path: path.to_owned(), pages, size, channels })
    }

    /// How many pages there are.
    pub fn slices(&self) -> usize {
        self.pages.len()
    }

    /// Height and width of the first page, as its orientation shows it.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Channels of the first page.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// One page.
    ///
    /// # Errors
    /// In words, the file not named: data that is missing or damaged, or a page unlike the first.
    pub fn slice(&self, index: usize) -> Result<Picture, String> {
        let page = Picture::read_page(&self.path, &self.pages[index])?;
        if page.size != self.size || page.channels != self.channels {
            let [[h, w], [height, width]] = [page.size, self.size];
            let (own, first) = (page.channels, self.channels);
            return Err(format!(
                "is {h} × {w} with {own} channel(s), the first page {height} × {width} with {first}; save pages alike"
            ));
        }
        Ok(page)
    }
}
