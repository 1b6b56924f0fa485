//! On which devices do runs go, and how many at a time on each?
//!
//! [`chosen`] finds the [`Device`]s that a text names, [`slots`] makes of them and of the [`Jobs`] on each the slots that a schedule gives runs to.
//! Nothing is known here of command lines, settings or what a run calculates.

mod named;
mod slots;

pub use named::{Device, chosen, number};
pub use slots::{Jobs, slots};

/// A device is named that there is not; always a mistake of the user's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);
