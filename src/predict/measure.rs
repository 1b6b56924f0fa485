//! What can be measured in a predicted mask.

use crate::metric;

/// Measures of one class of one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Marked pixels.
    pub area: usize,
    /// Their share of all, in [0, 1].
    pub share: f64,
    /// Mean probability of the marked pixels; `None` without any.
    pub confidence: Option<f64>,
    /// Connected parts, pixels that touch by an edge or a corner (8-connected).
    pub parts: usize,
    /// Rows from the first marked one to the last, both counted; 0 without any.
    pub height: usize,
    /// The same of columns.
    pub width: usize,
}

/// Measures where probabilities of a plane reach a threshold.
///
/// # Panics
/// If there are not `width` · rows of them.
pub fn measure(probs: &[f32], width: usize, threshold: f32) -> Measure {
    assert!(width > 0 && probs.len().is_multiple_of(width), "whole rows");
    let marked: Vec<bool> = probs.iter().map(|p| *p >= threshold).collect();
    let area = marked.iter().filter(|m| **m).count();
    let sum: f64 = probs.iter().filter(|p| **p >= threshold).map(|p| f64::from(*p)).sum();
    let [height, columns] = metric::extent(&marked, width);
    Measure {
        area,
        share: area as f64 / probs.len().max(1) as f64,
        confidence: (area > 0).then(|| sum / area as f64),
        parts: parts(&marked, width),
        height,
        width: columns,
    }
}

/// The vertical cup-to-disc ratio: height of the cup over height of the disc; `None` without a disc.
pub fn cup_to_disc(disc: &Measure, cup: &Measure) -> Option<f64> {
    metric::cup_to_disc(disc.height, cup.height)
}

fn parts(marked: &[bool], width: usize) -> usize {
    let height = marked.len() / width;
    let (mut seen, mut parts) = (vec![false; marked.len()], 0);
    for start in 0..marked.len() {
        if !marked[start] || seen[start] {
            continue;
        }
        parts += 1;
        seen[start] = true;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            let (y, x) = (at / width, at % width);
            for near in (y.saturating_sub(1)..(y + 2).min(height))
                .flat_map(|y| (x.saturating_sub(1)..(x + 2).min(width)).map(move |x| y * width + x))
            {
                if marked[near] && !seen[near] {
                    seen[near] = true;
                    open.push(near);
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_mask_by_hand() {
        #[rustfmt::skip]
        let disc = [
            0.0, 0.9, 0.8, 0.0, 0.0,
            0.0, 0.7, 0.6, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.5, 0.0,
            0.9, 0.0, 0.0, 0.0, 0.4,
        ];
        let m = measure(&disc, 5, 0.5);
        assert_eq!((m.area, m.share, m.parts, m.height, m.width), (6, 0.3, 2, 4, 4));
        assert!((m.confidence.unwrap() - 4.4 / 6.0).abs() < 1e-6);
        let mut cup = [0.0; 20];
        (cup[6], cup[11]) = (1.0, 1.0);
        assert_eq!(cup_to_disc(&m, &measure(&cup, 5, 0.5)), Some(0.5));
    }

    #[test]
    fn nothing_has_no_ratio() {
        let none = measure(&[0.1; 6], 3, 0.5);
        assert_eq!((none.area, none.confidence, none.parts, none.height), (0, None, 0, 0));
        assert_eq!(cup_to_disc(&none, &none), None);
    }
}
