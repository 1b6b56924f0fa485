//! Scores and losses of predicted masks: how they are computed and what a column of metrics.csv means.
//!
//! A [`Tally`] is fed the logits and targets of batches and gives [`Scores`]; [`describe`] gives a column's [`Metric`]: label,
//! direction, range, and what an empty mask gives. Nothing is known here of tensors, epochs or files.

mod column;
mod mask;
mod tally;

pub use column::{Direction, Metric, Part, describe};
pub use mask::MaskScores;
pub use tally::{Scores, Tally, weighted_mean};
