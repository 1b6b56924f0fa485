//! Which images a data set has and how they are split, without their pixels.

use super::error::Error;
use super::layout::{self, Layout};
use super::layouts;
use super::load::{Hashes, hash_files, print_of};
use super::split::dealt;
use super::splits::Splits;
use super::{Dataset, Sample};
use crate::config::{self, SplitRule};

/// The samples of a data set, by name and by what their images hold.
#[derive(Debug, Clone)]
pub struct Contents {
    /// Without pixels.
    dataset: Dataset,
    /// For each sample what its image holds: equal for equal files, and for equal drawings.
    images: Vec<String>,
}

impl Contents {
    /// Lists and hashes the files; hashes that this process knows already are believed.
    ///
    /// # Errors
    /// If files are missing, unpaired or unreadable.
    pub fn of(config: &config::Dataset) -> Result<Self, Error> {
        let layout = layouts::find(config)?;
        let hashes = hash_files(layout.entries(), None)?;
        let sample = |name: &String| Sample { name: name.clone(), ..Sample::default() };
        let dataset = Dataset {
            channels: 0,
            classes: layout.classes(),
            size: [0, 0],
            samples: layout.entries().iter().map(|entry| sample(&entry.name)).collect(),
            official_test: layout.entries().iter().map(|entry| entry.official_test).collect(),
            sources: Vec::new(),
            fingerprint: print_of(&*layout, layout.channels()?, &hashes),
        };
        Ok(Self { images: images(&*layout, &hashes), dataset })
    }

    /// As [`fingerprint`](super::fingerprint) gives it.
    pub fn fingerprint(&self) -> &str {
        &self.dataset.fingerprint
    }

    /// The same as of the data set with its pixels, but that nobody looks for the same picture in two splits.
    ///
    /// # Errors
    /// If there is too little, or a name or group is amiss.
    pub fn split(&self, split: &SplitRule) -> Result<Splits, Error> {
        dealt(&self.dataset, split)
    }

    /// The name of a sample.
    pub fn name(&self, sample: usize) -> &str {
        &self.dataset.samples[sample].name
    }

    /// What the image of a sample holds.
    pub fn image(&self, sample: usize) -> &str {
        &self.images[sample]
    }
}

fn images(layout: &dyn Layout, hashes: &Hashes) -> Vec<String> {
    let of = |entry: &layout::Entry| match entry.files.first() {
        Some(file) => format!("{} {:?}", hashes[file].to_hex(), entry.page),
        None => layout.drawing(entry),
    };
    layout.entries().iter().map(of).collect()
}
