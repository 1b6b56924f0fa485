//! What a network minimises.

use super::model::is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is minimised: a weighted sum of terms. `bce` and `dice` are reported even at weight 0, and do not train then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    /// Weight of binary cross-entropy, 0 or more.
    #[schemars(range(min = 0))]
    pub bce: f64,
    /// Weight of the soft Dice loss, 0 or more.
    #[schemars(range(min = 0))]
    pub dice: f64,
    /// Weight of each class within every term, 0 or more; empty means 1 for each.
    #[schemars(inner(range(min = 0)))]
    pub class_weights: Vec<f64>,
    /// Binary cross-entropy in which marked pixels count more or less.
    #[serde(skip_serializing_if = "is_default")]
    pub weighted_bce: WeightedBce,
    /// Tversky loss.
    #[serde(skip_serializing_if = "is_default")]
    pub tversky: Tversky,
    /// Focal loss.
    #[serde(skip_serializing_if = "is_default")]
    pub focal: Focal,
    /// Focal Tversky loss.
    #[serde(skip_serializing_if = "is_default")]
    pub focal_tversky: FocalTversky,
    /// Soft Jaccard loss.
    #[serde(skip_serializing_if = "is_default")]
    pub jaccard: Plain,
    /// Lovász hinge loss.
    #[serde(skip_serializing_if = "is_default")]
    pub lovasz: Plain,
    /// Cross-entropy that counts more between neighbouring components.
    #[serde(skip_serializing_if = "is_default")]
    pub boundary: Boundary,
    /// Softmax cross-entropy, for classes that exclude each other; all scores are then of the softmax's probabilities.
    #[serde(skip_serializing_if = "is_default")]
    pub softmax_ce: Plain,
}

/// A term that has only a weight.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Plain {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
}

/// Binary cross-entropy in which marked pixels count more or less.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WeightedBce {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// For each class how much a marked pixel counts against an unmarked one, 0 or more; empty means 1 for each.
    #[schemars(inner(range(min = 0)))]
    pub pos_weight: Vec<f64>,
}

/// Tversky loss (Salehi et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tversky {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// How much wrongly marked pixels count, 0 or more.
    #[schemars(range(min = 0))]
    pub alpha: f64,
    /// How much missed pixels count, 0 or more.
    #[schemars(range(min = 0))]
    pub beta: f64,
}

/// Focal loss (Lin et al. 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Focal {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// Exponent that plays down what is right already, 0 or more.
    #[schemars(range(min = 0))]
    pub gamma: f64,
    /// How much marked pixels count, from 0 to 1; unmarked ones count 1 − alpha.
    #[schemars(range(min = 0, max = 1))]
    pub alpha: f64,
}

/// Focal Tversky loss (Abraham and Khan 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FocalTversky {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// How much wrongly marked pixels count, 0 or more.
    #[schemars(range(min = 0))]
    pub alpha: f64,
    /// How much missed pixels count, 0 or more.
    #[schemars(range(min = 0))]
    pub beta: f64,
    /// Exponent of the Tversky loss, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
}

/// Cross-entropy with the U-Net paper's weights (Ronneberger et al. 2015, equation 2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Boundary {
    /// Weight of the term, 0 or more; 0 leaves it out.
    #[schemars(range(min = 0))]
    pub weight: f64,
    /// Greatest additional weight of an unmarked pixel between two components, 0 or more.
    #[schemars(range(min = 0))]
    pub w0: f64,
    /// Distance over which it falls, in pixels, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub sigma: f64,
}

/// A term of a loss.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// Binary cross-entropy.
    Bce,
    /// Soft Dice loss.
    Dice,
    /// Binary cross-entropy in which marked pixels count more or less.
    WeightedBce(WeightedBce),
    /// Tversky loss.
    Tversky(Tversky),
    /// Focal loss.
    Focal(Focal),
    /// Focal Tversky loss.
    FocalTversky(FocalTversky),
    /// Soft Jaccard loss.
    Jaccard,
    /// Lovász hinge loss.
    Lovasz,
    /// Cross-entropy that counts more between neighbouring components.
    Boundary(Boundary),
    /// Softmax cross-entropy.
    SoftmaxCe,
}

impl Term {
    /// Its name in columns, behind `train_` and `val_`.
    pub fn column(&self) -> &'static str {
        match self {
            Self::Bce => "bce",
            Self::Dice => "dice_loss",
            Self::WeightedBce(_) => "weighted_bce",
            Self::Tversky(_) => "tversky_loss",
            Self::Focal(_) => "focal_loss",
            Self::FocalTversky(_) => "focal_tversky_loss",
            Self::Jaccard => "jaccard_loss",
            Self::Lovasz => "lovasz_loss",
            Self::Boundary(_) => "boundary_loss",
            Self::SoftmaxCe => "softmax_ce",
        }
    }

    /// Whether every epoch reports it, whatever its weight: its values follow from the sums that scores are made of.
    pub fn is_counted(&self) -> bool {
        matches!(self, Self::Bce | Self::Dice)
    }
}

impl Loss {
    /// Whether classes exclude each other: with softmax cross-entropy all of the loss and every score is of the softmax's probabilities.
    pub fn is_exclusive(&self) -> bool {
        self.softmax_ce.weight != 0.0
    }

    /// The terms whose weight is not 0, with their weights.
    pub fn terms(&self) -> Vec<(f64, Term)> {
        self.all().into_iter().filter(|(weight, _)| *weight != 0.0).collect()
    }

    /// Those of the [terms](Self::terms) that are not [counted](Term::is_counted).
    pub fn further_terms(&self) -> Vec<(f64, Term)> {
        self.terms().into_iter().filter(|(_, term)| !term.is_counted()).collect()
    }

    /// The same with other weights of its terms.
    pub fn reweighted(&self, weight: impl Fn(&Term) -> f64) -> Self {
        let mut loss = self.clone();
        loss.weights().into_iter().zip(self.all()).for_each(|(own, (_, term))| *own = weight(&term));
        loss
    }

    /// The weights of [all](Self::all) terms, in their order.
    fn weights(&mut self) -> [&mut f64; 10] {
        [
            &mut self.bce,
            &mut self.dice,
            &mut self.weighted_bce.weight,
            &mut self.tversky.weight,
            &mut self.focal.weight,
            &mut self.focal_tversky.weight,
            &mut self.jaccard.weight,
            &mut self.lovasz.weight,
            &mut self.boundary.weight,
            &mut self.softmax_ce.weight,
        ]
    }

    fn all(&self) -> [(f64, Term); 10] {
        [
            (self.bce, Term::Bce),
            (self.dice, Term::Dice),
            (self.weighted_bce.weight, Term::WeightedBce(self.weighted_bce.clone())),
            (self.tversky.weight, Term::Tversky(self.tversky.clone())),
            (self.focal.weight, Term::Focal(self.focal.clone())),
            (self.focal_tversky.weight, Term::FocalTversky(self.focal_tversky.clone())),
            (self.jaccard.weight, Term::Jaccard),
            (self.lovasz.weight, Term::Lovasz),
            (self.boundary.weight, Term::Boundary(self.boundary.clone())),
            (self.softmax_ce.weight, Term::SoftmaxCe),
        ]
    }
}

impl Default for Loss {
    fn default() -> Self {
        Self {
            bce: 0.5,
            dice: 0.5,
            class_weights: Vec::new(),
            weighted_bce: WeightedBce::default(),
            tversky: Tversky::default(),
            focal: Focal::default(),
            focal_tversky: FocalTversky::default(),
            jaccard: Plain::default(),
            lovasz: Plain::default(),
            boundary: Boundary::default(),
            softmax_ce: Plain::default(),
        }
    }
}

impl Default for Tversky {
    fn default() -> Self {
        Self { weight: 0.0, alpha: 0.3, beta: 0.7 }
    }
}

impl Default for Focal {
    fn default() -> Self {
        Self { weight: 0.0, gamma: 2.0, alpha: 0.25 }
    }
}

impl Default for FocalTversky {
    fn default() -> Self {
        Self { weight: 0.0, alpha: 0.3, beta: 0.7, gamma: 0.75 }
    }
}

impl Default for Boundary {
    fn default() -> Self {
        Self { weight: 0.0, w0: 10.0, sigma: 5.0 }
    }
}
