//! The shape of an experiment file. A key of the file equals the name of its field, here and in the modules beside.
//!
//! Ranges stand on the fields themselves, as JSON Schema keywords: editors and the checks of a file read the same ones.

use super::model::is_default;
use super::{Augment, Dataset, Loss, LrSchedule, LrWarmup, Metrics, Model, Optimizer, Patches, Split, Sweep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a name is made of that becomes part of a path or a column.
pub(super) const NAME: &str = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$";

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
    pub split: Split,
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
    /// What brings values to zero mean and unit variance before the network.
    #[serde(skip_serializing_if = "Normalise::is_default")]
    pub normalise: Normalise,
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
    /// Mean and standard deviation over all images of the training part, before augmentation.
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

/// Epochs, batches, seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Epochs, 1 or more.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub epochs: usize,
    /// Samples a batch, 1 or more.
    #[schemars(range(min = 1, max = 65_536))]
    pub batch_size: usize,
    /// Batches whose gradients are averaged for one update, 1 or more.
    #[schemars(range(min = 1, max = 65_536))]
    pub accumulate: usize,
    /// Largest L2 norm of all gradients together, above 0; absent for no clipping.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clip_norm: Option<f64>,
    /// Samples of the training part that train, for curves over the size of the data: fewer are a part of more, drawn by the seed.
    /// Absent for all; validation and test stay whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub samples: Option<usize>,
    /// How exactly the network calculates.
    pub precision: Precision,
    /// On a GPU: only ways to calculate that give the same bits each time; else the fastest found by trying. On the CPU it is so always.
    pub deterministic: bool,
    /// The column of metrics.csv that picks the best epoch, a `val_` one.
    pub best: String,
    /// Ends a run that no longer gets better.
    #[serde(skip_serializing_if = "is_default")]
    pub early_stopping: EarlyStopping,
    /// What the network begins with.
    #[serde(skip_serializing_if = "is_default")]
    pub initial: Initial,
    /// Decay of an exponential moving average of the weights, which is validated and kept in their place; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub ema_decay: f64,
    /// A run for each: weights, order of samples and augmentation follow from it. A count n stands for the seeds 1 to n.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub seeds: Vec<u64>,
}

/// Ends a run that no longer gets better, by the column that picks the best epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a gain after which a run ends; 0 for never.
    pub patience: usize,
    /// What a gain must be more than, in the column's own unit, 0 or more.
    #[schemars(range(min = 0))]
    pub min_delta: f64,
}

/// What the network begins with: weights that are drawn, or those of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Initial {
    /// `random`, drawn by the seed; or a safetensors file, umlaut's or PyTorch's, relative to the working directory; or a trained run, by
    /// its directory or the end of its id, of which the best epoch's weights are taken.
    #[schemars(length(min = 1))]
    pub weights: String,
    /// Tensors that are drawn nevertheless, or passed over in the file: their names, or what these begin with up to a dot.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub skip: Vec<String>,
    /// What the file must hold: its BLAKE3 hash, 64 hexadecimal digits. Filled in when runs are planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

impl Initial {
    /// The word for weights that are drawn.
    pub const RANDOM: &str = "random";

    /// Whether the weights are drawn.
    pub fn is_random(&self) -> bool {
        self.weights == Self::RANDOM
    }
}

impl Default for Initial {
    fn default() -> Self {
        Self { weights: Self::RANDOM.into(), skip: Vec::new(), hash: None }
    }
}

/// How exactly the network calculates. Weights, statistics, sums, losses and the optimizer are 32-bit in each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit numbers; errors as those of the plain sums.
    #[default]
    F32,
    /// 32-bit numbers; on the CPU 3×3 convolutions by F(4×4, 3×3) filtering: faster, errors about five times larger. On GPUs as `f32`.
    F32Fast,
    /// 32-bit numbers; on NVIDIA GPUs the factors of convolutions' products are rounded to TensorFloat-32 (three decimal digits). On
    /// the CPU as `f32`.
    Tf32,
    /// Feature maps in bfloat16 and, where the processor multiplies it, the factors of products too: half the memory, three
    /// decimal digits.
    Bf16,
}

impl Precision {
    /// As the file has it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F32Fast => "f32_fast",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        }
    }
}

impl Default for Preprocess {
    fn default() -> Self {
        Self { size: [224, 224], fit: Fit::Pad, normalise: Normalise::None }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 50,
            batch_size: 5,
            accumulate: 1,
            deterministic: true,
            clip_norm: None,
            samples: None,
            precision: Precision::F32,
            best: "val_loss".into(),
            early_stopping: EarlyStopping::default(),
            initial: Initial::default(),
            ema_decay: 0.0,
            seeds: vec![1],
        }
    }
}
