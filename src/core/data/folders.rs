//! The layout `folders`: a folder of images, a folder of masks, pairs by equal stem.

use super::error::{Error, listed};
use super::files;
use super::layout::{Decoded, Entry, Layout, channels};
use super::mask::{self, Keys};
use super::picture::Picture;
use crate::config::{self, ChannelAxis, Colour};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Listed and paired.
pub(super) struct Folders {
    config: config::Folders,
    entries: Vec<Entry>,
}

impl Folders {
    /// Lists both folders.
    ///
    /// # Errors
    /// If one is missing or empty, names collide, or an image lacks its mask or a mask its image.
    pub fn new(config: &config::Folders) -> Result<Self, Error> {
        if !config.class_masks.is_empty() {
            return Self::of_classes(config);
        }
        if !config.root.is_dir() {
            let wanted = format!("a folder with {} and {}", config.images.display(), config.masks.display());
            return Err(files::missing(&config.root, &wanted));
        }
        let (images, masks) = (config.root.join(&config.images), config.root.join(&config.masks));
        let entries = pair(&files::pictures(&images, Some(&masks))?, &files::pictures(&masks, Some(&images))?, &masks)?;
        Ok(Self { config: config.clone(), entries })
    }

    /// With a folder of masks for each class.
    fn of_classes(config: &config::Folders) -> Result<Self, Error> {
        let images_folder = config.root.join(&config.images);
        let images = files::pictures(&images_folder, None)?;
        let mut entries: Vec<Entry> = images
            .iter()
            .map(|(name, image)| Entry { name: name.clone(), files: vec![image.clone()], page: None, official_test: false })
            .collect();
        for class in &config.classes {
            let folder = config.root.join(&config.class_masks[class]);
            let masks = files::pictures(&folder, Some(&images_folder))?;
            for (entry, pair) in entries.iter_mut().zip(pair(&images, &masks, &folder)?) {
                entry.files.extend(pair.files.into_iter().skip(1));
            }
        }
        Ok(Self { config: config.clone(), entries })
    }

    /// Images and masks that were listed elsewhere.
    ///
    /// # Errors
    /// If an image lacks its mask or a mask its image.
    pub fn of(
        config: config::Folders,
        images: &BTreeMap<String, PathBuf>,
        masks: &BTreeMap<String, PathBuf>,
    ) -> Result<Self, Error> {
        let folder = config.root.join(&config.masks);
        Ok(Self { entries: pair(images, masks, &folder)?, config })
    }

    /// The classes of masks that lie at these paths.
    fn mask(&self, masks: &[Picture], paths: &[PathBuf]) -> Result<Vec<u8>, String> {
        let config = &self.config;
        let named = |path: &PathBuf, problem: String| format!("{}: {problem}", path.display());
        if !config.class_masks.is_empty() {
            let plane = |mask| mask::classes(mask, config::MaskValues::Binary, 1, Keys::None);
            let planes = masks.iter().zip(paths).map(|(mask, path)| plane(mask).map_err(|problem| named(path, problem)));
            return Ok(planes.collect::<Result<Vec<_>, _>>()?.concat());
        }
        let plane = if config.levels.is_empty() {
            mask::classes(&masks[0], config.mask_values, config.classes.len(), Keys::Folders)
        } else {
            let classes: Vec<&[u16]> = config.classes.iter().map(|class| &config.levels[class][..]).collect();
            mask::by_levels(&masks[0], &classes, config.levels.get("background").map_or(&[0], |values| &values[..]))
        };
        plane.map_err(|problem| named(&paths[0], problem))
    }
}

fn pair(images: &BTreeMap<String, PathBuf>, masks: &BTreeMap<String, PathBuf>, folder: &Path) -> Result<Vec<Entry>, Error> {
    let lacking = |these: &BTreeMap<String, PathBuf>, those: &BTreeMap<String, PathBuf>| -> Vec<String> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, path)| path.display().to_string()).collect()
    };
    let (lonely_images, lonely_masks) = (lacking(images, masks), lacking(masks, images));
    let problems: Vec<String> = [
        (lonely_images, format!("image(s) without a mask in {}", folder.display())),
        (lonely_masks, "mask(s) without an image".to_owned()),
    ]
    .into_iter()
    .filter(|(lonely, _)| !lonely.is_empty())
    .map(|(lonely, what)| format!("{} {what}: {}", lonely.len(), listed(&lonely, 5, ", ")))
    .collect();
    if !problems.is_empty() {
        return Err(Error::Unpaired { problems, rule: "an image and its mask have the same name but for the extension" });
    }
    let entry = |((name, image), mask): ((&String, &PathBuf), &PathBuf)| Entry {
        name: name.clone(),
        files: vec![image.clone(), mask.clone()],
        page: None,
        official_test: false,
    };
    Ok(images.iter().zip(masks.values()).map(entry).collect())
}

impl Layout for Folders {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.config.classes.clone()
    }

    fn channels(&self) -> Result<usize, Error> {
        channels(self.config.colour, self.config.channel_axis, &self.entries)
    }

    fn options(&self) -> String {
        let config::Folders { root: _, images: _, masks: _, classes, mask_values, colour: _, channel_axis, levels, class_masks } =
            &self.config;
        let of_classes: Vec<&String> = class_masks.keys().collect();
        let axis = match channel_axis {
            ChannelAxis::Auto => String::new(),
            axis => format!(", channels {axis:?}"),
        };
        format!("folders, {mask_values:?}, classes {classes:?}, levels {levels:?}, masks of {of_classes:?}{axis}")
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let (image_path, mask_paths) = entry.files.split_first().expect("an entry begins with its image");
        let image = Picture::read_by(image_path, self.config.channel_axis)?;
        if self.config.colour == Colour::Auto && image.channels != channels {
            return Err(format!(
                "{}: has {} channel(s), but the first image, {}, has {channels}; set colour = \"grey\" or \"rgb\"",
                image_path.display(),
                image.channels,
                self.entries[0].files[0].display()
            ));
        }
        let masks: Vec<Picture> = mask_paths.iter().map(|path| Picture::read(path)).collect::<Result<_, _>>()?;
        for (path, mask) in mask_paths.iter().zip(&masks) {
            same_size(&image_path.to_string_lossy(), &image, &path.to_string_lossy(), mask)?;
        }
        let mask = self.mask(&masks, mask_paths)?;
        Ok(Decoded { image, mask })
    }
}

/// Refuses a mask that is not as large as its image.
///
/// # Errors
/// In words, both files named.
pub(super) fn same_size(name: &str, image: &Picture, mask_name: &str, mask: &Picture) -> Result<(), String> {
    if image.size == mask.size {
        return Ok(());
    }
    let told = |picture: &Picture| {
        let turned = if picture.turned { " as its orientation shows it" } else { "" };
        (picture.size[0], picture.size[1], turned)
    };
    let ((h, w, turned), (mask_h, mask_w, mask_turned)) = (told(image), told(mask));
    Err(format!(
        "{name}: is {h} × {w} (height × width){turned}, its mask {mask_name} is {mask_h} × {mask_w}{mask_turned}; bring both to one size"
    ))
}
