//! Boundary IoU (Cheng et al. 2021): overlap of what lies near the boundaries of two masks.

/// The width of what counts as near, as a share of the image's diagonal; the paper's for images of middling size.
const WIDTH: f64 = 0.02;

/// IoU of the marked pixels that are within d of their mask's boundary, d being 2 % of the diagonal rounded to whole pixels, 1 at the
/// least. Near means: the mask eroded d times by 3 × 3 pixels, nothing being marked beyond the image, loses the pixel. 1 if both
/// masks are empty, 0 if one is.
///
/// # Shapes
/// (h, w) each.
pub(super) fn boundary_iou(pred: &[bool], truth: &[bool], size: [usize; 2]) -> f64 {
    let diagonal = (size[0] as f64).hypot(size[1] as f64);
    let d = (WIDTH * diagonal).round_ties_even().max(1.0) as usize;
    let [pred, truth] = [pred, truth].map(|mask| near(mask, size, d));
    let count = |of: fn(bool, bool) -> bool| pred.iter().zip(&truth).filter(|(p, t)| of(**p, **t)).count();
    let (both, any) = (count(|p, t| p && t), count(|p, t| p || t));
    if any == 0 { 1.0 } else { both as f64 / any as f64 }
}

/// Marked pixels of which the square of 2d + 1 pixels around is not all marked.
fn near(mask: &[bool], [h, w]: [usize; 2], d: usize) -> Vec<bool> {
    // Erosion by a square is one along each side after the other.
    let along_rows = eroded(mask, h, w, [w, 1], d);
    let kept = eroded(&along_rows, w, h, [1, w], d);
    mask.iter().zip(kept).map(|(marked, kept)| *marked && !kept).collect()
}

/// Keeps what has d marked pixels on both sides in its line; `strides` lead from line to line and along a line.
fn eroded(mask: &[bool], lines: usize, length: usize, strides: [usize; 2], d: usize) -> Vec<bool> {
    let mut kept = vec![false; mask.len()];
    for line in 0..lines {
        let at = |place: usize| line * strides[0] + place * strides[1];
        let mut run = 0;
        for place in 0..length {
            run = if mask[at(place)] { run + 1 } else { 0 };
            if run > 2 * d {
                kept[at(place - d)] = true;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{SIZE, drawn};

    #[test]
    fn empty_masks() {
        let (none, mut some) = ([false; 20], [false; 20]);
        some[7] = true;
        assert_eq!(boundary_iou(&none, &none, [4, 5]), 1.0);
        assert_eq!(boundary_iou(&some, &none, [4, 5]), 0.0);
        assert_eq!(boundary_iou(&none, &some, [4, 5]), 0.0);
        assert_eq!(boundary_iou(&some, &some, [4, 5]), 1.0);
    }

    /// 16 pixels of a 5 × 5 square are its rim; the whole image's rim counts too.
    #[test]
    fn the_inside_does_not_count() {
        let ring: Vec<bool> = (0..25).map(|at| at / 5 % 4 == 0 || at % 5 % 4 == 0).collect();
        assert_eq!(near(&[true; 25], [5, 5], 1), ring);
        assert_eq!(near(&[true; 25], [5, 5], 2), (0..25).map(|at| at != 12).collect::<Vec<_>>());
        assert_eq!(boundary_iou(&[true; 25], &ring, [5, 5]), 1.0);
    }

    /// Values of scripts/metric_oracle.py: the authors' definition with SciPy's erosion.
    #[test]
    fn the_authors_values() {
        let (pred, truth) = drawn();
        assert!((boundary_iou(&pred, &truth, SIZE) - 0.159_663_865_546_218_48).abs() < 1e-15);
        let near = |d: usize| [&pred, &truth].map(|mask| near(mask, SIZE, d).iter().filter(|near| **near).count());
        assert_eq!([near(1), near(2), near(3)], [[68, 70], [99, 124], [116, 162]]);
    }
}
