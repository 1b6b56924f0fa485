//! Turning, scaling, moving and deforming as one map from pixels of the result to places in the image, so that pixels are
//! calculated once: linearly between the four neighbours for images, from the nearest pixel for masks.
//!
//! With the centre c, the angle θ, the factor s, the shift t and the elastic displacement d, the pixel p of the result shows the place
//! c + R(−θ) (p + d(p) − c − t) / s of the image as flips and quarter turns left it.

use super::elastic::{Grid, weights};
use super::motion::{Axis, Motion, View};
use super::stream::StreamKey;
use crate::config::{Augment, Outside};
use crate::data::window::Window;

/// What happens to the places of pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Warp {
    /// Radians, counter-clockwise.
    angle: f64,
    factor: f64,
    /// Down and to the right, as a share of the side.
    shift: [f64; 2],
    elastic: Option<Grid>,
    outside: Outside,
}

impl Warp {
    /// `None` if nothing happens here.
    pub fn draw(augment: &Augment, key: StreamKey) -> Option<Self> {
        let angle = augment.rotate.as_ref().and_then(|c| key.amount("rotate", c.probability, c.degrees));
        let factor = augment.scale.as_ref().and_then(|c| key.amount("scale", c.probability, c.factor));
        let shift = augment.translate.as_ref().and_then(|c| {
            let mut stream = key.happens("translate", c.probability)?;
            Some([stream.within(c.share), stream.within(c.share)])
        });
        let elastic = augment.elastic.as_ref().and_then(|c| {
            let mut stream = key.happens("elastic", c.probability)?;
            let sigma = stream.within(c.sigma);
            Some(Grid::draw(&mut stream, sigma))
        });
        let happens = angle.is_some() || factor.is_some() || shift.is_some() || elastic.is_some();
        happens.then(|| Self {
            angle: angle.unwrap_or(0.0).to_radians(),
            factor: factor.unwrap_or(1.0),
            shift: shift.unwrap_or_default(),
            elastic,
            outside: augment.outside,
        })
    }

    /// Moves a window of image (channels planes) and mask (classes planes), after `motion`. What comes into it from beyond its edges is the
    /// picture there, as far as that goes.
    pub fn apply<U>(&self, motion: Motion, from: (&[f32], &[u8]), window: Window, to: (&mut [f32], &mut [U]), of: fn(u8) -> U) {
        let ([h, w], all) = (window.size, window.image[0] * window.image[1]);
        let (map, columns) = (self.map(window.size), weights(w));
        let source = Source { view: motion.view(window), outside: self.outside };
        let mut row: Vec<Neighbours> = Vec::with_capacity(w);
        for y in 0..h {
            row.clear();
            let place = |x: usize, [down, right]: [f32; 2]| {
                let (y, x) = (y as f64 + f64::from(down), x as f64 + f64::from(right));
                source.neighbours(map.map(|[from_y, from_x, constant]| from_y * y + from_x * x + constant))
            };
            match &self.elastic {
                Some(grid) => row.extend(grid.row(y, h, &columns).enumerate().map(|(x, displaced)| place(x, displaced))),
                None => row.extend((0..w).map(|x| place(x, [0.0; 2]))),
            }
            for (plane, to) in from.0.chunks_exact(all).zip(to.0.chunks_exact_mut(h * w)) {
                to[y * w..][..w].iter_mut().zip(&row).for_each(|(to, near)| *to = near.mean(plane));
            }
            for (plane, to) in from.1.chunks_exact(all).zip(to.1.chunks_exact_mut(h * w)) {
                to[y * w..][..w]
                    .iter_mut()
                    .zip(&row)
                    .for_each(|(to, near)| *to = of(near.nearest.map_or(0, |at| plane[at as usize])));
            }
        }
    }

    /// Rows for y and x of the place that a pixel shows: what y and x are multiplied with, and what is added.
    fn map(&self, [h, w]: [usize; 2]) -> [[f64; 3]; 2] {
        let (sin, cos) = libm::sincos(self.angle);
        let [sin, cos] = [sin / self.factor, cos / self.factor];
        let centre = [h, w].map(|side| (side - 1) as f64 / 2.0);
        let zero = [centre[0] + self.shift[0] * h as f64, centre[1] + self.shift[1] * w as f64];
        let row = |from_y: f64, from_x: f64, centre: f64| [from_y, from_x, centre - from_y * zero[0] - from_x * zero[1]];
        [row(cos, sin, centre[0]), row(-sin, cos, centre[1])]
    }
}

/// Where pixels come from.
struct Source {
    view: View,
    outside: Outside,
}

impl Source {
    fn neighbours(&self, [y, x]: [f64; 2]) -> Neighbours {
        let (top, left) = (y.floor(), x.floor());
        let (down, right) = ((y - top) as f32, (x - left) as f32);
        let (top, left) = (top as isize, left as isize);
        let places = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)].map(|(y, x)| self.offset(y, x));
        let nearest = places[2 * usize::from(down >= 0.5) + usize::from(right >= 0.5)];
        let mut weights = [(1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right];
        for (weight, place) in weights.iter_mut().zip(places) {
            *weight = if place.is_some() { *weight } else { 0.0 };
        }
        Neighbours { places: places.map(Option::unwrap_or_default), weights, nearest }
    }

    /// Where a pixel lies; `None` outside, where that is black.
    fn offset(&self, y: isize, x: isize) -> Option<u32> {
        let inside = |at: isize, Axis { low, side, .. }: Axis| match self.outside {
            _ if (low..low + side).contains(&at) => Some(at),
            Outside::Black => None,
            Outside::Mirror => {
                let at = (at - low).rem_euclid(2 * side);
                Some(low + at.min(2 * side - 1 - at))
            }
        };
        let [down, right] = self.view.axes;
        let (y, x) = (inside(y, down)?, inside(x, right)?);
        Some((self.view.first + down.step * y + right.step * x) as u32)
    }
}

/// The pixels about a place.
struct Neighbours {
    places: [u32; 4],
    weights: [f32; 4],
    nearest: Option<u32>,
}

impl Neighbours {
    fn mean(&self, plane: &[f32]) -> f32 {
        let [a, b, c, d] = self.places.map(|at| plane[at as usize]);
        let [p, q, r, s] = self.weights;
        (a * p + b * q) + (c * r + d * s)
    }
}

#[cfg(test)]
mod tests;
