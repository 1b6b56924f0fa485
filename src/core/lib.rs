//! What `umlaut` trains with: data, networks, scores and the machine, on the operations of `umlaut-ops` and the configuration of `umlaut-base`, whose
//! modules this package shows as its own. The library `umlaut` shows all of them, with the conventions that hold for all.
//!
//! Nothing is known here of runs, results and processes.

#![warn(missing_docs)]

pub mod data;
pub mod machine;
pub mod metric;
pub mod model;

pub use umlaut_base::{config, regular, shown, system, text};
pub use umlaut_ops as ops;
