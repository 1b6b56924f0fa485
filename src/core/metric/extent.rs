//! How far a mask reaches, and what ophthalmologists make of it.

/// Rows from the first with a marked pixel to the last, both counted, and the same of columns; 0 without any.
///
/// # Shapes
/// `marked`: (h, `width`).
pub fn extent(marked: &[bool], width: usize) -> [usize; 2] {
    let places = || marked.iter().enumerate().filter(|(_, marked)| **marked).map(|(at, _)| at);
    [|at: usize, width: usize| at / width, |at, width| at % width].map(|of| {
        let span = places().map(|at| of(at, width)).fold(None, |span: Option<(usize, usize)>, at| {
            Some(span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
        });
        span.map_or(0, |(first, last)| last - first + 1)
    })
}

/// The vertical cup-to-disc ratio: rows that the cup spans over rows that the disc spans; `None` without a disc.
pub fn cup_to_disc(disc_rows: usize, cup_rows: usize) -> Option<f64> {
    (disc_rows > 0).then(|| cup_rows as f64 / disc_rows as f64)
}

/// How far the predicted vertical cup-to-disc ratio is from the true one, 1 at the most: no eye has a cup larger than its disc, and a
/// ratio to a few stray pixels shall count no worse than none. 0 if neither has a disc, 1 if one has none. Of each a disc and a
/// cup, (h, `width`).
pub(super) fn cup_to_disc_error(pred: [&[bool]; 2], truth: [&[bool]; 2], width: usize) -> f64 {
    let ratio = |[disc, cup]: [&[bool]; 2]| cup_to_disc(extent(disc, width)[0], extent(cup, width)[0]);
    match (ratio(pred), ratio(truth)) {
        (Some(pred), Some(truth)) => (pred - truth).abs().min(1.0),
        (None, None) => 0.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{SIZE, cells, drawn};

    /// Value of scripts/metric_oracle.py.
    #[test]
    fn rows_are_numpys() {
        let ((cup, true_cup), (disc, true_disc)) = (drawn(), cells());
        let error = cup_to_disc_error([&disc, &cup], [&true_disc, &true_cup], SIZE[1]);
        assert!((error - 0.244_565_217_391_304_32).abs() < 1e-14, "{error}");
    }

    #[test]
    fn by_hand() {
        let mask = |drawn: &str| drawn.chars().map(|c| c == '#').collect::<Vec<bool>>();
        let (disc, cup, small, none) = (mask("##.##.##.##."), mask("....#..#...."), mask("....#......."), mask("............"));
        assert_eq!((extent(&disc, 3), extent(&cup, 3), extent(&none, 3)), ([4, 2], [2, 1], [0, 0]));
        let error = |pred: [&[bool]; 2], truth: [&[bool]; 2]| cup_to_disc_error(pred, truth, 3);
        assert_eq!(error([&disc, &cup], [&disc, &small]), 0.25);
        assert_eq!(error([&disc, &none], [&disc, &small]), 0.25);
        assert_eq!(error([&none, &cup], [&disc, &small]), 1.0);
        assert_eq!(error([&small, &disc], [&disc, &small]), 1.0);
        assert_eq!(error([&disc, &cup], [&none, &none]), 1.0);
        assert_eq!(error([&none, &cup], [&none, &none]), 0.0);
    }
}
