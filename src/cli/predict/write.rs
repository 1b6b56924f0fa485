//! What a prediction leaves: PNGs of each image, and a row of predictions.csv for each of its classes.

use super::super::{Failure, mistake};
use super::Arguments;
use anyhow::Context;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use umlaut::data::{Photo, PhotoPlace};
use umlaut::predict::{Measure, cup_to_disc, measure};
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
    /// Places of disc and cup among the classes, if there are both.
    disc_and_cup: Option<(usize, usize)>,
    table: csv::Writer<File>,
}

impl<'a> Writer<'a> {
    /// Opens predictions.csv.
    ///
    /// # Errors
    /// If there is one and it may not be replaced, or it cannot be written.
    pub fn new(arguments: &'a Arguments, classes: &'a [String]) -> Result<Self, Failure> {
        let path = arguments.out.join(TABLE);
        if path.exists() && !arguments.force {
            return Err(mistake(format!(
                "{} is there already; name another --out, or say --force to replace it",
                path.display()
            )));
        }
        fs::create_dir_all(&arguments.out).with_context(|| format!("creating {}", arguments.out.display()))?;
        let mut table = csv::Writer::from_path(&path).with_context(|| format!("writing {}", path.display()))?;
        let place = |name: &str| classes.iter().position(|class| class == name);
        let disc_and_cup = place("disc").zip(place("cup"));
        let measures = ["image", "class", "width", "height", "area_px", "area_share", "mean_probability", "parts"];
        let extents = ["extent_height_px", "extent_width_px"];
        table.write_record(measures.into_iter().chain(extents).chain(disc_and_cup.map(|_| "vertical_cup_to_disc")))?;
        Ok(Self { arguments, classes, disc_and_cup, table })
    }

    /// Bytes that writing takes for each pixel of an image, beside its values and probabilities: masks, and one picture at a time.
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
        let ([h, w], threshold) = (photo.size, self.arguments.threshold);
        let planes: Vec<&[f32]> = probs.chunks_exact(h * w).collect();
        let masks: Vec<Vec<bool>> = planes.iter().map(|plane| plane.iter().map(|p| *p >= threshold).collect()).collect();
        for (class, (plane, mask)) in planes.iter().zip(&masks).enumerate() {
            self.save(&self.path(place, class, "mask"), mask_picture(mask, [h, w]).into())?;
            if self.arguments.probabilities {
                self.save(&self.path(place, class, "probability"), probability_picture(plane, [h, w]))?;
            }
        }
        if self.arguments.overlays {
            self.save(
                &self.arguments.out.join(format!("{}_overlay.png", fitting(&place.name, LONGEST_NAME))),
                paint(&photo.planes(photo.channels), [h, w], &masks).into(),
            )?;
        }
        let measures: Vec<Measure> = planes.iter().map(|plane| measure(plane, w, threshold)).collect();
        self.rows(place, [h, w], &measures)?;
        Ok(self.line(place, &measures))
    }

    /// `NAME_mask.png` of a single class, `NAME_CLASS_mask.png` of several.
    fn path(&self, place: &PhotoPlace, class: usize, kind: &str) -> PathBuf {
        let class = if self.classes.len() == 1 { String::new() } else { format!("{}_", self.classes[class]) };
        self.arguments.out.join(format!("{}_{class}{kind}.png", fitting(&place.name, LONGEST_NAME)))
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

fn sides([h, w]: [usize; 2]) -> (u32, u32) {
    (u32::try_from(w).expect("the image was decoded, so sides fit"), u32::try_from(h).expect("as its width"))
}

/// 255 where marked.
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
