//! What `umlaut` rests on: configuration, and the doors for files, text and the operating system.
//!
//! Nothing here computes, so nothing here need be optimized.

#![warn(missing_docs)]

pub mod config;
pub mod regular;
pub mod shown;
pub mod system;
pub mod text;
