//! What `umlaut` computes with: configuration, data, operations, networks and scores. The library `umlaut` shows these modules as its own, with
//! the conventions that hold for all.
//!
//! Nothing is known here of runs, results and processes. The package stands apart so that it alone is optimized while one develops.

#![warn(missing_docs)]

pub mod config;
pub mod data;
pub mod machine;
pub mod metric;
pub mod model;
pub mod ops;
pub mod regular;
pub mod shown;
pub mod system;
pub mod text;
