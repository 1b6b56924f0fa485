//! `umlaut schema`: the JSON Schema of an experiment file, for completion and checks in an editor.

use umlaut::config;

/// The schema as text.
///
/// # Errors
/// None in practice: a schema is plain data.
pub fn run() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&config::json_schema())? + "\n")
}
