//! Scores and losses of predicted masks: how they are computed and what a column of metrics.csv means.
//!
//! A [`Tally`] is fed the logits and targets of batches and gives [`Scores`]; [`Extras`] are what costs more than counting and has to be
//! asked for; [`ThresholdCurves`] are scores over the threshold; [`describe`] gives a column's [`Metric`]: label,
//! direction, range, and what an empty mask gives. Nothing is known here of tensors, epochs or files.

mod absent;
mod boundary;
mod calibration;
mod column;
mod components;
mod confusion;
mod constant;
mod distance;
#[cfg(test)]
mod examples;
mod extent;
mod extra;
mod mask;
mod means;
mod tally;
mod threshold;

pub use crate::config::{ExtraMetric, USUAL_THRESHOLD};
pub use absent::{Absent, mean_of_defined};
pub use column::{Direction, Metric, Split, describe};
pub use confusion::ConfusionMatrix;
pub use constant::ConstantMask;
pub use distance::quantile;
pub use extent::{cup_to_disc, extent};
pub use extra::{Extras, ImageExtras};
pub use mask::MaskScores;
pub use means::Means;
pub use tally::{Scores, Tally, weighted_mean};
pub use threshold::{
    THRESHOLDS_METADATA, ThresholdCurves, ThresholdPoint, cut, thresholds, thresholds_from_metadata, thresholds_to_metadata,
};
