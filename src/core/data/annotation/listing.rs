//! Annotation files: how they are opened, and which belongs to which image.

use super::labels::Labels;
use super::shape::{Marked, Object};
use crate::config::Colour;
use crate::data::error::{Error, listed, with_remedy};
use crate::data::layout::Entry;
use crate::data::picture::Picture;
use crate::regular::{self, Most};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What some editors write at the beginning of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The content of a file of JSON.
///
/// # Errors
/// In words, the file not named, with line and column.
pub(in crate::data) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let bytes = regular::bytes(path, Most::TABLE).map_err(|e| format!("cannot be read: {}", with_remedy(&e)))?;
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

/// Images with their annotation files.
///
/// # Errors
/// If an image lacks its file or a file its image.
pub(in crate::data) fn pairs(
    images: &BTreeMap<String, PathBuf>,
    documents: &BTreeMap<String, PathBuf>,
    folder: &Path,
) -> Result<Vec<Entry>, Error> {
    let lacking = |these: &BTreeMap<String, PathBuf>, those: &BTreeMap<String, PathBuf>| -> Vec<String> {
        these.iter().filter(|(name, _)| !those.contains_key(*name)).map(|(_, path)| path.display().to_string()).collect()
    };
    let without_document = format!("image(s) without an annotation file in {}", folder.display());
    let sides = [
        (lacking(images, documents), without_document),
        (lacking(documents, images), "annotation file(s) without an image".into()),
    ];
    let problems: Vec<String> = sides
        .into_iter()
        .filter(|(lonely, _)| !lonely.is_empty())
        .map(|(lonely, what)| format!("{} {what}: {}", lonely.len(), listed(&lonely, 5, ", ")))
        .collect();
    if !problems.is_empty() {
        return Err(Error::Unpaired {
            problems,
            rule: "an image and its annotation file have the same name but for the extension".into(),
        });
    }
    let entry = |((name, image), document): ((&String, &PathBuf), &PathBuf)| Entry {
        name: name.clone(),
        files: vec![image.clone(), document.clone()],
        page: None,
        official_test: false,
    };
    Ok(images.iter().zip(documents.values()).map(entry).collect())
}

/// What the annotation file of each entry says, read by `read`, with the numbers of classes.
///
/// # Errors
/// All broken files at once; if labels and classes do not fit.
pub(in crate::data) fn per_image(
    entries: &[Entry],
    classes: &[String],
    folder: &Path,
    read: impl Fn(&Path) -> Result<Marked<String>, String> + Sync,
) -> Result<BTreeMap<String, Marked>, Error> {
    let of = |entry: &Entry| read(&entry.files[1]).map_err(|problem| format!("{}: {problem}", entry.files[1].display()));
    let results: Vec<Result<Marked<String>, String>> = entries.par_iter().map(of).collect();
    let faults: Vec<String> = results.iter().filter_map(|result| result.as_ref().err().cloned()).collect();
    if !faults.is_empty() {
        return Err(Error::Faulty { what: "annotation files", count: faults.len(), of: entries.len(), faults });
    }
    let marked: Vec<Marked<String>> = results.into_iter().flatten().collect();
    let mut labels = Labels { path: folder, objects: BTreeMap::new() };
    for object in marked.iter().flat_map(|marked| &marked.objects) {
        *labels.objects.entry(object.class.clone()).or_default() += 1;
    }
    let numbers = labels.assign(classes)?;
    let numbered = |Object { class, shape }: Object<String>| Object { class: numbers[&class], shape };
    let numbered =
        |marked: Marked<String>| Marked { size: marked.size, objects: marked.objects.into_iter().map(numbered).collect() };
    Ok(entries.iter().map(|entry| entry.name.clone()).zip(marked.into_iter().map(numbered)).collect())
}

/// The image of an entry, which must have so many channels unless a configuration says how it is read, and be of the size that its annotations have.
///
/// # Errors
/// In words, the files named.
pub(in crate::data) fn image(
    entry: &Entry,
    annotated: Option<[usize; 2]>,
    colour: Colour,
    channels: usize,
    first: &Entry,
) -> Result<Picture, String> {
    let (path, document) = (entry.files[0].display(), entry.files[1].display());
    let image = Picture::read(&entry.files[0])?;
    if colour == Colour::Auto && image.channels != channels {
        return Err(format!(
            "{path}: has {} channel(s), but the first image, {}, has {channels}; set colour = \"grey\" or \"rgb\"",
            image.channels,
            first.files[0].display()
        ));
    }
    match annotated {
        Some([h, w]) if image.size != [h, w] => Err(format!(
            "{path}: is {} × {} (height × width){}, its annotation in {document} is of {h} × {w}; bring both to one size",
            image.size[0],
            image.size[1],
            if image.turned { " as its orientation shows it" } else { "" }
        )),
        _ => Ok(image),
    }
}
