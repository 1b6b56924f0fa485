//! The layout `stack`: a multi-page TIFF of images and one of labels, page by page.

use super::error::Error;
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout};
use super::mask::{self, Keys};
use super::pages;
use crate::config;
use crate::regular;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Two volumes of equally many pages. Names are zero-padded page numbers from 0.
pub(super) struct Stack {
    config: config::Stack,
    entries: Vec<Entry>,
}

impl Stack {
    /// Counts the pages of both files.
    ///
    /// # Errors
    /// If a file is missing or no TIFF, or the counts differ.
    pub fn new(config: &config::Stack) -> Result<Self, Error> {
        let (image_pages, label_pages) = (count(&config.images)?, count(&config.labels)?);
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
        Ok(Self { config: config.clone(), entries: (0..image_pages).map(entry).collect() })
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    if !path.is_file() {
        return Err(files::missing(path, "this TIFF file"));
    }
    regular::open(path).map(BufReader::new).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

fn count(path: &Path) -> Result<usize, Error> {
    pages::count(open(path)?).map_err(|problem| faulty(path, &problem))
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
        pages::channels(open(images)?).map_err(|problem| faulty(images, &problem))
    }

    fn options(&self) -> String {
        let config::Stack { images: _, labels: _, classes, mask_values } = &self.config;
        format!("stack, {mask_values:?}, classes {classes:?}")
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let page = entry.page.expect("new() numbers the pages");
        let named = |path: &Path| format!("{} page {}", path.display(), entry.name);
        let read = |path: &Path| {
            let reader = open(path).map_err(|e| e.to_string())?;
            pages::page(reader, page).map_err(|problem| format!("{}: {problem}", named(path)))
        };
        let (image, label) = (read(&self.config.images)?, read(&self.config.labels)?);
        let (image_name, label_name) = (named(&self.config.images), named(&self.config.labels));
        if image.channels != channels {
            let own = image.channels;
            return Err(format!("{image_name}: has {own} channel(s), the first page {channels}; make all pages alike"));
        }
        same_size(&image_name, &image, &label_name, &label)?;
        let mask = mask::classes(&label, self.config.mask_values, self.config.classes.len(), Keys::Stack);
        Ok(Decoded {
            size: image.size,
            image: image.planes(channels),
            mask: mask.map_err(|problem| format!("{label_name}: {problem}"))?,
        })
    }
}
