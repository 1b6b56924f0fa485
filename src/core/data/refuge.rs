//! The layout `refuge`: as `folders` with a table of levels, paired by file stem wherever below the two folders.

use super::error::Error;
use super::files;
use super::folders::Folders;
use crate::config::{self, ChannelAxis, Colour, FundusTarget, MaskValues};
use std::collections::BTreeMap;

// Values of the cup, of the disc around it, and of what is neither.
const CUP: u16 = 0;
const RIM: u16 = 128;
const BACKGROUND: u16 = 255;

/// Lists and pairs the files.
///
/// # Errors
/// If a folder is missing or empty, stems collide, or an image lacks its mask or a mask its image.
pub(super) fn open(config: &config::Refuge) -> Result<Folders, Error> {
    if !config.root.is_dir() {
        let wanted = format!("a folder with {} and {}", config.images.display(), config.masks.display());
        return Err(files::missing(&config.root, &wanted));
    }
    let (images, masks) = (config.root.join(&config.images), config.root.join(&config.masks));
    let of_target = |target: FundusTarget| match target {
        FundusTarget::Disc => vec![CUP, RIM],
        FundusTarget::Cup => vec![CUP],
    };
    let mut levels: BTreeMap<String, Vec<u16>> =
        config.targets.iter().map(|target| (target.name().to_owned(), of_target(*target))).collect();
    let rest = if config.targets.contains(&FundusTarget::Disc) { vec![BACKGROUND] } else { vec![BACKGROUND, RIM] };
    levels.insert("background".into(), rest);
    let folders = config::Folders {
        root: config.root.clone(),
        images: config.images.clone(),
        masks: config.masks.clone(),
        pairs: None,
        ignore: Vec::new(),
        partial: false,
        classes: config.targets.iter().map(|target| target.name().to_owned()).collect(),
        mask_values: MaskValues::Indexed,
        colour: Colour::Rgb,
        channel_axis: ChannelAxis::Auto,
        levels,
        colours: BTreeMap::new(),
        class_masks: BTreeMap::new(),
    };
    Folders::of(folders, &files::by_stem(&images, Some(&masks))?, &files::by_stem(&masks, Some(&images))?)
}
