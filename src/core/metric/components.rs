//! Objects of a mask, and how two masks agree on which pixels belong together.

use std::collections::HashMap;

/// Numbers the connected parts of a mask (h, w), pixels that touch by an edge (4-connected), from 1; 0 where nothing is marked.
pub(super) fn labelled(mask: &[bool], width: usize) -> Vec<u32> {
    let (mut labels, mut count, mut open) = (vec![0; mask.len()], 0, Vec::new());
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        count += 1;
        labels[start] = count;
        open.push(start);
        while let Some(at) = open.pop() {
            let x = at % width;
            let near = [
                at.checked_sub(width),
                Some(at + width).filter(|below| *below < mask.len()),
                at.checked_sub(1).filter(|_| x > 0),
                Some(at + 1).filter(|_| x + 1 < width),
            ];
            for near in near.into_iter().flatten().filter(|near| mask[*near]) {
                if labels[near] == 0 {
                    labels[near] = count;
                    open.push(near);
                }
            }
        }
    }
    labels
}

/// The foreground-restricted Rand score V of two masks' connected parts (Arganda-Carreras et al. 2015, α = 0.5):
/// `Σ p_ij² / (½ Σ s_i² + ½ Σ t_j²)` over the pixels that are marked in the truth, p_ij being those of predicted part i and true part
/// j. A pixel among them that the prediction leaves unmarked is a part of its own. 1 if both masks are empty, 0 if only the truth is.
///
/// The challenge of ISBI 2012 took the best of several thresholds and thinned borders first; here neither is done.
pub(super) fn rand_score(pred: &[bool], truth: &[bool], width: usize) -> f64 {
    if !truth.contains(&true) {
        return if pred.contains(&true) { 0.0 } else { 1.0 };
    }
    let (segments, objects) = (labelled(pred, width), labelled(truth, width));
    let (mut joint, mut s, mut t) = (HashMap::new(), HashMap::new(), HashMap::new());
    let mut alone = 0;
    for (segment, object) in segments.into_iter().zip(objects).filter(|(_, object)| *object != 0) {
        *t.entry(object).or_insert(0_u64) += 1;
        if segment == 0 {
            alone += 1;
        } else {
            *joint.entry((segment, object)).or_insert(0_u64) += 1;
            *s.entry(segment).or_insert(0_u64) += 1;
        }
    }
    // Whole numbers, whose sum does not depend on the order of a hash map.
    let squares = |count: &u64| count * count;
    let together = alone + joint.values().map(squares).sum::<u64>();
    let apart = alone + s.values().map(squares).sum::<u64>() + t.values().map(squares).sum::<u64>();
    2.0 * together as f64 / apart as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{SIZE, cells, drawn};

    fn mask(drawn: &str) -> Vec<bool> {
        drawn.chars().map(|c| c == '#').collect()
    }

    #[test]
    fn corners_do_not_connect_and_rows_do_not_wrap() {
        assert_eq!(labelled(&mask("#..#.#.#...#"), 4), [1, 0, 0, 2, 0, 3, 0, 2, 0, 0, 0, 2]);
        assert_eq!(labelled(&mask("..##.."), 3), [0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn empty_masks() {
        let (none, some) = (mask("...."), mask("##.."));
        assert_eq!(rand_score(&none, &none, 4), 1.0);
        assert_eq!(rand_score(&some, &none, 4), 0.0);
        assert_eq!(rand_score(&some, &some, 4), 1.0);
        // Two pixels, each a part of its own, that belong together: 2 · 2 / (2 + 4).
        assert_eq!(rand_score(&none, &some, 4), 4.0 / 6.0);
    }

    /// Two cells of 3 pixels that run together: Σp² = 9 + 9, Σt² = 18, Σs² = 36.
    #[test]
    fn a_gap_in_a_membrane_merges_cells() {
        assert_eq!(rand_score(&mask("#######"), &mask("###.###"), 7), 36.0 / 54.0);
        assert_eq!(rand_score(&mask("###.###"), &mask("#######"), 7), 2.0 * 19.0 / (19.0 + 49.0));
    }

    /// Values of scripts/metric_oracle.py: labels of SciPy, contingency table of scikit-image.
    #[test]
    fn the_formula_on_labels_of_scipy() {
        let close = |(pred, truth): (Vec<bool>, Vec<bool>), expected: f64| {
            let value = rand_score(&pred, &truth, SIZE[1]);
            assert!((value - expected).abs() < 1e-14, "{value}, not {expected}");
        };
        close(drawn(), 0.630_386_441_492_878_1);
        close(cells(), 0.627_423_664_557_973_8);
    }
}
