//! The values that the masks of a folder have, from as many of them as time allows.

use super::values::MaskLook;
use crate::data::picture::Picture;
use rayon::prelude::*;
use std::path::PathBuf;

/// Masks that are read, at most, evenly spaced.
const MOST: usize = 512;
/// Pixels that are read, at most, unless that would be fewer than 4 masks.
const PIXELS: usize = 200_000_000;

/// The values of all masks that could be read, and what was wrong with the others.
pub(super) fn look(masks: &[PathBuf]) -> (MaskLook, Vec<String>) {
    let first = masks.first().and_then(|mask| Picture::read(mask).ok());
    let pixels = first.map_or(1, |mask| mask.size[0] * mask.size[1]);
    let count = masks.len().min(MOST).min((PIXELS / pixels.max(1)).max(4));
    let chosen: Vec<&PathBuf> = (0..count).map(|i| &masks[i * masks.len() / count]).collect();
    let read: Vec<Result<MaskLook, String>> =
        chosen.par_iter().map(|mask| Picture::read(mask).map(|mask| MaskLook::of(&mask))).collect();
    let (good, bad): (Vec<_>, Vec<_>) = read.into_iter().partition(Result::is_ok);
    let look = good.into_iter().flatten().fold(MaskLook::default(), MaskLook::add);
    (look, bad.into_iter().filter_map(Result::err).collect())
}
