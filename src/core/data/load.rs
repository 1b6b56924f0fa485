//! Reads a whole data set: hashes, cache, decoding, one size. In parallel by sample; every sample is made by one thread, so
//! the values do not depend on their number.

use super::cache::{Cache, FORMAT};
use super::error::{Error, with_remedy};
use super::fit::Frame;
use super::layout::{Entry, Layout};
use super::picture::{self, Planes};
use super::pixels::MAPPED_FROM;
use super::{Dataset, Sample, known, layouts, memory};
use crate::config;
use crate::regular;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The hash of each file's content; of one that its orientation turns another than that of the same bytes when nothing turned them.
pub(super) type Hashes<'a> = BTreeMap<&'a PathBuf, blake3::Hash>;

/// What a data set holds, in hexadecimal: names, official parts, the content of all files, wherever they lie, and how they are read: the
/// same files with other classes, pixel values or channels are another data set. Of drawings: their parameters and the
/// generator's version.
///
/// # Errors
/// If files are missing, unpaired or unreadable.
pub fn fingerprint(config: &config::Dataset) -> Result<String, Error> {
    print(config, None)
}

/// As [`fingerprint`], with hashes of files that the directory `cache` knows from before. They are believed as long as a file's path, length,
/// times and inode are those of before; to have all files hashed again, delete the directory.
///
/// # Errors
/// As [`fingerprint`].
pub fn fingerprint_by(config: &config::Dataset, cache: &Path) -> Result<String, Error> {
    print(config, Some(cache))
}

fn print(config: &config::Dataset, cache: Option<&Path>) -> Result<String, Error> {
    let layout = layouts::find(config)?;
    let hashes = hash_files(layout.entries(), cache)?;
    Ok(print_of(&*layout, layout.channels()?, &hashes))
}

/// All that decides how the content of files becomes samples at their own size: part of the fingerprint and of the cache's key alike.
fn reading(layout: &dyn Layout, channels: usize) -> String {
    format!("{}; {channels} channels", layout.options())
}

pub(super) fn print_of(layout: &dyn Layout, channels: usize, hashes: &Hashes) -> String {
    let mut hasher = blake3::Hasher::new();
    let reading = reading(layout, channels);
    hasher.update(&(reading.len() as u64).to_le_bytes()).update(reading.as_bytes());
    for entry in layout.entries() {
        // The length keeps a name from running into the next one's.
        hasher.update(&(entry.name.len() as u64).to_le_bytes()).update(entry.name.as_bytes());
        // How many files there are keeps them from running into the next name.
        hasher.update(&[u8::from(entry.official_test)]).update(&(entry.files.len() as u64).to_le_bytes());
        entry.files.iter().for_each(|file| {
            hasher.update(hashes[file].as_bytes());
        });
    }
    hasher.finalize().to_hex().to_string()
}

/// Reads all samples at one size, from the directory `cache` where they, and hashes of files, were kept before (as [`fingerprint_by`] has it).
/// `progress` hears how many of how many are done, from several threads and not always in order.
///
/// # Errors
/// If files are missing, unpaired or ambiguous; all broken files at once.
pub fn open(
    config: &config::Dataset,
    preprocess: &config::Preprocess,
    cache: &Path,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Dataset, Error> {
    let layout = layouts::find(config)?;
    let entries = layout.entries();
    if entries.iter().any(|entry| !entry.files.is_empty()) {
        // For the hashes; that it cannot be made costs time alone.
        _ = std::fs::create_dir_all(cache);
    }
    let hashes = hash_files(entries, Some(cache))?;
    let channels = layout.channels()?;
    let fingerprint = print_of(&*layout, channels, &hashes);
    let reader = Reader { layout: &*layout, channels, preprocess, cache: Cache::new(cache), hashes };
    let done = AtomicUsize::new(0);
    let read = |entry: &Entry| {
        let sample = reader.sample(entry);
        // Some are read twice, where memory is short.
        progress((done.fetch_add(1, Ordering::Relaxed) + 1).min(entries.len()), entries.len());
        sample
    };
    let samples = all("samples", memory::each(entries, read))?;
    Ok(Dataset {
        channels: reader.channels,
        classes: layout.classes(),
        size: preprocess.size,
        samples,
        official_test: entries.iter().map(|entry| entry.official_test).collect(),
        sources: entries.iter().map(Entry::source).collect(),
        fingerprint,
    })
}

struct Reader<'a> {
    layout: &'a dyn Layout,
    channels: usize,
    preprocess: &'a config::Preprocess,
    cache: Cache<'a>,
    hashes: Hashes<'a>,
}

impl Reader<'_> {
    fn sample(&self, entry: &Entry) -> Result<Sample, String> {
        let name = entry.name.clone();
        // A drawing depends on code, not on files: kept, it could outlive a change of the generator.
        if entry.files.is_empty() {
            let (image, mask) = self.decode(entry)?;
            return Ok(Sample { name, image: image.into(), mask });
        }
        let key = self.key(entry);
        let pixels = self.preprocess.size[0] * self.preprocess.size[1];
        let classes = self.layout.classes().len();
        if let Some((image, mask)) = self.cache.load(&key, self.channels * pixels, classes * pixels) {
            return Ok(Sample { name, image, mask });
        }
        let (image, mask) = self.decode(entry)?;
        // A full or read-only disk costs time at the next start, nothing else.
        let kept = self.cache.store(&key, &image, &mask).is_ok();
        if kept && size_of_val(&image[..]) >= MAPPED_FROM {
            let (images, masks) = (image.len(), mask.len());
            // So that of large images no more is in memory than what is used.
            drop((image, mask));
            let (image, mask) = match self.cache.load(&key, images, masks) {
                Some(kept) => kept,
                None => self.decode(entry).map(|(image, mask)| (image.into(), mask))?,
            };
            return Ok(Sample { name, image, mask });
        }
        Ok(Sample { name, image: image.into(), mask })
    }

    fn decode(&self, entry: &Entry) -> Result<(Vec<f32>, Vec<u8>), String> {
        let decoded = self.layout.decode(entry, self.channels)?;
        let frame = Frame::new(decoded.image.size, self.preprocess);
        let planes = Planes::new(&decoded.image, self.channels, self.preprocess)
            .map_err(|problem| format!("{}: {problem}", entry.source()))?;
        Ok((frame.picture(&planes), frame.mask(decoded.mask)))
    }

    fn key(&self, entry: &Entry) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        let (reading, config::Preprocess { size, fit, intensity, window, normalise: _ }) =
            (reading(self.layout, self.channels), self.preprocess);
        // Of what is asked for, only this decides about the values that are kept.
        let values = match intensity {
            config::Intensity::Type => String::new(),
            other => format!(", intensity: {other:?} {window:?}"),
        };
        let kept = format!("Preprocess {{ size: {size:?}, fit: {fit:?}{values} }}");
        hasher.update(format!("{FORMAT}; {reading}; {kept}; page {:?}", entry.page).as_bytes());
        let own = self.layout.own(entry);
        if !own.is_empty() {
            hasher.update(own.as_bytes());
        }
        entry.files.iter().for_each(|file| {
            hasher.update(self.hashes[file].as_bytes());
        });
        hasher.finalize()
    }
}

/// Hashes of all files; those that this process or the directory `cache` knows from before are not read.
pub(super) fn hash_files<'a>(entries: &'a [Entry], cache: Option<&Path>) -> Result<Hashes<'a>, Error> {
    let mut files: Vec<&PathBuf> = entries.iter().flat_map(|entry| &entry.files).collect();
    files.sort();
    files.dedup();
    let hash = |path: &Path| -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(regular::open(path)?)?;
        if picture::is_turned(path) {
            hasher.update(b"turned");
        }
        Ok(hasher.finalize())
    };
    let message = |path: &PathBuf, e: io::Error| format!("{}: cannot be read: {}", path.display(), with_remedy(&e));
    if let Some(cache) = cache {
        known::recall(cache);
    }
    let hashes = files.par_iter().map(|path| known::hash_of(path, hash).map(|h| (*path, h)).map_err(|e| message(path, e)));
    let hashes = all("files", hashes.collect())?.into_iter().collect();
    if let Some(cache) = cache {
        known::keep(cache, files.iter().map(|path| path.as_path()));
    }
    Ok(hashes)
}

/// All values, or all faults.
fn all<T>(what: &'static str, results: Vec<Result<T, String>>) -> Result<Vec<T>, Error> {
    let of = results.len();
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(fault) => faults.push(fault),
        }
    }
    match faults.len() {
        0 => Ok(values),
        count => Err(Error::Faulty { what, count, of, faults }),
    }
}
