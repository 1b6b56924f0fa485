//! The order of slices by their places, and the one step from each to the next.

use super::super::frame::Frame;

/// Slices in order.
#[derive(Debug, PartialEq)]
pub(super) struct Order {
    /// Indices of frames.
    pub order: Vec<usize>,
    /// From each slice to the next in mm, if places are known.
    pub step: Option<[f64; 3]>,
}

/// So much of a step may a slice be away from where equal steps have it: places are often rounded to a tenth of a millimetre.
const TOLERANCE: f64 = 0.1;

type Vector = [f64; 3];

fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn less(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

impl Order {
    /// Of frames of one size. Those of one file (`lone`) may have no places and are in its order then; `named` names a frame.
    ///
    /// # Errors
    /// In words: a frame without place, of another orientation, in the place of another, or out of step.
    pub fn of(frames: &[&Frame], lone: bool, named: &dyn Fn(usize) -> String) -> Result<Self, String> {
        let unplaced = || Self { order: (0..frames.len()).collect(), step: None };
        let placed = |frame: &&Frame| frame.position.zip(frame.orientation);
        let places: Vec<Option<(Vector, [Vector; 2])>> = frames.iter().map(placed).collect();
        if frames.len() == 1 || lone && places.iter().all(Option::is_none) {
            return Ok(unplaced());
        }
        let absent = |i: usize| {
            format!("{}: lacks ImagePositionPatient or ImageOrientationPatient, so its place in the series is unknown", named(i))
        };
        let known = |(i, place): (usize, &Option<_>)| {
            place.ok_or_else(|| format!("{}; take it out, or convert the series to NIfTI", absent(i)))
        };
        let places = places.iter().enumerate().map(known).collect::<Result<Vec<_>, _>>()?;
        let [along, down] = places[0].1;
        if let Some(i) = places.iter().position(|(_, [a, d])| dot(*a, along) < 0.9999 || dot(*d, down) < 0.9999) {
            return Err(format!(
                "{}: lies in another orientation than {} (ImageOrientationPatient); keep the files of one series in one folder",
                named(i),
                named(0)
            ));
        }
        let normal = cross(along, down);
        let heights: Vec<f64> = places.iter().map(|(position, _)| dot(*position, normal)).collect();
        let mut order: Vec<usize> = (0..frames.len()).collect();
        order.sort_by(|a, b| heights[*a].total_cmp(&heights[*b]));
        let positions: Vec<Vector> = order.iter().map(|i| places[*i].0).collect();
        let gaps: Vec<f64> = order.windows(2).map(|pair| heights[pair[1]] - heights[pair[0]]).collect();
        even(&gaps, &|i| named(order[i]))?;
        let step = less(positions[positions.len() - 1], positions[0]).map(|whole| whole / gaps.len() as f64);
        in_line(&positions, step, &|i| named(order[i]))?;
        Ok(Self { order, step: Some(step) })
    }
}

/// Refuses gaps that are not equal.
fn even(gaps: &[f64], named: &dyn Fn(usize) -> String) -> Result<(), String> {
    let mut sorted = gaps.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    for (i, gap) in gaps.iter().enumerate() {
        let (a, b) = (named(i), named(i + 1));
        if *gap <= 1e-4 {
            return Err(format!(
                "{a} and {b} lie in the same place (ImagePositionPatient); keep one of them, or one series in a folder"
            ));
        }
        if (gap - middle).abs() > TOLERANCE * middle {
            let missing = (gap / middle).round() - 1.0;
            let whole = missing >= 1.0 && (gap - middle * (missing + 1.0)).abs() <= TOLERANCE * middle;
            let why =
                if whole { format!("so {missing} slice(s) are missing between") } else { "so spacing is unequal".to_owned() };
            return Err(format!(
                "{a} and {b} lie {gap:.3} mm apart, others {middle:.3} mm, {why}{}; complete the series, or resample it to equal spacing",
                if whole { " them" } else { "" }
            ));
        }
    }
    Ok(())
}

/// Refuses slices that are not in a straight line of equal steps.
fn in_line(positions: &[Vector], step: Vector, named: &dyn Fn(usize) -> String) -> Result<(), String> {
    let length = dot(step, step).sqrt();
    // Steps that are rounded each add up along the line, but never to a slice.
    let tolerance = length * 0.5;
    for (i, position) in positions.iter().enumerate() {
        let off = less(less(*position, positions[0]), step.map(|s| s * i as f64));
        if dot(off, off).sqrt() > tolerance {
            return Err(format!(
                "{}: lies beside the line of the other slices (ImagePositionPatient); complete the series, or resample it to equal spacing",
                named(i)
            ));
        }
    }
    Ok(())
}
