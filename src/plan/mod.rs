//! What will happen: an experiment unfolded into runs, each fully resolved and with a name that says what defines its numbers.
//!
//! [`expand`] turns an [`Experiment`](crate::config::Experiment) into a [`Plan`]: every point of the sweep × every fold × every
//! seed. Nothing is known here of processes, files or tensors.

mod cost;
mod identity;
mod keys;
mod label;
mod sweep;

pub use cost::{Cost, Input, Layer, Memory};
pub use identity::{Difference, FINGERPRINT, Identity, NUMERIC_VERSION, RunId, VERSION, defining_values, short_fingerprint};
pub use keys::{FOLD, SEED, names, of_repetition, spoken};
pub use sweep::{Error, Excluded, Plan, RunSpec, expand, expand_with, group_name, keys};
