//! What can be seen of samples at their own size, before anything is resized.

use super::error::Error;
use super::layout::{Decoded, Entry};
use super::layouts;
use super::picture::Planes;
use super::{IGNORED, memory};
use crate::config;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A sample at its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// As the data set calls it.
    pub name: String,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Least and greatest value of the image, in [0, 1].
    pub range: (f32, f32),
    /// Least and greatest number of its file.
    pub numbers: (f32, f32),
    /// The numbers that the file's type can hold, if it is one of integers of more than 8 bits.
    pub full: Option<[f64; 2]>,
    /// For each class the foreground fraction of the pixels.
    pub marked: Vec<f64>,
}

/// Looks at every sample, in the order of their names, with values as `preprocess` brings them to [0, 1]. `progress` hears how many of how many are done.
///
/// # Errors
/// If files are missing, unpaired or ambiguous; all broken files at once.
pub fn look(
    config: &config::Dataset,
    preprocess: &config::Preprocess,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Look>, Error> {
    let layout = layouts::find(config)?;
    let (channels, entries, done) = (layout.channels()?, layout.entries(), AtomicUsize::new(0));
    let looks = memory::each(entries, |entry| {
        let look = layout.decode(entry, channels).and_then(|decoded| of(entry, &decoded, channels, preprocess));
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

fn of(
    entry: &Entry,
    Decoded { image, mask }: &Decoded,
    channels: usize,
    preprocess: &config::Preprocess,
) -> Result<Look, String> {
    let planes = Planes::new(image, channels, preprocess).map_err(|problem| format!("{}: {problem}", entry.source()))?;
    let (size, pixels) = (image.size, image.size[0] * image.size[1]);
    let marked = mask.chunks_exact(pixels).map(foreground).collect();
    Ok(Look { name: entry.name.clone(), size, range: planes.range(), numbers: image.range(), full: image.wide(), marked })
}

/// The foreground fraction of the pixels that count; 0 where none does.
fn foreground(plane: &[u8]) -> f64 {
    let counted = plane.iter().filter(|value| **value != IGNORED).count();
    plane.iter().filter(|value| **value == 1).count() as f64 / counted.max(1) as f64
}
