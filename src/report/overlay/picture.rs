//! A sample of a run: its picture, its masks, and how well they agree.

use crate::store::{self, RunDir};
use image::{DynamicImage, GrayImage, ImageFormat, imageops::FilterType};
use std::io::Cursor;
use std::path::Path;

/// Picture, truth and prediction of one image. Bit k of a mask's pixel says that it belongs to class k.
pub(super) struct Sample {
    pub name: String,
    pub width: usize,
    pub height: usize,
    /// As PNG, at most [`LONGEST`] pixels a side.
    pub png: Vec<u8>,
    pub truth: Vec<u8>,
    pub pred: Vec<u8>,
}

/// A sample, and its masks by epoch.
type Course = (Sample, Vec<(usize, Vec<u8>)>);

/// A picture of 27 mm needs no more for print at 300 dpi.
const LONGEST: u32 = 336;

/// The names of the samples that have a picture, short ones first: `slice-3` before `slice-11`.
///
/// # Errors
/// If the directory cannot be listed; one that is missing has no samples.
pub(super) fn names(run: &RunDir) -> std::io::Result<Vec<String>> {
    let dir = run.samples();
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        names.extend(file.strip_suffix("_image.png").map(str::to_owned));
    }
    names.sort_by_key(|name| (name.len(), name.clone()));
    Ok(names)
}

/// Reads a sample.
///
/// # Errors
/// In words, if a file is missing, is no picture, or has another size than the others.
pub(super) fn read(run: &RunDir, name: &str) -> Result<Sample, String> {
    let open = |kind: &str| {
        let path = run.sample_picture(name, kind);
        load(&path).map(|picture| (path, picture))
    };
    let (_, picture) = open("image")?;
    let (width, height) = (picture.width(), picture.height());
    let mask = |kind: &str| {
        let (path, mask) = open(kind)?;
        if (mask.width(), mask.height()) != (width, height) {
            let (w, h) = (mask.width(), mask.height());
            return Err(format!("{}: {w}×{h} pixels, but the image has {width}×{height}", path.display()));
        }
        Ok(mask.into_luma8().into_raw())
    };
    let (truth, pred) = (mask("truth")?, mask("pred")?);
    Ok(Sample { name: name.to_owned(), width: width as usize, height: height as usize, png: png(picture), truth, pred })
}

/// A sample with the masks that were kept of it after epochs, all as large as these; `None` if none were.
///
/// # Errors
/// As [`read`].
pub(super) fn course(run: &RunDir, name: &str) -> Result<Option<Course>, String> {
    let epochs = run.pictured_epochs(name).map_err(|e| e.to_string())?;
    let mut masks: Vec<(usize, GrayImage)> = Vec::new();
    for epoch in epochs {
        masks.push((epoch, load(&run.epoch_picture(name, epoch))?.into_luma8()));
    }
    let Some((_, first)) = masks.first() else { return Ok(None) };
    let (width, height) = first.dimensions();
    if masks.iter().any(|(_, mask)| mask.dimensions() != (width, height)) {
        return Err(format!("{}: the masks of epochs have different sizes", run.epoch_picture(name, masks[0].0).display()));
    }
    let Sample { name, png, truth, width: w, height: h, .. } = read(run, name)?;
    let truth = GrayImage::from_raw(w as u32, h as u32, truth).expect("a mask has a byte for each pixel");
    let truth = image::imageops::resize(&truth, width, height, FilterType::Nearest).into_raw();
    let sample = Sample { name, png, truth, pred: Vec::new(), width: width as usize, height: height as usize };
    Ok(Some((sample, masks.into_iter().map(|(epoch, mask)| (epoch, mask.into_raw())).collect())))
}

fn load(path: &Path) -> Result<DynamicImage, String> {
    let bytes = store::read_bytes(path).map_err(|e| e.to_string())?;
    image::load_from_memory_with_format(&bytes, ImageFormat::Png).map_err(|e| format!("{}: {e}", path.display()))
}

fn png(picture: DynamicImage) -> Vec<u8> {
    let big = picture.width().max(picture.height()) > LONGEST;
    let picture = if big { picture.resize(LONGEST, LONGEST, FilterType::Triangle) } else { picture };
    let gray = !picture.color().has_color();
    let picture: DynamicImage = if gray { picture.into_luma8().into() } else { picture.into_rgb8().into() };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("8-bit grey and RGB are PNG's own");
    bytes.into_inner()
}

impl Sample {
    /// How many classes the masks name at least.
    pub(super) fn classes(&self) -> usize {
        let all = self.truth.iter().chain(&self.pred).fold(0, |all, bits| all | bits);
        (u8::BITS - all.leading_zeros()) as usize
    }
}

/// The pixels of a class.
pub(super) fn class(mask: &[u8], class: usize) -> Vec<bool> {
    mask.iter().map(|bits| class < 8 && bits & 1 << class != 0).collect()
}

/// Dice of two masks, 2·|A∩B| / (|A| + |B|); 1 if both are empty.
pub(super) fn dice(a: &[bool], b: &[bool]) -> f64 {
    let count = |mask: &[bool]| mask.iter().filter(|p| **p).count();
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    let sum = count(a) + count(b);
    if sum == 0 { 1.0 } else { 2.0 * both as f64 / sum as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_of_empty_masks() {
        let (none, one, two) = ([false; 3], [true, false, false], [true, true, false]);
        assert_eq!((dice(&none, &none), dice(&none, &one), dice(&one, &none)), (1.0, 0.0, 0.0));
        assert_eq!(dice(&one, &two), 2.0 / 3.0);
    }

    #[test]
    fn bits_are_classes() {
        assert_eq!(class(&[0, 1, 2, 3], 0), [false, true, false, true]);
        assert_eq!(class(&[0, 1, 2, 3], 1), [false, false, true, true]);
    }
}
