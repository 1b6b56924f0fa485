//! From a mask's pixel values to one plane a class.

use super::picture::Picture;
use crate::config::{MaskPolicy, MaskValues};
use std::borrow::Cow;

/// `classes` planes of height · width in {0, 1}.
///
/// # Errors
/// In words, the file not named: a value that means nothing, or colour.
pub(super) fn classes(picture: &Picture, meaning: MaskValues, classes: usize) -> Result<Vec<u8>, String> {
    match meaning {
        MaskValues::Binary => binary(&grey(picture)?, picture),
        MaskValues::Indexed => indexed(&indices(picture)?, classes),
    }
}

/// A plane of height · width in {0, 1} for each list of values: 1 where a pixel has one of them.
///
/// # Errors
/// In words, the file not named: a value that no list and `background` has, colour, or a JPEG, which changes values.
pub(super) fn by_levels(picture: &Picture, classes: &[&[u16]], background: &[u16]) -> Result<Vec<u8>, String> {
    if picture.lossy {
        return Err("is a JPEG, which changes the values of masks; save masks as PNG or TIFF".into());
    }
    let values = grey(picture)?;
    let known = |v: &u16| background.contains(v) || classes.iter().any(|class| class.contains(v));
    if let Some(value) = values.iter().find(|v| !known(v)) {
        let count = values.iter().filter(|v| *v == value).count();
        return Err(format!(
            "has the value {value} in {count} pixel(s), which belongs to no class and not to the background; list it in levels"
        ));
    }
    Ok(classes.iter().flat_map(|class| values.iter().map(|v| u8::from(class.contains(v)))).collect())
}

/// One plane of height · width in {0, 1} from a soft map of four annotators, whose values are 0, 64, 128, 191 and 255.
///
/// # Errors
/// In words, the file not named: if it is in colour.
pub(super) fn annotated(picture: &Picture, policy: MaskPolicy) -> Result<Vec<u8>, String> {
    let top = f64::from(picture.top);
    let annotators = |v: u16| (4.0 * f64::from(v) / top).round();
    let marked = |v: u16| match policy {
        MaskPolicy::Any => v > 0,
        MaskPolicy::Majority => annotators(v) >= 3.0,
        MaskPolicy::All => annotators(v) >= 4.0,
    };
    Ok(grey(picture)?.iter().map(|v| u8::from(marked(*v))).collect())
}

/// The outer thirds of the range count as its ends. Edges of discs, black on white, ring up to 38 and down to 214 in JPEG of
/// quality 75, up to 103 and down to 161 at 50: there a few pixels are undecided, and the user is told.
fn binary(values: &[u16], picture: &Picture) -> Result<Vec<u8>, String> {
    let (dark, bright) = (picture.top / 3, picture.top - picture.top / 3);
    if let Some(value) = values.iter().find(|v| (dark + 1..bright).contains(v)) {
        return Err(format!(
            "has the value {value}, neither dark (0 to {dark}) nor bright ({bright} to {top}); make it black and white, or set \
             mask_values = \"indexed\" if values are class numbers",
            top = picture.top
        ));
    }
    // Class numbers 0 and 1 would pass as all dark. In JPEG a 1 is noise.
    let highest = values.iter().max().copied().unwrap_or(0);
    if !picture.lossy && highest == 1 && picture.top > 1 {
        return Err("holds only the values 0 and 1; set mask_values = \"indexed\", or save it with 0 and 255".into());
    }
    Ok(values.iter().map(|v| u8::from(*v >= bright)).collect())
}

fn indexed(values: &[u16], classes: usize) -> Result<Vec<u8>, String> {
    if let Some(value) = values.iter().find(|v| usize::from(**v) > classes) {
        let binary = if classes == 1 { ", or set mask_values = \"binary\" if it is black and white" } else { "" };
        return Err(format!("has the value {value}, but the highest class is {classes}; name every class in `classes`{binary}"));
    }
    Ok((1..=classes).flat_map(|class| values.iter().map(move |v| u8::from(usize::from(*v) == class))).collect())
}

/// Class numbers: of an indexed PNG those of its palette (the first, where colours repeat), else grey values.
fn indices(picture: &Picture) -> Result<Cow<'_, [u16]>, String> {
    if picture.lossy {
        return Err("is a JPEG, which changes class numbers; save indexed masks as PNG or TIFF".into());
    }
    let Some(palette) = &picture.palette else { return grey(picture) };
    let index = |pixel: &[u16]| {
        let colour = |c: usize| pixel[c.min(pixel.len() - 1)];
        palette.iter().position(|entry| (0..3).all(|c| u16::from(entry[c]) == colour(c)))
    };
    let indices = picture.values.chunks_exact(picture.channels).map(|pixel| index(pixel).unwrap_or(0) as u16);
    Ok(indices.collect())
}

/// The one value of each pixel. RGB will do where the three are equal, in JPEG nearly so.
fn grey(picture: &Picture) -> Result<Cow<'_, [u16]>, String> {
    const JPEG_TOLERANCE: u16 = 16;
    if picture.channels == 1 {
        return Ok(Cow::Borrowed(&picture.values));
    }
    let pixels = picture.values.as_chunks::<3>().0;
    let tolerance = if picture.lossy { JPEG_TOLERANCE } else { 0 };
    let spread = |[r, g, b]: &[u16; 3]| r.max(g).max(b) - r.min(g).min(b);
    if let Some([r, g, b]) = pixels.iter().find(|pixel| spread(pixel) > tolerance) {
        return Err(format!("is in colour (a pixel is {r}, {g}, {b}); save masks as grey, or as PNG with a palette of classes"));
    }
    Ok(pixels.iter().map(|[_, g, _]| *g).collect())
}
