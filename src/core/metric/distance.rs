//! How far the boundaries of two masks lie apart.
//!
//! A mask's boundary is its pixels that touch an unmarked one by an edge; beyond the image nothing is marked. Distances are those
//! between centres of pixels, by an exact Euclidean distance transform (Felzenszwalb and Huttenlocher 2012).

/// The distances of every pixel of one boundary to the other, both ways, as long as one pixel is high and wide.
///
/// Without any boundary there is nothing to measure: two empty masks are 0 apart, an empty one and another as far as the image's
/// corners, which is the worst that can be (Maier-Hein et al. 2024 advise so; leaving such images out would reward a network
/// that finds nothing).
pub(super) struct Apart {
    /// From the prediction's boundary to the truth's, and back; each in ascending order, none empty.
    ways: [Vec<f64>; 2],
}

impl Apart {
    /// Of two masks (h, w); a pixel is `spacing` high and wide.
    pub fn of(pred: &[bool], truth: &[bool], size: [usize; 2], spacing: [f64; 2]) -> Self {
        let [pred, truth] = [pred, truth].map(|mask| boundary(mask, size));
        let empty = |mask: &[bool]| !mask.contains(&true);
        let far = match (empty(&pred), empty(&truth)) {
            (false, false) => {
                let way = |from, to| distances(from, to, size, spacing);
                return Self { ways: [way(&pred, &truth), way(&truth, &pred)] };
            }
            (true, true) => 0.0,
            _ => (size[0] as f64 * spacing[0]).hypot(size[1] as f64 * spacing[1]),
        };
        Self { ways: [vec![far], vec![far]] }
    }

    /// The 95th percentile of each way, the larger one, as MONAI has it (MedPy takes one percentile of both ways together).
    pub fn hd95(&self) -> f64 {
        self.ways.iter().map(|way| quantile(way, 0.95)).fold(0.0, f64::max)
    }

    /// The mean over both boundaries' pixels together (Heimann et al. 2009; MONAI). MedPy's is the mean of the two ways' means.
    pub fn assd(&self) -> f64 {
        let (sum, count) =
            self.ways.iter().fold((0.0, 0), |(sum, count), way| (sum + way.iter().sum::<f64>(), count + way.len()));
        sum / count as f64
    }
}

/// A quantile of values in ascending order, one at least: between the two next to its position in proportion, as NumPy's and PyTorch's default is
/// (type 7 of Hyndman and Fan 1996). `share` is in [0, 1].
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn boundary(mask: &[bool], [h, w]: [usize; 2]) -> Vec<bool> {
    let inner = |at: usize| {
        let (y, x) = (at / w, at % w);
        y > 0 && x > 0 && y + 1 < h && x + 1 < w && mask[at - w] && mask[at + w] && mask[at - 1] && mask[at + 1]
    };
    (0..mask.len()).map(|at| mask[at] && !inner(at)).collect()
}

/// From every pixel marked in `from` to the nearest one marked in `to`, in ascending order.
fn distances(from: &[bool], to: &[bool], size: [usize; 2], spacing: [f64; 2]) -> Vec<f64> {
    let squares = squared_distances(to, size, spacing);
    let mut distances: Vec<f64> = squares.iter().zip(from).filter(|(_, from)| **from).map(|(square, _)| square.sqrt()).collect();
    distances.sort_by(f64::total_cmp);
    distances
}

/// The square of every pixel's distance to the nearest marked one; infinite where nothing is marked.
fn squared_distances(marked: &[bool], [h, w]: [usize; 2], [sy, sx]: [f64; 2]) -> Vec<f64> {
    let mut squares = vec![f64::INFINITY; h * w];
    for x in 0..w {
        let mut last = None;
        let down: Vec<usize> = (0..h).collect();
        let up: Vec<usize> = down.iter().rev().copied().collect();
        for order in [down, up] {
            for y in order {
                last = if marked[y * w + x] { Some(y) } else { last };
                let square = last.map_or(f64::INFINITY, |last| (y.abs_diff(last) as f64 * sy).powi(2));
                squares[y * w + x] = squares[y * w + x].min(square);
            }
            last = None;
        }
    }
    squares.chunks_exact_mut(w).for_each(|row| lower_envelope(row, sx));
    squares
}

/// Replaces `f` by `min over q of (spacing · (p − q))² + f(q)` at every p: the lowest of parabolas that stand at every q.
fn lower_envelope(f: &mut [f64], spacing: f64) {
    // Where each parabola of the envelope stands, and where it begins to be the lowest.
    let mut envelope: Vec<(usize, f64)> = Vec::new();
    let height = |q: usize, f: &[f64]| f[q] + (q as f64 * spacing).powi(2);
    for q in (0..f.len()).filter(|q| f[*q].is_finite()) {
        let mut begins = f64::NEG_INFINITY;
        while let Some(&(last, from)) = envelope.last() {
            begins = (height(q, f) - height(last, f)) / (2.0 * spacing * spacing * (q - last) as f64);
            if begins > from {
                break;
            }
            envelope.pop();
            begins = f64::NEG_INFINITY;
        }
        envelope.push((q, begins));
    }
    if envelope.is_empty() {
        return;
    }
    let mut at = 0;
    let lowest = |p: usize| {
        while envelope.get(at + 1).is_some_and(|(_, begins)| *begins < p as f64) {
            at += 1;
        }
        let q = envelope[at].0;
        (p.abs_diff(q) as f64 * spacing).powi(2) + f[q]
    };
    let values: Vec<f64> = (0..f.len()).map(lowest).collect();
    f.copy_from_slice(&values);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{SIZE, drawn};

    fn apart(pred: &str, truth: &str, size: [usize; 2]) -> (f64, f64) {
        let [pred, truth] = [pred, truth].map(|mask| mask.chars().map(|c| c == '#').collect::<Vec<bool>>());
        let apart = Apart::of(&pred, &truth, size, [1.0, 1.0]);
        (apart.hd95(), apart.assd())
    }

    /// Oracle: every pair of pixels.
    #[test]
    fn the_transform_is_exact() {
        let size = [13, 17];
        for (step, spacing) in [(7, [1.0, 1.0]), (29, [1.0, 1.0]), (101, [0.5, 1.75]), (211, [3.0, 0.3])] {
            let marked: Vec<bool> = (0..size[0] * size[1]).map(|at| (at * at + 3 * at) % step == 4).collect();
            let there: Vec<usize> = (0..marked.len()).filter(|at| marked[*at]).collect();
            assert!(!there.is_empty());
            for (at, square) in squared_distances(&marked, size, spacing).into_iter().enumerate() {
                let to = |other: usize| {
                    let [dy, dx] = [(at / 17).abs_diff(other / 17), (at % 17).abs_diff(other % 17)];
                    (dy as f64 * spacing[0]).powi(2) + (dx as f64 * spacing[1]).powi(2)
                };
                let nearest = there.iter().map(|other| to(*other)).fold(f64::INFINITY, f64::min);
                assert!((square - nearest).abs() <= 1e-12 * nearest, "{at}: {square}, not {nearest}");
                assert!(spacing != [1.0, 1.0] || square == nearest, "whole numbers are exact");
            }
        }
    }

    #[test]
    fn nothing_is_as_far_as_the_corners_and_two_nothings_agree() {
        assert_eq!(apart("............", "............", [3, 4]), (0.0, 0.0));
        assert_eq!(apart(".....#......", "............", [3, 4]), (5.0, 5.0));
        assert_eq!(apart("............", "............", [4, 3]), (0.0, 0.0));
        assert_eq!(apart("............", "############", [4, 3]), (5.0, 5.0));
    }

    #[test]
    fn a_mask_that_moves_by_one_by_hand() {
        assert_eq!(apart("#...", ".#..", [1, 4]), (1.0, 1.0));
        assert_eq!(apart("##..", ".##.", [1, 4]), (0.95, 0.5));
        assert_eq!(apart("####", "####", [2, 2]), (0.0, 0.0));
    }

    /// Values of scripts/metric_oracle.py: SciPy's erosion and distance transform, NumPy's percentile.
    #[test]
    fn distances_are_scipys() {
        let (pred, truth) = drawn();
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
        let apart = Apart::of(&pred, &truth, SIZE, [1.0, 1.0]);
        close(apart.hd95(), 9.871_529_131_526_689);
        close(apart.assd(), 2.431_119_955_778_217_7);
        let apart = Apart::of(&pred, &truth, SIZE, [0.5, 0.25]);
        close(apart.hd95(), 3.379_861_759_607_530_7);
        close(apart.assd(), 0.816_030_575_278_655_4);
    }
}
