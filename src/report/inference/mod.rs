//! Statistics of differences: plain functions over numbers.
//!
//! Values of the tests are SciPy's and NumPy's: `scripts/statistics_oracle.py` prints them.

mod bootstrap;
mod holm;
mod wilcoxon;

pub(super) use bootstrap::{Cells, difference};
pub(super) use holm::holm;
pub(super) use wilcoxon::wilcoxon;
