//! Brings images and masks of any size to one size. One [`Frame`] says which part of the source goes where in the target;
//! image and mask follow the same frame, so they stay aligned.

use crate::config::{Fit, Preprocess};

/// Part of a source, in pixels that may be fractions, and where it goes. Each is (start, length) by axis: height, width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    source: [usize; 2],
    from: [(f64, f64); 2],
    target: [usize; 2],
    to: [(usize, usize); 2],
}

impl Frame {
    /// The frame that takes a picture of `source` = (height, width) to the size that is wanted.
    pub fn new(source: [usize; 2], preprocess: &Preprocess) -> Self {
        let target = preprocess.size;
        let [h, w] = source;
        let mut frame =
            Self { source, from: source.map(|length| (0.0, length as f64)), target, to: target.map(|length| (0, length)) };
        // The axis along which the source is longer than the target is, in proportion: h/w against target height/width.
        let (left, right) = (h * target[1], w * target[0]);
        if left == right {
            return frame;
        }
        let (long, short) = if left > right { (0, 1) } else { (1, 0) };
        match preprocess.fit {
            Fit::Stretch => {}
            Fit::Pad => {
                let length = divide(source[short] * target[long], source[long]).clamp(1, target[short]);
                frame.to[short] = ((target[short] - length) / 2, length);
            }
            Fit::Crop => {
                let length = target[long] as f64 * source[short] as f64 / target[short] as f64;
                frame.from[long] = ((source[long] as f64 - length) / 2.0, length);
            }
        }
        frame
    }

    fn is_identity(&self) -> bool {
        let whole = |axis: usize| self.from[axis] == (0.0, self.source[axis] as f64) && self.to[axis] == (0, self.source[axis]);
        self.source == self.target && whole(0) && whole(1)
    }

    /// Planes of the source's size to planes of the target's, by antialiased bilinear interpolation: a triangle filter as wide
    /// as a target pixel, on f32, columns first. What nothing maps to is 0.
    pub fn image(&self, planes: Vec<f32>) -> Vec<f32> {
        if self.is_identity() {
            return planes;
        }
        let [rows, columns] = [0, 1].map(|axis| taps(self.from[axis], self.to[axis].1, self.source[axis]));
        let [h, w] = self.source;
        let mut fitted = Vec::with_capacity(planes.len() / (h * w) * self.target[0] * self.target[1]);
        for plane in planes.chunks_exact(h * w) {
            let narrow: Vec<f32> = plane.chunks_exact(w).flat_map(|row| columns.iter().map(|tap| tap.over(row, 1))).collect();
            let small: Vec<f32> =
                rows.iter().flat_map(|tap| (0..columns.len()).map(|x| tap.over(&narrow[x..], columns.len()))).collect();
            fitted.extend(self.place(&small));
        }
        fitted
    }

    /// Planes of the source's size to planes of the target's, by the source pixel that the target pixel's centre falls into.
    /// What nothing maps to is 0.
    pub fn mask(&self, planes: Vec<u8>) -> Vec<u8> {
        if self.is_identity() {
            return planes;
        }
        let [rows, columns] = [0, 1].map(|axis| nearest(self.from[axis], self.to[axis].1, self.source[axis]));
        let [h, w] = self.source;
        let fit = |plane: &[u8]| {
            let small: Vec<u8> = rows.iter().flat_map(|y| columns.iter().map(move |x| plane[y * w + x])).collect();
            self.place(&small)
        };
        planes.chunks_exact(h * w).flat_map(fit).collect()
    }

    fn place<T: Copy + Default>(&self, small: &[T]) -> Vec<T> {
        let [(top, _), (left, width)] = self.to;
        let mut plane = vec![T::default(); self.target[0] * self.target[1]];
        for (y, row) in small.chunks_exact(width).enumerate() {
            let start = (top + y) * self.target[1] + left;
            plane[start..start + width].copy_from_slice(row);
        }
        plane
    }
}

/// Rounded to nearest, halves up.
fn divide(numerator: usize, denominator: usize) -> usize {
    (2 * numerator + denominator) / (2 * denominator)
}

/// Weights of the source pixels that make one target pixel; they add up to 1.
#[derive(Debug)]
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

impl Tap {
    fn over(&self, values: &[f32], stride: usize) -> f32 {
        let values = values.iter().skip(self.first * stride).step_by(stride);
        self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }
}

fn taps((start, length): (f64, f64), count: usize, limit: usize) -> Vec<Tap> {
    let scale = length / count as f64;
    let support = scale.max(1.0);
    let tap = |i: usize| {
        let centre = start + (i as f64 + 0.5) * scale;
        // Truncation towards 0 is the lower limit too.
        let first = (centre - support) as usize;
        let last = ((centre + support).ceil() as usize).min(limit);
        let weight = |j: usize| (1.0 - (j as f64 + 0.5 - centre).abs() / support).max(0.0);
        let sum: f64 = (first..last).map(weight).sum();
        Tap { first, weights: (first..last).map(|j| (weight(j) / sum) as f32).collect() }
    };
    (0..count).map(tap).collect()
}

fn nearest((start, length): (f64, f64), count: usize, limit: usize) -> Vec<usize> {
    let scale = length / count as f64;
    (0..count).map(|i| ((start + (i as f64 + 0.5) * scale) as usize).min(limit - 1)).collect()
}
