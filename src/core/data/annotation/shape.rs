//! The shapes of objects, each drawn by the rule of the tools that wrote it.

use super::even_odd::{self, Ring};
use super::{Steps, runs, upsampled};

/// Pixels from the picture's upper left corner that no coordinate of a picture exceeds.
const FARTHEST: f64 = 1e8;

/// What an object covers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) enum Shape {
    /// Polygons as the COCO tools draw them, each with x and y by turns.
    Upsampled(Vec<Vec<f64>>),
    /// Run lengths of a picture of a height and a width.
    Runs([usize; 2], Vec<u32>),
    /// Polygons by their pixels' centres: each a ring with its holes.
    Polygons(Vec<Vec<Ring>>),
    /// The pixels whose centres are within a radius of a centre.
    Circle([f64; 2], f64),
}

/// A shape of a class, or with a label that will be one.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Object<Class = usize> {
    pub class: Class,
    pub shape: Shape,
}

/// What an annotation file says of one image.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::data) struct Marked<Class = usize> {
    /// Height and width, where the file says so.
    pub size: Option<[usize; 2]>,
    pub objects: Vec<Object<Class>>,
}

impl Shape {
    /// Marks its pixels in a plane of height · width. What is outside of the picture is left out.
    ///
    /// # Errors
    /// In words, if it is not of this picture, or too long.
    fn draw(&self, size: [usize; 2], plane: &mut [u8], steps: &mut Steps) -> Result<(), String> {
        match self {
            Self::Upsampled(parts) => parts.iter().try_for_each(|part| {
                runs::down_columns(&upsampled::switches(part, size, steps)?, size, plane);
                Ok(())
            }),
            Self::Runs(own, counts) if *own == size => {
                runs::down_columns(&runs::switches(counts, plane.len())?, size, plane);
                Ok(())
            }
            Self::Runs([h, w], _) => Err(format!("is a run-length code of {h} × {w} pixels (height × width); write it again")),
            Self::Polygons(polygons) => polygons.iter().try_for_each(|rings| polygon(rings, size, plane, steps)),
            Self::Circle(centre, radius) => {
                circle(*centre, *radius, size, plane);
                Ok(())
            }
        }
    }

    /// Whether no part of it can lie in a picture of this height and width.
    fn is_outside(&self, [height, width]: [usize; 2]) -> bool {
        let corners: Vec<[f64; 2]> = match self {
            Self::Polygons(polygons) => polygons.iter().flatten().flatten().copied().collect(),
            Self::Circle([x, y], radius) => vec![[x - radius, y - radius], [x + radius, y + radius]],
            // As the tools of COCO have it, that is none of our business.
            Self::Upsampled(_) | Self::Runs(..) => return false,
        };
        let beyond = |axis: usize, length: usize| {
            corners.iter().all(|corner| corner[axis] <= 0.0) || corners.iter().all(|corner| corner[axis] >= length as f64)
        };
        beyond(0, width) || beyond(1, height)
    }
}

/// The first ring without its holes.
fn polygon(rings: &[Ring], size: [usize; 2], plane: &mut [u8], steps: &mut Steps) -> Result<(), String> {
    let [outer, holes @ ..] = rings else { return Ok(()) };
    if holes.is_empty() {
        return even_odd::inside(outer, size, steps, |row, columns| plane[row * size[1]..][columns].fill(1));
    }
    // Of the rows and columns around the ring alone: a picture may have many rings.
    let [columns, rows] = [(0, size[1]), (1, size[0])].map(|(axis, length)| {
        let along = outer.iter().map(|corner| corner[axis]);
        let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)));
        (low as usize).min(length)..(high.ceil().max(0.0) as usize).min(length)
    });
    let mut own = vec![0; rows.len() * columns.len()];
    for (number, ring) in rings.iter().enumerate() {
        even_odd::inside(ring, size, steps, |row, run| {
            let (from, to) = (run.start.max(columns.start), run.end.min(columns.end));
            if rows.contains(&row) && from < to {
                let start = (row - rows.start) * columns.len();
                own[start + from - columns.start..start + to - columns.start].fill(u8::from(number == 0));
            }
        })?;
    }
    for (row, marked) in rows.zip(own.chunks_exact(columns.len().max(1))) {
        plane[row * size[1]..][columns.clone()].iter_mut().zip(marked).for_each(|(all, one)| *all |= one);
    }
    Ok(())
}

fn circle([x, y]: [f64; 2], radius: f64, [height, width]: [usize; 2], plane: &mut [u8]) {
    // Truncation is to 0 at the lower end.
    let around =
        |centre: f64, length: usize| ((centre - radius) as usize).min(length)..((centre + radius).ceil() as usize).min(length);
    for row in around(y, height) {
        for column in around(x, width) {
            let [dx, dy] = [column as f64 + 0.5 - x, row as f64 + 0.5 - y];
            if dx * dx + dy * dy <= radius * radius {
                plane[row * width + column] = 1;
            }
        }
    }
}

/// `classes` planes of height · width in {0, 1}.
///
/// # Errors
/// In words, the file not named, the object counted from 1.
pub(in crate::data) fn planes(objects: &[Object], classes: usize, size: [usize; 2]) -> Result<Vec<u8>, String> {
    let pixels = size[0] * size[1];
    let (mut planes, mut steps) = (vec![0; classes * pixels], Steps::default());
    for (index, object) in objects.iter().enumerate() {
        let message = |problem: String| format!("object {} {problem}", index + 1);
        if object.shape.is_outside(size) {
            let [h, w] = size;
            return Err(message(format!(
                "lies outside of the image of {h} × {w} pixels (height × width); coordinates are pixels of the full image"
            )));
        }
        object.shape.draw(size, &mut planes[object.class * pixels..][..pixels], &mut steps).map_err(message)?;
    }
    Ok(planes)
}

/// Corners that a polygon may have: three or more, and all of them near a picture.
///
/// # Errors
/// In words, if there are fewer, or one is farther than any picture reaches.
pub(in crate::data) fn ring(corners: Vec<[f64; 2]>) -> Result<Ring, String> {
    if corners.len() < 3 {
        return Err(format!("has a polygon of {} corner(s), which needs 3 or more; draw it again", corners.len()));
    }
    if let Some([x, y]) = corners.iter().find(|corner| corner.iter().any(|c| c.is_nan() || c.abs() > FARTHEST)) {
        return Err(format!("has a corner at ({x}, {y}), which is in no image; coordinates are pixels"));
    }
    Ok(corners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(shapes: Vec<Shape>, size: [usize; 2]) -> Result<Vec<u8>, String> {
        let objects: Vec<Object> = shapes.into_iter().map(|shape| Object { class: 0, shape }).collect();
        planes(&objects, 1, size)
    }

    fn square(from: f64, to: f64) -> Ring {
        vec![[from, from], [to, from], [to, to], [from, to]]
    }

    #[test]
    fn holes_are_cut_out_of_their_own_polygon_alone() {
        let ring = Shape::Polygons(vec![vec![square(0.0, 4.0), square(1.0, 3.0)]]);
        assert_eq!(drawn(vec![ring.clone()], [4, 4]).unwrap(), [1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
        let filled = drawn(vec![Shape::Polygons(vec![vec![square(1.0, 2.0)]]), ring], [4, 4]).unwrap();
        assert_eq!(filled, [1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn classes_are_planes_of_their_own_and_objects_of_one_a_union() {
        let polygon = |class, from, to| Object { class, shape: Shape::Polygons(vec![vec![square(from, to)]]) };
        let planes = planes(&[polygon(1, 0.0, 2.0), polygon(0, 1.0, 2.0), polygon(1, 1.0, 3.0)], 2, [2, 3]).unwrap();
        assert_eq!(planes, [0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1]);
    }

    #[test]
    fn circles_have_the_centres_within_their_radius() {
        // Centres at distances 0.5·√2, √(0.5² + 1.5²) = 1.58 and 1.5·√2 = 2.12 from (2, 2).
        let circle = |radius| drawn(vec![Shape::Circle([2.0, 2.0], radius)], [4, 4]).unwrap();
        assert_eq!(circle(1.6), [0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0]);
        assert_eq!(circle(1.5), [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(drawn(vec![Shape::Circle([0.0, 0.0], 1.0)], [2, 2]).unwrap(), [1, 0, 0, 0]);
    }

    #[test]
    fn what_is_outside_or_of_another_size_is_refused() {
        let message = |shape| drawn(vec![Shape::Circle([1.0, 1.0], 1.0), shape], [4, 4]).unwrap_err();
        let far = message(Shape::Polygons(vec![vec![square(4.0, 9.0)]]));
        assert!(far.starts_with("object 2 lies outside of the image of 4 × 4 pixels"), "{far}");
        assert!(message(Shape::Circle([-3.0, 1.0], 2.5)).contains("lies outside"));
        assert!(message(Shape::Runs([4, 5], vec![20])).contains("a run-length code of 4 × 5 pixels"));
        assert!(message(Shape::Runs([4, 4], vec![15])).contains("runs of 15 pixels in all, its image has 16"));
        assert!(ring(vec![[0.0, 0.0]; 2]).unwrap_err().contains("2 corner(s)"));
        assert!(ring(vec![[0.0, 0.0], [1e300, 0.0], [1.0, 1.0]]).unwrap_err().contains("in no image"));
    }
}
