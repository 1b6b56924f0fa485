//! Small matrix products on blocks of 16, kept in registers: `C (+)= A·B` with rows of 16 columns, sums in f32.
//!
//! Operands are read as *words* of 32 bits: an f32, or two bf16 that follow each other along the summed dimension, which
//! AVX512-BF16 multiplies and adds at once. Other levels widen the pairs first.
//!
//! The number of rows and of column panels held at once follows the registers: 14 × 2 vectors of 32 with AVX-512, 6 × 1 (two
//! registers each) of 16 with AVX2; fewer where pairs are widened.

use super::simd::{Element, Kernel, LANES, Level, Simd};
use half::bf16;

/// A number that [`Product`] multiplies.
pub trait Operand: Element {
    /// How many make a word: those that lie together along the summed dimension.
    const PACKED: usize;
    /// Whether AVX512-BF16 serves it.
    const BF16: bool;

    /// `a·b + c`, summed over what each word holds.
    fn multiply_add<S: Simd>(s: S, a: S::V, b: S::V, c: S::V) -> S::V;
}

impl Operand for f32 {
    const PACKED: usize = 1;
    const BF16: bool = false;

    #[inline(always)]
    fn multiply_add<S: Simd>(s: S, a: S::V, b: S::V, c: S::V) -> S::V {
        s.fma(a, b, c)
    }
}

impl Operand for bf16 {
    const PACKED: usize = 2;
    const BF16: bool = true;

    #[inline(always)]
    fn multiply_add<S: Simd>(s: S, a: S::V, b: S::V, c: S::V) -> S::V {
        s.dot_pairs(a, b, c)
    }
}

/// `C[p][r] (+)= Σ_b Σ_k A[b][r, k]·B[p][b][k]`, where `C[p][r]` and `B[p][b][k]` are vectors of 16 columns of panel `p`.
///
/// `A`'s block `b` is `(r, k)` with 16 `k` in a row, or, `transposed`, `(k, r)` with 16 `r` in a row. For bf16, `B[p][b]` is
/// `(k/2, 16, 2)` and the transposed `A[b]` is `(k/2, r, 2)`, so that pairs of `k` lie together; an odd `k` is followed by zeros.
pub struct Product<E> {
    /// First element of `A` and the stride of its blocks.
    pub a: (*const E, usize),
    /// First element of `B` and the strides of its panels and blocks.
    pub b: (*const E, usize, usize),
    /// First element of `C` and the stride of its panels.
    pub c: (*mut f32, usize),
    /// Number of `r`; at most 16 if transposed.
    pub rows: usize,
    /// Number of `p`.
    pub panels: usize,
    /// Number of `b`.
    pub blocks: usize,
    /// Number of `k` a block; at most 16 unless transposed.
    pub depth: usize,
    /// Whether `A` is `(k, r)`.
    pub transposed: bool,
    /// Whether to add to what `C` holds.
    pub accumulate: bool,
}

impl<E: Operand> Kernel for &Product<E> {
    type Output = ();
    const BF16: bool = E::BF16;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: whoever makes a `Product` gives pointers that are valid for the whole of it.
        unsafe {
            match (self.transposed, S::LEVEL, E::PACKED) {
                (false, Level::Avx512Bf16, _) | (false, Level::Avx512, 1) => pairs::<S, E, 14, false>(simd, self),
                (false, Level::Avx512, _) => pairs::<S, E, 12, false>(simd, self),
                (false, Level::Avx2, 1) => singles::<S, E, 6, false>(simd, self, 0),
                (false, Level::Avx2, _) => singles::<S, E, 4, false>(simd, self, 0),
                (false, Level::Portable, _) => singles::<S, E, 2, false>(simd, self, 0),
                (true, Level::Avx512 | Level::Avx512Bf16, _) => pairs::<S, E, 8, true>(simd, self),
                (true, Level::Avx2, _) => singles::<S, E, 4, true>(simd, self, 0),
                (true, Level::Portable, _) => singles::<S, E, 2, true>(simd, self, 0),
            }
        }
    }
}

/// Panels two at a time, the last alone if their number is odd.
#[inline(always)]
unsafe fn pairs<S: Simd, E: Operand, const R: usize, const T: bool>(simd: S, product: &Product<E>) {
    for panel in (0..product.panels / 2).map(|pair| pair * 2) {
        // SAFETY: the caller's.
        unsafe { all_rows::<S, E, R, 2, T>(simd, product, panel) };
    }
    // SAFETY: the caller's.
    unsafe { singles::<S, E, R, T>(simd, product, product.panels / 2 * 2) };
}

#[inline(always)]
unsafe fn singles<S: Simd, E: Operand, const R: usize, const T: bool>(simd: S, product: &Product<E>, first: usize) {
    for panel in first..product.panels {
        // SAFETY: the caller's.
        unsafe { all_rows::<S, E, R, 1, T>(simd, product, panel) };
    }
}

/// Rows in groups of nearly equal size, at most `R`.
#[inline(always)]
unsafe fn all_rows<S: Simd, E: Operand, const R: usize, const P: usize, const T: bool>(s: S, product: &Product<E>, panel: usize) {
    let groups = product.rows.div_ceil(R);
    for group in 0..groups {
        let (first, end) = (product.rows * group / groups, product.rows * (group + 1) / groups);
        macro_rules! rows {
            ($($rows:literal)*) => {
                match end - first {
                    // The guard drops the register blocks that this level never uses.
                    $($rows if $rows <= R => micro::<S, E, $rows, P, T>(s, product, first, panel),)*
                    _ => unreachable!("a group has 1 to R rows"),
                }
            };
        }
        // SAFETY: the caller's; the group lies within the rows.
        unsafe { rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14) };
    }
}

/// `R` rows of `P` panels, all sums in registers.
#[inline(always)]
unsafe fn micro<S: Simd, E: Operand, const R: usize, const P: usize, const T: bool>(
    s: S,
    product: &Product<E>,
    row: usize,
    panel: usize,
) {
    // Strides in words; as f32 a word is only carried, so its bits do not matter.
    let (row_stride, depth_stride) = if T { (1, LANES) } else { (LANES / E::PACKED, 1) };
    let (b_panel, c_panel) = (product.b.1 / E::PACKED, product.c.1);
    // SAFETY: the caller's: rows, panels, blocks and depth lie within the matrices.
    unsafe {
        let c = product.c.0.add(panel * c_panel + row * LANES);
        let mut sums = [[s.zero(); P]; R];
        if product.accumulate {
            for r in 0..R {
                for p in 0..P {
                    sums[r][p] = s.load(c.add(p * c_panel + r * LANES));
                }
            }
        }
        for block in 0..product.blocks {
            let mut a = product.a.0.add(block * product.a.1).cast::<f32>().add(row * row_stride);
            let mut b = product.b.0.add(panel * product.b.1 + block * product.b.2).cast::<f32>();
            for _ in 0..product.depth.div_ceil(E::PACKED) {
                let mut columns = [s.zero(); P];
                for p in 0..P {
                    columns[p] = s.load(b.add(p * b_panel));
                }
                for r in 0..R {
                    let x = s.splat(a.add(r * row_stride).read());
                    for p in 0..P {
                        sums[r][p] = E::multiply_add(s, x, columns[p], sums[r][p]);
                    }
                }
                a = a.add(depth_stride);
                b = b.add(LANES);
            }
        }
        for r in 0..R {
            for p in 0..P {
                s.store(c.add(p * c_panel + r * LANES), sums[r][p]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
