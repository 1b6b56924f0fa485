//! What can be measured in a predicted mask.

use crate::metric;
use std::ops::Range;

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

/// Counts connected parts row by row: runs of marked pixels that touch one of the row above are joined with it. Memory goes with the number of runs,
/// not of pixels.
fn parts(marked: &[bool], width: usize) -> usize {
    // Of each part that was begun the part it was joined with, itself if none.
    let (mut joined, mut above): (Vec<usize>, Vec<(Range<usize>, usize)>) = (Vec::new(), Vec::new());
    for row in marked.chunks_exact(width) {
        let (mut these, mut passed) = (Vec::new(), 0);
        for run in runs(row) {
            passed += above[passed..].iter().take_while(|(other, _)| other.end < run.start).count();
            // By an edge or a corner.
            let touching = above[passed..].iter().take_while(|(other, _)| other.start <= run.end);
            let mut part = None;
            for (_, other) in touching {
                let other = root(&mut joined, *other);
                let own = *part.get_or_insert(other);
                joined[other.max(own)] = other.min(own);
                part = Some(other.min(own));
            }
            let part = part.unwrap_or_else(|| {
                joined.push(joined.len());
                joined.len() - 1
            });
            these.push((run, part));
        }
        above = these;
    }
    joined.iter().enumerate().filter(|(part, with)| part == *with).count()
}

/// The part that one belongs to after all joining so far.
fn root(joined: &mut [usize], mut part: usize) -> usize {
    while joined[part] != part {
        joined[part] = joined[joined[part]];
        part = joined[part];
    }
    part
}

/// Runs of marked pixels.
fn runs(row: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + row.get(at..)?.iter().position(|marked| *marked)?;
        at = start + row[start..].iter().position(|marked| !marked).unwrap_or(row.len() - start);
        Some(start..at)
    })
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
