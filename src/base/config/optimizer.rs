//! How parameters are updated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How parameters are updated: exactly one. Rules and defaults are PyTorch's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Optimizer {
    /// Adam (Kingma and Ba 2015), weight decay as L2 in the gradient.
    Adam(Adam),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw(Adamw),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

/// Adam.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Learning rate, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Decay of the first and second moment, each in [0, 1).
    #[schemars(extend("items" = serde_json::json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})))]
    pub betas: [f64; 2],
    /// Added to the denominator, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub eps: f64,
    /// L2 penalty, 0 or more.
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

/// AdamW.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adamw {
    /// Learning rate, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Decay of the first and second moment, each in [0, 1).
    #[schemars(extend("items" = serde_json::json!({"type": "number", "minimum": 0, "exclusiveMaximum": 1})))]
    pub betas: [f64; 2],
    /// Added to the denominator, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub eps: f64,
    /// Decoupled weight decay, 0 or more.
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

/// SGD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Momentum, in [0, 1).
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub momentum: f64,
    /// Nesterov's form; needs momentum above 0.
    pub nesterov: bool,
    /// L2 penalty, 0 or more.
    #[schemars(range(min = 0))]
    pub weight_decay: f64,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 }
    }
}

impl Default for Adamw {
    fn default() -> Self {
        Self { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 1e-2 }
    }
}

impl Default for Sgd {
    fn default() -> Self {
        Self { lr: 1e-3, momentum: 0.9, nesterov: false, weight_decay: 0.0 }
    }
}

impl Optimizer {
    /// The learning rate that schedules start from.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Adam(Adam { lr, .. }) | Self::Adamw(Adamw { lr, .. }) | Self::Sgd(Sgd { lr, .. }) => *lr,
        }
    }

    /// The dotted key of the learning rate.
    pub fn lr_path(&self) -> &'static str {
        match self {
            Self::Adam(_) => "optimizer.adam.lr",
            Self::Adamw(_) => "optimizer.adamw.lr",
            Self::Sgd(_) => "optimizer.sgd.lr",
        }
    }
}
