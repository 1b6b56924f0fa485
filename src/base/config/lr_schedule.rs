//! The learning rate from epoch to epoch.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The learning rate of each epoch: exactly one. Definitions are PyTorch's, stepped once an epoch. Epochs are counted, and `epochs`
/// in a formula are what is left, from the end of the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LrSchedule {
    /// `lr` throughout.
    Constant(ConstantLr),
    /// `lr · gamma^⌊(e − 1)/every⌋` in epoch e.
    Step(StepLr),
    /// `lr · gamma^(number of milestones reached)`.
    MultiStep(MultiStepLr),
    /// `lr · gamma^(e − 1)`.
    Exponential(ExponentialLr),
    /// Half a cosine from `lr` to `min_lr`.
    Cosine(CosineLr),
    /// `lr · (1 − (e − 1)/epochs)^power`.
    Polynomial(PolynomialLr),
    /// `lr` falls by `factor` when the metric named has not improved for `patience` epochs.
    Plateau(PlateauLr),
    /// Up to `max_lr` and down again (Smith 2018).
    OneCycle(OneCycleLr),
}

/// `lr` throughout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConstantLr {}

/// Falls by `gamma` every `every` epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepLr {
    /// Epochs between drops, 1 or more.
    #[schemars(range(min = 1))]
    pub every: usize,
    /// Factor of a drop, in (0, 1].
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
}

/// Falls by `gamma` after the epochs named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MultiStepLr {
    /// Numbers of epochs done since the warm-up when the rate falls, rising.
    #[schemars(length(min = 1), inner(range(min = 1)))]
    pub milestones: Vec<usize>,
    /// Factor of a drop, in (0, 1].
    #[serde(default = "tenth")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
}

/// Falls by `gamma` each epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExponentialLr {
    /// Factor an epoch, in (0, 1].
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
}

/// Half a cosine (Loshchilov and Hutter 2017, without restarts).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CosineLr {
    /// Where it would arrive one epoch after the last, 0 or more.
    #[schemars(range(min = 0))]
    pub min_lr: f64,
}

/// A power of the share of epochs left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialLr {
    /// The power, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub power: f64,
}

/// Falls when a metric stops improving.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PlateauLr {
    /// The column of metrics.csv to watch, a `val_` one.
    pub metric: String,
    /// Factor of a drop, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub factor: f64,
    /// Epochs without improvement that are tolerated.
    pub patience: usize,
    /// Relative change that counts as an improvement, 0 or more.
    #[schemars(range(min = 0))]
    pub threshold: f64,
    /// Epochs to wait after a drop.
    pub cooldown: usize,
    /// Never below this, 0 or more.
    #[schemars(range(min = 0))]
    pub min_lr: f64,
}

/// Up and down again (Smith 2018), with cosine annealing, one step an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycleLr {
    /// The peak as a multiple of the optimizer's `lr`, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub peak: f64,
    /// Share of the epochs that rise, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub rise: f64,
    /// Start is peak / this, above 1.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub start_divisor: f64,
    /// End is start / this, above 1.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub end_divisor: f64,
}

/// Linear warm-up before the schedule, which starts when the warm-up is over and has the rest of the epochs: PyTorch's
/// `SequentialLR([LinearLR, schedule], [epochs])`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LrWarmup {
    /// Epochs of warm-up; 0 for none.
    pub epochs: usize,
    /// Factor in the first epoch on the rate that the schedule starts from, in (0, 1].
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub start_factor: f64,
}

fn tenth() -> f64 {
    0.1
}

impl Default for LrSchedule {
    fn default() -> Self {
        Self::Constant(ConstantLr {})
    }
}

impl Default for StepLr {
    fn default() -> Self {
        Self { every: 10, gamma: 0.1 }
    }
}

impl Default for ExponentialLr {
    fn default() -> Self {
        Self { gamma: 0.95 }
    }
}

impl Default for PolynomialLr {
    fn default() -> Self {
        Self { power: 0.9 }
    }
}

impl Default for PlateauLr {
    fn default() -> Self {
        Self { metric: "val_loss".into(), factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, min_lr: 0.0 }
    }
}

impl Default for OneCycleLr {
    fn default() -> Self {
        Self { peak: 10.0, rise: 0.3, start_divisor: 25.0, end_divisor: 1e4 }
    }
}

impl Default for LrWarmup {
    fn default() -> Self {
        Self { epochs: 0, start_factor: 0.1 }
    }
}
