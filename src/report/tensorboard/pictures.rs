//! Pictures of a run's samples: the image twice, with the outlines of the truth on the left and of the prediction on the right.

use super::event::Picture;
use crate::report::chart::class_color;
use crate::store::{self, RunDir};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

/// Small pictures are shown so large that an outline does not cover what it surrounds.
const SHORT_SIDE: u32 = 256;
/// Width of an outline and, doubled, of the gap between both halves.
const LINE: u32 = 2;
const GAP: u32 = 2 * LINE;

/// Draws a sample.
///
/// # Errors
/// In words, if a file is missing, is no picture, or has another size than the others.
pub(super) fn draw(run: &RunDir, name: &str) -> Result<Picture, String> {
    let image = load(run, name, "image")?.into_rgb8();
    let (width, height) = image.dimensions();
    let times = SHORT_SIDE.div_ceil(width.min(height).max(1));
    let (wide, high) = (width * times, height * times);
    let image = imageops::resize(&image, wide, high, FilterType::Triangle);
    let mut both = RgbImage::from_pixel(2 * wide + GAP, high, Rgb([255; 3]));
    for (kind, left) in [("truth", 0), ("pred", wide + GAP)] {
        let mask = load(run, name, kind)?.into_luma8();
        if mask.dimensions() != (width, height) {
            let (path, (w, h)) = (run.sample_picture(name, kind), mask.dimensions());
            return Err(format!("{}: {w}×{h} pixels, but the image has {width}×{height}", path.display()));
        }
        let mut half = image.clone();
        outline(&mut half, &imageops::resize(&mask, wide, high, FilterType::Nearest));
        imageops::replace(&mut both, &half, left.into(), 0);
    }
    let mut png = Cursor::new(Vec::new());
    both.write_to(&mut png, ImageFormat::Png).expect("8-bit RGB is PNG's own");
    Ok(Picture { width: both.width(), height: both.height(), png: png.into_inner() })
}

fn load(run: &RunDir, name: &str, kind: &str) -> Result<DynamicImage, String> {
    let path = run.sample_picture(name, kind);
    let bytes = store::read_bytes(&path).map_err(|e| e.to_string())?;
    image::load_from_memory_with_format(&bytes, ImageFormat::Png).map_err(|e| format!("{}: {e}", path.display()))
}

/// Colours the pixels of each class that have another pixel near; bit k of a mask's pixel says that it belongs to class k.
fn outline(image: &mut RgbImage, mask: &GrayImage) {
    let (width, height) = mask.dimensions();
    let bits = |x: u32, y: u32| mask.get_pixel(x, y).0[0];
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let near = [
            bits(x.saturating_sub(LINE), y),
            bits((x + LINE).min(width - 1), y),
            bits(x, y.saturating_sub(LINE)),
            bits(x, (y + LINE).min(height - 1)),
        ];
        let edge = bits(x, y) & !near.iter().fold(u8::MAX, |all, bits| all & bits);
        if edge != 0 {
            // Where two outlines meet, that of the later class is above: a cup lies within its disc.
            let color = class_color((u8::BITS - 1 - edge.leading_zeros()) as usize);
            *pixel = Rgb([color.0, color.1, color.2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn truth_is_left_and_prediction_right() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        fs::create_dir(run.samples()).unwrap();
        let save = |kind: &str, picture: DynamicImage| picture.save(run.sample_picture("a", kind)).unwrap();
        save("image", RgbImage::from_pixel(8, 8, Rgb([9; 3])).into());
        save("truth", GrayImage::from_fn(8, 8, |x, _| image::Luma([u8::from(x < 4)])).into());
        save("pred", GrayImage::from_fn(8, 8, |x, _| image::Luma([2 * u8::from(x < 2)])).into());
        let picture = draw(&run, "a").unwrap();
        assert_eq!((picture.width, picture.height), (2 * 256 + GAP, 256));
        let drawn = image::load_from_memory(&picture.png).unwrap().into_rgb8();
        let color = |class: usize| [class_color(class).0, class_color(class).1, class_color(class).2];
        let at = |x: u32| drawn.get_pixel(x, 100).0;
        assert_eq!([at(127), at(128), at(120)], [color(0), [9; 3], [9; 3]]);
        assert_eq!([at(256), at(256 + GAP + 63), at(256 + GAP + 64)], [[255; 3], color(1), [9; 3]]);
    }

    #[test]
    fn masks_of_another_size_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::at(dir.path());
        fs::create_dir(run.samples()).unwrap();
        RgbImage::new(8, 8).save(run.sample_picture("a", "image")).unwrap();
        GrayImage::new(8, 4).save(run.sample_picture("a", "truth")).unwrap();
        let problem = draw(&run, "a").err().unwrap();
        assert!(problem.ends_with("a_truth.png: 8×4 pixels, but the image has 8×8"), "{problem}");
    }
}
