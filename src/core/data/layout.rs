//! What every layout of a data set on disk answers: which samples there are, and what one of them holds at its own size.
//!
//! A new layout is one file that implements [`Layout`], and one arm in `layouts`.

use super::error::Error;
use super::picture::Picture;
use crate::config::{ChannelAxis, Colour};
use std::path::PathBuf;

/// One sample, not yet read.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Unique in the data set.
    pub name: String,
    /// The image's file, then those of the masks; none if the sample is drawn.
    pub files: Vec<PathBuf>,
    /// Which page of files that hold many, or which drawing, counted from 0.
    pub page: Option<usize>,
    /// Whether it belongs to the data set's own test split.
    pub official_test: bool,
}

impl Entry {
    /// What to call the image in messages.
    pub fn source(&self) -> String {
        match (self.files.first(), self.page) {
            (Some(file), None) => file.display().to_string(),
            (Some(file), Some(_)) => format!("{} page {}", file.display(), self.name),
            (None, _) => format!("drawing {}", self.name),
        }
    }
}

/// A sample at its own size.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The image, from which planes are made row by row.
    pub image: Picture,
    /// classes · height · width, in {0, 1}.
    pub mask: Vec<u8>,
}

/// A data set whose files are listed and paired.
pub(super) trait Layout: Sync {
    /// The samples, sorted by name.
    fn entries(&self) -> &[Entry];

    /// Names of the classes, in the order of the output channels.
    fn classes(&self) -> Vec<String>;

    /// Channels of every image; opens one file at most.
    fn channels(&self) -> Result<usize, Error>;

    /// What beside the content of the files and the number of channels decides about the samples' values and what they mean, wherever the files
    /// lie: part of the fingerprint and of the cache's key. An implementation names every key of its configuration, so that the compiler asks
    /// about a new one.
    fn options(&self) -> String;

    /// What decides about the image of an entry without files; empty where all have some.
    fn drawing(&self, _: &Entry) -> String {
        String::new()
    }

    /// What beside the content of its files decides about this sample, where that differs between samples: part of the cache's key.
    fn own(&self, _: &Entry) -> String {
        String::new()
    }

    /// Reads one sample, of which the image has to do for so many channels. A fault is reported as file, problem and remedy.
    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String>;
}

/// Channels of every image where a configuration says so, else of the first file's.
pub(super) fn channels(colour: Colour, axis: ChannelAxis, entries: &[Entry]) -> Result<usize, Error> {
    match colour {
        Colour::Grey => Ok(1),
        Colour::Rgb => Ok(3),
        Colour::Auto => Picture::channels_of(&entries[0].files[0], axis).map_err(|fault| Error::Faulty {
            what: "samples",
            count: 1,
            of: entries.len(),
            faults: vec![fault],
        }),
    }
}

/// Values that count nowhere, as [`Layout::options`] has them: nothing without any.
pub(super) fn ignored(values: &[u16]) -> String {
    if values.is_empty() { String::new() } else { format!(", without {values:?}") }
}
