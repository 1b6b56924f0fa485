//! What the pixel values of masks mean, by the values alone.

use crate::config::MaskValues;
use crate::data::picture::Picture;
use crate::data::source::Source;
use crate::data::tiff::Pages;
use std::collections::BTreeMap;
use std::path::Path;

/// Values that some masks have, with how many pixels.
#[derive(Debug, Clone, Default)]
pub(super) struct MaskLook {
    counts: BTreeMap<u16, u64>,
    /// Whether a file is a JPEG, whose values are near what was meant.
    lossy: bool,
    /// Colours, with how many pixels, where a file has some that are no greys.
    colours: BTreeMap<[u8; 3], u64>,
    top: u16,
}

/// What values mean, as keys of `[dataset.folders]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub classes: Vec<String>,
    /// `None` where `levels` says it.
    pub mask_values: Option<MaskValues>,
    pub levels: BTreeMap<String, Vec<u16>>,
    pub colours: BTreeMap<String, String>,
}

/// More values than this are no classes.
const MOST_CLASSES: usize = 24;

impl MaskLook {
    pub fn of(mask: &Picture) -> Self {
        let coloured = match &mask.palette {
            // Indices are class numbers, whatever their colours.
            Some(_) => false,
            None => mask.channels == 3 && has_hue(mask),
        };
        let mut counts = BTreeMap::new();
        if !coloured {
            let mut all = vec![0_u64; 1 << 16];
            let step = if mask.palette.is_some() { 1 } else { mask.channels };
            mask.values.iter().step_by(step).for_each(|v| all[usize::from(v)] += 1);
            counts = (0..=u16::MAX).zip(all).filter(|(_, count)| *count > 0).collect();
        }
        let colours = if coloured { colours(mask) } else { BTreeMap::new() };
        Self { counts, lossy: mask.lossy, colours, top: mask.top }
    }

    pub fn add(mut self, other: Self) -> Self {
        other.counts.into_iter().for_each(|(value, count)| *self.counts.entry(value).or_default() += count);
        self.lossy |= other.lossy;
        other.colours.into_iter().for_each(|(colour, count)| *self.colours.entry(colour).or_default() += count);
        self.top = self.top.max(other.top);
        self
    }

    /// What the values mean; `names` are those of the classes by their numbers from 1, where somebody has written them down. `None` if they mean nothing
    /// that could be written.
    pub fn meaning(&self, names: &[String]) -> Option<Meaning> {
        if !self.colours.is_empty() {
            return self.of_colours();
        }
        let values: Vec<u16> = self.counts.keys().copied().collect();
        let highest = *values.last()?;
        let plain = |classes: Vec<String>, mask_values| {
            Some(Meaning { classes, mask_values: Some(mask_values), levels: BTreeMap::new(), colours: BTreeMap::new() })
        };
        let one = || vec![names.first().cloned().unwrap_or_else(|| "foreground".to_owned())];
        if !names.is_empty() && usize::from(highest) <= names.len() {
            return plain(names.to_vec(), MaskValues::Indexed);
        }
        let black_or_white = |v: &u16| *v == 0 || *v == 255 || *v == self.top;
        if self.lossy || (values.iter().all(black_or_white) && highest > 1) {
            return plain(one(), MaskValues::Binary);
        }
        if usize::from(highest) <= MOST_CLASSES && highest > 0 {
            let named = |k: u16| format!("class_{k}");
            let classes = if highest == 1 { one() } else { (1..=highest).map(named).collect() };
            return plain(classes, MaskValues::Indexed);
        }
        if values.len() > MOST_CLASSES || values.len() < 2 {
            return None;
        }
        let background = if values[0] == 0 { 0 } else { *self.counts.iter().max_by_key(|(_, count)| **count)?.0 };
        let others: Vec<u16> = values.into_iter().filter(|v| *v != background).collect();
        let named = |v: &u16| format!("value_{v}");
        let classes = if others.len() == 1 { one() } else { others.iter().map(named).collect::<Vec<_>>() };
        let mut levels: BTreeMap<String, Vec<u16>> = classes.iter().cloned().zip(others.iter().map(|v| vec![*v])).collect();
        if background != 0 {
            levels.insert("background".into(), vec![background]);
        }
        Some(Meaning { classes, mask_values: None, levels, colours: BTreeMap::new() })
    }

    /// Each colour but the background's is a class: black, or else the most frequent.
    fn of_colours(&self) -> Option<Meaning> {
        if self.lossy || self.colours.len() > MOST_CLASSES || self.colours.len() < 2 {
            return None;
        }
        let black = self.colours.contains_key(&[0; 3]);
        let background = if black { [0; 3] } else { *self.colours.iter().max_by_key(|(_, count)| **count)?.0 };
        let text = |[r, g, b]: [u8; 3]| format!("{r:02x}{g:02x}{b:02x}");
        let others: Vec<String> = self.colours.keys().filter(|c| **c != background).map(|c| text(*c)).collect();
        let classes: Vec<String> = others.iter().map(|colour| format!("colour_{colour}")).collect();
        let mut colours: BTreeMap<String, String> = classes.iter().cloned().zip(others.iter().map(|c| format!("#{c}"))).collect();
        if !black {
            colours.insert("background".into(), format!("#{}", text(background)));
        }
        Some(Meaning { classes, mask_values: None, levels: BTreeMap::new(), colours })
    }

    /// How many different values there are; `None` of colours.
    pub fn count(&self) -> Option<usize> {
        self.colours.is_empty().then_some(self.counts.len())
    }

    /// What is there, for a message.
    pub fn shown(&self) -> String {
        let values: Vec<String> = self.counts.keys().take(8).map(u16::to_string).collect();
        match self.counts.len() {
            _ if !self.colours.is_empty() => format!("{} colours", self.colours.len()),
            0 => "no values".into(),
            n if n > 8 => format!("{n} different values ({}, …)", values.join(", ")),
            _ => format!("the value(s) {}", values.join(", ")),
        }
    }
}

/// How many pixels each colour has, in 8 bits.
fn colours(mask: &Picture) -> BTreeMap<[u8; 3], u64> {
    let mut counts = BTreeMap::new();
    for pixel in 0..mask.size[0] * mask.size[1] {
        let colour = [0, 1, 2].map(|channel| (u32::from(mask.sample(pixel, channel)) * 255 / u32::from(mask.top).max(1)) as u8);
        *counts.entry(colour).or_default() += 1;
        if counts.len() > 4 * MOST_CLASSES {
            break;
        }
    }
    counts
}

fn has_hue(mask: &Picture) -> bool {
    let pixels = mask.size[0] * mask.size[1];
    (0..pixels).any(|pixel| mask.sample(pixel, 0) != mask.sample(pixel, 1) || mask.sample(pixel, 0) != mask.sample(pixel, 2))
}

/// The values of the first page of a TIFF.
pub(super) fn of_first_page(path: &Path) -> Option<MaskLook> {
    let pages = Source::open(path).and_then(|source| Pages::of(&source)).ok()?.0;
    Picture::read_page(path, pages.first()?).ok().map(|mask| MaskLook::of(&mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(values: &[u8], names: &[&str]) -> Option<Meaning> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        MaskLook::of(&Picture::of_bytes([1, values.len()], 1, values.to_vec())).meaning(&names)
    }

    #[test]
    fn values_say_what_masks_are() {
        let of = |values: &[u8]| meaning(values, &[]).map(|m| (m.classes.join(" "), m.mask_values, m.levels.len()));
        assert_eq!(of(&[0, 255, 0]), Some(("foreground".into(), Some(MaskValues::Binary), 0)));
        assert_eq!(of(&[0, 1, 0]), Some(("foreground".into(), Some(MaskValues::Indexed), 0)));
        assert_eq!(of(&[0, 1, 3]), Some(("class_1 class_2 class_3".into(), Some(MaskValues::Indexed), 0)));
        assert_eq!(of(&[0, 128, 255]), Some(("value_128 value_255".into(), None, 2)));
        assert_eq!(of(&[0, 128]), Some(("foreground".into(), None, 1)));
        assert_eq!(of(&[255, 255, 128, 90]), Some(("value_90 value_128".into(), None, 3)), "the most frequent is the background");
        assert_eq!(of(&[0, 0]), None);
        assert_eq!(of(&(0..100).collect::<Vec<_>>()), None);
        assert_eq!(meaning(&[0, 2], &["disc", "cup"]).unwrap().classes, ["disc", "cup"]);
    }
}
