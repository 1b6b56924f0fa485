//! What sizes, channels and ranges must have to do with each other.

use super::Finding;
use crate::config::{Experiment, Intensity, Model, Norm};

const SIZE: &str = "preprocess.size";
const PATCH: &str = "patches.size";

/// The key of the size that goes through the network.
pub(super) fn size_key(e: &Experiment) -> &'static str {
    if e.patches.is_some() { PATCH } else { SIZE }
}

/// Patches lie within the images.
pub(super) fn patches(e: &Experiment) -> Option<Finding> {
    let (of, [h, w]) = (e.preprocess.size, e.patches.as_ref()?.size);
    let title = format!("`{PATCH}` must lie within `{SIZE}`, {of:?}, got [{h}, {w}]");
    let help = "make the patches smaller or the images larger; without [patches] whole images train";
    (h > of[0] || w > of[1]).then(|| Finding::new(title, &[PATCH, SIZE], help))
}

pub(super) fn sides(e: &Experiment) -> Option<Finding> {
    let [key, ..] = e.model.keys();
    let size = size_key(e);
    let levels = e.model.channels().len();
    let depth = levels.checked_sub(1).filter(|depth| *depth < 32)?;
    let step = 1_usize << depth;
    let [h, w] = e.input_size();
    let bad: Vec<usize> = [h, w].into_iter().filter(|side| side % step != 0).collect();
    if bad.is_empty() {
        return None;
    }
    let (down, up) = ([h, w].map(|side| side / step * step), [h, w].map(|side| side.next_multiple_of(step)));
    let near = if down.contains(&0) { format!("{up:?}") } else { format!("{down:?} or {up:?}") };
    let title = format!("`{key}` has {levels} levels, so the sides of `{size}` must be divisible by {step}, got [{h}, {w}]");
    let help = if levels > 2 { format!("write size = {near}, or drop a level") } else { format!("write size = {near}") };
    Some(Finding::new(title, &[size, key], help))
}

pub(super) fn square(e: &Experiment) -> Option<Finding> {
    let (size, [h, w]) = (size_key(e), e.input_size());
    let title = format!("`augment.rotate90` rotates an image by 90°, which needs a square `{size}`, got [{h}, {w}]");
    let help = "make the size square, or set rotate90 = 0";
    (e.augment.rotate90 > 0.0 && h != w).then(|| Finding::new(title, &["augment.rotate90", size], help))
}

/// A window goes up, and is there if and only if it is wanted.
pub(super) fn window(e: &Experiment) -> Option<Finding> {
    const KEYS: [&str; 2] = ["preprocess.window", "preprocess.intensity"];
    let (title, help) = match (e.preprocess.intensity, e.preprocess.window) {
        (Intensity::Window, None) => (
            "`preprocess.intensity` = \"window\" needs `preprocess.window`, the values that become 0 and 1".to_owned(),
            "write window = [0.0, 4095.0], or what `umlaut data inspect` shows of the values".to_owned(),
        ),
        (Intensity::Window, Some([low, high])) if low >= high => (
            format!("`preprocess.window` goes from a lower value to a higher one, got {low} and {high}"),
            if low > high { format!("write [{high:?}, {low:?}]") } else { "raise the second".to_owned() },
        ),
        (Intensity::Type | Intensity::Percentiles, Some(_)) => (
            "`preprocess.window` is there, but `preprocess.intensity` is not \"window\"".to_owned(),
            "write intensity = \"window\", or take the window out".to_owned(),
        ),
        _ => return None,
    };
    Some(Finding::new(title, &KEYS, help))
}

/// Ranges of `[augment]` go up.
pub(super) fn ranges(e: &Experiment) -> impl Iterator<Item = Finding> {
    e.augment.ranges().into_iter().filter(|(_, [low, high])| low > high).map(|(key, [low, high])| {
        let title = format!("`{key}` goes from the least to the largest, but {low} comes before {high}");
        Finding::new(title, &[key], format!("write [{high}, {low}]"))
    })
}

pub(super) fn groups(model: &Model) -> Option<Finding> {
    let ([channels_key, norm_key, key], channels, blocks) = (model.keys(), model.channels(), model.blocks());
    let odd: Vec<String> = channels.iter().filter(|c| *c % blocks.groups.max(1) != 0).map(usize::to_string).collect();
    if blocks.norm != Norm::Group || odd.is_empty() {
        return None;
    }
    let common = channels.iter().fold(0, |a, b| gcd(a, *b));
    let title = format!("`{key}` must divide the channels of every level; {} does not divide {}", blocks.groups, odd.join(", "));
    let largest = (1..=blocks.groups).rev().find(|g| common % g == 0).unwrap_or(1);
    let help = format!("write groups = {largest}, or change the channels");
    Some(Finding::new(title, &[key, channels_key, norm_key], help))
}

pub(super) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
