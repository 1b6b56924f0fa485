//! Samples: sources, decoding, cache, split, augmentation, batches.
//!
//! From a checked [`config::Dataset`] to batches of tensors; the main type is [`Dataset`]. Nothing is known here of networks,
//! runs or where results lie. Every [`Error`] is the user's to mend and names the files or samples it is about.

mod absent;
mod ahead;
mod annotation;
mod augment;
mod batch;
mod bmp;
mod cache;
mod coco;
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
mod geojson;
mod gif;
mod inspect;
mod jpeg;
mod known;
mod labelme;
mod layout;
mod layouts;
mod lists;
mod load;
mod mask;
mod memory;
mod normalise;
mod npy;
mod npz;
mod pairing;
mod pattern;
mod photo;
mod picture;
mod pixels;
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
mod volume;
mod volumes;
mod webp;
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
pub use photo::{Cut, Photo, PhotoPage, PhotoPlace, photos, shown_channels, unreadable};
pub use pixels::Pixels;
pub use split::{group_keys, split};
pub use splits::{Fold, Splits};
pub use survey::{ClassLook, Groups, Survey, survey};
pub use synthetic::{Drawn, GENERATOR_VERSION, draw};
pub use volume::{Placement, Slice, SliceValues, Volume};

use crate::config;

/// One image with its masks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Unique in its data set.
    pub name: String,
    /// channels · height · width, in [0, 1].
    pub image: Pixels,
    /// classes · height · width, in {0, 1}, and [`IGNORED`] where a pixel counts nowhere.
    pub mask: Vec<u8>,
}

/// In a mask: a pixel that counts in no loss, no metric and no sampling.
pub const IGNORED: u8 = 255;

/// A mask's value as a target of a loss: 0 or 1, and −0 where the pixel is [`IGNORED`], which losses and metrics tell from 0 by
/// its sign, and every formula takes for it.
pub fn target(mask: u8) -> f32 {
    if mask == IGNORED { -0.0 } else { f32::from(mask) }
}

/// All samples at one size, sorted by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Channels of every image: 1 (grey), 3 (RGB), or what else its files have.
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
    /// Channels of every image: 1 (grey), 3 (RGB), or what else its files have.
    pub channels: usize,
    /// Names of the classes, in the order of the output channels.
    pub classes: Vec<String>,
    /// Number of samples.
    pub count: usize,
}

/// Holds changes of colours against a data set of so many channels. Grey has no colours, and they leave it as it is.
///
/// # Errors
/// If saturation or hue would change images that are neither grey nor RGB.
pub fn check_colours(augment: &config::Augment, channels: usize) -> Result<(), Error> {
    let happens = |change: Option<f64>| change.is_some_and(|probability| probability > 0.0);
    let changes = [
        ("augment.saturation", augment.saturation.as_ref().map(|c| c.probability)),
        ("augment.hue", augment.hue.as_ref().map(|c| c.probability)),
    ];
    match changes.into_iter().find(|(_, change)| happens(*change)) {
        Some((key, _)) if !matches!(channels, 1 | 3) => Err(Error::Colours { key, channels }),
        _ => Ok(()),
    }
}

/// Lists the files and looks at one header.
///
/// # Errors
/// If files are missing, ambiguous or unpaired, or the first image is broken.
pub fn describe(config: &config::Dataset) -> Result<Description, Error> {
    let layout = layouts::find(config)?;
    Ok(Description { channels: layout.channels()?, classes: layout.classes(), count: layout.entries().len() })
}
