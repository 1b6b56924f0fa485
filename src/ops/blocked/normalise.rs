//! What normalisations share: moments of every channel of every sample, an affine map with ReLU or without, and their gradients.
//!
//! Sums run over a few hundred numbers in f32, beyond that in f64.

use super::scratch::Shared;
use super::simd::{Element, Kernel, LANES, Level, Simd};
use super::strips::{Strip, Strips};
use super::{Blocked, Shape};

/// One number for each lane of a block.
pub type Lanes = [f32; LANES];

/// Mean of a channel of a sample (or of several), and the sum of squared distances from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    /// How many numbers.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// Σ (x − mean)².
    pub squares: f64,
}

impl Moments {
    /// Those of both sets of numbers together (Chan, Golub & LeVeque 1979).
    pub fn and(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        let mean = self.mean + distance * other.count / count;
        Self { count, mean, squares: self.squares + other.squares + distance * distance * self.count * other.count / count }
    }

    /// The biased variance.
    pub fn variance(&self) -> f64 {
        self.squares / self.count
    }
}

/// What follows an affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// max(y, 0).
    Relu,
    /// Nothing.
    Nothing,
}

/// What is done to the channels of a block: `y = (x − mean) · slope + bias`, and what [`Then`] says.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScaleShift {
    /// Taken off first.
    pub mean: Lanes,
    /// The factor; 0 in lanes without a channel.
    pub slope: Lanes,
    /// Added last; 0 in lanes without a channel.
    pub bias: Lanes,
}

/// How the input's gradient follows from that of a [`ScaleShift`]: `dx = g · factor − level − (x − mean) · tilt`, g being dy, after a
/// ReLU where y > 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackwardCoefficients {
    /// For g.
    pub factor: Lanes,
    /// Taken off.
    pub level: Lanes,
    /// For the distance from the mean.
    pub tilt: Lanes,
}

/// `[Σ g, Σ g · (x − mean)]` of every lane of a block.
pub type Sums = [[f64; LANES]; 2];

/// The moments of every lane of every plane, (n · blocks, 16).
pub fn moments<E: Element>(level: Level, x: Blocked<E>) -> Vec<[Moments; LANES]> {
    let strips = Strips::of(x.shape());
    let parts = strips.map(|strip| level.run(StripMoments { x, strip }));
    parts.chunks_exact(strips.a_plane()).map(|parts| std::array::from_fn(|l| together(parts.iter().map(|p| p[l])))).collect()
}

fn together(parts: impl Iterator<Item = Moments>) -> Moments {
    parts.fold(Moments::default(), Moments::and)
}

/// Each plane, scaled and shifted.
pub fn apply<E: Element>(level: Level, x: Blocked<E>, scale_shifts: &[ScaleShift], then: Then) -> Vec<E> {
    let write = |strip: Strip, out: *mut E| match then {
        Then::Relu => level.run(Apply::<E, true> { x, scale_shift: &scale_shifts[strip.plane], strip, out }),
        Then::Nothing => level.run(Apply::<E, false> { x, scale_shift: &scale_shifts[strip.plane], strip, out }),
    };
    // SAFETY: `Apply` writes every pixel of its strip.
    unsafe { Strips::of(x.shape()).make(write) }
}

/// The sums of every plane that the gradients are made of, (n · blocks).
pub fn gradient_sums<E: Element>(
    level: Level,
    dy: Blocked<E>,
    x: Blocked<E>,
    scale_shifts: &[ScaleShift],
    then: Then,
) -> Vec<Sums> {
    let strips = Strips::of(x.shape());
    let parts = strips.map(|strip| match then {
        Then::Relu => level.run(StripSums::<E, true> { dy, x, scale_shift: &scale_shifts[strip.plane], strip }),
        Then::Nothing => level.run(StripSums::<E, false> { dy, x, scale_shift: &scale_shifts[strip.plane], strip }),
    });
    let total = |parts: &[Sums]| {
        let mut total = [[0.0; LANES]; 2];
        for (k, lane) in (0..2).flat_map(|k| (0..LANES).map(move |lane| (k, lane))) {
            total[k][lane] = parts.iter().map(|part| part[k][lane]).sum();
        }
        total
    };
    parts.chunks_exact(strips.a_plane()).map(total).collect()
}

/// Turns the gradient of the value of [`apply`] into that of its input, in place.
///
/// # Panics
/// If it is not as long as `x`.
pub fn to_gradient<E: Element>(
    level: Level,
    dy: &mut [E],
    x: Blocked<E>,
    scale_shifts: &[ScaleShift],
    coefficients: &[BackwardCoefficients],
    then: Then,
) {
    assert_eq!(dy.len(), x.data().len(), "elements of the gradient");
    let whole = Shared(dy.as_mut_ptr());
    Strips::of(x.shape()).map(|strip| {
        let (scale_shift, coefficient) = (&scale_shifts[strip.plane], &coefficients[strip.plane]);
        // SAFETY: the plane lies in the gradient, which is as long as x.
        let dy = unsafe { whole.at(strip.plane * x.shape().plane()) };
        match then {
            Then::Relu => level.run(Gradient::<E, true> { dy, x, scale_shift, coefficient, strip }),
            Then::Nothing => level.run(Gradient::<E, false> { dy, x, scale_shift, coefficient, strip }),
        }
    });
}

/// The plane that a strip is of.
fn plane<'a, E>(map: Blocked<'a, E>, strip: &Strip) -> &'a [E] {
    let blocks = map.shape().blocks();
    map.plane(strip.plane / blocks, strip.plane % blocks)
}

/// A row's pixels.
#[inline(always)]
fn row<E>(plane: &[E], shape: Shape, y: usize) -> &[E] {
    &plane[shape.pixel(y, 0)..][..shape.w * LANES]
}

/// Sums side by side, so that additions need not wait for each other.
const SIDE: usize = 4;

/// Moments of a strip, from sums of distances from the mean of its first row and of their squares. That mean is close enough to
/// the strip's for the difference of squares to keep its digits.
struct StripMoments<'a, E> {
    x: Blocked<'a, E>,
    strip: Strip,
}

impl<E: Element> Kernel for StripMoments<'_, E> {
    type Output = [Moments; LANES];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let (shape, plane) = (self.x.shape(), plane(self.x, &self.strip));
        let centre = s.mul(add_row(s, row(plane, shape, self.strip.rows.start), s.zero())[0], s.splat(1.0 / shape.w as f32));
        let mut totals = [[0f64; LANES]; 2];
        for y in self.strip.rows.clone() {
            let sums = add_row(s, row(plane, shape, y), centre);
            for k in 0..2 {
                let sum = s.to_array(sums[k]);
                for lane in 0..LANES {
                    totals[k][lane] += f64::from(sum[lane]);
                }
            }
        }
        let (count, centre) = ((self.strip.rows.len() * shape.w) as f64, s.to_array(centre));
        let mut moments = [Moments::default(); LANES];
        for lane in 0..LANES {
            let distance = totals[0][lane] / count;
            let squares = (totals[1][lane] - distance * totals[0][lane]).max(0.0);
            moments[lane] = Moments { count, mean: f64::from(centre[lane]) + distance, squares };
        }
        moments
    }
}

/// `[Σ (x − centre), Σ (x − centre)²]` of a row.
#[inline(always)]
fn add_row<S: Simd, E: Element>(s: S, row: &[E], centre: S::V) -> [S::V; 2] {
    let mut sums = [[s.zero(); SIDE]; 2];
    for group in row.chunks(SIDE * LANES) {
        for (k, pixel) in group.chunks_exact(LANES).enumerate() {
            // SAFETY: a chunk has 16 elements.
            let x = s.sub(unsafe { E::load(s, pixel.as_ptr()) }, centre);
            sums[0][k] = s.add(sums[0][k], x);
            sums[1][k] = s.fma(x, x, sums[1][k]);
        }
    }
    [fold(s, sums[0]), fold(s, sums[1])]
}

#[inline(always)]
fn fold<S: Simd>(s: S, v: [S::V; SIDE]) -> S::V {
    s.add(s.add(v[0], v[1]), s.add(v[2], v[3]))
}

/// Scale and shift in registers.
#[derive(Clone, Copy)]
struct Loaded<V> {
    mean: V,
    slope: V,
    bias: V,
}

#[inline(always)]
fn load<S: Simd>(s: S, scale_shift: &ScaleShift) -> Loaded<S::V> {
    Loaded { mean: s.from_array(scale_shift.mean), slope: s.from_array(scale_shift.slope), bias: s.from_array(scale_shift.bias) }
}

struct Apply<'a, E, const RELU: bool> {
    x: Blocked<'a, E>,
    scale_shift: &'a ScaleShift,
    strip: Strip,
    out: *mut E,
}

impl<E: Element, const RELU: bool> Kernel for Apply<'_, E, RELU> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, plane) = (self.x.shape(), plane(self.x, &self.strip));
        let scale_shift = load(s, self.scale_shift);
        for y in self.strip.rows {
            for (i, pixel) in row(plane, shape, y).chunks_exact(LANES).enumerate() {
                // SAFETY: a chunk has 16 elements; the pixel of the output lies in the plane and is this task's alone.
                unsafe {
                    let x = s.sub(E::load(s, pixel.as_ptr()), scale_shift.mean);
                    let value = s.fma(x, scale_shift.slope, scale_shift.bias);
                    // The second operand is what a NaN leaves: NaN stays NaN.
                    let y_pixel = if RELU { s.max(s.zero(), value) } else { value };
                    E::store(s, self.out.add(shape.pixel(y, i)), y_pixel);
                }
            }
        }
    }
}

/// `(g, x − mean)` of a pixel.
///
/// # Safety
/// Both must point to one pixel's 16 elements.
#[inline(always)]
unsafe fn gated<S: Simd, E: Element, const RELU: bool>(
    s: S,
    dy: *const E,
    x: *const E,
    scale_shift: Loaded<S::V>,
) -> (S::V, S::V) {
    // SAFETY: the caller's.
    let (dy, x) = unsafe { (E::load(s, dy), E::load(s, x)) };
    let x = s.sub(x, scale_shift.mean);
    if !RELU {
        return (dy, x);
    }
    let passes = s.gt(s.fma(x, scale_shift.slope, scale_shift.bias), s.zero());
    (s.select(passes, dy, s.zero()), x)
}

struct StripSums<'a, E, const RELU: bool> {
    dy: Blocked<'a, E>,
    x: Blocked<'a, E>,
    scale_shift: &'a ScaleShift,
    strip: Strip,
}

impl<E: Element, const RELU: bool> Kernel for StripSums<'_, E, RELU> {
    type Output = Sums;
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Sums {
        let (shape, x_plane, dy_plane) = (self.x.shape(), plane(self.x, &self.strip), plane(self.dy, &self.strip));
        let scale_shift = load(s, self.scale_shift);
        let mut totals = [[0.0; LANES]; 2];
        for y in self.strip.rows {
            let mut sums = [[s.zero(); SIDE]; 2];
            let groups = row(x_plane, shape, y).chunks(SIDE * LANES).zip(row(dy_plane, shape, y).chunks(SIDE * LANES));
            for (x, dy) in groups {
                for (k, (x, dy)) in x.chunks_exact(LANES).zip(dy.chunks_exact(LANES)).enumerate() {
                    // SAFETY: chunks have 16 elements.
                    let (g, distance) = unsafe { gated::<S, E, RELU>(s, dy.as_ptr(), x.as_ptr(), scale_shift) };
                    sums[0][k] = s.add(sums[0][k], g);
                    sums[1][k] = s.fma(g, distance, sums[1][k]);
                }
            }
            for k in 0..2 {
                let sum = s.to_array(fold(s, sums[k]));
                for lane in 0..LANES {
                    totals[k][lane] += f64::from(sum[lane]);
                }
            }
        }
        totals
    }
}

struct Gradient<'a, E, const RELU: bool> {
    /// The plane.
    dy: *mut E,
    x: Blocked<'a, E>,
    scale_shift: &'a ScaleShift,
    coefficient: &'a BackwardCoefficients,
    strip: Strip,
}

impl<E: Element, const RELU: bool> Kernel for Gradient<'_, E, RELU> {
    type Output = ();
    const BF16: bool = E::NARROW;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, x_plane) = (self.x.shape(), plane(self.x, &self.strip));
        let scale_shift = load(s, self.scale_shift);
        let factor = s.from_array(self.coefficient.factor);
        let (level, tilt) = (s.from_array(self.coefficient.level), s.from_array(self.coefficient.tilt));
        for y in self.strip.rows {
            for (i, x) in row(x_plane, shape, y).chunks_exact(LANES).enumerate() {
                // SAFETY: x is one pixel's 16 elements; the pixel of the gradient lies in the plane and is this task's alone.
                unsafe {
                    let dy = self.dy.add(shape.pixel(y, i));
                    let (g, distance) = gated::<S, E, RELU>(s, dy, x.as_ptr(), scale_shift);
                    let dx = s.sub(s.sub(s.mul(g, factor), level), s.mul(distance, tilt));
                    E::store(s, dy, dx);
                }
            }
        }
    }
}
