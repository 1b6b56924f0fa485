//! The contact sheet: samples of every split with the outlines of their masks, as an image or as a drawing with their names.

use super::super::failure::{Failure, mistake};
use super::samples::{marks, masks, splits};
use image::{ImageFormat, RgbImage, imageops};
use std::io::Cursor;
use std::path::Path;
use umlaut::data::{self, Dataset, Draw, Splits};
use umlaut::report::{Tile, contact_sheet, paint};
use umlaut::store::write_atomic;

/// Samples on a sheet, and how many stand side by side.
const SHOWN: usize = 24;
const COLUMNS: usize = 6;
/// Longer side of an image on the sheet, and what lies between two, in pixels.
const SIDE: u32 = 192;
const GAP: u32 = 8;

/// What a sheet is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Images alone.
    Png,
    /// Images and words.
    Svg,
}

impl Form {
    /// By a file's extension.
    ///
    /// # Errors
    /// If it is neither.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            _ => Err(mistake(format!("--sheet {}: a contact sheet is a .png, or an .svg with names", path.display()))),
        }
    }
}

/// Evenly spaced samples of each split, as many of each as its share of the sheet.
fn shown(split: &Splits) -> Vec<(&'static str, Vec<usize>)> {
    let splits = splits(split);
    let rows = SHOWN / COLUMNS;
    let of_part = |samples: &[usize], rows: usize| {
        let count = samples.len().min(rows * COLUMNS);
        (0..count).map(|i| samples[i * samples.len() / count]).collect()
    };
    let spare = rows + 1 - splits.len();
    splits
        .into_iter()
        .enumerate()
        .map(|(at, (part, samples))| (part, of_part(samples, if at == 0 { spare } else { 1 })))
        .collect()
}

/// `18 of train, 3 of val`: what stands on a sheet, from the top.
pub fn order(split: &Splits) -> String {
    shown(split).iter().map(|(part, samples)| format!("{} of {part}", samples.len())).collect::<Vec<_>>().join(", ")
}

/// Writes the sheet, each split from a new row on; the samples as a `draw` changes them, if there is one.
///
/// # Errors
/// If it cannot be written.
pub fn write(data: &Dataset, split: &Splits, draw: Option<Draw>, path: &Path, form: Form) -> Result<(), Failure> {
    let mut pictures: Vec<(&str, Vec<usize>, Vec<RgbImage>)> = Vec::new();
    for (part, samples) in shown(split) {
        let small = samples.iter().map(|index| small(data, *index, draw)).collect::<candle_core::Result<_>>()?;
        pictures.push((part, samples, small));
    }
    let bytes = match form {
        Form::Png => {
            let mut bytes = Cursor::new(Vec::new());
            picture(&pictures.into_iter().map(|(.., pictures)| pictures).collect::<Vec<_>>())
                .write_to(&mut bytes, ImageFormat::Png)?;
            bytes.into_inner()
        }
        Form::Svg => {
            let tile = |(index, picture): (&usize, RgbImage)| Tile { name: data.samples[*index].name.clone(), picture };
            let tiles =
                pictures.into_iter().map(|(part, samples, pictures)| (part, samples.iter().zip(pictures).map(tile).collect()));
            contact_sheet(&data.classes, COLUMNS, &tiles.collect::<Vec<_>>()).into_bytes()
        }
    };
    Ok(write_atomic(path, &bytes)?)
}

/// A sample as it trains, with its masks, at the sheet's scale.
fn small(data: &Dataset, index: usize, draw: Option<Draw>) -> candle_core::Result<RgbImage> {
    let batch = data::batch(data, &[index], draw, &candle_core::Device::Cpu)?;
    let (_, _, h, w) = batch.images.dims4()?;
    let scale = f64::from(SIDE) / h.max(w) as f64;
    let [height, width] = [h, w].map(|side| (side as f64 * scale).round().max(1.0) as u32);
    let (image, mask) = (batch.images.flatten_all()?.to_vec1::<f32>()?, marks(&batch)?);
    let painted = paint(&image, [h, w], &masks(&mask, h * w));
    Ok(imageops::resize(&painted, width, height, imageops::FilterType::Triangle))
}

/// All images, which are of one size, on white.
fn picture(splits: &[Vec<RgbImage>]) -> RgbImage {
    let rows: Vec<&[RgbImage]> = splits.iter().flat_map(|pictures| pictures.chunks(COLUMNS)).collect();
    let (width, height) = rows.first().map_or((1, 1), |row| row[0].dimensions());
    let columns = rows.iter().map(|row| row.len()).max().unwrap_or(1) as u32;
    let sides = (columns * (width + GAP) + GAP, rows.len() as u32 * (height + GAP) + GAP);
    let mut sheet = RgbImage::from_pixel(sides.0, sides.1, image::Rgb([255; 3]));
    for (row, pictures) in (0i64..).zip(&rows) {
        for (column, picture) in (0i64..).zip(*pictures) {
            let place = |at: i64, side: u32| i64::from(GAP) + at * i64::from(side + GAP);
            imageops::replace(&mut sheet, picture, place(column, width), place(row, height));
        }
    }
    sheet
}
