//! The commented file with every key and its default, from which experiments start.

use super::complain::better_name;

const TEMPLATE: &str = include_str!("template.toml");
const MINIMAL: &str = include_str!("minimal.toml");

/// The nearest name that an experiment can have.
pub fn valid_name(name: &str) -> String {
    Some(better_name(name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "experiment".to_owned())
}

/// The template with the nearest possible name to `name` in it. Lines that start with `#` and no space are choices and keys to
/// un-comment.
pub fn template(name: &str) -> String {
    let name = valid_name(name);
    TEMPLATE.replacen("name = \"experiment\"", &format!("name = \"{name}\""), 1)
}

/// A short experiment on a folder of images and one of masks, with the keys that a first experiment sets.
pub fn minimal(name: &str) -> String {
    MINIMAL.replacen("name = \"experiment\"", &format!("name = \"{}\"", valid_name(name)), 1)
}
