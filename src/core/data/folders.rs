//! The layout `folders`: a folder of images, a folder of masks, pairs by equal stem; or patterns of both; or pairs listed in a CSV file.

use super::IGNORED;
use super::error::{Error, listed};
use super::files;
use super::layout::{Decoded, Entry, Layout, channels, ignored};
use super::mask::{self, Keys};
use super::pairing;
use super::pattern::{self, Pattern};
use super::picture::Picture;
use crate::config::{self, ChannelAxis, Colour};
use crate::regular;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Listed and paired.
pub(super) struct Folders {
    config: config::Folders,
    entries: Vec<Entry>,
    /// Of each sample that lacks masks the classes that it lacks them of, by their places.
    lacking: BTreeMap<String, Vec<usize>>,
}

impl Folders {
    /// Lists both folders.
    ///
    /// # Errors
    /// If one is missing or empty, names collide, or an image lacks its mask or a mask its image.
    pub fn new(config: &config::Folders) -> Result<Self, Error> {
        if let Some(pairs) = &config.pairs {
            return Ok(Self::listed(config.clone(), listed_pairs(&config.root, pairs)?));
        }
        let of_classes: Vec<&Path> =
            config.classes.iter().filter_map(|class| Some(config.class_masks.get(class)?.as_path())).collect();
        let masks = if of_classes.is_empty() { vec![config.masks.as_path()] } else { of_classes };
        let all = [&[config.images.as_path()], &masks[..]].concat();
        let same = masks.iter().any(|folder| *folder == config.images);
        let mut found = if same || all.iter().any(|path| Pattern::is(path)) {
            pattern::find(&config.root, &config.images, &masks)?
        } else {
            in_folders(&config.root, &config.images, &masks)?
        };
        let images = found.remove(0);
        if config.partial {
            return Self::partial(config, &images, &found);
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (masks, folder) in found.iter().zip(&masks) {
            let paired = pair(&images, masks, &config.root, folder)?;
            if entries.is_empty() {
                entries = paired;
            } else {
                entries.iter_mut().zip(paired).for_each(|(entry, pair)| entry.files.extend(pair.files.into_iter().skip(1)));
            }
        }
        Ok(Self { config: config.clone(), entries, lacking: BTreeMap::new() })
    }

    /// Images that may lack masks of some classes.
    fn partial(
        config: &config::Folders,
        images: &BTreeMap<String, PathBuf>,
        masks: &[BTreeMap<String, PathBuf>],
    ) -> Result<Self, Error> {
        let lonely = |of: &BTreeMap<String, PathBuf>| {
            of.iter().find(|(name, _)| !images.contains_key(*name)).map(|(_, path)| path.clone())
        };
        let bare = images.iter().find(|(name, _)| masks.iter().all(|of| !of.contains_key(*name)));
        let problem = masks.iter().find_map(lonely).map(|mask| format!("the mask {} has no image", mask.display()));
        if let Some(problem) =
            problem.or_else(|| bare.map(|(_, path)| format!("the image {} has no mask of any class", path.display())))
        {
            return Err(Error::Unpaired {
                problems: vec![problem],
                rule: "with partial = true an image has the mask of one class or more".into(),
            });
        }
        let (mut entries, mut lacking) = (Vec::new(), BTreeMap::new());
        for (name, image) in images {
            let of_image: Vec<Option<&PathBuf>> = masks.iter().map(|of| of.get(name)).collect();
            let absent: Vec<usize> =
                of_image.iter().enumerate().filter(|(_, mask)| mask.is_none()).map(|(class, _)| class).collect();
            if !absent.is_empty() {
                lacking.insert(name.clone(), absent);
            }
            let files = std::iter::once(image).chain(of_image.into_iter().flatten()).cloned().collect();
            entries.push(Entry { name: name.clone(), files, page: None, official_test: false });
        }
        Ok(Self { config: config.clone(), entries, lacking })
    }

    /// Samples by name with their image and mask.
    pub fn listed(config: config::Folders, files: BTreeMap<String, Vec<PathBuf>>) -> Self {
        Self {
            config,
            entries: files.into_iter().map(|(name, files)| Entry { name, files, page: None, official_test: false }).collect(),
            lacking: BTreeMap::new(),
        }
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
        Ok(Self { entries: pair(images, masks, &config.root, &config.masks)?, config, lacking: BTreeMap::new() })
    }

    /// The classes of masks that lie at these paths.
    fn mask(&self, masks: &[Picture], paths: &[PathBuf]) -> Result<Vec<u8>, String> {
        let config = &self.config;
        let named = |path: &PathBuf, problem: String| format!("{}: {problem}", path.display());
        if !config.class_masks.is_empty() {
            let plane = |mask: &Picture| mask::classes(mask, config::MaskValues::Binary, 1, Keys::None);
            let read = |(mask, path): (&Picture, &PathBuf)| {
                mask::ignoring(mask, &config.ignore, 0, plane).map_err(|problem| named(path, problem))
            };
            return Ok(masks.iter().zip(paths).map(read).collect::<Result<Vec<_>, _>>()?.concat());
        }
        if !config.colours.is_empty() {
            let colour = |name: &str| config.colours.get(name).and_then(|text| config::rgb(text));
            let classes: Vec<[u8; 3]> = config.classes.iter().filter_map(|class| colour(class)).collect();
            let planes = mask::by_colours(&masks[0], &classes, colour("background").unwrap_or_default(), colour("ignore"));
            return planes.map_err(|problem| named(&paths[0], problem));
        }
        let background = config.levels.get("background").map_or(&[0][..], |values| &values[..]);
        let plane = mask::ignoring(&masks[0], &config.ignore, background.first().copied().unwrap_or(0), |mask| {
            if config.levels.is_empty() {
                return mask::classes(mask, config.mask_values, config.classes.len(), Keys::Folders);
            }
            let classes: Vec<&[u16]> = config.classes.iter().map(|class| &config.levels[class][..]).collect();
            mask::by_levels(mask, &classes, background)
        });
        plane.map_err(|problem| named(&paths[0], problem))
    }
}

/// The images in a folder below the root by name, and those of each folder of masks.
fn in_folders(root: &Path, images: &Path, masks: &[&Path]) -> Result<Vec<BTreeMap<String, PathBuf>>, Error> {
    if !root.is_dir() {
        let wanted = format!("a folder with {} and {}", images.display(), masks[0].display());
        return Err(files::missing(root, &wanted));
    }
    let (images, masks): (PathBuf, Vec<PathBuf>) = (root.join(images), masks.iter().map(|folder| root.join(folder)).collect());
    let skip = if masks.len() == 1 { masks.first() } else { None };
    let mut found = vec![files::pictures(&images, skip.map(PathBuf::as_path))?];
    for folder in &masks {
        found.push(files::pictures(folder, Some(&images))?);
    }
    Ok(found)
}

/// The pairs of a CSV file, whose columns `image` and `mask` name files below the root.
fn listed_pairs(root: &Path, path: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Error> {
    let wrong = |problem: String| Error::Pattern { problem: format!("{}: {problem}", path.display()) };
    if !path.is_file() {
        return Err(files::missing(path, "the CSV file of pairs"));
    }
    let file = regular::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = table.headers().map_err(|e| wrong(e.to_string()))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|own| own.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            wrong(format!(
                "its header needs the columns image and mask, has {}",
                listed(&header.iter().collect::<Vec<_>>(), 9, ", ")
            ))
        })
    };
    let (image, mask) = (column("image")?, column("mask")?);
    let mut entries: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (row, record) in table.records().enumerate() {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        let [image, mask] = [image, mask].map(|at| record.get(at).unwrap_or_default());
        if image.is_empty() || mask.is_empty() {
            return Err(wrong(format!("row {} lacks an image or a mask", row + 2)));
        }
        if image == mask {
            return Err(wrong(format!("row {}: {image} is its own mask", row + 2)));
        }
        let files = [image, mask].map(|file| root.join(file));
        if let Some(absent) = files.iter().find(|file| !file.is_file()) {
            return Err(wrong(format!("row {}: there is no file {}", row + 2, absent.display())));
        }
        if entries.insert(pairing::stem(image).to_owned(), files.to_vec()).is_some() {
            return Err(wrong(format!("row {}: {image} has a row already", row + 2)));
        }
    }
    if entries.is_empty() {
        return Err(wrong("it has no rows".to_owned()));
    }
    Ok(entries)
}

fn pair(
    images: &BTreeMap<String, PathBuf>,
    masks: &BTreeMap<String, PathBuf>,
    root: &Path,
    folder: &Path,
) -> Result<Vec<Entry>, Error> {
    let lacking = |these: &BTreeMap<String, PathBuf>, those: &BTreeMap<String, PathBuf>| -> Vec<String> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, path)| path.display().to_string()).collect()
    };
    let (lonely_images, lonely_masks) = (lacking(images, masks), lacking(masks, images));
    let problems: Vec<String> = [
        (lonely_images, format!("image(s) without a mask in {}", root.join(folder).display())),
        (lonely_masks, "mask(s) without an image".to_owned()),
    ]
    .into_iter()
    .filter(|(lonely, _)| !lonely.is_empty())
    .map(|(lonely, what)| format!("{} {what}: {}", lonely.len(), listed(&lonely, 5, ", ")))
    .collect();
    if !problems.is_empty() {
        let rule = near_miss(images, masks, root).unwrap_or_else(|| RULE.to_owned());
        return Err(Error::Unpaired { problems, rule });
    }
    let entry = |((name, image), mask): ((&String, &PathBuf), &PathBuf)| Entry {
        name: name.clone(),
        files: vec![image.clone(), mask.clone()],
        page: None,
        official_test: false,
    };
    Ok(images.iter().zip(masks.values()).map(entry).collect())
}

const RULE: &str = "an image and its mask have the same name but for the extension";

/// Patterns that would pair most of the files.
fn near_miss(images: &BTreeMap<String, PathBuf>, masks: &BTreeMap<String, PathBuf>, root: &Path) -> Option<String> {
    let below =
        |files: &BTreeMap<String, PathBuf>| files.values().map(|path| pattern::relative(root, path)).collect::<Vec<String>>();
    let (images, masks) = (below(images), below(masks));
    let (images, masks): (Vec<&str>, Vec<&str>) =
        (images.iter().map(String::as_str).collect(), masks.iter().map(String::as_str).collect());
    let pairs: Vec<(&str, &str)> =
        pairing::by_words(&images, &masks, &[]).into_iter().filter_map(|(image, mask)| Some((image, mask?))).collect();
    if pairs.len() < 2 || 2 * pairs.len() < images.len() {
        return None;
    }
    let (image, mask) = pairing::patterns(&pairs)?;
    Some(format!("{} of {} images would have a mask with images = \"{image}\" and masks = \"{mask}\"", pairs.len(), images.len()))
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

    fn own(&self, entry: &Entry) -> String {
        self.lacking.get(&entry.name).map_or_else(String::new, |classes| format!("; lacks {classes:?}"))
    }

    fn options(&self) -> String {
        let config::Folders {
            root: _,
            images: _,
            masks: _,
            pairs: _,
            classes,
            mask_values,
            ignore,
            partial: _,
            colour: _,
            channel_axis,
            levels,
            colours,
            class_masks,
        } = &self.config;
        let of_classes: Vec<&String> = class_masks.keys().collect();
        let lacking = if self.lacking.is_empty() { String::new() } else { format!(", lacking {:?}", self.lacking) };
        // Without them it is what it was before there were any.
        let colours = if colours.is_empty() { String::new() } else { format!(", colours {colours:?}") };
        let axis = match channel_axis {
            ChannelAxis::Auto => String::new(),
            axis => format!(", channels {axis:?}"),
        };
        let ignored = ignored(ignore);
        format!(
            "folders, {mask_values:?}, classes {classes:?}, levels {levels:?}, masks of {of_classes:?}{colours}{axis}{ignored}{lacking}"
        )
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
        let mut mask = self.mask(&masks, mask_paths)?;
        if let Some(lacking) = self.lacking.get(&entry.name) {
            let (mut planes, pixels) = (mask.chunks_exact(image.size[0] * image.size[1]), image.size[0] * image.size[1]);
            let plane = |class: usize| match lacking.contains(&class) {
                true => vec![IGNORED; pixels],
                false => planes.next().expect("a plane for each mask").to_vec(),
            };
            mask = (0..self.config.classes.len()).flat_map(plane).collect();
        }
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
    let shown = |image: &Picture| {
        let turned = if image.turned { " as its orientation shows it" } else { "" };
        (image.size[0], image.size[1], turned)
    };
    let ((h, w, turned), (mask_h, mask_w, mask_turned)) = (shown(image), shown(mask));
    Err(format!(
        "{name}: is {h} × {w} (height × width){turned}, its mask {mask_name} is {mask_h} × {mask_w}{mask_turned}; bring both to one size"
    ))
}
