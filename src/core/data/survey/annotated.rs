//! Layouts that are not pairs of image files: outlines in JSON, and volumes.

use super::values::MaskLook;
use super::{Fit, first};
use crate::config::{self, Axis, Colour};
use crate::data::pairing::{is_mask_word, words};
use crate::data::pattern::relative;
use crate::data::volume::Volume;
use crate::data::{annotation, files, layouts};
use crate::regular::{self, Most};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Folders that are looked at, at most.
const FOLDERS: usize = 64;
/// JSON files that are read for the names of their classes, at most.
const FILES: usize = 10_000;

/// The first layout that fits.
pub(super) fn fit(root: &Path) -> Option<Fit> {
    let json: Vec<PathBuf> = files::with_extensions(root, &["json", "geojson"]).ok()?;
    coco(root, &json).or_else(|| labelme(root, &json)).or_else(|| geojson(root, &json)).or_else(|| volumes(root))
}

fn fits(dataset: &config::Dataset) -> bool {
    layouts::find(dataset).is_ok_and(|layout| !layout.entries().is_empty())
}

/// The folder itself and those below it, the nearest first.
fn folders(root: &Path) -> Vec<PathBuf> {
    let mut all = vec![root.to_owned()];
    let mut at = 0;
    while at < all.len() && all.len() < FOLDERS {
        let below = files::folders(&all[at]);
        all.extend(below);
        at += 1;
    }
    all
}

fn document(path: &Path) -> Option<Value> {
    serde_json::from_str(&regular::text(path, Most::TABLE).ok()?).ok()
}

fn coco(root: &Path, json: &[PathBuf]) -> Option<Fit> {
    let is_coco = |path: &&PathBuf| {
        document(path).is_some_and(|json| {
            ["images", "annotations", "categories"].iter().all(|key| json.get(key).is_some_and(Value::is_array))
        })
    };
    // Of many JSON files none is one of COCO.
    let annotations = json.iter().take(16).find(is_coco)?;
    let of = |images: PathBuf| {
        config::Dataset::Coco(config::Coco {
            images,
            annotations: annotations.clone(),
            classes: Vec::new(),
            colour: Colour::Auto,
        })
    };
    let dataset = folders(root).into_iter().map(of).find(fits)?;
    Some(Fit::of(dataset, format!("COCO, outlines in {}", relative(root, annotations))))
}

fn labelme(root: &Path, json: &[PathBuf]) -> Option<Fit> {
    let labels = |path: &PathBuf| -> Option<BTreeSet<String>> {
        let json = document(path)?;
        json.get("imagePath")?;
        let shapes = json.get("shapes")?.as_array()?;
        Some(shapes.iter().filter_map(|shape| Some(annotation::class(shape.get("label")?.as_str()?))).collect())
    };
    labels(json.first()?)?;
    let classes: BTreeSet<String> = json.iter().take(FILES).filter_map(labels).flatten().collect();
    let config = config::Labelme { root: root.to_owned(), classes: classes.into_iter().collect(), colour: Colour::Auto };
    let dataset = config::Dataset::Labelme(config);
    fits(&dataset).then(|| Fit::of(dataset, "LabelMe, a JSON file beside each image"))
}

fn geojson(root: &Path, json: &[PathBuf]) -> Option<Fit> {
    let annotations = json.first()?.parent()?.to_owned();
    let names = |path: &PathBuf| -> Vec<String> {
        let Some(json) = document(path) else { return Vec::new() };
        let all = json.get("features").unwrap_or(&json);
        let features = all.as_array().cloned().unwrap_or_else(|| vec![all.clone()]);
        let name = |feature: &Value| {
            let of = feature.get("properties")?.get("classification")?;
            let name = of.get("name").and_then(Value::as_str).map(str::to_owned).or_else(|| {
                let names = of.get("names")?.as_array()?.iter().filter_map(Value::as_str).collect::<Vec<_>>();
                Some(names.join(": "))
            });
            name.map(|name| annotation::class(&name))
        };
        features.iter().filter_map(name).collect()
    };
    let classes: BTreeSet<String> = json.iter().take(FILES).flat_map(names).collect();
    if classes.is_empty() {
        return None;
    }
    let classes: Vec<String> = classes.into_iter().collect();
    let of = |images: PathBuf| {
        config::Dataset::Geojson(config::Geojson {
            images,
            annotations: annotations.clone(),
            classes: classes.clone(),
            colour: Colour::Auto,
        })
    };
    let dataset = folders(root).into_iter().map(of).find(fits)?;
    Some(Fit::of(dataset, format!("GeoJSON, outlines in {}", relative(root, &annotations))))
}

fn volumes(root: &Path) -> Option<Fit> {
    let folders: Vec<PathBuf> = files::folders(root);
    let is_mask = |folder: &&PathBuf| {
        words(&relative(root, folder)).iter().any(|word| is_mask_word(word) || ["labels", "tr"].contains(&word.as_str()))
    };
    let (masks, images): (Vec<&PathBuf>, Vec<&PathBuf>) = folders.iter().partition(is_mask);
    let below = |folder: &Path| folder.strip_prefix(root).unwrap_or(folder).to_owned();
    let of = |images: &Path, masks: &Path, classes: Vec<String>| {
        config::Dataset::Volumes(config::Volumes {
            root: root.to_owned(),
            images: below(images),
            masks: below(masks),
            classes,
            mask_values: config::MaskValues::Indexed,
            axis: Axis::Third,
            window: None,
        })
    };
    let pairs = masks.iter().flat_map(|masks| images.iter().map(move |images| (images, masks)));
    // TIFF files of one page each are images.
    let fits = |dataset: &config::Dataset| {
        let layout = layouts::find(dataset).ok()?;
        layout.entries().iter().any(|entry| entry.page > Some(0) || !files::is_picture(&entry.files[0])).then_some(())
    };
    let (images, masks) =
        pairs.into_iter().find(|(images, masks)| fits(&of(images, masks, vec!["foreground".into()])).is_some())?;
    let look = values(masks)?;
    let meaning = look.meaning(&[])?;
    let mut odd = Vec::new();
    if !meaning.levels.is_empty() {
        odd.push(format!("masks have {}, and volumes are read with class numbers from 0 on", look.shown()));
    }
    let mut dataset = of(images, masks, meaning.classes);
    if let (config::Dataset::Volumes(config), Some(values)) = (&mut dataset, meaning.mask_values) {
        config.mask_values = values;
    }
    let names = [below(images), below(masks)].map(|folder| folder.display().to_string());
    Some(Fit { odd, ..Fit::of(dataset, format!("volumes in {}, each slice a sample", first(&names))) })
}

/// The values of the first volumes of a folder.
fn values(folder: &Path) -> Option<MaskLook> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let slices = |path: &PathBuf| -> Option<MaskLook> {
        let volume = Volume::open(path, Axis::Third).ok()?;
        let looks = (0..volume.slices).filter_map(|at| {
            let picture = volume.picture(at).ok()?;
            picture.whole().ok().map(|whole| MaskLook::of(&whole))
        });
        looks.reduce(MaskLook::add)
    };
    paths.iter().take(8).filter_map(slices).reduce(MaskLook::add)
}
