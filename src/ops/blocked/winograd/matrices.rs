//! The one-dimensional transforms of Winograd's minimal filtering, in the names of Lavin & Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (arXiv:1509.09308, 2015).
//!
//! `F(m, 3)` gives `m` outputs of a 3-tap filter `g` over `a = m+2` inputs `d` with `a` products: `y = Aᵀ[(G g) ⊙ (Bᵀ d)]`.
//! Nested with itself it serves 2-D: `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`. The gradient of the filter is the same bilinear form read
//! the other way: `dg = Gᵀ[(Bᵀ d B) ⊙ (A dy Aᵀ)]G`.
//!
//! Two inputs each upsampled (nearest upsampling) make the component of the point −1 zero where the others are 0, 1, ∞ and symmetric pairs; so does
//! summing pairs of outputs. It is skipped there.

use crate::blocked::simd::Simd;
use std::mem::MaybeUninit;

/// The most components, `a` of F(4, 3). Shorter variants leave the rest zero.
pub const MAX_A: usize = 6;
/// The most outputs, `m` of F(4, 3).
pub const MAX_M: usize = 4;

/// What the transform of the columns leaves for that of the rows. Only what was put is read, so nothing is filled with zeros first.
pub struct Half<V>([[MaybeUninit<V>; MAX_A]; MAX_A]);

impl<V: Copy> Half<V> {
    /// Without a column.
    #[inline(always)]
    pub fn new() -> Self {
        Self([[MaybeUninit::uninit(); MAX_A]; MAX_A])
    }

    /// The first `count` numbers of column `j`.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, j: usize, column: [V; N], count: usize) {
        for i in 0..count {
            self.0[i][j].write(column[i]);
        }
    }

    /// Row `i` of the first `count` columns but one, zeros instead of that and after them.
    ///
    /// # Safety
    /// All these columns must have been put, of more than `i` numbers.
    #[inline(always)]
    pub unsafe fn row<const N: usize>(&self, i: usize, count: usize, zero: V, skipped: Option<usize>) -> [V; N] {
        let mut row = [zero; N];
        for j in 0..count {
            if skipped != Some(j) {
                // SAFETY: the caller's.
                row[j] = unsafe { self.0[i][j].assume_init() };
            }
        }
        row
    }
}

/// A minimal filtering `F(m, 3)`, each method a product with a constant matrix, on vectors of 16 channels.
pub trait Filtering: Copy + Send + Sync + 'static {
    /// Outputs.
    const M: usize;
    /// Inputs and products, `m + 2`.
    const A: usize;
    /// The component that is zero for upsampled inputs and is not read for summed outputs.
    const VANISHING: Option<usize>;

    /// `Bᵀ d`, (a).
    fn input<S: Simd>(s: S, d: [S::V; MAX_A]) -> [S::V; MAX_A];
    /// `Aᵀ m`, (m).
    fn output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M];
    /// `Aᵀ m` with neighbouring outputs summed, (m/2): the adjoint of upsampled inputs. Does not read [`Self::VANISHING`].
    #[inline(always)]
    fn pooled_output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        let y = Self::output(s, m);
        [s.add(y[0], y[1]), s.add(y[2], y[3]), s.zero(), s.zero()]
    }
    /// `G g`, (a).
    fn filter<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; MAX_A];
    /// `A y`, (a).
    fn output_gradient<S: Simd>(s: S, y: [S::V; MAX_M]) -> [S::V; MAX_A];
    /// `Gᵀ m`, (3).
    fn filter_gradient<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; 3];
}

/// F(2, 3) at the points 0, 1, −1, ∞.
///
/// ```text
///      1  0 −1  0          1  0  0
/// Bᵀ = 0  1  1  0      G = ½  ½  ½      Aᵀ = 1  1  1  0
///      0 −1  1  0          ½ −½  ½           0  1 −1 −1
///      0  1  0 −1          0  0  1
/// ```
#[derive(Debug, Clone, Copy)]
pub struct F2;

impl Filtering for F2 {
    const M: usize = 2;
    const A: usize = 4;
    const VANISHING: Option<usize> = Some(2);

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; MAX_A]) -> [S::V; MAX_A] {
        [s.sub(d[0], d[2]), s.add(d[1], d[2]), s.sub(d[2], d[1]), s.sub(d[1], d[3]), s.zero(), s.zero()]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        [s.add(m[0], s.add(m[1], m[2])), s.sub(s.sub(m[1], m[2]), m[3]), s.zero(), s.zero()]
    }

    #[inline(always)]
    fn pooled_output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        [s.sub(s.fma(s.splat(2.0), m[1], m[0]), m[3]), s.zero(), s.zero(), s.zero()]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; MAX_A] {
        let half = s.splat(0.5);
        let (even, odd) = (s.mul(half, s.add(g[0], g[2])), s.mul(half, g[1]));
        [g[0], s.add(even, odd), s.sub(even, odd), g[2], s.zero(), s.zero()]
    }

    #[inline(always)]
    fn output_gradient<S: Simd>(s: S, y: [S::V; MAX_M]) -> [S::V; MAX_A] {
        [y[0], s.add(y[0], y[1]), s.sub(y[0], y[1]), s.sub(s.zero(), y[1]), s.zero(), s.zero()]
    }

    #[inline(always)]
    fn filter_gradient<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; 3] {
        let half = s.splat(0.5);
        let (sum, difference) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
        [s.fma(half, sum, m[0]), s.mul(half, difference), s.fma(half, sum, m[3])]
    }
}

/// F(4, 3) at the points 0, a, −a, b, −b, ∞ with a = 2/3 and b = 3/2.
///
/// At the points 0, ±1, ±2 that are usual the errors are twice as large, the largest ones four times (Barabasz et al., "Error Analysis and Improving the
/// Accuracy of Winograd Convolution for Deep Neural Networks", arXiv:1803.10986, 2018, say why). With ab = 1, c = 1/(2a²(a² − b²)) and d = 1/(2b²(b² − a²)):
///
/// ```text
///      1   0  −a²−b²   0     1  0          1    0     0
///      0  −b    −b²    a     1  0          c   ca   ca²          1   1   1   1   1  0
/// Bᵀ = 0   b    −b²   −a     1  0      G = c  −ca   ca²     Aᵀ = 0   a  −a   b  −b  0
///      0  −a    −a²    b     1  0          d   db   db²          0  a²  a²  b²  b²  0
///      0   a    −a²   −b     1  0          d  −db   db²          0  a³ −a³  b³ −b³  1
///      0   1     0  −a²−b²   0  1          0    0     1
/// ```
#[derive(Debug, Clone, Copy)]
pub struct F4;

impl F4 {
    /// The points of the first and of the second pair.
    const POINTS: [f64; 2] = [2.0 / 3.0, 1.5];
    /// Their squares.
    const SQUARES: [f64; 2] = [Self::POINTS[0] * Self::POINTS[0], Self::POINTS[1] * Self::POINTS[1]];
    /// What a filter's value at a point of either pair is divided by: the product of that point's distances to the others.
    const DISTANCES: [f64; 2] = [
        2.0 * Self::SQUARES[0] * (Self::SQUARES[0] - Self::SQUARES[1]),
        2.0 * Self::SQUARES[1] * (Self::SQUARES[1] - Self::SQUARES[0]),
    ];
}

// Functions, not closures: what is not inlined has none of the processor's instructions.

/// `x · a + y · b`.
#[inline(always)]
fn weighted<S: Simd>(s: S, [x, y]: [f64; 2], a: S::V, b: S::V) -> S::V {
    s.fma(s.splat(x as f32), a, s.mul(s.splat(y as f32), b))
}

/// Values at both points of a pair, of the sums of even and of odd powers.
#[inline(always)]
fn pair<S: Simd>(s: S, even: S::V, odd: S::V) -> [S::V; 2] {
    [s.add(even, odd), s.sub(even, odd)]
}

/// The sums and the differences of both pairs.
#[inline(always)]
fn unpair<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; 4] {
    [s.add(m[1], m[2]), s.sub(m[1], m[2]), s.add(m[3], m[4]), s.sub(m[3], m[4])]
}

impl Filtering for F4 {
    const M: usize = 4;
    const A: usize = 6;
    const VANISHING: Option<usize> = None;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; MAX_A]) -> [S::V; MAX_A] {
        let ([a, b], [a2, b2]) = (Self::POINTS, Self::SQUARES);
        let outer = s.splat(-(a2 + b2) as f32);
        // x⁴ − b²x² and ax³ − bx, which is a(x³ − b²x) as ab = 1.
        let of_a = pair(s, s.fma(s.splat(-b2 as f32), d[2], d[4]), weighted(s, [a, -b], d[3], d[1]));
        let of_b = pair(s, s.fma(s.splat(-a2 as f32), d[2], d[4]), weighted(s, [b, -a], d[3], d[1]));
        let first = s.add(d[0], s.fma(outer, d[2], d[4]));
        let last = s.add(d[1], s.fma(outer, d[3], d[5]));
        [first, of_a[0], of_a[1], of_b[0], of_b[1], last]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        let ([a, b], [a2, b2]) = (Self::POINTS, Self::SQUARES);
        let [sum_a, difference_a, sum_b, difference_b] = unpair(s, m);
        [
            s.add(m[0], s.add(sum_a, sum_b)),
            weighted(s, [a, b], difference_a, difference_b),
            weighted(s, [a2, b2], sum_a, sum_b),
            s.add(weighted(s, [a * a2, b * b2], difference_a, difference_b), m[5]),
        ]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; MAX_A] {
        let ([a, b], [a2, b2], [at_a, at_b]) = (Self::POINTS, Self::SQUARES, Self::DISTANCES);
        let of_a = pair(s, weighted(s, [a2 / at_a, 1.0 / at_a], g[2], g[0]), s.mul(s.splat((a / at_a) as f32), g[1]));
        let of_b = pair(s, weighted(s, [b2 / at_b, 1.0 / at_b], g[2], g[0]), s.mul(s.splat((b / at_b) as f32), g[1]));
        [g[0], of_a[0], of_a[1], of_b[0], of_b[1], g[2]]
    }

    #[inline(always)]
    fn output_gradient<S: Simd>(s: S, y: [S::V; MAX_M]) -> [S::V; MAX_A] {
        let ([a, b], [a2, b2]) = (Self::POINTS, Self::SQUARES);
        let of_a = pair(s, s.fma(s.splat(a2 as f32), y[2], y[0]), weighted(s, [a * a2, a], y[3], y[1]));
        let of_b = pair(s, s.fma(s.splat(b2 as f32), y[2], y[0]), weighted(s, [b * b2, b], y[3], y[1]));
        [y[0], of_a[0], of_a[1], of_b[0], of_b[1], y[3]]
    }

    #[inline(always)]
    fn filter_gradient<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; 3] {
        let ([a, b], [a2, b2], [at_a, at_b]) = (Self::POINTS, Self::SQUARES, Self::DISTANCES);
        let [sum_a, difference_a, sum_b, difference_b] = unpair(s, m);
        [
            s.add(m[0], weighted(s, [1.0 / at_a, 1.0 / at_b], sum_a, sum_b)),
            weighted(s, [a / at_a, b / at_b], difference_a, difference_b),
            s.add(weighted(s, [a2 / at_a, b2 / at_b], sum_a, sum_b), m[5]),
        ]
    }
}
