//! Is the difference between two configurations more than chance?
//!
//! [`Pooled`] splits the variance of a complete table of scores, group × seed × image, into what seeds, images and chance make
//! of it; [`decide`] tests every pair of groups. Plain functions over numbers: nothing is known here of runs and files, so that
//! `scripts/verdict_calibration.rs` can ask the very functions that a report asks. Expected values of the tests are those of
//! `scripts/statistics_oracle.py`.
#![doc = include_str!("statistics.md")]
#![doc = include_str!("calibration.md")]

mod decide;
mod holm;
mod pooled;
mod power;
mod uneven;
mod units;

pub use decide::{Difference, LEVEL, decide, half_width};
pub use holm::holm;
pub use pooled::Pooled;
pub use units::means;
