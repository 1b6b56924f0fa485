//! Samples: sources, decoding, cache, split, augmentation, batches.
//!
//! From a checked [`config::Dataset`] to batches of tensors; the main type is [`Dataset`]. Nothing is known here of networks,
//! runs or where results lie. Every [`Error`] is the user's to mend and names the files or samples it is about.

mod absent;
mod ahead;
mod augment;
mod batch;
mod bmp;
mod cache;
mod contents;
mod copies;
mod drawings;
mod drishti_gs;
mod dsb2018;
mod error;
mod files;
mod fit;
mod folders;
mod folds;
mod inspect;
mod jpeg;
mod known;
mod layout;
mod layouts;
mod lists;
mod load;
mod mask;
mod memory;
mod normalise;
mod pairing;
mod pattern;
mod photo;
mod picture;
mod png;
mod random;
mod refuge;
mod rim_one;
mod source;
mod split;
mod splits;
mod stack;
mod survey;
mod synthetic;
mod tiff;
mod window;

pub use absent::{absent, foreground, shown};
pub use ahead::{Making, Supply, supply};
pub use augment::Motion;
pub use batch::{Batch, Draw, batch, composed, draws, order, subset};
pub use contents::Contents;
pub use copies::look_alikes;
pub use error::Error;
pub use folds::folds;
pub use inspect::{Look, look};
pub use load::{fingerprint, fingerprint_by, open};
pub use normalise::Normaliser;
pub use photo::{Photo, PhotoPage, PhotoPlace, photos, unreadable};
pub use split::{group_keys, split};
pub use splits::{Fold, Splits};
pub use survey::{ClassLook, Groups, Survey, survey};
pub use synthetic::{Drawn, GENERATOR_VERSION, draw};

use crate::config;

/// One image with its masks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Unique in its data set.
    pub name: String,
    /// channels · height · width, in [0, 1].
    pub image: Vec<f32>,
    /// classes · height · width, in {0, 1}.
    pub mask: Vec<u8>,
}

/// All samples at one size, sorted by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Channels of every image: 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Names of the classes, in the order of the output channels.
    pub classes: Vec<String>,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// The samples.
    pub samples: Vec<Sample>,
    /// For each sample whether it belongs to the data set's own test split; without such splits all `false`.
    pub official_test: Vec<bool>,
    /// For each sample what to call its image in messages: a path, for pages and drawings a few words.
    pub sources: Vec<String>,
    /// As [`fingerprint`] gives it.
    pub fingerprint: String,
}

/// What can be said of a data set without reading its pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Channels of every image: 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Names of the classes, in the order of the output channels.
    pub classes: Vec<String>,
    /// Number of samples.
    pub count: usize,
}

/// Lists the files and looks at one header.
///
/// # Errors
/// If files are missing, ambiguous or unpaired, or the first image is broken.
pub fn describe(config: &config::Dataset) -> Result<Description, Error> {
    let layout = layouts::find(config)?;
    Ok(Description { channels: layout.channels()?, classes: layout.classes(), count: layout.entries().len() })
}
