//! Means of further numbers that images have, by name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Adds up numbers of images, batch after batch, in the order of the images.
///
/// Written as TOML and read back it has the same bits, and goes on with them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Means {
    images: usize,
    sums: BTreeMap<String, f64>,
}

impl Means {
    /// Adds the numbers of a batch's images: each name with one number an image, the same names every time.
    pub fn add(&mut self, images: usize, numbers: &[(&str, Vec<f64>)]) {
        self.images += images;
        for (name, values) in numbers {
            let sum = self.sums.entry((*name).to_owned()).or_default();
            values.iter().for_each(|value| *sum += value);
        }
    }

    /// The means over all images so far.
    pub fn means(&self) -> BTreeMap<String, f64> {
        self.sums.iter().map(|(name, sum)| (name.clone(), sum / self.images as f64)).collect()
    }
}
