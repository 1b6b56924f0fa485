//! The file's own values: what a group has of swept keys that it does not name, as the points of a sweep leave some out.

use crate::regular::{self, Most};
use std::path::Path;

/// A value for readers where the file has none.
pub(super) const NOT_SET: &str = "not set";

/// The values of these keys in a run.toml; none where it cannot be read.
pub(super) fn values(run_toml: &Path, keys: &[&String]) -> Vec<(String, String)> {
    let text = regular::text(run_toml, Most::SMALL).unwrap_or_default();
    match text.parse::<toml::Table>() {
        Ok(table) if !table.is_empty() => keys.iter().map(|key| ((*key).clone(), value(&table, key))).collect(),
        _ => Vec::new(),
    }
}

/// The value of a dotted key as TOML, or that it is not set.
fn value(table: &toml::Table, key: &str) -> String {
    let mut words = key.split('.');
    let first = words.next().and_then(|word| table.get(word));
    let found = words.try_fold(first, |above, word| Some(above?.get(word))).flatten();
    found.map_or_else(|| NOT_SET.to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_key_is_looked_up_table_by_table() {
        let table = "[loss]\nbce = 0.0\n[loss.focal]\nweight = 1.0\n".parse().unwrap();
        let found = ["loss.bce", "loss.focal.weight", "loss.jaccard.weight", "seed"].map(|key| value(&table, key));
        assert_eq!(found, ["0.0", "1.0", NOT_SET, NOT_SET]);
    }
}
