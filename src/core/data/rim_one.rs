//! The layout `rim_one` (RIM-ONE DL): cut-outs around the optic disc, and for each target a black and white mask named after the image.

use super::error::{Error, listed};
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout};
use super::mask::{self, Keys};
use super::picture::Picture;
use crate::config::{self, FundusTarget, MaskValues};
use std::path::{Path, PathBuf};

/// The folder of the data set's own test split.
const TEST: &str = "test_set";

/// Listed and paired, by file stem.
pub(super) struct RimOne {
    config: config::RimOne,
    entries: Vec<Entry>,
}

impl RimOne {
    /// Lists images and masks.
    ///
    /// # Errors
    /// If a folder is missing or empty, stems collide, or an image lacks a mask.
    pub fn new(config: &config::RimOne) -> Result<Self, Error> {
        if !config.root.is_dir() {
            let wanted = format!("a folder with {} and {}", config.images.display(), config.masks.display());
            return Err(files::missing(&config.root, &wanted));
        }
        let (images, masks) = (config.root.join(&config.images), config.root.join(&config.masks));
        let masks = files::by_stem(&masks, Some(&images))?;
        let mut absent: Vec<String> = Vec::new();
        let mut entry = |(name, image): (String, PathBuf)| {
            let mut files = vec![image.clone()];
            for target in &config.targets {
                let wanted = mask_name(&name, *target);
                match masks.get(&wanted) {
                    Some(mask) => files.push(mask.clone()),
                    None => absent.push(wanted),
                }
            }
            Entry { name, official_test: in_test(&image, &config.root), files, page: None }
        };
        let entries: Vec<Entry> = files::by_stem(&images, None)?.into_iter().map(&mut entry).collect();
        if !absent.is_empty() {
            let folder = config.root.join(&config.masks);
            let problem = format!("{} mask(s) are missing in {}: {}", absent.len(), folder.display(), listed(&absent, 5, ", "));
            return Err(Error::Unpaired {
                problems: vec![problem],
                rule: "an image NAME has the masks NAME-1-Disc-T and NAME-1-Cup-T".into(),
            });
        }
        Ok(Self { config: config.clone(), entries })
    }
}

fn mask_name(image: &str, target: FundusTarget) -> String {
    match target {
        FundusTarget::Disc => format!("{image}-1-Disc-T"),
        FundusTarget::Cup => format!("{image}-1-Cup-T"),
    }
}

fn in_test(image: &Path, root: &Path) -> bool {
    image.strip_prefix(root).is_ok_and(|below| below.iter().any(|folder| folder == TEST))
}

impl Layout for RimOne {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.targets.iter().map(|target| target.name().to_owned()).collect()
    }

    fn channels(&self) -> Result<usize, Error> {
        Ok(3)
    }

    fn options(&self) -> String {
        let config::RimOne { root: _, images: _, masks: _, targets } = &self.config;
        format!("rim_one, {targets:?}")
    }

    fn decode(&self, entry: &Entry, _channels: usize) -> Result<Decoded, String> {
        let (image_path, mask_paths) = entry.files.split_first().expect("an entry begins with its image");
        let image = Picture::read(image_path)?;
        let mut planes = Vec::new();
        for path in mask_paths {
            let mask = Picture::read(path)?;
            same_size(&image_path.to_string_lossy(), &image, &path.to_string_lossy(), &mask)?;
            let plane = mask::classes(&mask, MaskValues::Binary, 1, Keys::None);
            planes.extend(plane.map_err(|problem| format!("{}: {problem}", path.display()))?);
        }
        Ok(Decoded { image, mask: planes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_below_the_root_tell_of_the_test_part() {
        let within = |path: &str| in_test(Path::new(path), Path::new("/test_set/rim"));
        assert!(within("/test_set/rim/images/test_set/normal/a.png") && !within("/test_set/rim/images/training_set/a.png"));
    }
}
