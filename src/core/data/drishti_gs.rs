//! The layout of Drishti-GS1: official parts `Training/` and `Test/`, each with images and soft maps of four annotators.

use super::drawings::target_name;
use super::error::{Error, listed};
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout};
use super::mask;
use super::picture::Picture;
use crate::config::{self, FundusTarget};
use crate::shown;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Listed and paired. Names are file stems, `drishtiGS_001`, whatever folder below `Images/` the file lies in.
pub(super) struct DrishtiGs {
    config: config::DrishtiGs,
    entries: Vec<Entry>,
}

const PARTS: [&str; 2] = ["Training", "Test"];
const TRUTHS: [&str; 2] = ["GT", "Test_GT"];

impl DrishtiGs {
    /// Finds the parts at the root or up to two levels below, and lists them.
    ///
    /// # Errors
    /// If nothing of the layout is there, a name comes twice, or an image lacks a soft map or a soft map its image.
    pub fn new(config: &config::DrishtiGs) -> Result<Self, Error> {
        let home = home(&config.root)?;
        let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for part in PARTS.iter().map(|part| home.join(part)).filter(|part| part.is_dir()) {
            let truth = truth(&part)?;
            let images: Vec<PathBuf> = files::pictures(&part.join("Images"), None)?.into_values().collect();
            problems.extend(strangers(&truth, &images));
            for image in images {
                let entry = entry(image, &truth, &config.targets, part.ends_with("Test"));
                by_name.entry(entry.name.clone()).or_default().push(entry.files[0].clone());
                entries.push(entry);
            }
        }
        files::unique(by_name)?;
        problems.extend(lacking(&entries));
        if !problems.is_empty() {
            return Err(Error::Unpaired {
                problems,
                rule: "an image NAME has its soft maps in NAME/SoftMap, as the archive has them".into(),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { config: config.clone(), entries })
    }
}

/// The folder that holds the parts: the archive is often unpacked into a folder of its own name.
fn home(root: &Path) -> Result<PathBuf, Error> {
    let mut level = vec![root.to_owned()];
    for _ in 0..3 {
        if let Some(home) = level.iter().find(|folder| PARTS.iter().any(|part| folder.join(part).is_dir())) {
            return Ok(home.clone());
        }
        level = level.iter().flat_map(|folder| files::folders(folder)).collect();
    }
    Err(files::missing(root, "Drishti-GS1: `Training/Images` and `Test/Images`, in it or up to two folders down"))
}

fn truth(part: &Path) -> Result<PathBuf, Error> {
    let found = TRUTHS.iter().map(|truth| part.join(truth)).find(|truth| truth.is_dir());
    found.ok_or_else(|| files::missing(part, "a folder `GT` or `Test_GT` with the soft maps"))
}

fn entry(image: PathBuf, truth: &Path, targets: &[FundusTarget], official_test: bool) -> Entry {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let soft_maps = truth.join(&stem).join("SoftMap");
    let masks = targets.iter().map(|target| match target {
        FundusTarget::Disc => soft_maps.join(format!("{stem}_ODsegSoftmap.png")),
        FundusTarget::Cup => soft_maps.join(format!("{stem}_cupsegSoftmap.png")),
    });
    let name = shown::name(image.file_stem().unwrap_or_default());
    let files = std::iter::once(image).chain(masks).collect();
    Entry { name, files, page: None, official_test }
}

fn lacking(entries: &[Entry]) -> Option<String> {
    let masks = entries.iter().flat_map(|entry| &entry.files[1..]);
    let absent: Vec<_> = masks.filter(|mask| !mask.is_file()).map(|mask| mask.display()).collect();
    (!absent.is_empty()).then(|| format!("{} soft map(s) are missing: {}", absent.len(), listed(&absent, 5, ", ")))
}

/// Soft maps without an image.
fn strangers(truth: &Path, images: &[PathBuf]) -> Option<String> {
    let known = |folder: &PathBuf| images.iter().any(|image| image.file_stem() == folder.file_name());
    let folders = files::folders(truth).into_iter().filter(|folder| folder.join("SoftMap").is_dir() && !known(folder));
    let lonely: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
    (!lonely.is_empty())
        .then(|| format!("{} folder(s) of soft maps without an image: {}", lonely.len(), listed(&lonely, 5, ", ")))
}

impl Layout for DrishtiGs {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.targets.iter().map(|target| target_name(*target).to_owned()).collect()
    }

    fn channels(&self) -> Result<usize, Error> {
        Ok(3)
    }

    fn options(&self) -> String {
        let config::DrishtiGs { root: _, targets, mask_policy } = &self.config;
        format!("drishti_gs, {mask_policy:?}, {targets:?}")
    }

    fn decode(&self, entry: &Entry, _channels: usize) -> Result<Decoded, String> {
        let (image_path, mask_paths) = entry.files.split_first().expect("entry() puts the image first");
        let image = Picture::read(image_path)?;
        let mut planes = Vec::new();
        for path in mask_paths {
            let mask = Picture::read(path)?;
            same_size(&image_path.to_string_lossy(), &image, &path.to_string_lossy(), &mask)?;
            let plane = mask::annotated(&mask, self.config.mask_policy);
            planes.extend(plane.map_err(|problem| format!("{}: {problem}", path.display()))?);
        }
        Ok(Decoded { image, mask: planes })
    }
}
