//! The layout `stack`: a multi-page TIFF of images and one of labels, page by page.

use super::error::Error;
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout, ignored};
use super::mask::{self, Keys};
use super::picture::{Opened, Picture};
use super::source::Source;
use super::tiff::{PageRef, Pages};
use crate::config;
use std::path::Path;

/// Two volumes of equally many pages. Names are zero-padded page numbers from 0.
pub(super) struct Stack {
    config: config::Stack,
    entries: Vec<Entry>,
    images: Vec<PageRef>,
    labels: Vec<PageRef>,
}

impl Stack {
    /// Counts the pages of both files.
    ///
    /// # Errors
    /// If a file is missing or no TIFF, or the counts differ.
    pub fn new(config: &config::Stack) -> Result<Self, Error> {
        let (image_places, label_places) = (pages(&config.images)?, pages(&config.labels)?);
        let (image_pages, label_pages) = (image_places.len(), label_places.len());
        if image_pages != label_pages {
            let (images, labels) = (config.images.clone(), config.labels.clone());
            return Err(Error::Pages { images, image_pages, labels, label_pages });
        }
        let digits = (image_pages - 1).to_string().len();
        let entry = |page| Entry {
            name: format!("{page:0digits$}"),
            files: vec![config.images.clone(), config.labels.clone()],
            page: Some(page),
            official_test: false,
        };
        let entries = (0..image_pages).map(entry).collect();
        Ok(Self { config: config.clone(), entries, images: image_places, labels: label_places })
    }
}

/// Where the pages of a volume are.
fn pages(path: &Path) -> Result<Vec<PageRef>, Error> {
    if !path.exists() {
        return Err(files::missing(path, "this TIFF file"));
    }
    let places = Source::open(path).and_then(|source| Pages::of(&source));
    places.map(Pages::apart).map_err(|problem| faulty(path, &problem))
}

fn faulty(path: &Path, problem: &str) -> Error {
    Error::Faulty { what: "files", count: 1, of: 1, faults: vec![format!("{}: {problem}", path.display())] }
}

impl Layout for Stack {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.classes.clone()
    }

    fn channels(&self) -> Result<usize, Error> {
        let images = &self.config.images;
        Opened::page(images, &self.images[0]).map(|page| page.channels()).map_err(|problem| faulty(images, &problem))
    }

    fn options(&self) -> String {
        let config::Stack { images: _, labels: _, classes, mask_values, ignore } = &self.config;
        format!("stack, {mask_values:?}, classes {classes:?}{}", ignored(ignore))
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let page = entry.page.expect("new() numbers the pages");
        let named = |path: &Path| format!("{} page {}", path.display(), entry.name);
        let read = |path: &Path, places: &[PageRef]| {
            Picture::read_page(path, &places[page]).map_err(|problem| format!("{}: {problem}", named(path)))
        };
        let (image, label) = (read(&self.config.images, &self.images)?, read(&self.config.labels, &self.labels)?);
        let (image_name, label_name) = (named(&self.config.images), named(&self.config.labels));
        if image.channels != channels {
            let own = image.channels;
            return Err(format!("{image_name}: has {own} channel(s), the first page {channels}; make all pages alike"));
        }
        same_size(&image_name, &image, &label_name, &label)?;
        let classes = |label: &Picture| mask::classes(label, self.config.mask_values, self.config.classes.len(), Keys::Stack);
        let mask = mask::ignoring(&label, &self.config.ignore, 0, classes);
        Ok(Decoded { image, mask: mask.map_err(|problem| format!("{label_name}: {problem}"))? })
    }
}
