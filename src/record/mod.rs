//! What runs leave behind and tell: plain numbers and words, and their CSV, TOML and JSON forms.
//!
//! A record knows no path and no tensor. An [`EpochRecord`] is one row of metrics.csv, an [`Outcome`] is all of outcome.toml, a
//! [`Provenance`] all of provenance.toml, a [`Command`] all of command.toml, an [`Event`] is a line that a child process writes while it trains, an [`LrSearch`] is all of find-lr.csv,
//! a [`TrialJob`] a row of a hyperparameter search's history.csv.

mod backtrace;
mod command;
mod epoch;
mod event;
mod image_scores;
mod lr_search;
mod outcome;
mod provenance;
mod spreadsheet;
mod thresholds;
mod trial;

pub use backtrace::without_backtrace;
pub use command::Command;
pub use epoch::EpochRecord;
pub use event::Event;
pub use image_scores::{ImageRow, ImageScores};
pub use lr_search::{LrSearch, LrStep, short_lr};
pub use outcome::{Failure, Files, Outcome, Status};
pub use provenance::Provenance;
pub use spreadsheet::{from_field, to_field};
pub use thresholds::{ThresholdRow, ThresholdScores};
pub use trial::{Confirmation, KeyShare, SearchSettings, TrialJob, TrialResult, Winner};
