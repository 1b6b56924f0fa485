//! The commented file with every key and its default, from which experiments start.

use super::complain::better_name;

const TEMPLATE: &str = include_str!("template.toml");

/// The template with the nearest possible name to `name` in it. Lines that start with `#` and no space are choices and keys to
/// un-comment.
pub fn template(name: &str) -> String {
    let name = Some(better_name(name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "experiment".to_owned());
    TEMPLATE.replacen("name = \"experiment\"", &format!("name = \"{name}\""), 1)
}
