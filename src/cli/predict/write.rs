//! What a prediction leaves: PNGs of each image, and a row of predictions.csv for each of its classes.

use super::super::failure::{Failure, mistake};
use super::arguments::Arguments;
use anyhow::Context;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use umlaut::config::Preprocess;
use umlaut::data::{Photo, PhotoPlace};
use umlaut::predict::{Measure, Predictor, cup_to_disc, measure};
use umlaut::record::to_field;
use umlaut::report::paint;
use umlaut::store::fitting;

const TABLE: &str = "predictions.csv";

/// Bytes of an image's name in the names of what is written of it: a class may have 100, and all must be below 256.
const LONGEST_NAME: usize = 130;

/// Writes one image after the other; what was written stays whatever comes after.
pub struct Writer<'a> {
    arguments: &'a Arguments,
    classes: &'a [String],
    /// From which probability on a pixel of each class is foreground.
    thresholds: Vec<f32>,
    /// Places of disc and cup among the classes, if there are both.
    disc_and_cup: Option<(usize, usize)>,
    table: csv::Writer<File>,
    /// What brings values of images to [0, 1].
    preprocess: &'a Preprocess,
}

impl<'a> Writer<'a> {
    /// Opens predictions.csv, once it is sure that no file of these images takes the place of another, of what is there, or of an image.
    ///
    /// # Errors
    /// If it would, or the table cannot be written.
    pub fn new(
        arguments: &'a Arguments,
        predictor: &'a Predictor,
        thresholds: &[f64],
        places: &[PhotoPlace],
    ) -> Result<Self, Failure> {
        let classes = &predictor.classes[..];
        let path = arguments.out.join(TABLE);
        let files = Files { arguments, classes };
        files.check_names(places)?;
        files.check_present(places, &path)?;
        fs::create_dir_all(&arguments.out).with_context(|| format!("creating {}", arguments.out.display()))?;
        let mut table = csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))?;
        let place = |name: &str| classes.iter().position(|class| class == name);
        let disc_and_cup = place("disc").zip(place("cup"));
        let measures = ["image", "class", "width", "height", "area_px", "area_share", "mean_probability", "parts"];
        let extents = ["extent_height_px", "extent_width_px"];
        table.write_record(measures.into_iter().chain(extents).chain(disc_and_cup.map(|_| "vertical_cup_to_disc")))?;
        let thresholds = thresholds.iter().map(|threshold| *threshold as f32).collect();
        Ok(Self { arguments, classes, thresholds, disc_and_cup, table, preprocess: predictor.preprocess() })
    }

    /// Bytes that writing takes for each pixel of an image, beside its values and probabilities: masks, and one output image at a time.
    pub fn bytes_beside(&self) -> usize {
        const COLOUR: usize = 3;
        let picture = match (self.arguments.overlays, self.arguments.probabilities) {
            // Its planes as f32, and what is painted of them.
            (true, _) => 4 * COLOUR + COLOUR,
            (false, true) => 4,
            (false, false) => 1,
        };
        // A measure looks at a copy of its mask.
        self.classes.len() + picture.max(2)
    }

    /// Writes all that is wanted of an image, and returns it in a line.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&mut self, place: &PhotoPlace, photo: &Photo, probs: &[f32]) -> Result<String, Failure> {
        let [h, w] = photo.size;
        let files = Files { arguments: self.arguments, classes: self.classes };
        let planes: Vec<&[f32]> = probs.chunks_exact(h * w).collect();
        let at = || planes.iter().zip(&self.thresholds);
        let masks: Vec<Vec<bool>> = at().map(|(plane, threshold)| plane.iter().map(|p| p >= threshold).collect()).collect();
        for (class, (plane, mask)) in planes.iter().zip(&masks).enumerate() {
            self.save(&files.of_class(place, class, "mask"), mask_picture(mask, [h, w]).into())?;
            if self.arguments.probabilities {
                self.save(&files.of_class(place, class, "probability"), probability_picture(plane, [h, w]))?;
            }
        }
        if self.arguments.overlays {
            let shown =
                photo.shown(self.preprocess).map_err(|problem| mistake(format!("{}: {problem}", place.path.display())))?;
            self.save(&files.overlay(place), paint(&shown, [h, w], &masks).into())?;
        }
        let measures: Vec<Measure> = at().map(|(plane, threshold)| measure(plane, w, *threshold)).collect();
        self.rows(place, [h, w], &measures)?;
        Ok(self.line(place, &measures))
    }

    fn save(&self, path: &Path, picture: DynamicImage) -> Result<(), Failure> {
        let write = || -> anyhow::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            Ok(picture.save(path)?)
        };
        Ok(write().with_context(|| format!("writing {}", path.display()))?)
    }

    fn rows(&mut self, place: &PhotoPlace, [h, w]: [usize; 2], measures: &[Measure]) -> Result<(), Failure> {
        let ratio = self.ratio(measures);
        for (class, m) in measures.iter().enumerate() {
            let confidence = m.confidence.map(|p| format!("{p:.6}")).unwrap_or_default();
            let numbers = [w.to_string(), h.to_string(), m.area.to_string(), format!("{:.6}", m.share), confidence];
            let extents = [m.parts, m.height, m.width].map(|n| n.to_string());
            let of_cup = self.disc_and_cup.map(|(_, cup)| if cup == class { ratio.clone() } else { String::new() });
            let row = [place.name.clone(), self.classes[class].clone()].into_iter().chain(numbers).chain(extents).chain(of_cup);
            self.table.write_record(row.map(|field| to_field(&field).into_owned()))?;
        }
        Ok(self.table.flush()?)
    }

    /// The vertical cup-to-disc ratio as text; empty where there is none.
    fn ratio(&self, measures: &[Measure]) -> String {
        let ratio = self.disc_and_cup.and_then(|(disc, cup)| cup_to_disc(&measures[disc], &measures[cup]));
        ratio.map(|ratio| format!("{ratio:.4}")).unwrap_or_default()
    }

    fn line(&self, place: &PhotoPlace, measures: &[Measure]) -> String {
        let parts = self.classes.iter().zip(measures).map(|(class, m)| format!("{class} {:.1} %", 100.0 * m.share));
        let ratio = self.ratio(measures);
        let ratio = if ratio.is_empty() { String::new() } else { format!(", vertical cup-to-disc ratio {ratio}") };
        format!("{}: {}{ratio}", place.name, parts.collect::<Vec<_>>().join(", "))
    }
}

/// Where the files of an image go.
#[derive(Clone, Copy)]
struct Files<'a> {
    arguments: &'a Arguments,
    classes: &'a [String],
}

impl Files<'_> {
    /// `NAME_mask.png` of a single class, `NAME_CLASS_mask.png` of several.
    fn of_class(&self, place: &PhotoPlace, class: usize, kind: &str) -> PathBuf {
        let class = if self.classes.len() == 1 { String::new() } else { format!("{}_", self.classes[class]) };
        self.arguments.out.join(format!("{}_{class}{kind}.png", fitting(&place.name, LONGEST_NAME)))
    }

    fn overlay(&self, place: &PhotoPlace) -> PathBuf {
        self.arguments.out.join(format!("{}_overlay.png", fitting(&place.name, LONGEST_NAME)))
    }

    /// All that are wanted of an image, each with what it shows in words.
    fn all(&self, place: &PhotoPlace) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        for (class, name) in self.classes.iter().enumerate() {
            let kinds = ["mask", "probability"].into_iter().take(1 + usize::from(self.arguments.probabilities));
            files
                .extend(kinds.map(|kind| (self.of_class(place, class, kind), format!("the {kind} of {name} in {}", place.name))));
        }
        files.extend(self.arguments.overlays.then(|| (self.overlay(place), format!("the overlay of {}", place.name))));
        files
    }

    /// Every file has a name of its own, on file systems that do not tell capital letters from small ones too, and none is a folder of
    /// another.
    fn check_names(&self, places: &[PhotoPlace]) -> Result<(), Failure> {
        let folded = |path: &Path| path.to_string_lossy().to_lowercase();
        let mut taken: BTreeMap<String, (PathBuf, String)> = BTreeMap::new();
        for (path, what) in places.iter().flat_map(|place| self.all(place)) {
            if let Some((other, before)) = taken.insert(folded(&path), (path.clone(), what.clone())) {
                let case = if other == path { "" } else { ", but for capital letters, which not every file system tells apart" };
                return Err(mistake(format!(
                    "{before} and {what} would be one file, {}{case}; rename an image, or predict them into different --out",
                    path.display()
                )));
            }
        }
        for (path, what) in taken.values() {
            let above = path.ancestors().skip(1).find_map(|folder| taken.get(&folded(folder)));
            if let Some((other, before)) = above {
                return Err(mistake(format!(
                    "{what} needs a folder where {before} would be a file, {}; rename one, or predict them into different --out",
                    other.display()
                )));
            }
        }
        Ok(())
    }

    /// Nothing is replaced unasked, and no image that is predicted on at all.
    fn check_present(&self, places: &[PhotoPlace], table: &Path) -> Result<(), Failure> {
        let files = || places.iter().flat_map(|place| self.all(place)).map(|(path, _)| path).filter(|path| path.exists());
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let images: HashSet<PathBuf> = places.iter().map(|place| real(&place.path)).collect();
        let there = |path: &Path| {
            Err(mistake(format!("{} is there already; name another --out, or say --force to replace it", path.display())))
        };
        if table.exists() && !self.arguments.force {
            return there(table);
        }
        if let Some(path) = files().find(|path| images.contains(&real(path))) {
            return Err(mistake(format!("{} is one of the images, which it would replace; name another --out", path.display())));
        }
        files().find(|_| !self.arguments.force).map_or(Ok(()), |path| there(&path))
    }
}

fn sides([h, w]: [usize; 2]) -> (u32, u32) {
    (u32::try_from(w).expect("the image was decoded, so sides fit"), u32::try_from(h).expect("as its width"))
}

/// 255 in the foreground.
fn mask_picture(mask: &[bool], size: [usize; 2]) -> GrayImage {
    let (width, height) = sides(size);
    GrayImage::from_vec(width, height, mask.iter().map(|m| if *m { 255 } else { 0 }).collect()).expect("a byte a pixel")
}

/// 65535 is probability 1.
fn probability_picture(plane: &[f32], size: [usize; 2]) -> DynamicImage {
    let (width, height) = sides(size);
    let values: Vec<u16> = plane.iter().map(|p| (p * 65535.0).round() as u16).collect();
    let picture: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_vec(width, height, values).expect("a value a pixel");
    picture.into()
}
