//! The layout `coco`: a folder of images, and one JSON file with the outlines of their objects (COCO, "instances").
//!
//! Outlines are drawn as pycocotools draws them, bit for bit. Crowds (`iscrowd`) are of their class as other objects are. An image is meant as its
//! orientation shows it.

use super::annotation::{self, Category, Id, Image, Instances, Labels, Marked, Object};
use super::error::{Error, listed};
use super::files;
use super::layout::{Decoded, Entry, Layout, channels};
use crate::config::{self, ChannelAxis};
use crate::shown;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Listed, and the annotations read.
pub(super) struct Coco {
    config: config::Coco,
    classes: Vec<String>,
    entries: Vec<Entry>,
    marked: BTreeMap<String, Marked>,
}

impl Coco {
    /// Reads the annotations and looks for the images.
    ///
    /// # Errors
    /// If a file or folder is missing, the JSON is none of COCO or contradicts itself, or objects and classes do not fit.
    pub fn new(config: &config::Coco) -> Result<Self, Error> {
        for (path, what) in [(&config.images, "this folder"), (&config.annotations, "this JSON file")] {
            if !path.exists() {
                return Err(files::missing(path, what));
            }
        }
        let amiss = |problem| Error::Annotations { path: config.annotations.clone(), problem };
        let document: Instances = annotation::json(&config.annotations)
            .map_err(|problem| amiss(format!("is no JSON of COCO with outlines (\"instances\"): {problem}")))?;
        let (categories, classes) = categories(&document.categories, &config.classes).map_err(amiss)?;
        let numbers = labels(&document, &categories, &config.annotations).map_err(amiss)?.assign(&classes)?;
        let (entries, names) = entries(&document.images, config)?;
        let mut marked: BTreeMap<String, Marked> = BTreeMap::new();
        for image in &document.images {
            marked.insert(names[&image.id].clone(), Marked { size: Some([image.height, image.width]), objects: Vec::new() });
        }
        for (index, annotation) in document.annotations.into_iter().enumerate() {
            let message = annotation.id.map_or_else(|| format!("number {}", index + 1), |id| id.to_string());
            let name = names.get(&annotation.image_id).ok_or_else(|| {
                amiss(format!(
                    "the annotation {message} is of the image {}, which is not in images; write it again",
                    annotation.image_id
                ))
            })?;
            let Some(shape) = annotation.segmentation.map(|segmentation| segmentation.0) else {
                return Err(amiss(format!("the annotation {message} has no segmentation; outline its object, or take it out")));
            };
            let class = numbers[categories[&annotation.category_id]];
            marked.get_mut(name).expect("every image is in it").objects.push(Object { class, shape });
        }
        Ok(Self { config: config.clone(), classes, entries, marked })
    }
}

/// Names of the categories, and the classes: all categories by id, unless some are asked for.
fn categories<'a>(categories: &'a [Category], asked: &[String]) -> Result<(BTreeMap<&'a Id, &'a str>, Vec<String>), String> {
    let mut names = BTreeMap::new();
    for category in categories {
        if names.insert(&category.id, category.name.as_str()).is_some() {
            return Err(format!("has two categories with the id {}; write it again", category.id));
        }
    }
    let distinct: BTreeSet<&str> = names.values().copied().collect();
    if distinct.len() != names.len() {
        return Err("has two categories of one name; rename one of them".into());
    }
    let all = || names.values().map(|name| annotation::class(name)).collect();
    let classes: Vec<String> = if asked.is_empty() { all() } else { asked.to_vec() };
    // The rules of configurations see the names that are written out alone.
    if let Some(name) = classes.iter().find(|name| asked.is_empty() && ["loss", "mm"].contains(&name.as_str())) {
        return Err(format!(
            "has a category {name:?}, whose columns could mean something else; rename it, or write `classes` out"
        ));
    }
    match classes.len() {
        1..=255 => Ok((names, classes)),
        count => Err(format!("has {count} categories; 1 to 255 can be classes: name them in `classes`")),
    }
}

/// How many objects each category has.
fn labels<'a>(document: &Instances, categories: &BTreeMap<&Id, &str>, path: &'a Path) -> Result<Labels<'a>, String> {
    let mut objects = BTreeMap::new();
    for annotation in &document.annotations {
        let id = &annotation.category_id;
        let label = categories
            .get(id)
            .ok_or_else(|| format!("has an annotation of the category {id}, which is not in categories; write it again"))?;
        *objects.entry((*label).to_owned()).or_default() += 1;
    }
    Ok(Labels { path, objects })
}

/// The images as samples, sorted by name, and the name of each by its id.
fn entries(images: &[Image], config: &config::Coco) -> Result<(Vec<Entry>, BTreeMap<Id, String>), Error> {
    let amiss = |problem| Err(Error::Annotations { path: config.annotations.clone(), problem });
    let (mut found, mut names, mut lacking): (BTreeMap<String, Vec<PathBuf>>, _, _) =
        (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for image in images {
        let file = Path::new(&image.file_name);
        if file.components().any(|part| !matches!(part, Component::Normal(_))) || image.file_name.is_empty() {
            return amiss(format!("the file_name {:?} is no path below the folder of images; mend it", image.file_name));
        }
        let name = file.with_extension("").iter().map(shown::name).collect::<Vec<_>>().join("/");
        if names.insert(image.id.clone(), name.clone()).is_some() {
            return amiss(format!("has two images with the id {}; write it again", image.id));
        }
        let path = config.images.join(file);
        if !path.exists() {
            lacking.push(image.file_name.clone());
        }
        found.entry(name).or_default().push(path);
    }
    if !lacking.is_empty() {
        let (count, folder) = (lacking.len(), config.images.display());
        let problem =
            format!("{count} image(s) of {} are not in {folder}: {}", config.annotations.display(), listed(&lacking, 5, ", "));
        return Err(Error::Unpaired {
            problems: vec![problem],
            rule: "the file_name of an image is its path below the folder of images".into(),
        });
    }
    if found.is_empty() {
        return amiss("lists no images; write it again".into());
    }
    let entry = |(name, path): (String, PathBuf)| Entry {
        name,
        files: vec![path, config.annotations.clone()],
        page: None,
        official_test: false,
    };
    Ok((files::unique(found)?.into_iter().map(entry).collect(), names))
}

impl Layout for Coco {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn classes(&self) -> Vec<String> {
        self.classes.clone()
    }

    fn channels(&self) -> Result<usize, Error> {
        channels(self.config.colour, ChannelAxis::Auto, &self.entries)
    }

    /// All images share the annotation file.
    fn own(&self, entry: &Entry) -> String {
        format!("; image {:?}", entry.name)
    }

    fn options(&self) -> String {
        let config::Coco { images: _, annotations: _, classes: _, colour: _ } = &self.config;
        format!("coco, classes {:?}", self.classes)
    }

    fn decode(&self, entry: &Entry, channels: usize) -> Result<Decoded, String> {
        let marked = &self.marked[&entry.name];
        let image = annotation::image(entry, marked.size, self.config.colour, channels, &self.entries[0])?;
        let mask = annotation::planes(&marked.objects, self.classes.len(), image.size)
            .map_err(|problem| format!("{}: {problem} (of the image {})", self.config.annotations.display(), entry.name))?;
        Ok(Decoded { image, mask })
    }
}
