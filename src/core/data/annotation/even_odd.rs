//! Polygons by their pixels' centres: pixel (x, y) is inside where an odd number of edges cross the line from (x + 0.5, y + 0.5) to the right.
//!
//! A centre that lies on an edge belongs to what is right of the edge or below it, so of two polygons that share an edge one has it and the other has
//! not. Where an edge crosses a line is calculated from its upper end, whichever way it runs: both polygons get the same number.

use super::Steps;
use std::ops::Range;

/// A closed line: its corners, x and y in pixels, the image's upper left corner being (0, 0). The last one is joined to the first.
pub(in crate::data) type Ring = Vec<[f64; 2]>;

/// From the upper end to the lower, with the rows whose centres it crosses.
struct Edge {
    upper: [f64; 2],
    lower: [f64; 2],
    rows: Range<usize>,
}

impl Edge {
    fn new(from: [f64; 2], to: [f64; 2], height: usize) -> Self {
        let (upper, lower) = if from[1] <= to[1] { (from, to) } else { (to, from) };
        Self { upper, lower, rows: first_centre(upper[1], height)..first_centre(lower[1], height) }
    }

    /// The x where it crosses the centres of a row.
    fn crossing(&self, row: usize) -> f64 {
        let [[x0, y0], [x1, y1]] = [self.upper, self.lower];
        x0 + (row as f64 + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    }
}

/// The first of `count` pixels whose centre is not before this coordinate; `count` if there is none.
fn first_centre(coordinate: f64, count: usize) -> usize {
    // Truncation is to 0 and `count` at the ends.
    ((coordinate - 0.5).ceil() as usize).min(count)
}

/// Calls `take` with a row and its columns for each run of pixels inside of a ring, of an image of `height` and `width`.
///
/// # Errors
/// If the outline is too long.
pub(super) fn inside(
    ring: &Ring,
    [height, width]: [usize; 2],
    steps: &mut Steps,
    mut take: impl FnMut(usize, Range<usize>),
) -> Result<(), String> {
    let ends = (0..ring.len()).map(|i| (ring[i], ring[(i + 1) % ring.len()]));
    let mut edges: Vec<Edge> = ends.map(|(from, to)| Edge::new(from, to, height)).filter(|edge| !edge.rows.is_empty()).collect();
    steps.take(edges.iter().map(|edge| edge.rows.len() as u64).sum())?;
    // The last one comes first off.
    edges.sort_unstable_by_key(|edge| std::cmp::Reverse(edge.rows.start));
    let (mut active, mut crossings): (Vec<Edge>, Vec<f64>) = (Vec::new(), Vec::new());
    let Some(first) = edges.last().map(|edge| edge.rows.start) else { return Ok(()) };
    for row in first..height {
        active.retain(|edge| edge.rows.end > row);
        while let Some(edge) = edges.pop_if(|edge| edge.rows.start <= row) {
            active.push(edge);
        }
        crossings.clear();
        crossings.extend(active.iter().map(|edge| edge.crossing(row)));
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            take(row, first_centre(pair[0], width)..first_centre(pair[1], width));
        }
        if active.is_empty() && edges.is_empty() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(ring: &Ring, [h, w]: [usize; 2]) -> Vec<String> {
        let mut rows = vec![vec!['.'; w]; h];
        inside(ring, [h, w], &mut Steps::default(), |row, columns| rows[row][columns].fill('#')).unwrap();
        rows.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn a_centre_on_an_edge_belongs_to_what_is_right_of_it_or_below() {
        let square = |from: f64, to: f64| vec![[from, from], [to, from], [to, to], [from, to]];
        assert_eq!(mask(&square(1.0, 3.0), [4, 4]), ["....", ".##.", ".##.", "...."]);
        assert_eq!(mask(&square(0.5, 2.5), [4, 4]), ["##..", "##..", "....", "...."]);
        assert_eq!(mask(&square(0.51, 2.51), [4, 4]), ["....", ".##.", ".##.", "...."]);
        assert_eq!(mask(&square(-9.0, 99.0), [2, 2]), ["##", "##"]);
        assert_eq!(mask(&square(-9.0, -1.0), [2, 2]), ["..", ".."]);
    }

    /// Oracle: scikit-image 0.26, `draw.polygon(y - 0.5, x - 0.5, (h, w))`, for corners whose edges meet no centre.
    #[test]
    fn what_crosses_itself_is_inside_by_turns() {
        let star = vec![[4.0, 0.1], [6.4, 7.6], [0.1, 2.9], [7.9, 2.9], [1.6, 7.6]];
        assert_eq!(
            mask(&star, [8, 8]),
            ["........", "........", "...##...", ".##..##.", "..#..#..", "..####..", "..#..#..", "........"]
        );
    }

    #[test]
    fn neighbours_share_no_pixel_and_leave_none_between_them() {
        let (a, b) = ([0.3, 7.7], [7.1, 0.9]);
        let upper = mask(&vec![[0.0, 0.0], [8.0, 0.0], b, a, [0.0, 8.0]], [8, 8]);
        let lower = mask(&vec![a, b, [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]], [8, 8]);
        for (above, below) in upper.iter().zip(&lower) {
            assert!(above.chars().zip(below.chars()).all(|(a, b)| (a == '#') != (b == '#')), "{above} {below}");
        }
    }
}
