//! The one-dimensional transforms of Winograd's minimal filtering, in the names of Lavin & Gray, "Fast Algorithms for
//! Convolutional Neural Networks" (arXiv:1509.09308, 2015).
//!
//! `F(m, 3)` gives `m` outputs of a 3-tap filter `g` over `a = m+2` inputs `d` with `a` products: `y = Aᵀ[(G g) ⊙ (Bᵀ d)]`.
//! Nested with itself it serves 2-D: `Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`. The gradient of the filter is the same bilinear form read
//! the other way: `dg = Gᵀ[(Bᵀ d B) ⊙ (A dy Aᵀ)]G`.
//!
//! Two inputs each upsampled (nearest upsampling) make component [`VANISHING`], the point −1, zero; so does summing pairs of
//! outputs. It is left out there.

use crate::blocked::simd::Simd;

/// The most components, `a` of F(4, 3). Shorter variants leave the rest zero.
pub const MAX_A: usize = 6;
/// The most outputs, `m` of F(4, 3).
pub const MAX_M: usize = 4;
/// The component of the point −1.
pub const VANISHING: usize = 2;

/// A minimal filtering `F(m, 3)`, each method a product with a constant matrix, on vectors of 16 channels.
pub trait Filtering: Copy + Send + Sync + 'static {
    /// Outputs.
    const M: usize;
    /// Inputs and products, `m + 2`.
    const A: usize;

    /// `Bᵀ d`, (a).
    fn input<S: Simd>(s: S, d: [S::V; MAX_A]) -> [S::V; MAX_A];
    /// `Aᵀ m`, (m).
    fn output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M];
    /// `Aᵀ m` with neighbouring outputs summed, (m/2): the adjoint of upsampled inputs. Does not read [`VANISHING`].
    fn pooled_output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M];
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

/// F(4, 3) at the points 0, 1, −1, 2, −2, ∞.
///
/// ```text
///      4  0 −5  0  1  0           1/4    0     0
///      0 −4 −4  1  1  0          −1/6  −1/6  −1/6          1  1  1  1  1  0
/// Bᵀ = 0  4 −4 −1  1  0      G = −1/6   1/6  −1/6     Aᵀ = 0  1 −1  2 −2  0
///      0 −2 −1  2  1  0           1/24  1/12  1/6          0  1  1  4  4  0
///      0  2 −1 −2  1  0           1/24 −1/12  1/6          0  1 −1  8 −8  1
///      0  4  0 −5  0  1            0     0     1
/// ```
#[derive(Debug, Clone, Copy)]
pub struct F4;

impl Filtering for F4 {
    const M: usize = 4;
    const A: usize = 6;

    #[inline(always)]
    fn input<S: Simd>(s: S, d: [S::V; MAX_A]) -> [S::V; MAX_A] {
        let (minus_4, minus_5) = (s.splat(-4.0), s.splat(-5.0));
        let (even_1, odd_1) = (s.fma(minus_4, d[2], d[4]), s.fma(minus_4, d[1], d[3]));
        let (even_2, odd_2) = (s.sub(d[4], d[2]), s.sub(d[3], d[1]));
        [
            s.fma(s.splat(4.0), d[0], s.fma(minus_5, d[2], d[4])),
            s.add(even_1, odd_1),
            s.sub(even_1, odd_1),
            s.fma(s.splat(2.0), odd_2, even_2),
            s.fma(s.splat(-2.0), odd_2, even_2),
            s.fma(s.splat(4.0), d[1], s.fma(minus_5, d[3], d[5])),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        let (sum_1, difference_1) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
        let (sum_2, difference_2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
        [
            s.add(m[0], s.add(sum_1, sum_2)),
            s.fma(s.splat(2.0), difference_2, difference_1),
            s.fma(s.splat(4.0), sum_2, sum_1),
            s.add(s.fma(s.splat(8.0), difference_2, difference_1), m[5]),
        ]
    }

    #[inline(always)]
    fn pooled_output<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; MAX_M] {
        let double = s.mul(s.splat(2.0), m[1]);
        [
            s.sub(s.fma(s.splat(3.0), m[3], s.add(double, m[0])), m[4]),
            s.add(double, s.fma(s.splat(12.0), m[3], s.fma(s.splat(-4.0), m[4], m[5]))),
            s.zero(),
            s.zero(),
        ]
    }

    #[inline(always)]
    fn filter<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; MAX_A] {
        let sixth = s.splat(-1.0 / 6.0);
        let (even_1, odd_1) = (s.mul(sixth, s.add(g[0], g[2])), s.mul(sixth, g[1]));
        let even_2 = s.fma(s.splat(1.0 / 24.0), g[0], s.mul(s.splat(1.0 / 6.0), g[2]));
        let odd_2 = s.mul(s.splat(1.0 / 12.0), g[1]);
        [s.mul(s.splat(0.25), g[0]), s.add(even_1, odd_1), s.sub(even_1, odd_1), s.add(even_2, odd_2), s.sub(even_2, odd_2), g[2]]
    }

    #[inline(always)]
    fn output_gradient<S: Simd>(s: S, y: [S::V; MAX_M]) -> [S::V; MAX_A] {
        let (even_1, odd_1) = (s.add(y[0], y[2]), s.add(y[1], y[3]));
        let even_2 = s.fma(s.splat(4.0), y[2], y[0]);
        let odd_2 = s.fma(s.splat(8.0), y[3], s.mul(s.splat(2.0), y[1]));
        [y[0], s.add(even_1, odd_1), s.sub(even_1, odd_1), s.add(even_2, odd_2), s.sub(even_2, odd_2), y[3]]
    }

    #[inline(always)]
    fn filter_gradient<S: Simd>(s: S, m: [S::V; MAX_A]) -> [S::V; 3] {
        let (sum_1, difference_1) = (s.add(m[1], m[2]), s.sub(m[2], m[1]));
        let (sum_2, difference_2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
        let (sixth, minus_sixth) = (s.splat(1.0 / 6.0), s.splat(-1.0 / 6.0));
        [
            s.fma(s.splat(0.25), m[0], s.fma(minus_sixth, sum_1, s.mul(s.splat(1.0 / 24.0), sum_2))),
            s.fma(sixth, difference_1, s.mul(s.splat(1.0 / 12.0), difference_2)),
            s.fma(minus_sixth, sum_1, s.fma(sixth, sum_2, m[5])),
        ]
    }
}
