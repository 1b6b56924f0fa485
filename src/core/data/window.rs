//! The part of a picture that a sample shows.

use super::Sample;
use super::random::generator;
use crate::config::Patches;
use rand::Rng;
use std::ops::Range;

/// A rectangle within a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Height and width of the picture.
    pub image: [usize; 2],
    /// Its first pixel.
    pub corner: [usize; 2],
    /// Its own height and width.
    pub size: [usize; 2],
}

impl Window {
    /// All of a picture.
    pub fn whole(image: [usize; 2]) -> Self {
        Self { image, corner: [0, 0], size: image }
    }

    /// A random part of a sample, which follows from seed, epoch and the number of the draw alone.
    pub fn draw(patches: &Patches, sample: &Sample, image: [usize; 2], numbers: [u64; 3]) -> Self {
        let mut rng = generator("umlaut patch", &numbers);
        let held = rng.random::<f64>() < patches.foreground;
        let pixel = if held { marked(&sample.mask, image, &mut rng) } else { None };
        let corner = [0, 1].map(|axis| {
            let corners = corners(image[axis], patches.size[axis], pixel.map(|pixel| pixel[axis]));
            rng.random_range(corners)
        });
        Self { image, corner, size: patches.size }
    }

    /// Where the pixel at this place of the window lies in a plane of the picture.
    pub fn offset(self, y: usize, x: usize) -> usize {
        (self.corner[0] + y) * self.image[1] + self.corner[1] + x
    }
}

/// Where a window can begin along an axis, and hold a pixel if there is one.
fn corners(image: usize, window: usize, pixel: Option<usize>) -> Range<usize> {
    let last = image - window;
    match pixel {
        Some(pixel) => (pixel + 1).saturating_sub(window)..pixel.min(last) + 1,
        None => 0..last + 1,
    }
}

/// A pixel of a class, each class that there is as likely as another, and so each of its pixels; `None` if nothing is marked.
fn marked(mask: &[u8], [h, w]: [usize; 2], rng: &mut impl Rng) -> Option<[usize; 2]> {
    let planes = mask.chunks_exact(h * w).map(|plane| (plane, plane.iter().filter(|marked| **marked == 1).count()));
    let present: Vec<(&[u8], usize)> = planes.filter(|(_, count)| *count > 0).collect();
    if present.is_empty() {
        return None;
    }
    let (plane, count) = present[rng.random_range(0..present.len())];
    let chosen = rng.random_range(0..count);
    let at = plane.iter().enumerate().filter(|(_, marked)| **marked == 1).nth(chosen)?.0;
    Some([at / w, at % w])
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: [usize; 2] = [40, 60];

    /// One class fills the right half, one is a single pixel.
    fn sample() -> Sample {
        let mut mask: Vec<u8> = (0..2400).map(|at| u8::from(at % 60 >= 30)).collect();
        mask.extend((0..2400).map(|at| u8::from(at == 39 * 60 + 2)));
        Sample { name: String::new(), image: Vec::new().into(), mask }
    }

    fn windows(foreground: f64) -> Vec<Window> {
        let patches = Patches { size: [8, 12], foreground, ..Patches::default() };
        (0..1000).map(|index| Window::draw(&patches, &sample(), IMAGE, [1, 2, index])).collect()
    }

    fn holds(window: &Window, y: usize, x: usize) -> bool {
        [y, x].iter().enumerate().all(|(axis, at)| (window.corner[axis]..window.corner[axis] + window.size[axis]).contains(at))
    }

    #[test]
    fn windows_lie_within_and_reach_every_edge() {
        for foreground in [0.0, 1.0] {
            let windows = windows(foreground);
            assert!(windows.iter().all(|w| w.corner[0] <= 32 && w.corner[1] <= 48));
            for (axis, last) in [(0, 32), (1, 48)] {
                assert!(windows.iter().any(|w| w.corner[axis] == last), "{foreground}: the end of axis {axis}");
                assert!(windows.iter().any(|w| w.corner[axis] == 0), "{foreground}: the start of axis {axis}");
            }
        }
    }

    #[test]
    fn the_share_of_windows_with_a_marked_pixel_is_kept() {
        let lonely = |windows: &[Window]| windows.iter().filter(|w| holds(w, 39, 2)).count();
        // By chance a window holds that pixel if it is one of 1 · 3 corners of 33 · 49: once or twice in 1000.
        assert!(lonely(&windows(0.0)) < 12);
        // Else the class is chosen half the times: sd 16.
        assert!((430..=570).contains(&lonely(&windows(1.0))), "{}", lonely(&windows(1.0)));
        assert!((185..=330).contains(&lonely(&windows(0.5))), "{}", lonely(&windows(0.5)));
        let all = windows(1.0);
        assert!(all.iter().all(|w| holds(w, 39, 2) || w.corner[1] + 12 > 30));
    }

    #[test]
    fn a_sample_without_marks_is_drawn_from_anywhere() {
        let patches = Patches { size: [40, 60], foreground: 1.0, ..Patches::default() };
        let empty = Sample { mask: vec![0; 4800], ..sample() };
        assert_eq!(Window::draw(&patches, &empty, IMAGE, [1, 1, 1]), Window::whole(IMAGE));
    }
}
