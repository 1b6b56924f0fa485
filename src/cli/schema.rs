//! `umlaut schema`: the JSON Schema of an experiment file, for completion and checks in an editor.

use super::failure::Failure;
use super::text;
use umlaut::config;

pub fn run() -> Result<(), Failure> {
    Ok(text::print(&text())?)
}

/// The schema as text.
pub fn text() -> String {
    serde_json::to_string_pretty(&config::json_schema()).expect("a schema is plain data") + "\n"
}
