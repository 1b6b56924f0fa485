//! Images and masks whose files lie anywhere below a folder, found by the words in their paths.

use super::values::{MaskLook, Meaning};
use super::{Fit, first, masks};
use crate::config::{self, ChannelAxis, Colour, MaskValues};
use crate::data::error::Error;
use crate::data::files;
use crate::data::folders::Folders;
use crate::data::layout::Layout;
use crate::data::pairing::{self, by_file, by_words, is_mask_word, stem, words};
use crate::data::pattern::relative;
use crate::data::picture::{Opened, Picture};
use crate::regular::{self, Most};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Different values that an image has at the least, and a mask at the most, where nothing else says which is which.
const MASK_VALUES: usize = 8;

/// The layout `folders`, as it fits.
///
/// # Errors
/// If no image has a mask.
pub(super) fn fit(root: &Path) -> Result<Fit, Error> {
    let files: Vec<String> = files::readable(root)?.iter().map(|path| relative(root, path)).collect();
    let unknown = |problem: String| Error::Unknown { path: root.to_owned(), problem };
    if files.is_empty() {
        return Err(unknown(format!("holds no image that can be read; {}", kinds(root))));
    }
    if let Some(fit) = nnunet(root, &files) {
        return Ok(fit);
    }
    let found = sides(root, &files);
    let (images, labels) = (texts(&found.images), texts(&found.masks));
    if labels.is_empty() {
        return Err(unknown(format!(
            "{} images, and none of them looks like a mask: their names have no word as mask, label, seg or gt, and no folder holds images of a few \
             values. Put masks into a folder `masks`, or call them NAME_mask.png; `umlaut help own-images` shows the layouts",
            images.len()
        )));
    }
    let complete = |pairs: Vec<(&'_ str, Option<&'_ str>)>| -> Vec<(String, String)> {
        pairs.into_iter().filter_map(|(image, mask)| Some((image.to_owned(), mask?.to_owned()))).collect()
    };
    let mut pairs = complete(by_words(&images, &labels, &[]));
    if pairs.is_empty() {
        pairs = complete(by_file(&images, &labels));
    }
    let paired: Vec<(&str, &str)> = pairs.iter().map(|(image, mask)| (image.as_str(), mask.as_str())).collect();
    let mut fit = if paired.is_empty() {
        of_classes(root, &images, &labels).ok_or_else(|| {
            unknown(format!(
                "{} images and {} masks, but no image has a mask of its own by name: {} and {}; give both the same name but for the extension or a word as \
                 _mask, or list them in a CSV file with the columns image and mask and write pairs = \"FILE\"",
                images.len(),
                labels.len(),
                first(&found.images),
                first(&found.masks)
            ))
        })?
    } else {
        of_pairs(root, &images, &labels, &paired)?
    };
    fit.odd.extend(of_other_kinds(root));
    Ok(fit)
}

/// The data set of pairs that are listed, as if its CSV file had been written.
///
/// # Errors
/// As the layout's.
pub(super) fn listed(root: &Path, dataset: &config::Dataset, pairs: &[(String, String)]) -> Result<Box<dyn Layout>, Error> {
    let config::Dataset::Folders(config) = dataset else { unreachable!("only this layout lists pairs") };
    let rows = pairs.iter().map(|(image, mask)| (stem(image).to_owned(), vec![root.join(image), root.join(mask)]));
    Ok(Box::new(Folders::listed(config.clone(), rows.collect())))
}

struct Sides {
    images: Vec<String>,
    masks: Vec<String>,
}

/// Which files are masks: by words that only some paths have, else by folders of files with few values.
fn sides(root: &Path, files: &[String]) -> Sides {
    let of_files: Vec<BTreeSet<String>> = files.iter().map(|file| words(file).into_iter().collect()).collect();
    let common = of_files.iter().skip(1).fold(of_files[0].clone(), |all, own| all.intersection(own).cloned().collect());
    let is_mask = |of_file: &BTreeSet<String>| of_file.iter().any(|word| is_mask_word(word) && !common.contains(word));
    let (masks, images): (Vec<_>, Vec<_>) = files.iter().zip(&of_files).partition(|(_, of_file)| is_mask(of_file));
    let names = |side: Vec<(&String, &BTreeSet<String>)>| side.into_iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
    if !masks.is_empty() && !images.is_empty() {
        return Sides { images: names(images), masks: names(masks) };
    }
    let mut folders: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    files.iter().for_each(|file| folders.entry(file.rfind('/').map_or("", |at| &file[..at])).or_default().push(file));
    let of_few_values = |files: &[&String]| {
        let read = Picture::read(&root.join(files[files.len() / 2]));
        read.is_ok_and(|picture| MaskLook::of(&picture).count().is_some_and(|count| count <= MASK_VALUES))
    };
    let (masks, images): (Vec<_>, Vec<_>) = folders.into_values().partition(|files| of_few_values(files));
    let all = |folders: Vec<Vec<&String>>| folders.into_iter().flatten().cloned().collect::<Vec<_>>();
    Sides { images: all(images), masks: all(masks) }
}

fn of_pairs(root: &Path, images: &[&str], labels: &[&str], paired: &[(&str, &str)]) -> Result<Fit, Error> {
    let paths: Vec<PathBuf> = paired.iter().map(|(_, mask)| root.join(mask)).collect();
    let (look, faults) = masks::look(&paths);
    let mut odd = Vec::new();
    if !faults.is_empty() {
        odd.push(format!("{} mask(s) cannot be read: {}", faults.len(), first(&faults)));
    }
    let meaning = look.meaning(&[]).ok_or_else(|| no_meaning(root, &look))?;
    let unpaired: Vec<String> = {
        let known: BTreeSet<&str> = paired.iter().flat_map(|(image, mask)| [*image, *mask]).collect();
        images.iter().chain(labels).filter(|file| !known.contains(*file)).map(|file| (*file).to_owned()).collect()
    };
    let patterns = if unpaired.is_empty() { pairing::patterns(paired) } else { None };
    if !unpaired.is_empty() {
        odd.push(format!("{} file(s) have no partner and are skipped: {}", unpaired.len(), first(&unpaired)));
    }
    let images: Vec<&str> = paired.iter().map(|(image, _)| *image).collect();
    let colour = colour(root, &images, &mut odd);
    sizes(root, paired, &mut odd);
    let (layout, pairs, (image, mask)) = match patterns {
        Some((image, mask)) => (format!("images {image} and masks {mask}"), None, (image, mask)),
        None => {
            let owned = paired.iter().map(|(image, mask)| ((*image).to_owned(), (*mask).to_owned())).collect();
            ("pairs of image and mask, listed in a CSV file".to_owned(), Some(owned), ("images".to_owned(), "masks".to_owned()))
        }
    };
    let dataset = folders(root, (plain(&image), plain(&mask)), meaning, colour);
    Ok(Fit { dataset: config::Dataset::Folders(dataset), layout, odd, pairs })
}

/// A pattern of all that lies in a folder, as the folder's name.
fn plain(pattern: &str) -> PathBuf {
    let folder = pattern.strip_suffix("/{name}.*").filter(|folder| !folder.contains(['{', '*']));
    folder.unwrap_or(pattern).into()
}

/// A mask for each class of an image: the words that the masks of an image have beyond its own name the class.
fn of_classes(root: &Path, images: &[&str], labels: &[&str]) -> Option<Fit> {
    let own: BTreeSet<String> = images.iter().flat_map(|image| words(image)).collect();
    let more = |label: &str| -> Vec<String> {
        words(label).into_iter().filter(|w| !own.contains(w) && !is_mask_word(w) && w.chars().any(char::is_alphabetic)).collect()
    };
    let mut classes: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
    labels.iter().for_each(|label| classes.entry(more(label)).or_default().push(label));
    if classes.is_empty() || classes.len() > 16 || classes.contains_key(&Vec::new()) {
        return None;
    }
    let (mut tables, mut image_pattern) = (BTreeMap::new(), None);
    for (words, labels) in &classes {
        let pairs =
            by_words(images, labels, words).into_iter().map(|(image, mask)| Some((image, mask?))).collect::<Option<Vec<_>>>()?;
        let (image, mask) = pairing::patterns(&pairs)?;
        if image_pattern.get_or_insert_with(|| image.clone()) != &image {
            return None;
        }
        tables.insert(words.join("_"), plain(&mask));
    }
    let names: Vec<String> = tables.keys().cloned().collect();
    let image = image_pattern?;
    let mut odd = Vec::new();
    let colour = colour(root, images, &mut odd);
    let meaning = Meaning {
        classes: names.clone(),
        mask_values: Some(MaskValues::Binary),
        levels: BTreeMap::new(),
        colours: BTreeMap::new(),
    };
    let config = config::Folders { class_masks: tables, ..folders(root, (plain(&image), "masks".into()), meaning, colour) };
    let layout = format!("images {image} and a mask for each of the classes {}", names.join(", "));
    Some(Fit { dataset: config::Dataset::Folders(config), layout, odd, pairs: None })
}

/// The raw data of nnU-Net, of one channel: imagesTr/NAME_0000.png, labelsTr/NAME.png, and dataset.json, which names the classes.
fn nnunet(root: &Path, files: &[String]) -> Option<Fit> {
    let text = regular::text(&root.join("dataset.json"), Most::SMALL).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    let mut named: Vec<(u64, String)> =
        json.get("labels")?.as_object()?.iter().filter_map(|(name, value)| Some((value.as_u64()?, name.clone()))).collect();
    named.sort();
    let names: Vec<String> =
        named.into_iter().filter(|(value, _)| *value > 0).map(|(_, name)| name.replace([' ', '-'], "_")).collect();
    let of = |folder: &str| files.iter().filter(|file| file.starts_with(folder)).map(String::as_str).collect::<Vec<_>>();
    let (images, labels) = (of("imagesTr/"), of("labelsTr/"));
    if images.is_empty() || labels.is_empty() || images.iter().any(|image| !stem(image).ends_with("_0000")) {
        return None;
    }
    let (look, _) = masks::look(&labels.iter().map(|label| root.join(label)).collect::<Vec<_>>());
    let mut odd = Vec::new();
    let colour = colour(root, &images, &mut odd);
    let config = folders(root, ("imagesTr/{name}_0000.*".into(), "labelsTr".into()), look.meaning(&names)?, colour);
    Some(Fit { odd, ..Fit::of(config::Dataset::Folders(config), "raw data of nnU-Net, classes by dataset.json") })
}

fn folders(root: &Path, (images, masks): (PathBuf, PathBuf), meaning: Meaning, colour: Colour) -> config::Folders {
    config::Folders {
        root: root.to_owned(),
        images,
        masks,
        pairs: None,
        ignore: Vec::new(),
        partial: false,
        classes: meaning.classes,
        mask_values: meaning.mask_values.unwrap_or_default(),
        colour,
        channel_axis: ChannelAxis::Auto,
        levels: meaning.levels,
        colours: meaning.colours,
        class_masks: BTreeMap::new(),
    }
}

/// How images are read where some are grey and some in colour.
fn colour(root: &Path, images: &[&str], odd: &mut Vec<String>) -> Colour {
    let channels: Vec<(&&str, usize)> =
        images.par_iter().filter_map(|image| Some((image, Opened::first(&root.join(image)).ok()?.channels()))).collect();
    let grey: Vec<String> =
        channels.iter().filter(|(_, channels)| *channels == 1).map(|(image, _)| (**image).to_owned()).collect();
    if grey.is_empty() || grey.len() == channels.len() {
        return Colour::Auto;
    }
    odd.push(format!(
        "{} of {} images are grey, the others in colour; all are read as colour: {}",
        grey.len(),
        channels.len(),
        first(&grey)
    ));
    Colour::Rgb
}

/// Masks of other sizes than their images.
fn sizes(root: &Path, pairs: &[(&str, &str)], odd: &mut Vec<String>) {
    let size = |file: &str| Opened::first(&root.join(file)).ok().map(|opened| opened.size());
    let differs = |(image, mask): &(&str, &str)| size(image).zip(size(mask)).filter(|(a, b)| a != b).map(|_| (*mask).to_owned());
    let wrong: Vec<String> = pairs.par_iter().filter_map(differs).collect();
    if !wrong.is_empty() {
        odd.push(format!("{} mask(s) are not as large as their image, which `run` refuses: {}", wrong.len(), first(&wrong)));
    }
}

fn no_meaning(root: &Path, look: &MaskLook) -> Error {
    let problem = format!(
        "masks have {}, from which no classes follow; save them with 0 for the background and 1, 2, … for the classes, or write `levels` by hand: `umlaut \
         init --minimal` writes a file to start from",
        look.shown()
    );
    Error::Unknown { path: root.to_owned(), problem }
}

/// Files that are images or masks of kinds that are not read.
fn of_other_kinds(root: &Path) -> Option<String> {
    let others: Vec<String> = files::others(root).ok()?.iter().map(|path| relative(root, path)).collect();
    (!others.is_empty()).then(|| format!("{} image file(s) are of kinds that are not read: {}", others.len(), first(&others)))
}

/// Which kinds of files there are instead of images.
fn kinds(root: &Path) -> String {
    of_other_kinds(root).unwrap_or_else(|| "PNG, JPEG, TIFF and BMP are read".into())
}

fn texts(files: &[String]) -> Vec<&str> {
    files.iter().map(String::as_str).collect()
}
