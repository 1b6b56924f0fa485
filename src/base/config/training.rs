//! How long and on what a run trains, as a file asks for it.

use super::model::is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Counts of seeds beyond this are refused: one that large is a seed, not a count.
pub(super) const MOST_SEEDS: i64 = 1000;

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
    /// Samples of the training split that train, for curves over the size of the data: fewer are a part of more, drawn by the seed.
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
    /// 32-bit numbers.
    #[default]
    F32,
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
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        }
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
