//! Whether one image is another one's copy: brought together as well as may be, their details must be the same pixel by pixel.

use super::print::{COARSE, Print, SIDE, bilinear};

/// Correlation of details from which on two images show the same: copies that are shifted by an eighth, cropped by a tenth or saved as poor JPEG
/// have 0.975 and more; neighbouring slices of a volume 0.68, the likest two of 1,400 drawn fundus images 0.90.
const SAME: f64 = 0.95;
/// The same for images with too few details to be moved before they are compared.
const SAME_IN_PLACE: f64 = 0.97;
/// Coarse correlation from which on it is worth to look closer. Copies have more than 0.5.
const WORTH: f64 = 0.45;
/// Pixels of a coarse map that a copy may be shifted by: an eighth of the image.
const REACH: usize = 3;
/// Pixels of a map of details from its edges that do not count in the end: what a shift brought in from outside is near them.
const EDGE: usize = 4;
/// Orientations of the eight that are looked at closely.
const TRIED: usize = 2;

/// What somebody did to an image to make a copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Left and right, or top and bottom, changed places.
    pub mirrored: bool,
    /// The image was rotated by so many degrees: 0, 90 (either way) or 180.
    pub rotated: u16,
    /// The image was moved.
    pub shifted: bool,
    /// Something was cut off.
    pub cropped: bool,
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rotated = match self.rotated {
            90 => Some("rotated by 90°"),
            180 => Some("rotated by 180°"),
            _ => None,
        };
        let words =
            [self.mirrored.then_some("mirrored"), rotated, self.cropped.then_some("cropped"), self.shifted.then_some("shifted")];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        if words.is_empty() { f.write_str("copy") } else { write!(f, "{} copy", words.join(", ")) }
    }
}

/// How one image became the other, if it did.
pub(super) fn change(a: &Print, b: &Print) -> Option<Change> {
    if !(a.rich && b.rich) {
        let all = (0..8).map(|turn| (correlation(&a.details, &turned(&b.details, SIDE, turn)), turn));
        let (like, turn) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
        return (like >= SAME_IN_PLACE).then(|| of(turn, Placing::IN_PLACE));
    }
    let mut found: Vec<(Shift, usize)> =
        (0..8).map(|turn| (Shift::find(&a.coarse, &turned(&b.coarse, COARSE, turn)), turn)).collect();
    found.sort_by(|(a, _), (b, _)| b.like.total_cmp(&a.like));
    found.truncate(TRIED);
    let close = found.into_iter().filter(|(shift, _)| shift.like >= WORTH).map(|(shift, turn)| {
        let (like, placing) = Placing::find(&a.details, &turned(&b.details, SIDE, turn), shift.by);
        (like, of(turn, placing))
    });
    close.filter(|(like, _)| *like >= SAME).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, change)| change)
}

/// A change by its orientation, of eight, and placing.
fn of(turn: usize, placing: Placing) -> Change {
    // A mirror image that is rotated by 180° is mirrored the other way.
    let (mirrored, quarters) = (turn % 2 == 1, turn / 2);
    let rotated = if quarters % 2 == 1 {
        90
    } else if quarters == 2 && !mirrored {
        180
    } else {
        0
    };
    let cropped = placing.scale.iter().any(|scale| (scale - 1.0).abs() > 0.02);
    let shifted = !cropped && placing.shift.iter().any(|shift| shift.abs() > 0.35);
    Change { mirrored, rotated, shifted, cropped }
}

/// A square map rotated by `turn` / 2 quarters counter-clockwise, then mirrored if `turn` is odd.
fn turned(map: &[f32], side: usize, turn: usize) -> Vec<f32> {
    let last = side - 1;
    let mut turned = Vec::with_capacity(map.len());
    for y in 0..side {
        for x in 0..side {
            let x = if turn % 2 == 1 { last - x } else { x };
            let (y, x) = match turn / 2 {
                0 => (y, x),
                1 => (x, last - y),
                2 => (last - y, last - x),
                _ => (last - x, y),
            };
            turned.push(map[y * side + x]);
        }
    }
    turned
}

/// Pearson's, of values at the same places.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = Sums::default();
    a.iter().zip(b).for_each(|(a, b)| sums.add(f64::from(*a), f64::from(*b)));
    sums.correlation()
}

#[derive(Default)]
struct Sums {
    count: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
}

impl Sums {
    fn add(&mut self, a: f64, b: f64) {
        self.count += 1.0;
        self.a += a;
        self.b += b;
        self.aa += a * a;
        self.bb += b * b;
        self.ab += a * b;
    }

    /// Covariance and both variances, each times the count.
    fn moments(&self) -> [f64; 3] {
        let n = self.count.max(1.0);
        [self.ab - self.a * self.b / n, self.aa - self.a * self.a / n, self.bb - self.b * self.b / n]
    }

    fn correlation(&self) -> f64 {
        let [ab, aa, bb] = self.moments();
        ab / (aa * bb).sqrt().max(1e-9)
    }
}

/// The best shift by whole pixels of a coarse map.
struct Shift {
    like: f64,
    /// Down and to the right, in pixels of a map of details.
    by: [f64; 2],
}

impl Shift {
    /// `b` at the place plus the shift is like `a` at the place.
    fn find(a: &[f32], b: &[f32]) -> Self {
        /// Pixels of a side that stay within under every shift.
        const INNER: usize = COARSE - 2 * REACH;
        let row = |map: &[f32], y: usize, x: usize| *map[y * COARSE + x..].first_chunk::<INNER>().expect("a row is longer");
        let own: Vec<[f32; INNER]> = (0..INNER).map(|y| row(a, y + REACH, REACH)).collect();
        let (sum, squares) = own.iter().flatten().fold((0.0, 0.0), |(sum, squares), v| (sum + v, squares + v * v));
        let mut best = Self { like: f64::NEG_INFINITY, by: [0.0; 2] };
        for dy in 0..=2 * REACH {
            for dx in 0..=2 * REACH {
                // Column by column, which vectors of the processor take at once.
                let mut sums = [[0f32; INNER]; 3];
                for (y, own) in own.iter().enumerate() {
                    let other = row(b, y + dy, dx);
                    for x in 0..INNER {
                        sums[0][x] += other[x];
                        sums[1][x] += other[x] * other[x];
                        sums[2][x] += own[x] * other[x];
                    }
                }
                let [b, bb, ab] = sums.map(|columns| f64::from(columns.iter().sum::<f32>()));
                let like =
                    Sums { count: (INNER * INNER) as f64, a: f64::from(sum), b, aa: f64::from(squares), bb, ab }.correlation();
                if like > best.like {
                    let by = |d: usize| (d as f64 - REACH as f64) * SIDE as f64 / COARSE as f64;
                    best = Self { like, by: [by(dy), by(dx)] };
                }
            }
        }
        best
    }
}

/// Where a pixel of one map lies in another: `scale` times its place from the middle, plus `shift`, each by axis.
#[derive(Debug, Clone, Copy)]
struct Placing {
    scale: [f64; 2],
    shift: [f64; 2],
}

impl Placing {
    const IN_PLACE: Self = Self { scale: [1.0; 2], shift: [0.0; 2] };
    /// How far from 1 a scale, and from 0 a shift may be.
    const STRETCH: [f64; 2] = [0.85, 1.0 / 0.85];
    const FAR: f64 = SIDE as f64 / 6.0;
    /// Rounds at the most, and the change that ends them.
    const ROUNDS: usize = 15;
    const STILL: f64 = 0.005;

    /// The placing at which `b` is likest to `a`, and the correlation of their common area there: least squares of their difference, by Gauss
    /// and Newton (Lucas and Kanade 1981), from a shift on.
    fn find(a: &[f32], b: &[f32], shift: [f64; 2]) -> (f64, Self) {
        let mut placing = Self { scale: [1.0; 2], shift };
        let slopes = slopes(b);
        for _ in 0..Self::ROUNDS {
            let Some(step) = placing.step(a, b, &slopes) else { break };
            for axis in 0..2 {
                let [scale, shift] = [step[2 * axis].clamp(-0.05, 0.05), step[2 * axis + 1].clamp(-1.0, 1.0)];
                placing.scale[axis] = (placing.scale[axis] + scale).clamp(Self::STRETCH[0], Self::STRETCH[1]);
                placing.shift[axis] = (placing.shift[axis] + shift).clamp(-Self::FAR, Self::FAR);
            }
            if step.iter().all(|change| change.abs() < Self::STILL) {
                break;
            }
        }
        let mut sums = Sums::default();
        let inner = |at: f32| (EDGE as f32..=(SIDE - 1 - EDGE) as f32).contains(&at);
        placing.each(1, |y, x, [fy, fx]| {
            if [y as f32, x as f32, fy, fx].into_iter().all(inner) {
                sums.add(a[y * SIDE + x].into(), bilinear(b, fy, fx).into());
            }
        });
        let like = if sums.count < 0.4 * a.len() as f64 { 0.0 } else { sums.correlation() };
        (like, placing)
    }

    /// Every so-manieth pixel whose place in the other map lies within it.
    fn each(&self, every: usize, mut visit: impl FnMut(usize, usize, [f32; 2])) {
        let middle = (SIDE - 1) as f64 / 2.0;
        let place = |axis: usize, at: usize| (self.scale[axis] * (at as f64 - middle) + middle + self.shift[axis]) as f32;
        let within = |at: &f32| (0.0..=(SIDE - 1) as f32).contains(at);
        let columns: Vec<(usize, f32)> = (0..SIDE).step_by(every).map(|x| (x, place(1, x))).filter(|(_, x)| within(x)).collect();
        for (y, fy) in (0..SIDE).step_by(every).map(|y| (y, place(0, y))).filter(|(_, y)| within(y)) {
            columns.iter().for_each(|(x, fx)| visit(y, *x, [fy, *fx]));
        }
    }

    /// The change of scale and shift, by axis, that one round makes; `None` where nothing is in common.
    fn step(&self, a: &[f32], b: &[f32], slopes: &[Vec<f32>; 2]) -> Option<[f64; 4]> {
        let mut sums = Sums::default();
        self.each(2, |y, x, [fy, fx]| sums.add(a[y * SIDE + x].into(), bilinear(b, fy, fx).into()));
        let [ab, _, bb] = sums.moments();
        // One may have more contrast than the other.
        let (gain, mean) = ((ab / bb.max(1e-9)).max(0.3), [sums.a / sums.count, sums.b / sums.count]);
        let (middle, quarter) = ((SIDE - 1) as f64 / 2.0, SIDE as f64 / 4.0);
        let (mut normal, mut right) = ([[0.0; 4]; 4], [0.0; 4]);
        self.each(2, |y, x, [fy, fx]| {
            let rest = f64::from(a[y * SIDE + x]) - mean[0] - gain * (f64::from(bilinear(b, fy, fx)) - mean[1]);
            let slope = |axis: usize| gain * f64::from(bilinear(&slopes[axis], fy, fx));
            let from = |at: usize| (at as f64 - middle) / quarter;
            let row = [slope(0) * from(y), slope(0), slope(1) * from(x), slope(1)];
            for i in 0..4 {
                right[i] += row[i] * rest;
                (0..4).for_each(|k| normal[i][k] += row[i] * row[k]);
            }
        });
        (0..4).for_each(|i| normal[i][i] += 1e-5 * sums.count);
        let solved = solve(normal, right);
        let step = [solved[0] / quarter, solved[1], solved[2] / quarter, solved[3]];
        step.iter().all(|change| change.is_finite()).then_some(step)
    }
}

/// Differences of neighbours along the height and along the width.
fn slopes(map: &[f32]) -> [Vec<f32>; 2] {
    let slope = |at: usize, place: usize, stride: usize| {
        let [before, behind] = [place.min(1), (SIDE - 1 - place).min(1)];
        (map[at + behind * stride] - map[at - before * stride]) / (before + behind) as f32
    };
    let all = |of: &dyn Fn(usize) -> f32| (0..map.len()).map(of).collect();
    [all(&|at| slope(at, at / SIDE, SIDE)), all(&|at| slope(at, at % SIDE, 1))]
}

/// The solution of symmetric positive equations, by elimination.
fn solve(mut left: [[f64; 4]; 4], mut right: [f64; 4]) -> [f64; 4] {
    for i in 0..4 {
        for k in i + 1..4 {
            let factor = left[k][i] / left[i][i];
            let row = left[i];
            left[k].iter_mut().zip(row).for_each(|(value, above)| *value -= factor * above);
            right[k] -= factor * right[i];
        }
    }
    for i in (0..4).rev() {
        let known: f64 = (i + 1..4).map(|k| left[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / left[i][i];
    }
    right
}
