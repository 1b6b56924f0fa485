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
    /// Whether a file has colours that are no greys.
    coloured: bool,
    top: u16,
}

/// What values mean, as keys of `[dataset.folders]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    pub classes: Vec<String>,
    /// `None` where `levels` says it.
    pub mask_values: Option<MaskValues>,
    pub levels: BTreeMap<String, Vec<u16>>,
}

/// More values than this are no classes.
const MOST_CLASSES: usize = 24;

impl MaskLook {
    pub fn of(mask: &Picture) -> Self {
        let coloured = match &mask.palette {
            // Indices are class numbers, whatever their colours.
            Some(_) => false,
            None => mask.channels > 1 && has_hue(mask),
        };
        let mut counts = BTreeMap::new();
        if !coloured {
            let mut all = vec![0_u64; 1 << 16];
            let step = if mask.palette.is_some() { 1 } else { mask.channels };
            mask.values.iter().step_by(step).for_each(|v| all[usize::from(v)] += 1);
            counts = (0..=u16::MAX).zip(all).filter(|(_, count)| *count > 0).collect();
        }
        Self { counts, lossy: mask.lossy, coloured, top: mask.top }
    }

    pub fn add(mut self, other: Self) -> Self {
        other.counts.into_iter().for_each(|(value, count)| *self.counts.entry(value).or_default() += count);
        self.lossy |= other.lossy;
        self.coloured |= other.coloured;
        self.top = self.top.max(other.top);
        self
    }

    /// What the values mean; `names` are those of the classes by their numbers from 1, where somebody has written them down. `None` if they mean nothing
    /// that could be written.
    pub fn meaning(&self, names: &[String]) -> Option<Meaning> {
        let values: Vec<u16> = self.counts.keys().copied().collect();
        let highest = *values.last()?;
        let plain = |classes: Vec<String>, mask_values| {
            Some(Meaning { classes, mask_values: Some(mask_values), levels: BTreeMap::new() })
        };
        let one = || vec![names.first().cloned().unwrap_or_else(|| "foreground".to_owned())];
        if self.coloured {
            return None;
        }
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
        Some(Meaning { classes, mask_values: None, levels })
    }

    /// How many different values there are; `None` of colours.
    pub fn count(&self) -> Option<usize> {
        (!self.coloured).then_some(self.counts.len())
    }

    /// What is there, for a message.
    pub fn shown(&self) -> String {
        let values: Vec<String> = self.counts.keys().take(8).map(u16::to_string).collect();
        match self.counts.len() {
            _ if self.coloured => "colours".into(),
            0 => "no values".into(),
            n if n > 8 => format!("{n} different values ({}, …)", values.join(", ")),
            _ => format!("the value(s) {}", values.join(", ")),
        }
    }
}

fn has_hue(mask: &Picture) -> bool {
    let pixels = mask.size[0] * mask.size[1];
    (0..pixels).any(|pixel| mask.sample(pixel, 0) != mask.sample(pixel, 1) || mask.sample(pixel, 0) != mask.sample(pixel, 2))
}

/// The values of the first page of a TIFF.
pub(super) fn of_first_page(path: &Path) -> Option<MaskLook> {
    let pages = Source::open(path).and_then(|source| Pages::of(&source)).ok()?.0;
    Picture::read_page(path, *pages.first()?).ok().map(|mask| MaskLook::of(&mask))
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
