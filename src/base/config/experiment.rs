//! The shape of an experiment file. A key of the file equals the name of its field, here and in the modules beside.
//!
//! Ranges stand on the fields themselves, as JSON Schema keywords: editors and the checks of a file read the same ones.

use super::name::NAME;
use super::{
    Augment, Dataset, Loss, LrSchedule, LrWarmup, Metrics, Model, Optimizer, Patches, Search, SplitRule, Sweep, Training,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a TOML file asks for: one experiment, a sweep of it included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Names the directory below `results/`: letters, digits, `-`, `_` and `.`, which cannot be the first.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Free text for readers; no influence on anything.
    #[serde(default)]
    pub description: String,
    /// Where images and masks come from.
    #[serde(default)]
    pub dataset: Dataset,
    /// How every image is brought to one size.
    #[serde(default)]
    pub preprocess: Preprocess,
    /// Training on parts of the images rather than on whole ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<Patches>,
    /// Which samples train, validate and test.
    #[serde(default)]
    pub split: SplitRule,
    /// Random changes of training samples.
    #[serde(default)]
    pub augment: Augment,
    /// The network.
    #[serde(default)]
    pub model: Model,
    /// What is minimised.
    #[serde(default)]
    pub loss: Loss,
    /// How parameters are updated.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The learning rate of each epoch, as a factor on or a course from `lr` of the optimizer.
    #[serde(default)]
    pub lr_schedule: LrSchedule,
    /// Linear warm-up before the schedule.
    #[serde(default)]
    pub lr_warmup: LrWarmup,
    /// Epochs, batches, seeds.
    #[serde(default)]
    pub training: Training,
    /// What is measured beside losses and counted scores.
    #[serde(default)]
    pub metrics: Metrics,
    /// What is varied; absent in a resolved run.
    #[serde(default, skip_serializing_if = "Sweep::is_empty")]
    pub sweep: Sweep,
    /// What is searched; absent in a resolved run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

impl Experiment {
    /// Height and width in pixels of what goes through the network: of patches, else of whole images.
    pub fn input_size(&self) -> [usize; 2] {
        self.patches.as_ref().map_or(self.preprocess.size, |patches| patches.size)
    }
}

/// How every image is brought to one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preprocess {
    /// Height and width in pixels that the network sees, or that patches are taken from.
    #[schemars(inner(range(min = 2, max = 8192)))]
    pub size: [usize; 2],
    /// What happens to the aspect ratio.
    pub fit: Fit,
    /// What brings the values of files to [0, 1], before all else.
    #[serde(skip_serializing_if = "Intensity::is_default")]
    pub intensity: Intensity,
    /// With `intensity = "window"`: the values that become 0 and 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<[f64; 2]>,
    /// What brings values to zero mean and unit variance before the network.
    #[serde(skip_serializing_if = "Normalise::is_default")]
    pub normalise: Normalise,
}

/// What brings the values of files to [0, 1]. It follows from each image alone, so nothing is learned of other splits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intensity {
    /// Integers by the full range of their type, unsigned ones over its largest value; floating-point values must lie in [0, 1].
    #[default]
    Type,
    /// Each channel of an image from its own 0.5th to its own 99.5th percentile, clipped; a channel of one value becomes 0.
    Percentiles,
    /// All values from the one to the other of `window`, clipped.
    Window,
}

impl Intensity {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What brings values to zero mean and unit variance: v becomes (v − mean) / sd, for each channel by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// Nothing: values are in [0, 1].
    #[default]
    None,
    /// Mean and standard deviation of each image, as the network sees it; of patches, those of the whole image before augmentation.
    Image,
    /// Mean and standard deviation over all images of the training split, before augmentation.
    Dataset,
}

impl Normalise {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to the aspect ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Kept: black is added to the shorter side, centred.
    #[default]
    Pad,
    /// Given up: both sides are resized.
    Stretch,
    /// Kept: the longer side is cut, centred.
    Crop,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self { size: [224, 224], fit: Fit::Pad, intensity: Intensity::Type, window: None, normalise: Normalise::None }
    }
}
