//! Pictures of any size in overlapping tiles whose predictions are blended.

use super::{Mode, Network};
use crate::config::{Patches, Precision};
use crate::ops::{self, Tape};
use candle_core::{Device, Result as TensorResult, Tensor};
use std::f64::consts::PI;

/// How a picture is cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiling {
    /// Height and width of a tile in pixels.
    pub size: [usize; 2],
    /// Part of a tile that overlaps the next at least, in [0, 0.9].
    pub overlap: f64,
}

impl Tiling {
    /// That of an experiment that trains on patches.
    pub fn of(patches: &Patches) -> Self {
        Self { size: patches.size, overlap: patches.overlap }
    }

    /// Predicts tile by tile, some `at_once`: the weight of a tile's pixel falls from its middle to its edge as sin², so that no seam is seen,
    /// and weights are normalised at every pixel. An image smaller than a tile lies in the tile's middle, mirrored at all its edges.
    ///
    /// # Shapes
    /// `planes`: channels · height · width. `predict`: n · channels · tile to n · classes · tile.
    ///
    /// # Errors
    /// Those of `predict`.
    pub fn blend<E>(
        &self,
        planes: &[f32],
        channels: usize,
        size: [usize; 2],
        at_once: usize,
        mut predict: impl FnMut(Vec<f32>) -> Result<Vec<f32>, E>,
    ) -> Result<Vec<f32>, E> {
        let mut blend =
            Blend { tiling: self, size, window: self.size.map(window), sum: Vec::new(), weights: vec![0.0; size[0] * size[1]] };
        for corners in self.corners(size).chunks(at_once.max(1)) {
            let tiles = corners.iter().flat_map(|corner| self.cut(planes, channels, size, *corner)).collect();
            let predicted = predict(tiles)?;
            let each = predicted.len() / corners.len();
            corners.iter().zip(predicted.chunks_exact(each)).for_each(|(corner, tile)| blend.add(*corner, tile));
        }
        Ok(blend.mean())
    }

    /// How many tiles a picture takes.
    pub fn count(&self, size: [usize; 2]) -> usize {
        self.corners(size).len()
    }

    fn corners(&self, [h, w]: [usize; 2]) -> Vec<(usize, usize)> {
        let columns = self.starts(w, 1);
        self.starts(h, 0).into_iter().flat_map(|top| columns.iter().map(move |left| (top, *left))).collect()
    }

    /// Rows above and columns before an image that is smaller than a tile: half of what the tile has too many, rounded down.
    fn margin(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.size[axis].saturating_sub(size[axis]) / 2)
    }

    fn cut(&self, planes: &[f32], channels: usize, size: [usize; 2], (top, left): (usize, usize)) -> Vec<f32> {
        let ([h, w], [th, tw], [above, before]) = (size, self.size, self.margin(size));
        let place = |corner: usize, at: usize, margin: usize, length: usize| {
            mirror((corner + at).cast_signed() - margin.cast_signed(), length)
        };
        let mut tile = Vec::with_capacity(channels * th * tw);
        for plane in planes.chunks_exact(h * w) {
            for y in 0..th {
                let row = &plane[place(top, y, above, h) * w..][..w];
                tile.extend((0..tw).map(|x| row[place(left, x, before, w)]));
            }
        }
        tile
    }

    /// Where tiles begin along an axis: evenly spaced, the first and the last at the edges.
    fn starts(&self, length: usize, axis: usize) -> Vec<usize> {
        let tile = self.size[axis];
        let room = length.saturating_sub(tile);
        let step = (tile as f64 * (1.0 - self.overlap)).max(1.0);
        let steps = (room as f64 / step).ceil() as usize;
        (0..=steps).map(|k| if steps == 0 { 0 } else { (room as f64 * k as f64 / steps as f64).round() as usize }).collect()
    }
}

/// Weighted sums on their way to means.
struct Blend<'a> {
    tiling: &'a Tiling,
    /// Of the picture.
    size: [usize; 2],
    window: [Vec<f32>; 2],
    sum: Vec<f32>,
    weights: Vec<f32>,
}

impl Blend<'_> {
    fn add(&mut self, (top, left): (usize, usize), tile: &[f32]) {
        let ([h, w], [th, tw]) = (self.size, self.tiling.size);
        let classes = tile.len() / (th * tw);
        let [above, before] = self.tiling.margin(self.size);
        self.sum.resize(classes * h * w, 0.0);
        for y in above..th.min(above + h - top) {
            for x in before..tw.min(before + w - left) {
                let at = (top + y - above) * w + left + x - before;
                let weight = self.window[0][y] * self.window[1][x];
                self.weights[at] += weight;
                (0..classes).for_each(|k| self.sum[k * h * w + at] += weight * tile[(k * th + y) * tw + x]);
            }
        }
    }

    fn mean(mut self) -> Vec<f32> {
        let (pixels, weights) = (self.weights.len(), &self.weights);
        self.sum
            .chunks_exact_mut(pixels)
            .for_each(|plane| plane.iter_mut().zip(weights).for_each(|(sum, weight)| *sum /= weight));
        self.sum
    }
}

/// sin²(π (i + ½) / n): never 0, 1 in the middle.
fn window(length: usize) -> Vec<f32> {
    (0..length).map(|i| (PI * (i as f64 + 0.5) / length as f64).sin().powi(2) as f32).collect()
}

/// A place before the start or beyond the end, mirrored at the first or last pixel as often as it needs.
fn mirror(at: isize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let period = 2 * (length - 1);
    let within = at.rem_euclid(period.cast_signed()).cast_unsigned();
    within.min(period - within)
}

/// Logits of whole images with the weights as they are, the network's own or those on a device; calculated in tiles if there is a tiling:
/// some tiles `at_once`, blended as [`Tiling::blend`] says.
///
/// # Shapes
/// (n, channels, h, w) to (n, classes, h, w).
///
/// # Errors
/// If shapes do not fit the network.
pub fn logits(
    network: &dyn Network,
    device: Option<&ops::GpuNetwork>,
    images: &Tensor,
    precision: Precision,
    tiling: Option<&Tiling>,
    at_once: usize,
) -> TensorResult<Tensor> {
    let whole = |images: &Tensor| match device {
        Some(device) => device.logits(images, precision, |tape, images| network.forward_map(tape, images, Mode::Eval)),
        None => {
            let tape = Tape::inference().with_precision(precision);
            Ok(network.forward(&tape, images, Mode::Eval)?.value().clone())
        }
    };
    let Some(tiling) = tiling else { return whole(images) };
    let (n, channels, h, w) = images.dims4()?;
    let [th, tw] = tiling.size;
    let mut all = Vec::new();
    for index in 0..n {
        let planes = images.get(index)?.flatten_all()?.to_vec1::<f32>()?;
        all.extend(tiling.blend(&planes, channels, [h, w], at_once, |tiles| {
            let count = tiles.len() / (channels * th * tw);
            let tiles = Tensor::from_vec(tiles, (count, channels, th, tw), &Device::Cpu)?;
            whole(&tiles)?.flatten_all()?.to_vec1::<f32>()
        })?);
    }
    let classes = all.len() / (n * h * w);
    Tensor::from_vec(all, (n, classes, h, w), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn blend(tiling: &Tiling, planes: &[f32], channels: usize, size: [usize; 2], of: impl FnMut(&[f32]) -> Vec<f32>) -> Vec<f32> {
        let mut of = of;
        tiling.blend(planes, channels, size, 1, |tile| Ok::<_, Infallible>(of(&tile))).unwrap()
    }

    proptest! {
        /// What a network says of each pixel by itself comes out as if there were no tiles, whatever their size and overlap.
        #[test]
        fn tiles_leave_no_seam(h in 1usize..40, w in 1usize..40, th in 1usize..17, tw in 1usize..17, overlap in 0.0..0.9) {
            let tiling = Tiling { size: [th, tw], overlap };
            let planes: Vec<f32> = (0..2 * h * w).map(|i| (i * 31 % 97) as f32 / 97.0).collect();
            let blended = blend(&tiling, &planes, 2, [h, w], <[f32]>::to_vec);
            prop_assert!(blended.iter().zip(&planes).all(|(a, b)| (a - b).abs() < 1e-5));
        }

        #[test]
        fn tiles_cover_and_overlap(length in 1usize..500, tile in 1usize..64, overlap in 0.0..0.9) {
            let tiling = Tiling { size: [tile, tile], overlap };
            let starts = tiling.starts(length, 0);
            prop_assert_eq!(starts[0], 0);
            prop_assert!(starts[starts.len() - 1] + tile >= length);
            let step = (tile as f64 * (1.0 - overlap)).max(1.0).ceil() as usize;
            prop_assert!(starts.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= step));
        }
    }

    #[test]
    fn one_tile_is_the_whole() {
        let tiling = Tiling { size: [2, 3], overlap: 0.25 };
        let mut calls = 0;
        let planes = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        blend(&tiling, &planes, 1, [2, 3], |tile| {
            calls += 1;
            assert_eq!(tile, planes);
            tile.to_vec()
        });
        assert_eq!(calls, 1);
    }

    #[test]
    fn small_images_are_mirrored_evenly_on_all_sides() {
        assert_eq!((-3..8).map(|at| mirror(at, 3)).collect::<Vec<_>>(), [1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!([mirror(5, 1), mirror(-2, 1)], [0, 0]);
        let tiling = Tiling { size: [1, 8], overlap: 0.25 };
        let mut seen = Vec::new();
        let blended = blend(&tiling, &[1.0, 2.0, 3.0], 1, [1, 3], |tile| {
            seen = tile.to_vec();
            tile.to_vec()
        });
        // Two columns before, three behind, as `numpy.pad([1, 2, 3], (2, 3), "reflect")`.
        assert_eq!(seen, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0]);
        assert_eq!(blended, [1.0, 2.0, 3.0]);
    }
}
