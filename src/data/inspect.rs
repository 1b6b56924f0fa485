//! What can be seen of samples at their own size, before anything is resized.

use super::error::Error;
use super::layout::{self, Decoded, Entry};
use super::memory;
use crate::config;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Columns and rows of differences that a [`Look`]'s hash is made of.
const GRID: usize = 16;

/// A sample at its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// As the data set calls it.
    pub name: String,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Least and greatest value of the image, in [0, 1].
    pub range: (f32, f32),
    /// For each class the marked share of the pixels.
    pub marked: Vec<f64>,
    /// A perceptual hash of 256 bits: whether each of 16 × 17 means of the image, in grey, is brighter than the one to its left (difference hash,
    /// Krawetz 2013). It hardly depends on size, brightness and compression.
    pub hash: [u64; 4],
}

impl Look {
    /// Bits in which two hashes differ, of 256: 0 for the same picture, about 128 for pictures that have nothing in common.
    pub fn distance(&self, other: &Self) -> u32 {
        self.hash.iter().zip(&other.hash).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

/// Looks at every sample, in the order of their names. `progress` hears how many of how many are done.
///
/// # Errors
/// If files are missing, unpaired or ambiguous; all broken files at once.
pub fn look(config: &config::Dataset, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<Look>, Error> {
    let layout = layout::find(config)?;
    let (channels, entries, done) = (layout.channels()?, layout.entries(), AtomicUsize::new(0));
    let looks = memory::each(entries, |entry| {
        let look = layout.decode(entry, channels).map(|decoded| of(entry, &decoded, channels));
        progress((done.fetch_add(1, Ordering::Relaxed) + 1).min(entries.len()), entries.len());
        look
    });
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    for look in looks {
        match look {
            Ok(look) => good.push(look),
            Err(fault) => faults.push(fault),
        }
    }
    match faults.len() {
        0 => Ok(good),
        count => Err(Error::Faulty { what: "samples", count, of: entries.len(), faults }),
    }
}

fn of(entry: &Entry, Decoded { image, mask }: &Decoded, channels: usize) -> Look {
    let (size, pixels) = (image.size, image.size[0] * image.size[1]);
    let (mut range, mut row) = ((f32::INFINITY, f32::NEG_INFINITY), vec![0.0; size[1]]);
    for (plane, y) in (0..channels).flat_map(|plane| (0..size[0]).map(move |y| (plane, y))) {
        image.row(channels, plane, y, &mut row);
        range = row.iter().fold(range, |(low, high), v| (low.min(*v), high.max(*v)));
    }
    let share = |plane: &[u8]| plane.iter().filter(|marked| **marked != 0).count() as f64 / pixels as f64;
    let marked = mask.chunks_exact(pixels).map(share).collect();
    Look {
        name: entry.name.clone(),
        size,
        range,
        marked,
        hash: hash(size, channels, |plane, at| image.value(channels, plane, at)),
    }
}

fn hash([h, w]: [usize; 2], planes: usize, value: impl Fn(usize, usize) -> f32) -> [u64; 4] {
    // At least one pixel, also of images smaller than the grid.
    let cut = |side: usize, parts: usize, at: usize| {
        let first = (side * at / parts).min(side - 1);
        first..(side * (at + 1) / parts).clamp(first + 1, side)
    };
    let mean = |row: usize, column: usize| {
        let (rows, columns) = (cut(h, GRID, row), cut(w, GRID + 1, column));
        let pixels = rows.flat_map(|y| columns.clone().map(move |x| y * w + x));
        let (sum, count) = pixels.fold((0.0, 0), |(sum, count), at| {
            (sum + (0..planes).map(|plane| f64::from(value(plane, at))).sum::<f64>(), count + 1)
        });
        sum / f64::from(count)
    };
    let mut hash = [0; 4];
    for row in 0..GRID {
        for column in 0..GRID {
            let bit = row * GRID + column;
            hash[bit / 64] |= u64::from(mean(row, column + 1) > mean(row, column)) << (bit % 64);
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: f64, [h, w]: [usize; 2], gain: f64) -> Look {
        let value = |y: f64, x: f64| {
            gain * (0.5 + 0.3 * (7.0 * y + seed).sin() * (5.0 * x + 2.0 * seed).cos() + 0.1 * (23.0 * x * y).sin())
        };
        let at = |i: usize| value((i / w) as f64 / h as f64, (i % w) as f64 / w as f64) as f32;
        let image: Vec<f32> = (0..h * w).map(at).collect();
        Look { name: String::new(), size: [h, w], range: (0.0, 1.0), marked: vec![], hash: hash([h, w], 1, |_, at| image[at]) }
    }

    #[test]
    fn the_same_picture_is_near_itself_at_other_sizes_and_brightness_and_others_are_far() {
        let first = drawn(1.0, [240, 320], 1.0);
        assert!(first.distance(&drawn(1.0, [120, 160], 0.8)) <= 12, "{}", first.distance(&drawn(1.0, [120, 160], 0.8)));
        assert!(first.distance(&drawn(2.5, [240, 320], 1.0)) > 60, "{}", first.distance(&drawn(2.5, [240, 320], 1.0)));
        assert_eq!(drawn(1.0, [3, 5], 1.0).distance(&drawn(1.0, [3, 5], 1.0)), 0);
    }
}
