//! What can be seen of samples: sizes of all by their headers, pixels of some.

use super::first;
use crate::data::error::Error;
use crate::data::layout::{Decoded, Entry, Layout};
use crate::data::picture::Opened;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Samples that are looked at, at most, evenly spaced.
const MOST: usize = 64;
/// Pixels that are looked at, at most, unless that would be fewer than 4 samples.
const PIXELS: usize = 100_000_000;

/// A part of their type's range that values should use, at the least.
const USED: f64 = 0.25;

/// What was seen of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassLook {
    /// Its name.
    pub name: String,
    /// Mean over the samples of the foreground fraction.
    pub fraction: f64,
    /// The Dice of the best constant mask, all foreground or none: the mean over the samples looked at.
    pub constant: f64,
    /// Samples looked at that have none of it.
    pub empty: usize,
    /// How thick its objects are, or what lies between them where that is thinner: area over half of the boundary's length, in pixels; the median over
    /// samples that have some. A strip's width, half of a square's.
    pub thickness: f64,
}

pub(super) struct Looked {
    pub sizes: Vec<[usize; 2]>,
    pub looked: usize,
    pub classes: Vec<ClassLook>,
    pub range: (f32, f32),
    pub spread: Option<String>,
    pub odd: Vec<String>,
}

/// Looks at the samples of a layout.
pub(super) fn look(layout: &dyn Layout, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Looked, Error> {
    let (entries, channels, names) = (layout.entries(), layout.channels()?, layout.classes());
    let headers: Vec<Option<[usize; 2]>> = entries.par_iter().map(size).collect();
    let sizes: Vec<[usize; 2]> = headers.iter().flatten().copied().collect();
    let pixels = sizes.iter().map(|[h, w]| h * w).sum::<usize>() / sizes.len().max(1);
    let count = entries.len().min(MOST).min((PIXELS / pixels.max(1)).max(4));
    let chosen: Vec<&Entry> = (0..count).map(|i| &entries[i * entries.len() / count]).collect();
    let done = AtomicUsize::new(0);
    let looks: Vec<Result<Look, String>> = chosen
        .par_iter()
        .map(|entry| {
            let look = layout.decode(entry, channels).map(|decoded| Look::of(&decoded));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
            look
        })
        .collect();
    let (good, faults): (Vec<_>, Vec<_>) = looks.into_iter().partition(Result::is_ok);
    let faults: Vec<String> = faults.into_iter().filter_map(Result::err).collect();
    let good: Vec<Look> = good.into_iter().flatten().collect();
    if good.is_empty() {
        return Err(Error::Faulty { what: "samples", count: faults.len(), of: count, faults });
    }
    let mut odd = Vec::new();
    if !faults.is_empty() {
        odd.push(format!("{} of {count} samples looked at cannot be used: {}", faults.len(), first(&faults)));
    }
    let range = good.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), l| (low.min(l.range.0), high.max(l.range.1)));
    let spread = spread(range, good.iter().find_map(|look| look.wide), good.iter().any(|look| look.floats));
    let classes = names.into_iter().enumerate().map(|(class, name)| of_class(name, class, &good)).collect();
    Ok(Looked { sizes, looked: good.len(), classes, range, spread, odd })
}

fn of_class(name: String, class: usize, looks: &[Look]) -> ClassLook {
    let fraction = looks.iter().map(|look| look.classes[class].0).sum::<f64>() / looks.len() as f64;
    let all =
        looks.iter().map(|look| 2.0 * look.classes[class].0 / (1.0 + look.classes[class].0)).sum::<f64>() / looks.len() as f64;
    let mut thick: Vec<f64> = looks.iter().map(|look| look.classes[class].1).filter(|t| *t > 0.0).collect();
    thick.sort_by(f64::total_cmp);
    let thickness = thick.get(thick.len() / 2).copied().unwrap_or(0.0);
    let empty = looks.len() - thick.len();
    // Of an empty mask the empty prediction is right.
    let constant = all.max(empty as f64 / looks.len() as f64);
    ClassLook { name, fraction, constant, empty, thickness }
}

/// Height and width by the header.
fn size(entry: &Entry) -> Option<[usize; 2]> {
    // All pages of a file are alike, or reading them says so.
    let file = entry.files.first()?;
    Opened::first(file).ok().map(|opened| opened.size())
}

/// Why the full range of the values' type would be a poor measure of them; `None` where it is a good one.
fn spread((low, high): (f32, f32), wide: Option<[f64; 2]>, floats: bool) -> Option<String> {
    match wide {
        Some([least, most]) => {
            let used = f64::from(high - low) / (most - least);
            (used < USED).then(|| format!("values {low} to {high} use {:.1} % of their type's range", 100.0 * used))
        }
        None => (floats && (low < 0.0 || high > 1.0)).then(|| format!("values are floats from {low} to {high}")),
    }
}

struct Look {
    range: (f32, f32),
    /// What the type of wide integers can hold.
    wide: Option<[f64; 2]>,
    /// Whether values are floating-point numbers of their own.
    floats: bool,
    /// Foreground fraction and thickness of each class.
    classes: Vec<(f64, f64)>,
}

impl Look {
    fn of(Decoded { image, mask }: &Decoded) -> Self {
        let [h, w] = image.size;
        Self {
            range: image.range(),
            wide: image.wide(),
            floats: image.is_float(),
            classes: mask.chunks_exact(h * w).map(|plane| shape(plane, w)).collect(),
        }
    }
}

/// Foreground fraction and thickness of a plane so wide, the background's where that is the thinner: of a long strip w wide, area over half of the
/// boundary's length is w.
fn shape(plane: &[u8], width: usize) -> (f64, f64) {
    let at = |y: usize, x: usize| plane[y * width + x] == 1;
    let (mut area, mut edges) = (0_usize, 0_usize);
    for y in 0..plane.len() / width {
        for x in 0..width {
            area += usize::from(at(y, x));
            edges += usize::from(x > 0 && at(y, x) != at(y, x - 1)) + usize::from(y > 0 && at(y, x) != at(y - 1, x));
        }
    }
    // What lies between objects can be the thin part, as membranes between cells.
    let thinner = area.min(plane.len() - area);
    let thickness = if area == 0 { 0.0 } else { 2.0 * thinner as f64 / edges.max(1) as f64 };
    (area as f64 / plane.len() as f64, thickness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_as_thick_as_it_is_wide_and_a_square_half_of_it() {
        let plane = |inside: &dyn Fn(usize, usize) -> bool| -> Vec<u8> {
            (0..64 * 64).map(|at| u8::from(inside(at / 64, at % 64))).collect()
        };
        let strip = shape(&plane(&|y, _| (20..26).contains(&y)), 64);
        assert_eq!(strip, (6.0 / 64.0, 6.0));
        let square = shape(&plane(&|y, x| (10..30).contains(&y) && (10..30).contains(&x)), 64);
        assert_eq!(square.1, 10.0);
        assert_eq!(shape(&plane(&|_, _| false), 64), (0.0, 0.0));
    }
}
