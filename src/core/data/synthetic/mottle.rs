//! Smooth random fields for the mottled ground of the eye: random values on a lattice, interpolated by cubic B-splines.
//! It refuses to know what the field modulates.

use super::random::Random;
use super::shape::Point;

/// The lattice covers [−SPAN, SPAN]² in field radii; beyond it the border value goes on.
const SPAN: f64 = 1.05;

/// A smooth random field of mean about 0 and standard deviation about 0.3 to 0.6.
pub(super) struct Mottle {
    cells: usize,
    /// (cells + 3)² values in [−1, 1), row by row: a spline needs one more before and two after.
    values: Vec<f64>,
}

impl Mottle {
    /// A field whose features measure about 2·SPAN / `cells`.
    pub(super) fn new(cells: usize, random: &mut Random) -> Self {
        let side = cells + 3;
        Self { cells, values: (0..side * side).map(|_| random.within(-2.0, 2.0)).collect() }
    }

    /// The field at `p`.
    pub(super) fn at(&self, p: Point) -> f64 {
        let side = self.cells + 3;
        let (column, across) = self.cell(p[0]);
        let (row, down) = self.cell(p[1]);
        let mut sum = 0.0;
        for (j, weight) in down.iter().enumerate() {
            let from = (row + j) * side + column;
            let line = &self.values[from..from + 4];
            sum += weight * (line[0] * across[0] + line[1] * across[1] + line[2] * across[2] + line[3] * across[3]);
        }
        sum
    }

    /// The cell that holds a coordinate and the weights of its four lattice lines.
    fn cell(&self, coordinate: f64) -> (usize, [f64; 4]) {
        let along = ((coordinate + SPAN) / (2.0 * SPAN)).clamp(0.0, 1.0) * self.cells as f64;
        let cell = (along as usize).min(self.cells - 1);
        let t = along - cell as f64;
        let (t2, t3, u) = (t * t, t * t * t, 1.0 - t);
        let weights = [u * u * u, 3.0 * t3 - 6.0 * t2 + 4.0, -3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0, t3];
        (cell, weights.map(|w| w / 6.0))
    }
}
