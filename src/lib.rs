//! `umlaut`: a configuration-driven experiment runner for U-Net segmentation.
//!
//! The way of the data:
//!
//! ```text
//! experiments/x.toml
//!   config    → Experiment             what was asked: parsed, defaulted, checked
//!   plan      → Plan of RunSpecs       what will happen: sweep × folds × seeds, each resolved, with a stable RunId
//!   schedule  → one process per run    who runs where and when
//!   train     → metrics.csv, checkpoints, outcome.toml      one run, one process, one device
//!   report    → charts, tables, HTML   reads only files
//!   predict   → masks, measures        a trained run on new pictures
//! ```
//!
//! # Shapes
//! Activations are `(n, c, h, w)`: batch, channels, height, width; contiguous f32. `images` are in [0, 1], `logits` unbounded,
//! `probs` in [0, 1], `targets` and `preds` in {0, 1}.

#![warn(missing_docs)]

pub mod devices;
pub mod estimate;
pub mod find;
pub mod guide;
pub mod plan;
pub mod predict;
pub mod prepare;
pub mod propose;
pub mod record;
pub mod report;
pub mod schedule;
pub mod search;
#[cfg(feature = "serve")]
pub mod serve;
pub mod settings;
pub mod status;
pub mod store;
pub mod train;
pub mod trials;

pub use umlaut_core::{config, data, machine, metric, model, ops, regular, shown, system, text};
