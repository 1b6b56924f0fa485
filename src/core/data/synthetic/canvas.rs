//! Pixels: where they lie in the field, how much of each a vessel or a spot covers, and the lens's blur.
//! It refuses to know colours and anatomy.

use super::scene::{Camera, Colour};
use super::shape::{Point, bump};
use super::vessels::{Kind, Vessel};

/// The map between pixels and field radii.
pub(super) struct Frame {
    pub height: usize,
    pub width: usize,
    /// Field radius in pixels.
    pub radius: f64,
    mirror: f64,
}

impl Frame {
    pub(super) fn new(camera: &Camera, [height, width]: [usize; 2]) -> Self {
        Self { height, width, radius: camera.field * height.min(width) as f64, mirror: camera.mirror }
    }

    /// The point of the field at a pixel's centre.
    pub(super) fn point(&self, row: usize, column: usize) -> Point {
        let x = column as f64 + 0.5 - 0.5 * self.width as f64;
        let y = row as f64 + 0.5 - 0.5 * self.height as f64;
        [self.mirror * x / self.radius, y / self.radius]
    }

    /// Calls `visit(pixel, distance in field radii)` for each pixel whose centre is within `reach` of the segment `from`-`to`.
    pub(super) fn near(&self, from: Point, to: Point, reach: f64, mut visit: impl FnMut(usize, f64)) {
        let [a, b] = [self.pixel(from), self.pixel(to)];
        let reach = reach * self.radius;
        let along = [b[0] - a[0], b[1] - a[1]];
        let square = along[0] * along[0] + along[1] * along[1];
        for row in range(a[1].min(b[1]) - reach, a[1].max(b[1]) + reach, self.height) {
            for column in range(a[0].min(b[0]) - reach, a[0].max(b[0]) + reach, self.width) {
                let [x, y] = [column as f64 - a[0], row as f64 - a[1]];
                let t = if square > 0.0 { ((x * along[0] + y * along[1]) / square).clamp(0.0, 1.0) } else { 0.0 };
                let [x, y] = [x - t * along[0], y - t * along[1]];
                let distance = (x * x + y * y).sqrt();
                if distance <= reach {
                    visit(row * self.width + column, distance / self.radius);
                }
            }
        }
    }

    /// Where a point lies, in pixels, whole numbers at the centres.
    fn pixel(&self, p: Point) -> Point {
        let x = self.mirror * p[0] * self.radius + 0.5 * self.width as f64 - 0.5;
        [x, p[1] * self.radius + 0.5 * self.height as f64 - 0.5]
    }
}

/// The whole numbers of [low, high] that are below `end`.
fn range(low: f64, high: f64, end: usize) -> std::ops::Range<usize> {
    // Casts of floats saturate: what is negative becomes 0.
    low.max(0.0).ceil() as usize..((high + 1.0).max(0.0) as usize).min(end)
}

/// How much of each pixel the vessels of one kind cover, and the light reflex on their crest.
pub(super) struct Coverage {
    pub blood: Vec<f64>,
    pub reflex: Vec<f64>,
}

impl Coverage {
    /// Lays the vessels of `kind` over the frame; where they overlap, the larger share holds.
    pub(super) fn of(frame: &Frame, vessels: &[Vessel], kind: Kind) -> Self {
        let pixels = frame.height * frame.width;
        let mut coverage = Self { blood: vec![0.0; pixels], reflex: vec![0.0; pixels] };
        let half = 0.5 / frame.radius;
        for vessel in vessels.iter().filter(|v| v.kind == kind) {
            for ends in vessel.line.windows(2) {
                let radius = 0.5 * (ends[0].1 + ends[1].1);
                frame.near(ends[0].0, ends[1].0, radius + half, |pixel, distance| {
                    let blood = overlap(distance, half, radius);
                    coverage.blood[pixel] = coverage.blood[pixel].max(blood);
                    let reflex = overlap(distance, half, 0.3 * radius);
                    coverage.reflex[pixel] = coverage.reflex[pixel].max(reflex);
                });
            }
        }
        coverage
    }
}

/// The share of a pixel of half-width `half` at `distance` from the centre line that lies within `radius` of it.
fn overlap(distance: f64, half: f64, radius: f64) -> f64 {
    (((distance + half).min(radius) - (distance - half).max(-radius)) / (2.0 * half)).max(0.0)
}

/// A round spot with a soft border, blended into the picture.
pub(super) struct Spot {
    pub at: Point,
    pub radius: f64,
    pub colour: Colour,
    pub opacity: f64,
}

impl Spot {
    /// Blends the spot into `pixels`. One smaller than a pixel is widened and paled, so that it never falls between two.
    pub(super) fn blend(&self, frame: &Frame, pixels: &mut [Colour]) {
        let radius = self.radius.max(0.9 / frame.radius);
        let thinned = self.radius / radius;
        let opacity = self.opacity * thinned * thinned;
        frame.near(self.at, self.at, radius, |pixel, distance| {
            let share = (1.6 * bump(distance, radius)).min(1.0) * opacity;
            let under = &mut pixels[pixel];
            *under = [0, 1, 2].map(|c| under[c] + share * (self.colour[c] - under[c]));
        });
    }
}

/// Blurs by a standard deviation of `sigma` pixels: as many rounds of (w, 1 − 2w, w) both ways as that takes.
pub(super) fn blur(frame: &Frame, pixels: &mut [Colour], sigma: f64) {
    // A round adds a variance of 2w; w stays at 1/4 or below.
    let rounds = (sigma * sigma / 0.5).ceil().max(1.0);
    let side = sigma * sigma / (2.0 * rounds);
    for _ in 0..rounds as usize {
        for row in 0..frame.height {
            blur_line(pixels, row * frame.width, 1, frame.width, side);
        }
        for column in 0..frame.width {
            blur_line(pixels, column, frame.width, frame.height, side);
        }
    }
}

/// One round along the `count` pixels from `start`, `stride` apart; the border is repeated.
fn blur_line(pixels: &mut [Colour], start: usize, stride: usize, count: usize, side: f64) {
    let mut before = pixels[start];
    for i in 0..count {
        let here = pixels[start + i * stride];
        let after = pixels[start + (i + 1).min(count - 1) * stride];
        pixels[start + i * stride] = [0, 1, 2].map(|c| here[c] + side * (before[c] + after[c] - 2.0 * here[c]));
        before = here;
    }
}
