//! Training on parts of large images, as a file asks for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training on random parts of the images; validation and prediction by overlapping tiles of the same size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Patches {
    /// Height and width in pixels, within those of `preprocess.size`.
    #[schemars(inner(range(min = 2, max = 8192)))]
    pub size: [usize; 2],
    /// Patches of every training image in an epoch, each a sample of a batch.
    #[schemars(range(min = 1, max = 65_536))]
    pub per_image: usize,
    /// The share of patches that are placed to hold a random pixel of a random class of the image; the others lie anywhere.
    #[schemars(range(min = 0, max = 1))]
    pub foreground: f64,
    /// The part of a tile that overlaps the next at least, where whole images are predicted.
    #[schemars(range(min = 0, max = 0.9))]
    pub overlap: f64,
}

impl Default for Patches {
    fn default() -> Self {
        Self { size: [128, 128], per_image: 1, foreground: 0.5, overlap: 0.25 }
    }
}
