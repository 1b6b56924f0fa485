//! Masks painted on a photograph, pixel by pixel: a light fill and an outline in each class's colour.

use super::chart::class_color;
use image::{Rgb, RgbImage};

/// Part of the class's colour in the fill.
const FILL: f32 = 0.25;

/// Paints masks on a photograph, the first class red, the second yellow. Outlines lie within their masks.
///
/// # Shapes
/// `photo`: channels · height · width in [0, 1]: of one or two channels the first is shown as grey, else the first three as RGB; each mask:
/// height · width.
pub fn paint(photo: &[f32], [h, w]: [usize; 2], masks: &[Vec<bool>]) -> RgbImage {
    let plane = |c: usize, at: usize| photo[if photo.len() < 3 * h * w { at } else { c * h * w + at }];
    let mut pixels: Vec<[f32; 3]> = (0..h * w).map(|at| [0, 1, 2].map(|c| 255.0 * plane(c, at).clamp(0.0, 1.0))).collect();
    // A three-hundredth of the shorter side is seen in print as on a screen.
    let reach = (h.min(w) as f64 / 300.0).round().max(1.0) as usize;
    for (class, mask) in masks.iter().enumerate() {
        let color = class_color(class);
        let color = [color.0, color.1, color.2].map(f32::from);
        for at in (0..h * w).filter(|at| mask[*at]) {
            let part = if at_edge(mask, [h, w], at, reach) { 1.0 } else { FILL };
            pixels[at].iter_mut().zip(color).for_each(|(own, color)| *own += part * (color - *own));
        }
    }
    let (width, height) = (u32::try_from(w).unwrap_or(u32::MAX), u32::try_from(h).unwrap_or(u32::MAX));
    RgbImage::from_fn(width, height, |x, y| Rgb(pixels[y as usize * w + x as usize].map(|v| v.round() as u8)))
}

/// Whether an unmarked pixel is within reach; what lies beyond the picture is none.
fn at_edge(mask: &[bool], [h, w]: [usize; 2], at: usize, reach: usize) -> bool {
    let (y, x) = (at / w, at % w);
    let near = |at: usize, length: usize| at.saturating_sub(reach)..(at + reach + 1).min(length);
    near(y, h).any(|y| near(x, w).any(|x| !mask[y * w + x]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_class_is_red_and_the_second_yellow_on_top() {
        let mut masks = vec![vec![false; 49]; 2];
        for (y, x) in (1..6).flat_map(|y| (1..6).map(move |x| (y, x))) {
            masks[0][y * 7 + x] = true;
        }
        masks[1][3 * 7 + 3] = true;
        let picture = paint(&[0.5; 49], [7, 7], &masks);
        assert_eq!(picture.get_pixel(0, 0).0, [128; 3]);
        assert_eq!(picture.get_pixel(1, 1).0, [0xff, 0x3b, 0x30], "an outline");
        assert_eq!(picture.get_pixel(3, 3).0, [0xff, 0xe0, 0x33]);
        let [r, g, b] = picture.get_pixel(2, 3).0;
        assert!(r > 150 && g < 120 && b < 120, "a light fill: {r} {g} {b}");
        assert_eq!(paint(&[0.0, 1.0, 0.0], [1, 1], &[]).get_pixel(0, 0).0, [0, 255, 0]);
        assert_eq!(paint(&[0.0, 1.0], [1, 1], &[]).get_pixel(0, 0).0, [0; 3], "the first of two channels");
        assert_eq!(paint(&[0.0, 1.0, 0.0, 1.0, 1.0], [1, 1], &[]).get_pixel(0, 0).0, [0, 255, 0], "the first three of five");
    }
}
