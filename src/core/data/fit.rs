//! Brings images and masks of any size to one size. One [`Frame`] says which part of the source goes where in the target;
//! image and mask follow the same frame, so they stay aligned.

use super::picture::Planes;
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

    /// The frame that stretches a rectangle of a picture, (start, length) by axis, to all of the target.
    pub fn stretched(source: [usize; 2], from: [(f64, f64); 2], target: [usize; 2]) -> Self {
        Self { source, from, target, to: target.map(|length| (0, length)) }
    }

    fn is_identity(&self) -> bool {
        let whole = |axis: usize| self.from[axis] == (0.0, self.source[axis] as f64) && self.to[axis] == (0, self.source[axis]);
        self.source == self.target && whole(0) && whole(1)
    }

    /// The planes of a picture of the source's size.
    pub fn picture(&self, planes: &Planes) -> Vec<f32> {
        self.image(planes.channels(), |plane, y, row| planes.row(plane, y, row))
    }

    /// One plane of the source's size.
    pub fn plane(&self, plane: &[f32]) -> Vec<f32> {
        let w = self.source[1];
        self.image(1, |_, y, row| row.copy_from_slice(&plane[y * w..][..w]))
    }

    /// Planes of the source's size, of which `fill` gives a row (plane, row), to planes of the target's, by antialiased bilinear interpolation: a triangle filter as wide
    /// as a target pixel, on f32, columns first. What nothing maps to is 0.
    fn image(&self, planes: usize, fill: impl Fn(usize, usize, &mut [f32])) -> Vec<f32> {
        let [h, w] = self.source;
        if self.is_identity() {
            let mut same = vec![0.0; planes * h * w];
            same.chunks_exact_mut(w).enumerate().for_each(|(index, row)| fill(index / h, index % h, row));
            return same;
        }
        let [rows, columns] = [0, 1].map(|axis| taps(self.from[axis], self.to[axis].1, self.source[axis]));
        let (mut fitted, mut row) = (Vec::with_capacity(planes * self.target[0] * self.target[1]), vec![0.0; w]);
        for plane in 0..planes {
            let mut narrow: Vec<f32> = Vec::with_capacity(h * columns.len());
            for y in 0..h {
                fill(plane, y, &mut row);
                narrow.extend(columns.iter().map(|tap| tap.over(&row, 1)));
            }
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

    /// The way back: planes of the target's size, resized to the source's (linear). `take` gets (plane, row, values) of each row that the frame
    /// shows; what it cuts off within a row is 0.
    pub fn back(&self, planes: &[f32], mut take: impl FnMut(usize, usize, &[f32])) {
        let [h, w] = self.target;
        if self.is_identity() {
            return planes.chunks_exact(w).enumerate().for_each(|(index, row)| take(index / h, index % h, row));
        }
        let [(top, height), (left, width)] = self.to;
        // Whole pixels of the source; the frame's own ends may lie within some.
        let inner = self.from.map(|(start, length)| (start.round() as usize, (start + length).round() as usize));
        let [rows, columns] =
            [(0, height), (1, width)].map(|(axis, length)| taps((0.0, length as f64), inner[axis].1 - inner[axis].0, length));
        let mut whole = vec![0.0; self.source[1]];
        for (index, plane) in planes.chunks_exact(h * w).enumerate() {
            let seen = plane.chunks_exact(w).skip(top).take(height).map(|row| &row[left..left + width]);
            let wide: Vec<f32> = seen.flat_map(|row| columns.iter().map(|tap| tap.over(row, 1))).collect();
            for (y, tap) in rows.iter().enumerate() {
                let row = &mut whole[inner[1].0..][..columns.len()];
                row.iter_mut().enumerate().for_each(|(x, value)| *value = tap.over(&wide[x..], columns.len()));
                take(index, inner[0].0 + y, &whole);
            }
        }
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
    /// Never beyond the values that it is a mean of, as sums with rounded weights may be.
    fn over(&self, values: &[f32], stride: usize) -> f32 {
        let values = values.iter().skip(self.first * stride).step_by(stride);
        let (mut sum, mut low, mut high) = (0.0, f32::INFINITY, f32::NEG_INFINITY);
        for (weight, value) in self.weights.iter().zip(values) {
            sum += weight * value;
            (low, high) = (low.min(*value), high.max(*value));
        }
        if sum > high {
            high
        } else if sum < low {
            low
        } else {
            sum
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(source: [usize; 2], size: [usize; 2], fit: Fit) -> Frame {
        Frame::new(source, &Preprocess { size, fit, ..Default::default() })
    }

    impl Frame {
        fn restored(&self, planes: Vec<f32>) -> Vec<f32> {
            let [h, w] = self.source;
            let mut whole = vec![0.0; planes.len() / (self.target[0] * self.target[1]) * h * w];
            self.back(&planes, |plane, y, row| whole[(plane * h + y) * w..][..w].copy_from_slice(row));
            whole
        }

        fn of(&self, plane: Vec<f32>) -> Vec<f32> {
            self.image(1, |_, y, row| row.copy_from_slice(&plane[y * self.source[1]..][..row.len()]))
        }
    }

    #[test]
    fn frames_by_hand() {
        // Drishti-GS: 1752 · 224 / 2045 = 191.9 rows, 16 above and below.
        let pad = frame([1752, 2045], [224, 224], Fit::Pad);
        assert_eq!((pad.from, pad.to), ([(0.0, 1752.0), (0.0, 2045.0)], [(16, 192), (0, 224)]));
        // The odd row of 3 goes below: 1 above, 2 below.
        assert_eq!(frame([5, 8], [8, 8], Fit::Pad).to, [(1, 5), (0, 8)]);
        assert_eq!(frame([10, 4], [5, 10], Fit::Pad).to, [(0, 5), (4, 2)]);
        // Never less than a pixel.
        assert_eq!(frame([1000, 1], [10, 10], Fit::Pad).to, [(0, 10), (4, 1)]);
        let crop = frame([1752, 2045], [224, 224], Fit::Crop);
        assert_eq!((crop.from, crop.to), ([(0.0, 1752.0), (146.5, 1752.0)], [(0, 224), (0, 224)]));
        assert_eq!(frame([10, 4], [5, 10], Fit::Crop).from, [(4.0, 2.0), (0.0, 4.0)]);
        let stretch = frame([10, 4], [5, 10], Fit::Stretch);
        assert_eq!((stretch.from, stretch.to), ([(0.0, 10.0), (0.0, 4.0)], [(0, 5), (0, 10)]));
    }

    #[test]
    fn the_right_size_is_left_as_it_is() {
        let values: Vec<f32> = (0..12).map(|i| i as f32 * 0.1).collect();
        for fit in [Fit::Pad, Fit::Stretch, Fit::Crop] {
            assert_eq!(frame([3, 4], [3, 4], fit).of(values.clone()), values);
        }
    }

    #[test]
    fn the_way_back_ends_where_it_began() {
        for (fit, source) in [(Fit::Pad, [20, 31]), (Fit::Stretch, [20, 31]), (Fit::Crop, [20, 31]), (Fit::Pad, [31, 20])] {
            let frame = frame(source, [16, 24], fit);
            // A slope, which linear interpolation keeps but at the edges.
            let slope: Vec<f32> =
                (0..source[0] * source[1]).map(|i| (i / source[1] + 2 * (i % source[1])) as f32 / 100.0).collect();
            let back = frame.restored(frame.of(slope.clone()));
            assert_eq!(back.len(), slope.len());
            let inner = |i: &usize| {
                let (y, x) = (i / source[1], i % source[1]);
                let within = |at: usize, axis: usize| {
                    let (start, length) = frame.from[axis];
                    at as f64 >= start + 2.0 && (at as f64) < start + length - 2.0
                };
                within(y, 0) && within(x, 1)
            };
            let worst = (0..slope.len()).filter(inner).map(|i| (back[i] - slope[i]).abs()).fold(0.0, f32::max);
            assert!(worst < 0.02, "{fit:?} {source:?}: {worst}");
        }
        let crop = frame([10, 4], [5, 10], Fit::Crop);
        let back = crop.restored(vec![1.0; 50]);
        assert_eq!(back.iter().map(|v| v.round() as usize).sum::<usize>(), 8, "two rows of four were seen");
        assert!(back[..16].iter().chain(&back[24..]).all(|v| *v == 0.0));
    }

    #[test]
    fn masks_take_the_pixel_under_the_centre() {
        // Centres of 3 in 5: 0.83, 2.5, 4.17; of 5 in 3: 0.3, 0.9, 1.5, 2.1, 2.7.
        assert_eq!(frame([1, 5], [1, 3], Fit::Stretch).mask(vec![1, 0, 1, 0, 1]), [1, 1, 1]);
        assert_eq!(frame([1, 3], [1, 5], Fit::Stretch).mask(vec![0, 1, 0]), [0, 0, 1, 0, 0]);
        // Two planes, each for itself.
        assert_eq!(frame([1, 2], [1, 4], Fit::Stretch).mask(vec![1, 0, 0, 1]), [1, 1, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn images_are_interpolated_between_centres() {
        // Up by 2: centres at 0.25, 0.75, 1.25, 1.75; between the two source centres, 0.5 and 1.5, in proportion.
        let up = frame([1, 2], [1, 4], Fit::Stretch).of(vec![0.0, 1.0]);
        assert_eq!(up, [0.0, 0.25, 0.75, 1.0]);
        // Down by 4, inside a flat field nothing changes, and an edge keeps its mean.
        let down = frame([1, 16], [1, 4], Fit::Stretch).of((0..16).map(|i| f32::from(u8::from(i > 7))).collect());
        assert_eq!((down[0], down[3]), (0.0, 1.0));
        assert!((down.iter().sum::<f32>() - 2.0).abs() < 1e-6 && down[1] < 0.5 && down[2] > 0.5, "{down:?}");
    }

    #[test]
    fn means_stay_within_the_values_that_they_are_of() {
        // A flat field of 1 is 1 to the last bit, at every size.
        for length in 1..200 {
            let white = frame([length, length], [16, 16], Fit::Stretch).of(vec![1.0; length * length]);
            assert_eq!(white, vec![1.0; 256], "{length}");
        }
    }

    #[test]
    fn images_are_resized_as_in_pytorch() {
        // scripts/data_resize.py, PyTorch 2 on CPU.
        let expected = [
            0.433_749_94,
            0.378_452_36,
            0.599_702_36,
            0.394_107_1,
            0.518_235_3,
            0.454_803_9,
            0.470_588_23,
            0.654_705_9,
            0.498_749_94,
            0.569_702_4,
            0.412_202_4,
            0.513_214_3,
        ];
        let pattern = (0..35).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        let resized = frame([7, 5], [3, 4], Fit::Stretch).of(pattern);
        for (value, expected) in resized.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{resized:?}");
        }
    }

    #[test]
    fn a_crop_is_cut_between_pixels_too() {
        // 3 wide to 2, cut at 0.5: each target pixel lies between two of the source.
        assert_eq!(frame([2, 3], [2, 2], Fit::Crop).of(vec![0.0, 1.0, 2.0, 4.0, 5.0, 6.0]), [0.5, 1.5, 4.5, 5.5]);
    }
}
