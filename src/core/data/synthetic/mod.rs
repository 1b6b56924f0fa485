//! Drawn fundus photographs with exact masks of optic disc and cup: the data set that needs no files.
//! [`draw`] gives picture `index` of the set `seed`, the same on every machine: arithmetic is +, −, ×, ÷, √ and `libm`, and
//! random numbers are ChaCha8 words. It refuses to know files, splits and tensors.

mod canvas;
mod lesions;
mod mottle;
mod paint;
mod random;
mod scene;
mod shape;
#[cfg(test)]
mod tests;
mod vessels;

use canvas::Frame;
use scene::Scene;
use shape::Outline;

/// Changes whenever a picture or a mask does; part of the data set's fingerprint.
pub const GENERATOR_VERSION: u32 = 1;

/// A photograph and what is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Red, green and blue, height·width·3 bytes, row by row.
    pub rgb: Vec<u8>,
    /// 1 where a pixel's centre is in the optic disc, cup included; else 0; height·width bytes.
    pub disc: Vec<u8>,
    /// 1 where a pixel's centre is in the optic cup; else 0; height·width bytes.
    pub cup: Vec<u8>,
}

/// Draws picture `index` of the set `seed` at `size` = [height, width], both at least 32.
///
/// The scene (eye, lamp, camera) depends on `seed` and `index` only, so that the same picture at another size is the same eye;
/// only the sensor's noise differs. The field is centred and its radius follows the smaller side. Masks have value 1 where the
/// centre of the pixel lies within the outline, which is also where the soft border has half of its height.
pub fn draw(seed: u64, index: usize, size: [usize; 2]) -> Drawn {
    let scene = Scene::new(seed, index);
    let frame = Frame::new(&scene.camera, size);
    let rgb = paint::photograph(&scene, &frame, seed, index);
    Drawn { rgb, disc: mask(&frame, &scene.disc), cup: mask(&frame, &scene.cup) }
}

/// 1 where the centre of the pixel lies within the outline.
fn mask(frame: &Frame, outline: &Outline) -> Vec<u8> {
    let mut mask = vec![0; frame.height * frame.width];
    let centre = outline.centre;
    frame.near(centre, centre, outline.reach() + 1.0 / frame.radius, |pixel, _| {
        let p = frame.point(pixel / frame.width, pixel % frame.width);
        mask[pixel] = u8::from(outline.depth(p) >= 0.0);
    });
    mask
}
