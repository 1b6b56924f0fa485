//! `umlaut init`: writes the commented template of an experiment, named after its file.

use super::schema;
use anyhow::Context;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use umlaut::config;

/// The file beside an experiment that its first line tells editors to read.
const SCHEMA: &str = "umlaut.schema.json";

/// Writes the template to `path` and, if asked, the JSON Schema beside it; returns what was written.
///
/// # Errors
/// If the experiment is there already, or a file cannot be written. An older schema is replaced.
pub fn run(path: &Path, with_schema: bool) -> anyhow::Result<Vec<PathBuf>> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    }
    let mut file = File::create_new(path).with_context(|| match path.exists() {
        true => format!("{} is there already; give another path", path.display()),
        false => format!("creating {}", path.display()),
    })?;
    file.write_all(config::template(&stem).as_bytes()).with_context(|| format!("writing {}", path.display()))?;
    let mut written = vec![path.to_owned()];
    if with_schema {
        let beside = path.with_file_name(SCHEMA);
        fs::write(&beside, schema::run()?).with_context(|| format!("writing {}", beside.display()))?;
        written.push(beside);
    }
    Ok(written)
}
