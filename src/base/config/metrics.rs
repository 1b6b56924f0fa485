//! What is measured beside losses and counted scores, when a run ends.

use super::model::is_default;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured beside losses and counted scores: of every validation and test image, with the best weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Metrics that take longer than counting, computed once, when the run ends.
    #[schemars(extend("uniqueItems" = true))]
    pub extra: Vec<ExtraMetric>,
    /// Height and width in mm of one pixel at `preprocess.size`; lengths are given in mm too then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("items" = serde_json::json!({"type": "number", "exclusiveMinimum": 0})))]
    pub spacing_mm: Option<[f64; 2]>,
    /// From which probability on a pixel is foreground, for test scores at the threshold, predictions and evaluations: a number from 0 to
    /// 1, or `validation`, the one with the best validation Dice. The columns of metrics.csv are those of 0.5 whatever it is.
    #[serde(skip_serializing_if = "is_default")]
    pub threshold: Threshold,
}

/// A metric that takes longer than counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExtraMetric {
    /// 95th percentile of the distances between the boundaries (Hausdorff) each way, the larger one, in pixels.
    Hd95,
    /// Average symmetric surface distance, in pixels.
    Assd,
    /// IoU of what lies within 2 % of the diagonal from the boundaries (Cheng et al. 2021).
    BoundaryIou,
    /// Expected calibration error of the pixels' probabilities, 15 bins (Guo et al. 2017).
    Ece,
    /// Error of the vertical cup-to-disc ratio; needs the classes `disc` and `cup`.
    VcdrError,
    /// Foreground-restricted Rand score of the connected parts (Arganda-Carreras et al. 2015), without thinning of borders.
    RandScore,
    /// Share of pixels that are wrong.
    PixelError,
}

impl ExtraMetric {
    /// All there are.
    pub const ALL: [Self; 7] =
        [Self::Hd95, Self::Assd, Self::BoundaryIou, Self::Ece, Self::VcdrError, Self::RandScore, Self::PixelError];

    /// As columns and configurations call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hd95 => "hd95",
            Self::Assd => "assd",
            Self::BoundaryIou => "boundary_iou",
            Self::Ece => "ece",
            Self::VcdrError => "vcdr_error",
            Self::RandScore => "rand_score",
            Self::PixelError => "pixel_error",
        }
    }

    /// The other way.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extra| extra.name() == name)
    }

    /// Its name in mm, where it is a length.
    pub fn in_mm(self) -> Option<&'static str> {
        match self {
            Self::Hd95 => Some("hd95_mm"),
            Self::Assd => Some("assd_mm"),
            _ => None,
        }
    }
}

/// The threshold of the scores in metrics.csv.
pub const USUAL_THRESHOLD: f64 = 0.5;

/// From which probability on a pixel is foreground.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Threshold {
    /// The same number for every class, in [0, 1].
    Fixed(#[schemars(range(min = 0, max = 1))] f64),
    /// Chosen when the run ends, for each class.
    By(ThresholdBy),
}

/// By which scores a threshold is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdBy {
    /// The best mean over the validation images of the Dice score of the class.
    Validation,
}

impl Default for Threshold {
    /// 0.5, at which every column of metrics.csv is.
    fn default() -> Self {
        Self::Fixed(USUAL_THRESHOLD)
    }
}
