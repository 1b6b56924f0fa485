//! The layout `stack`: a multi-page TIFF of images and one of labels, page by page.

use super::error::Error;
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout};
use super::mask;
use super::pages;
use crate::config;
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
            page,
            official_test: false,
        };
        Ok(Self { config: config.clone(), entries: (0..image_pages).map(entry).collect() })
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    if !path.is_file() {
        return Err(files::missing(path, "this TIFF file"));
    }
    File::open(path).map(BufReader::new).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

fn count(path: &Path) -> Result<usize, Error> {
    pages::count(open(path)?).map_err(|problem| faulty(path, &problem, 1))
}

fn faulty(path: &Path, problem: &str, of: usize) -> Error {
    Error::Faulty { count: of, of, faults: vec![format!("{}: {problem}", path.display())] }
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
        pages::channels(open(images)?).map_err(|problem| faulty(images, &problem, self.entries.len()))
    }

    fn options(&self) -> String {
        format!("stack, {:?}, {} classes", self.config.mask_values, self.config.classes.len())
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let told = |path: &Path, problem: &str| format!("{}: {problem}", path.display());
        let read = |path: &Path| {
            let reader = open(path).map_err(|e| e.to_string())?;
            pages::page(reader, entry.page).map_err(|problem| told(path, &problem))
        };
        let (images, labels) = (&self.config.images, &self.config.labels);
        let (image, label) = (read(images)?, read(labels)?);
        let page = entry.page + 1;
        if image.channels != channels {
            let problem = format!("page {page}: has {} channel(s), the first page {channels}; make them alike", image.channels);
            return Err(told(images, &problem));
        }
        same_size(images, image.size, labels, label.size).map_err(|problem| format!("page {page}: {problem}"))?;
        let mask = mask::classes(&label, self.config.mask_values, self.config.classes.len());
        let mask = mask.map_err(|problem| told(labels, &format!("page {page}: {problem}")))?;
        Ok(Decoded { size: image.size, image: image.planes(channels), mask })
    }
}
