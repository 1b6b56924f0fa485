//! From a mask's pixel values to one plane a class.

use super::IGNORED;
use super::error::listed;
use super::picture::{Picture, Values};
use crate::config::{MaskPolicy, MaskValues};
use std::borrow::Cow;

/// Which keys of a layout say how its masks are read, so that no remedy names a key that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// `mask_values`, `classes` and `levels`.
    Folders,
    /// `mask_values` and `classes`.
    Stack,
    /// None: masks are black and white.
    None,
}

/// Planes as `read` makes them of a mask whose pixels of these values count nowhere: `read` sees `background` there, and they are [`IGNORED`] in all
/// planes.
///
/// # Errors
/// Those of `read`; also if the mask is a JPEG, which changes values.
pub(super) fn ignoring(
    mask: &Picture,
    values: &[u16],
    background: u16,
    read: impl FnOnce(&Picture) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    if values.is_empty() {
        return read(mask);
    }
    if mask.lossy {
        return Err("is a JPEG, which changes the values of masks, so none can be ignored; save masks as PNG or TIFF".into());
    }
    let pixels = mask.size[0] * mask.size[1];
    let each = mask.values.len() / pixels.max(1);
    let hidden: Vec<bool> = (0..pixels).map(|pixel| values.contains(&mask.values.at(pixel * each))).collect();
    let mut planes = read(&mask.filled(&hidden, background))?;
    planes.chunks_exact_mut(pixels).for_each(|plane| {
        plane.iter_mut().zip(&hidden).filter(|(_, hidden)| **hidden).for_each(|(value, _)| *value = IGNORED);
    });
    Ok(planes)
}

/// `classes` planes of height · width in {0, 1}.
///
/// # Errors
/// In words, the file not named: a value that means nothing, or colour.
pub(super) fn classes(picture: &Picture, meaning: MaskValues, classes: usize, keys: Keys) -> Result<Vec<u8>, String> {
    let picture = &*picture.whole()?;
    match meaning {
        MaskValues::Binary => binary(grey(picture, keys)?.as_ref(), picture, keys),
        MaskValues::Indexed => indexed(indices(picture)?.as_ref(), classes),
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
    let picture = &*picture.whole()?;
    let values = grey(picture, Keys::Folders)?;
    let known = |v: &u16| background.contains(v) || classes.iter().any(|class| class.contains(v));
    if let Some(value) = values.iter().find(|v| !known(v)) {
        let count = values.iter().filter(|v| *v == value).count();
        return Err(format!(
            "has the value {value} in {count} pixel(s), which belongs to no class and not to the background; list it in levels"
        ));
    }
    Ok(classes.iter().flat_map(|class| values.map(|v| u8::from(class.contains(&v)))).collect())
}

/// A plane of height · width in {0, 1} for each colour of red, green and blue, of 8 bits: 1 where a pixel has it.
///
/// # Errors
/// In words, the file not named: a colour that is none of these and not `background`, or a JPEG, which changes colours.
pub(super) fn by_colours(
    picture: &Picture,
    classes: &[[u8; 3]],
    background: [u8; 3],
    ignored: Option<[u8; 3]>,
) -> Result<Vec<u8>, String> {
    if picture.lossy {
        return Err("is a JPEG, which changes the colours of masks; save masks as PNG or TIFF".into());
    }
    refuse_alpha(picture)?;
    let pixels = picture.size[0] * picture.size[1];
    let (top, last) = (u32::from(picture.top), picture.channels - 1);
    // Of other than 8 bits a value counts if it is one of 8 bits exactly.
    let value = |pixel: usize, channel: usize| {
        let value = u32::from(picture.sample(pixel, channel.min(last))) * 255;
        if value.is_multiple_of(top) { u8::try_from(value / top).ok() } else { None }
    };
    let colours: Vec<Option<[u8; 3]>> =
        (0..pixels).map(|pixel| Some([value(pixel, 0)?, value(pixel, 1)?, value(pixel, 2)?])).collect();
    let known = |colour: &Option<[u8; 3]>| {
        colour.is_some_and(|colour| colour == background || Some(colour) == ignored || classes.contains(&colour))
    };
    if let Some(first) = colours.iter().position(|colour| !known(colour)) {
        let Some([r, g, b]) = colours[first] else {
            let values = [0, 1, 2].map(|channel| picture.sample(first, channel.min(last)));
            return Err(format!(
                "has a pixel of {values:?} of {top}, which is no colour of 8 bits; save it with 8 bits a channel"
            ));
        };
        let count = colours.iter().filter(|colour| **colour == colours[first]).count();
        return Err(format!(
            "has the colour #{r:02x}{g:02x}{b:02x} in {count} pixel(s), which belongs to no class and not to the background; list it in \
             colours, or repaint these pixels"
        ));
    }
    let value = |colour: &Option<[u8; 3]>, class: &[u8; 3]| match *colour {
        colour if colour == ignored => IGNORED,
        colour => u8::from(colour == Some(*class)),
    };
    let of_class = |class: &[u8; 3]| colours.iter().map(|colour| value(colour, class)).collect::<Vec<u8>>();
    Ok(classes.iter().flat_map(of_class).collect())
}

/// One plane of height · width in {0, 1} from a soft map of four annotators, whose values are 0, 64, 128, 191 and 255.
///
/// # Errors
/// In words, the file not named: if it is in colour.
pub(super) fn annotated(picture: &Picture, policy: MaskPolicy) -> Result<Vec<u8>, String> {
    let picture = &*picture.whole()?;
    let top = f64::from(picture.top);
    let annotators = |v: u16| (4.0 * f64::from(v) / top).round();
    let marked = |v: u16| match policy {
        MaskPolicy::Any => v > 0,
        MaskPolicy::Majority => annotators(v) >= 3.0,
        MaskPolicy::All => annotators(v) >= 4.0,
    };
    Ok(grey(picture, Keys::None)?.map(|v| u8::from(marked(v))))
}

/// Values in JPEG below which a dark pixel may be noise.
const JPEG_TOLERANCE: u16 = 16;

/// The outer thirds of the range count as its ends. Edges of discs, black on white, ring up to 38 and down to 214 in JPEG of
/// quality 75, up to 103 and down to 161 at 50: there a few pixels are undecided, and the user is warned.
///
/// Values of a file of 16 bits that has none above 255 are on the scale of 8 bits: many tools save masks of 0 and 255 so.
fn binary(values: &Values, picture: &Picture, keys: Keys) -> Result<Vec<u8>, String> {
    let highest = values.highest();
    let top = if highest <= 255 { picture.top.min(255) } else { picture.top };
    let (dark, bright) = (top / 3, top - top / 3);
    if let Some(value) = values.iter().find(|v| (dark + 1..bright).contains(v)) {
        let numbers = match keys {
            Keys::None => "",
            _ => ", or set mask_values = \"indexed\" if values are class numbers",
        };
        return Err(format!(
            "has the value {value}, neither dark (0 to {dark}) nor bright ({bright} to {top}); make it black and white{numbers}"
        ));
    }
    // Class numbers would pass as all dark.
    if highest > if picture.lossy { JPEG_TOLERANCE } else { 0 } && highest < bright {
        return Err(none_bright(values, top, keys));
    }
    Ok(values.map(|v| u8::from(v >= bright)))
}

/// What to say of a mask that has values and no bright one.
fn none_bright(values: &Values, top: u16, keys: Keys) -> String {
    let mut seen = vec![false; 1 << 16];
    values.iter().for_each(|v| seen[usize::from(v)] = true);
    let found: Vec<u16> = (0..=u16::MAX).filter(|v| seen[usize::from(*v)]).collect();
    let highest = found.last().copied().unwrap_or(0);
    if found == [0, 1] && keys != Keys::None {
        return format!("holds only the values 0 and 1; set mask_values = \"indexed\", or save it with 0 and {top}");
    }
    let levels = if keys == Keys::Folders { "list them in levels, or " } else { "" };
    let remedy = match keys {
        Keys::None => String::new(),
        // There are 255 classes at most.
        _ if highest > 255 => levels.to_owned(),
        _ => {
            let or = if levels.is_empty() { "or " } else { levels };
            format!("set mask_values = \"indexed\" and name every class in `classes` if they are class numbers, {or}")
        }
    };
    let bright = top - top / 3;
    format!(
        "holds only the values {}, none of them bright ({bright} to {top}); {remedy}save it with 0 and {top}",
        listed(&found, 5, ", ")
    )
}

fn indexed(values: &Values, classes: usize) -> Result<Vec<u8>, String> {
    if let Some(value) = values.iter().find(|v| usize::from(*v) > classes) {
        let binary = if classes == 1 { ", or set mask_values = \"binary\" if it is black and white" } else { "" };
        return Err(format!("has the value {value}, but the highest class is {classes}; name every class in `classes`{binary}"));
    }
    Ok((1..=classes).flat_map(|class| values.map(|v| u8::from(usize::from(v) == class))).collect())
}

/// Class numbers: of an indexed file the very indices, whatever their colours, else grey values.
fn indices(picture: &Picture) -> Result<Cow<'_, Values>, String> {
    if picture.lossy {
        return Err("is a JPEG, which changes class numbers; save indexed masks as PNG or TIFF".into());
    }
    match picture.palette {
        Some(_) => Ok(Cow::Borrowed(&picture.values)),
        None => grey(picture, Keys::Folders),
    }
}

/// The one value of each pixel. RGB will do where the three are equal, in JPEG nearly so.
fn grey(picture: &Picture, keys: Keys) -> Result<Cow<'_, Values>, String> {
    refuse_alpha(picture)?;
    if !matches!(picture.channels, 1 | 3) {
        return Err(format!("has {} channels; save masks as grey", picture.channels));
    }
    let (pixels, green) = (0..picture.size[0] * picture.size[1], if picture.channels == 1 { 0 } else { 1 });
    let values = || match picture.top {
        256.. => Values::Words(pixels.clone().map(|i| picture.sample(i, green)).collect()),
        _ => Values::Bytes(pixels.clone().map(|i| picture.sample(i, green) as u8).collect()),
    };
    if picture.channels == 1 {
        return Ok(if picture.palette.is_some() { Cow::Owned(values()) } else { Cow::Borrowed(&picture.values) });
    }
    let tolerance = if picture.lossy { JPEG_TOLERANCE } else { 0 };
    let colours = pixels.clone().map(|i| [0, 1, 2].map(|c| picture.sample(i, c)));
    let spread = |[r, g, b]: &[u16; 3]| r.max(g).max(b) - r.min(g).min(b);
    if let Some([r, g, b]) = colours.clone().find(|pixel| spread(pixel) > tolerance) {
        let remedy = match (&picture.palette, keys) {
            (Some(_), Keys::Folders | Keys::Stack) => {
                "its palette numbers the classes: set mask_values = \"indexed\" and name every class in `classes`"
            }
            (_, Keys::Folders | Keys::Stack) => {
                "save masks as grey, or as PNG with a palette of classes and mask_values = \"indexed\""
            }
            (_, Keys::None) => "save masks as grey",
        };
        return Err(format!("is in colour (a pixel is {r}, {g}, {b}); {remedy}"));
    }
    Ok(Cow::Owned(values()))
}

/// Alpha is dropped; a mask that is nothing else would be empty, or full.
fn refuse_alpha(picture: &Picture) -> Result<(), String> {
    match picture.only_alpha {
        true => {
            Err("is of one colour throughout and has its shape in the alpha channel; save it as grey, black and white".into())
        }
        false => Ok(()),
    }
}
