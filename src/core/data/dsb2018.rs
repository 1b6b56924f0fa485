//! The layout `dsb2018` (2018 Data Science Bowl): one folder per sample, with one image and a mask for each nucleus.

use super::error::{Error, listed};
use super::files;
use super::folders::same_size;
use super::layout::{Decoded, Entry, Layout, channels};
use super::mask::{self, Keys};
use super::picture::Picture;
use crate::config::{self, ChannelAxis, MaskValues};
use crate::shown;
use std::path::Path;

/// What a sample's folder holds.
const PARTS: [&str; 2] = ["images", "masks"];
const RULE: &str = "a sample is a folder with one image in `images` and a mask for each nucleus in `masks`";

/// Listed; a sample is called after its folder.
pub(super) struct Dsb2018 {
    config: config::Dsb2018,
    entries: Vec<Entry>,
}

impl Dsb2018 {
    /// Lists the samples' folders.
    ///
    /// # Errors
    /// If there is none, or one has not exactly one image and at least one mask.
    pub fn new(config: &config::Dsb2018) -> Result<Self, Error> {
        if !config.root.is_dir() {
            return Err(files::missing(&config.root, "a folder that holds a folder for each sample (`stage1_train`)"));
        }
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        let folders = files::folders(&config.root);
        if !folders.is_empty() && !folders.iter().any(|folder| PARTS.iter().any(|part| folder.join(part).is_dir())) {
            return Err(files::missing(&config.root, "folders that hold `images` and `masks`, one a sample (`stage1_train`)"));
        }
        for folder in folders {
            match entry(&folder) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            let problem = format!("{} sample(s) are amiss: {}", problems.len(), listed(&problems, 3, "; "));
            return Err(Error::Unpaired { problems: vec![problem], rule: RULE.into() });
        }
        if entries.is_empty() {
            return Err(Error::Empty { path: config.root.clone(), there: "it has no folders".into() });
        }
        Ok(Self { config: config.clone(), entries })
    }
}

fn entry(folder: &Path) -> Result<Entry, String> {
    let [images, masks] = PARTS.map(|part| match folder.join(part) {
        part if part.is_dir() => files::pictures(&part, None).map_err(|e| e.to_string()),
        _ => Err(format!("{} has no folder `{part}`", folder.display())),
    });
    let (images, masks) = (images?, masks?);
    if images.len() != 1 {
        return Err(format!("{} has {} images in `images`, not one", folder.display(), images.len()));
    }
    let name = shown::name(folder.file_name().unwrap_or_default());
    Ok(Entry { name, files: images.into_values().chain(masks.into_values()).collect(), page: None, official_test: false })
}

impl Layout for Dsb2018 {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        vec![self.config.class.clone()]
    }

    fn channels(&self) -> Result<usize, Error> {
        channels(self.config.colour, ChannelAxis::Auto, &self.entries)
    }

    fn options(&self) -> String {
        let config::Dsb2018 { root: _, class, colour: _ } = &self.config;
        format!("dsb2018, class {class:?}")
    }

    fn decode(&self, entry: &Entry, _channels: usize) -> Result<Decoded, String> {
        let (image_path, mask_paths) = entry.files.split_first().expect("an entry begins with its image");
        let image = Picture::read(image_path)?;
        let mut merged = vec![0; image.size[0] * image.size[1]];
        for path in mask_paths {
            let mask = Picture::read(path)?;
            same_size(&image_path.to_string_lossy(), &image, &path.to_string_lossy(), &mask)?;
            let nucleus = mask::classes(&mask, MaskValues::Binary, 1, Keys::None)
                .map_err(|problem| format!("{}: {problem}", path.display()))?;
            merged.iter_mut().zip(nucleus).for_each(|(all, one)| *all |= one);
        }
        Ok(Decoded { image, mask: merged })
    }
}
