//! The layout `volumes`: a folder of volumes and a folder of their masks, cut into slices. The slice k of `STEM` is the sample `STEM_sNNN`.

use super::error::{Error, listed};
use super::files;
use super::layout::{Decoded, Entry, Layout};
use super::mask::{self, Keys};
use super::volume::Volume;
use crate::config;
use crate::shown;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

/// Endings of volumes that no image has, in lower case; the longer of two that fit comes first.
const ENDINGS: [&str; 5] = [".nii.gz", ".nii", ".dcm", ".dicom", ".ima"];

/// Endings of files that hold one image or several.
const OF_PAGES: [&str; 4] = [".ome.tif", ".ome.tiff", ".tif", ".tiff"];

/// Extensions of volumes, in lower case; `.gz` is one only behind `.nii`.
pub(super) const EXTENSIONS: [&str; 5] = ["nii", "gz", "dcm", "dicom", "ima"];

/// Whether a file is a volume by its name.
pub(super) fn is_volume(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending) && name.len() > ending.len())
}

/// Listed, paired, and every header read.
pub(super) struct Volumes {
    config: config::Volumes,
    entries: Vec<Entry>,
    /// For each entry its volume and the slice of it.
    places: Vec<(usize, usize)>,
    pairs: Vec<Files>,
    channels: usize,
    open: Opened,
}

/// Image and mask.
#[derive(Debug, Clone)]
struct Files {
    stem: String,
    image: PathBuf,
    mask: PathBuf,
}

/// Both with their headers read.
struct Pair {
    image: Volume,
    mask: Volume,
}

impl Volumes {
    /// Lists both folders and reads the headers.
    ///
    /// # Errors
    /// If a folder is missing or empty, names collide, an image lacks its mask or a mask its image, or a file is not read or does not fit its pair
    /// or the other images.
    pub fn new(config: &config::Volumes) -> Result<Self, Error> {
        let folder = config.root.join(&config.masks);
        let (images, masks) = (listing(&config.root.join(&config.images))?, listing(&folder)?);
        let pairs = paired(&images, &masks, &folder)?;
        let opened: Vec<Result<Pair, String>> = pairs.par_iter().map(|files| files.open(config)).collect();
        let faults: Vec<String> = opened.iter().filter_map(|pair| pair.as_ref().err().cloned()).collect();
        let opened: Vec<Pair> = opened.into_iter().filter_map(Result::ok).collect();
        let faults = if faults.is_empty() { strangers(&pairs, &opened) } else { faults };
        if !faults.is_empty() {
            return Err(Error::Faulty { what: "volumes", count: faults.len(), of: pairs.len(), faults });
        }
        let slices = |(pair, files): (usize, &Files)| {
            entries(files, &opened[pair]).into_iter().enumerate().map(move |(k, e)| (e, (pair, k)))
        };
        let mut slices: Vec<_> = pairs.iter().enumerate().flat_map(slices).collect();
        slices.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let (entries, places) = slices.into_iter().unzip();
        let channels = opened[0].image.channels;
        Ok(Self { config: config.clone(), entries, places, pairs, channels, open: Opened::default() })
    }
}

/// The volumes directly in a folder, by stem: files, and folders of DICOM files. Others are passed over.
fn listing(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    if !folder.is_dir() {
        return Err(files::missing(folder, "this folder"));
    }
    let unreadable = |source| Error::Unreadable { path: folder.to_owned(), source };
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in files::folders(folder) {
        found.entry(shown::name(path.file_name().unwrap_or_default())).or_default().push(path);
    }
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = shown::name(path.file_name().unwrap_or_default());
        let lower = name.to_ascii_lowercase();
        if let Some(ending) =
            ENDINGS.iter().chain(&OF_PAGES).find(|ending| lower.ends_with(**ending) && lower.len() > ending.len())
            && !name.starts_with('.')
            && !path.is_dir()
        {
            found.entry(name[..name.len() - ending.len()].to_owned()).or_default().push(path);
        }
    }
    if found.is_empty() {
        let what = "volumes (.nii, .nii.gz, .dcm, .tif, or a folder of DICOM files for each series)";
        return Err(files::missing(folder, what));
    }
    found.values_mut().for_each(|paths| paths.sort());
    files::unique(found)
}

fn paired(images: &BTreeMap<String, PathBuf>, masks: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<Vec<Files>, Error> {
    let lacking = |these: &BTreeMap<String, PathBuf>, those: &BTreeMap<String, PathBuf>, what: String| {
        let lonely: Vec<String> =
            these.iter().filter(|(stem, _)| !those.contains_key(*stem)).map(|(_, path)| path.display().to_string()).collect();
        (!lonely.is_empty()).then(|| format!("{} {what}: {}", lonely.len(), listed(&lonely, 5, ", ")))
    };
    let without = lacking(images, masks, format!("volume(s) without a mask in {}", folder.display()));
    let problems: Vec<String> = without.into_iter().chain(lacking(masks, images, "mask(s) without a volume".into())).collect();
    if !problems.is_empty() {
        return Err(Error::Unpaired { problems, rule: "a volume and its mask have the same name but for the extension".into() });
    }
    let pair = |((stem, image), mask): ((&String, &PathBuf), &PathBuf)| Files {
        stem: stem.clone(),
        image: image.clone(),
        mask: mask.clone(),
    };
    Ok(images.iter().zip(masks.values()).map(pair).collect())
}

impl Files {
    /// Reads both headers and holds them against each other.
    fn open(&self, config: &config::Volumes) -> Result<Pair, String> {
        let named = |path: &Path, problem: String| format!("{}: {problem}", path.display());
        let windowed = |volume: Volume| if config.window.is_some() { volume.windowed() } else { Ok(volume) };
        let image = Volume::open(&self.image, config.axis).and_then(windowed).map_err(|problem| named(&self.image, problem))?;
        let mask = Volume::open(&self.mask, config.axis).map_err(|problem| named(&self.mask, problem))?;
        let extent = |volume: &Volume| format!("{} slices of {} × {}", volume.slices, volume.size[0], volume.size[1]);
        if (image.slices, image.size) != (mask.slices, mask.size) {
            let problem = format!("has {}, its mask {} {}; make them equal", extent(&image), self.mask.display(), extent(&mask));
            return Err(named(&self.image, problem));
        }
        if let (Some(one), Some(other)) = (&image.placement, &mask.placement)
            && !one.agrees(other)
        {
            let problem = format!(
                "its mask {} lies elsewhere in the patient or is mirrored (their affines differ); resample the mask to the image",
                self.mask.display()
            );
            return Err(named(&self.image, problem));
        }
        Ok(Pair { image, mask })
    }
}

/// Volumes that do not go with the first one.
fn strangers(files: &[Files], pairs: &[Pair]) -> Vec<String> {
    let (first, first_image) = (files[0].image.display(), &pairs[0].image);
    let fault = |(files, pair): (&Files, &Pair)| {
        let problem = match &pair.image {
            image if image.channels != first_image.channels => {
                format!("has {} channel(s), {first} has {}; make all volumes alike", image.channels, first_image.channels)
            }
            image if image.inverted != first_image.inverted => {
                format!(
                    "shows low values bright or dark, other than {first} does (MONOCHROME1 and MONOCHROME2); set window = \"file\""
                )
            }
            _ => return None,
        };
        Some(format!("{}: {problem}", files.image.display()))
    };
    files.iter().zip(pairs).filter_map(fault).collect()
}

/// A sample for each slice. Of a series, it has the one file that its slice lies in.
fn entries(files: &Files, pair: &Pair) -> Vec<Entry> {
    let count = pair.image.slices;
    let digits = (count - 1).to_string().len().max(3);
    let file = |volume: &Volume, path: &PathBuf, k| volume.file_of(k).map_or_else(|| path.clone(), Path::to_owned);
    let entry = |k| Entry {
        name: format!("{}_s{k:0digits$}", files.stem),
        files: vec![file(&pair.image, &files.image, k), file(&pair.mask, &files.mask, k)],
        page: Some(k),
        official_test: false,
    };
    (0..count).map(entry).collect()
}

/// The volumes that were used last: a compressed one is unpacked once for all its slices, and few of them are in memory.
#[derive(Default)]
struct Opened(Mutex<Vec<(usize, Shared)>>);

type Shared = Arc<OnceLock<Result<Pair, String>>>;

impl Opened {
    /// The one of a number, for whoever opens it first to open.
    fn get(&self, number: usize) -> Shared {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let known = kept.iter().position(|(other, _)| *other == number).map(|at| kept.remove(at).1);
        let shared = known.unwrap_or_default();
        kept.push((number, Arc::clone(&shared)));
        if kept.len() > rayon::current_num_threads() + 1 {
            kept.remove(0);
        }
        shared
    }
}

impl Layout for Volumes {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.classes.clone()
    }

    fn channels(&self) -> Result<usize, Error> {
        Ok(self.channels)
    }

    fn options(&self) -> String {
        let config::Volumes { root: _, images: _, masks: _, classes, mask_values, axis, window } = &self.config;
        format!("volumes, {mask_values:?}, classes {classes:?}, {axis:?}, {window:?}")
    }

    fn decode(&self, entry: &Entry, _: usize) -> Result<Decoded, String> {
        let at = self.entries.binary_search_by(|other| other.name.cmp(&entry.name)).expect("new() made the entries");
        let (pair, k) = self.places[at];
        let files = &self.pairs[pair];
        let shared = self.open.get(pair);
        let pair = shared.get_or_init(|| files.open(&self.config)).as_ref().map_err(Clone::clone)?;
        let named = |path: &Path| format!("{} slice {k}", path.display());
        let read = |volume: &Volume, path| volume.picture(k).map_err(|problem| format!("{}: {problem}", named(path)));
        let (image, mask) = (read(&pair.image, &files.image)?, read(&pair.mask, &files.mask)?);
        let mask = mask::classes(&mask, self.config.mask_values, self.config.classes.len(), Keys::Stack);
        let mask = mask.map_err(|problem| format!("{}: {problem}", named(&files.mask)))?;
        Ok(Decoded { image, mask })
    }
}
