//! Polygons as the COCO tools draw them: the boundary in steps of a fifth of a pixel, bit for bit as pycocotools (`rleFrPoly` in `maskApi.c`).
//!
//! Corners are rounded to the grid of fifths. An edge takes a step of its longer axis at a time, the other axis rounded. Where the boundary goes from
//! one column of pixels to the next, it switches between outside and inside for what lies below it in that column. What lies outside of the picture is
//! moved to its edge above and below, and left out at its sides.

use super::Steps;

/// Steps of a pixel's side.
const SCALE: f64 = 5.0;

/// The places, counted down the columns of an image of `height` and `width`, where a polygon begins and ends by turns: sorted, of even number.
///
/// `polygon` has x and y of its corners by turns, three corners or more, in pixels, the image's upper left corner being (0, 0).
///
/// # Errors
/// If the outline is too long.
pub(super) fn switches(polygon: &[f64], [height, width]: [usize; 2], steps: &mut Steps) -> Result<Vec<usize>, String> {
    let corners: Vec<[i64; 2]> = polygon.chunks_exact(2).map(|corner| [corner[0], corner[1]].map(on_grid)).collect();
    let edges = || (0..corners.len()).map(|index| (corners[index], corners[(index + 1) % corners.len()]));
    steps.take(edges().map(|(from, to)| from[0].abs_diff(to[0]).max(from[1].abs_diff(to[1]))).sum())?;
    let (mut found, mut before) = (Vec::new(), None);
    for (from, to) in edges() {
        walk(from, to, |point| {
            let previous = before.replace(point);
            found.extend(previous.and_then(|previous| switch(previous, point, [height, width])));
        });
    }
    if found.len() % 2 == 1 {
        found.push(height * width);
    }
    found.sort_unstable();
    Ok(found)
}

/// C's conversion to an integer cuts towards 0.
fn on_grid(coordinate: f64) -> i64 {
    (SCALE * coordinate + 0.5) as i64
}

/// Both ends and all steps between them, in this direction; x and y on the grid.
fn walk(from: [i64; 2], to: [i64; 2], mut step: impl FnMut([i64; 2])) {
    let [dx, dy] = [0, 1].map(|axis| (to[axis] - from[axis]).abs());
    let (long, length) = if dx >= dy { (0, dx) } else { (1, dy) };
    let short = 1 - long;
    let is_back = from[long] > to[long];
    let (low, high) = if is_back { (to, from) } else { (from, to) };
    // Of no length it is not a number, and nothing comes of it: a switch needs two columns.
    let slope = (high[short] - low[short]) as f64 / length as f64;
    for along in 0..=length {
        let t = if is_back { length - along } else { along };
        let mut point = [0; 2];
        point[long] = low[long] + t;
        point[short] = (low[short] as f64 + slope * t as f64 + 0.5) as i64;
        step(point);
    }
}

/// Where two neighbours on the boundary switch a column, if they do.
fn switch(before: [i64; 2], [u, v]: [i64; 2], [height, width]: [usize; 2]) -> Option<usize> {
    if u == before[0] {
        return None;
    }
    let column = if u < before[0] { u } else { u - 1 };
    let x = (column as f64 + 0.5) / SCALE - 0.5;
    if x.floor() != x || x < 0.0 || x > width as f64 - 1.0 {
        return None;
    }
    let y = ((v.min(before[1]) as f64 + 0.5) / SCALE - 0.5).clamp(0.0, height as f64).ceil();
    Some(x as usize * height + y as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(parts: &[&[f64]], [h, w]: [usize; 2]) -> Vec<String> {
        let mut plane = vec![0; h * w];
        for part in parts {
            super::super::runs::down_columns(&switches(part, [h, w], &mut Steps::default()).unwrap(), [h, w], &mut plane);
        }
        plane.chunks_exact(w).map(|row| row.iter().map(|v| if *v == 1 { '#' } else { '.' }).collect()).collect()
    }

    /// Oracle: pycocotools 2.0.11, `decode(merge(frPyObjects(parts, h, w)))`.
    #[test]
    fn polygons_are_drawn_as_by_pycocotools() {
        assert_eq!(
            mask(&[&[1.0, 1.0, 4.0, 1.0, 4.0, 3.0, 1.0, 3.0]], [5, 6]),
            ["......", ".###..", ".###..", "......", "......"]
        );
        assert_eq!(mask(&[&[0.5, 0.3, 5.7, 2.1, 1.9, 4.8]], [5, 6]), ["......", ".###..", ".####.", "..##..", "......"]);
        assert_eq!(
            mask(&[&[-3.0, -2.0, 2.5, 1.5, -1.0, 9.0], &[4.0, -1.0, 9.0, 2.0, 4.1, 2.7]], [5, 6]),
            ["#...##", "###.##", "##..##", "##....", "#....."]
        );
    }

    #[test]
    fn repeated_corners_change_nothing_and_endless_outlines_are_refused() {
        let plain = mask(&[&[0.5, 0.3, 5.7, 2.1, 1.9, 4.8]], [5, 6]);
        assert_eq!(mask(&[&[0.5, 0.3, 0.5, 0.3, 5.7, 2.1, 1.9, 4.8, 0.5, 0.3]], [5, 6]), plain);
        let far: Vec<f64> = (0..30).flat_map(|i| [if i % 2 == 0 { -9e7 } else { 9e7 }, f64::from(i)]).collect();
        assert!(switches(&far, [5, 6], &mut Steps::default()).unwrap_err().contains("simplify"));
    }
}
