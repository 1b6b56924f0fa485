//! Outlines of masks: traced exactly along the edges of pixels, then smoothed by about a pixel's width.

/// A corner or point of an outline, x then y, in pixels from the top left corner of the mask.
pub(super) type Point = (f64, f64);

/// Loops of no more edges than this are left as they are.
const SMALL: usize = 16;
/// Passes of averaging: enough for the stairs of a mask, too few to round off what it shows.
const PASSES: usize = 4;
const STEPS: [(i32, i32); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Closed loops along the edges of set pixels, one corner a unit step, the inside on the right hand. Pixels that touch by a
/// corner only are apart. Holes are loops of their own.
///
/// # Panics
/// If the mask has not `width · height` pixels.
pub(super) fn trace(mask: &[bool], width: usize, height: usize) -> Vec<Vec<(i32, i32)>> {
    assert_eq!(mask.len(), width * height, "a mask has width · height pixels");
    let edges = edges(mask, width, height);
    let corner = |(x, y): (i32, i32)| y as usize * (width + 1) + x as usize;
    let mut seen = vec![0u8; edges.len()];
    let mut loops = Vec::new();
    for start in 0..edges.len() {
        for first in (0..4).filter(|d| edges[start] & 1 << d != 0) {
            if seen[start] & 1 << first != 0 {
                continue;
            }
            let mut at = ((start % (width + 1)) as i32, (start / (width + 1)) as i32);
            let (mut direction, mut path) = (first, Vec::new());
            while seen[corner(at)] & 1 << direction == 0 {
                seen[corner(at)] |= 1 << direction;
                path.push(at);
                at = (at.0 + STEPS[direction].0, at.1 + STEPS[direction].1);
                let leaving = edges[corner(at)];
                let turns = [1, 0, 3].map(|turn| (direction + turn) % 4);
                direction = turns.into_iter().find(|d| leaving & 1 << d != 0).expect("every edge is followed by one");
            }
            loops.push(path);
        }
    }
    loops
}

/// For each corner, the directions in which an edge leaves it, as bits.
fn edges(mask: &[bool], width: usize, height: usize) -> Vec<u8> {
    let set = |x: i32, y: i32| {
        (0..width as i32).contains(&x) && (0..height as i32).contains(&y) && mask[y as usize * width + x as usize]
    };
    let mut edges = vec![0u8; (width + 1) * (height + 1)];
    for y in 0..height as i32 {
        for x in (0..width as i32).filter(|&x| set(x, y)) {
            let sides = [((x, y - 1), (x, y)), ((x + 1, y), (x + 1, y)), ((x, y + 1), (x + 1, y + 1)), ((x - 1, y), (x, y + 1))];
            for (direction, ((nx, ny), (cx, cy))) in sides.into_iter().enumerate() {
                if !set(nx, ny) {
                    edges[cy as usize * (width + 1) + cx as usize] |= 1 << direction;
                }
            }
        }
    }
    edges
}

/// The middles of a loop's edges, each moved to the mean of its neighbourhood so that stairs become slopes, without those that
/// then lie within `tolerance` pixels of the line between others (Douglas and Peucker 1973). Loops around a few pixels keep
/// their size: they are not moved.
pub(super) fn smooth(corners: &[(i32, i32)], tolerance: f64) -> Vec<Point> {
    let next = corners.iter().cycle().skip(1);
    let middle = |(a, b): (&(i32, i32), &(i32, i32))| (f64::from(a.0 + b.0) / 2.0, f64::from(a.1 + b.1) / 2.0);
    let mut points: Vec<Point> = corners.iter().zip(next).map(middle).collect();
    if points.len() > SMALL {
        (0..PASSES).for_each(|_| points = averaged(&points));
    }
    let far = |i: usize| distance(points[i], points[0], points[0]);
    let Some(opposite) = (0..points.len()).reduce(|best, i| if far(i) > far(best) { i } else { best }) else { return points };
    let mut keep = vec![false; points.len() + 1];
    (keep[0], keep[opposite]) = (true, true);
    let mut open = vec![(0, opposite), (opposite, points.len())];
    while let Some((from, to)) = open.pop() {
        let (a, b) = (points[from], points[to % points.len()]);
        let off = |i: usize| distance(points[i], a, b);
        let worst = (from + 1..to).reduce(|worst, i| if off(i) > off(worst) { i } else { worst });
        if let Some(worst) = worst.filter(|&i| off(i) > tolerance) {
            keep[worst] = true;
            open.extend([(from, worst), (worst, to)]);
        }
    }
    let kept: Vec<Point> = points.iter().zip(&keep).filter(|(_, keep)| **keep).map(|(p, _)| *p).collect();
    if kept.len() < 3 { points } else { kept }
}

/// Binomial mean of each point and its two neighbours.
fn averaged(points: &[Point]) -> Vec<Point> {
    let n = points.len();
    let mean = |a: f64, b: f64, c: f64| (a + 2.0 * b + c) / 4.0;
    let at = |i: usize| (points[(i + n - 1) % n], points[i], points[(i + 1) % n]);
    (0..n).map(at).map(|(a, b, c)| (mean(a.0, b.0, c.0), mean(a.1, b.1, c.1))).collect()
}

/// Distance of a point from the segment between two others.
fn distance(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 { (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (p.0 - a.0 - t * dx).hypot(p.1 - a.1 - t * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `#` and `.`.
    fn mask(rows: &[&str]) -> (Vec<bool>, usize, usize) {
        (rows.concat().chars().map(|c| c == '#').collect(), rows[0].len(), rows.len())
    }

    fn traced(rows: &[&str]) -> Vec<Vec<(i32, i32)>> {
        let (mask, width, height) = mask(rows);
        trace(&mask, width, height)
    }

    /// Shoelace formula; negative for holes, as the inside is on the right hand and y points down.
    fn area(points: &[Point]) -> f64 {
        let next = points.iter().cycle().skip(1);
        points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0
    }

    fn area_of_corners(corners: &[(i32, i32)]) -> f64 {
        area(&corners.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect::<Vec<_>>())
    }

    #[test]
    fn one_pixel_has_four_corners() {
        assert_eq!(traced(&["...", ".#.", "..."]), [[(1, 1), (2, 1), (2, 2), (1, 2)]]);
    }

    #[test]
    fn a_mask_that_fills_the_picture_is_outlined_at_the_border() {
        assert_eq!(traced(&["##"]), [[(0, 0), (1, 0), (2, 0), (2, 1), (1, 1), (0, 1)]]);
    }

    #[test]
    fn an_empty_mask_has_no_outline() {
        assert!(traced(&["..", ".."]).is_empty());
        assert!(trace(&[], 0, 0).is_empty());
    }

    #[test]
    fn a_hole_is_a_loop_of_negative_area() {
        let loops = traced(&["###", "#.#", "###"]);
        assert_eq!(loops.iter().map(|l| area_of_corners(l)).collect::<Vec<_>>(), [9.0, -1.0]);
    }

    #[test]
    fn pixels_that_touch_by_a_corner_are_apart() {
        let loops = traced(&["#.", ".#"]);
        assert_eq!(loops.iter().map(|l| area_of_corners(l)).collect::<Vec<_>>(), [1.0, 1.0]);
        assert_eq!(traced(&[".#", "#."]).len(), 2);
    }

    #[test]
    fn areas_of_loops_sum_to_the_number_of_pixels() {
        let rows = ["#..##.#", "##.#.##", ".###..#", "#.#.###", "###.#.."];
        let set = rows.concat().matches('#').count() as f64;
        assert_eq!(traced(&rows).iter().map(|l| area_of_corners(l)).sum::<f64>(), set);
    }

    #[test]
    fn stairs_become_slopes() {
        let size = 40;
        let inside = |i: usize| ((i % size) as f64 - 19.5).hypot((i / size) as f64 - 19.5) < 15.0;
        let disc: Vec<bool> = (0..size * size).map(inside).collect();
        let loops = trace(&disc, size, size);
        let outline = smooth(&loops[0], 0.15);
        assert!(loops.len() == 1 && outline.len() < loops[0].len() / 3, "{} points", outline.len());
        let radii = outline.iter().map(|p| (p.0 - 20.0).hypot(p.1 - 20.0));
        assert!(radii.clone().all(|r| (r - 15.0).abs() < 0.8), "{:?}", radii.collect::<Vec<_>>());
        assert!((area(&outline) / (std::f64::consts::PI * 225.0) - 1.0).abs() < 0.03, "{}", area(&outline));
    }

    #[test]
    fn a_single_pixel_stays_visible() {
        assert!(area(&smooth(&[(1, 1), (2, 1), (2, 2), (1, 2)], 0.15)) > 0.4);
    }
}
