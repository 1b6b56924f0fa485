//! Small matrix products on blocks of 16, kept in registers: `C (+)= A·B` with rows of 16 columns.
//!
//! The number of rows and of column panels held at once follows the registers: 14 × 2 vectors of 32 with AVX-512, 6 × 1 (two
//! registers each) of 16 with AVX2.

use super::simd::{Kernel, LANES, Level, Simd};

/// `C[p][r] (+)= Σ_b Σ_k A[b][r, k]·B[p][b][k]`, where `C[p][r]` and `B[p][b][k]` are vectors of 16 columns of panel `p`.
///
/// `A`'s block `b` is `(r, k)` with 16 `k` in a row, or, `transposed`, `(k, r)` with 16 `r` in a row.
pub struct Product {
    /// First element of `A` and the stride of its blocks.
    pub a: (*const f32, usize),
    /// First element of `B` and the strides of its panels and blocks.
    pub b: (*const f32, usize, usize),
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

impl Kernel for &Product {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: whoever makes a `Product` gives pointers that are valid for the whole of it.
        unsafe {
            match (self.transposed, S::LEVEL) {
                (false, Level::Avx512) => pairs::<S, 14, false>(simd, self),
                (false, Level::Avx2) => singles::<S, 6, false>(simd, self, 0),
                (false, Level::Portable) => singles::<S, 2, false>(simd, self, 0),
                (true, Level::Avx512) => pairs::<S, 8, true>(simd, self),
                (true, Level::Avx2) => singles::<S, 4, true>(simd, self, 0),
                (true, Level::Portable) => singles::<S, 2, true>(simd, self, 0),
            }
        }
    }
}

/// Panels two at a time, the last alone if their number is odd.
#[inline(always)]
unsafe fn pairs<S: Simd, const R: usize, const T: bool>(simd: S, product: &Product) {
    for panel in (0..product.panels / 2).map(|pair| pair * 2) {
        // SAFETY: the caller's.
        unsafe { all_rows::<S, R, 2, T>(simd, product, panel) };
    }
    // SAFETY: the caller's.
    unsafe { singles::<S, R, T>(simd, product, product.panels / 2 * 2) };
}

#[inline(always)]
unsafe fn singles<S: Simd, const R: usize, const T: bool>(simd: S, product: &Product, first: usize) {
    for panel in first..product.panels {
        // SAFETY: the caller's.
        unsafe { all_rows::<S, R, 1, T>(simd, product, panel) };
    }
}

/// Rows in groups of nearly equal size, at most `R`.
#[inline(always)]
unsafe fn all_rows<S: Simd, const R: usize, const P: usize, const T: bool>(s: S, product: &Product, panel: usize) {
    let groups = product.rows.div_ceil(R);
    for group in 0..groups {
        let (first, end) = (product.rows * group / groups, product.rows * (group + 1) / groups);
        macro_rules! rows {
            ($($rows:literal)*) => {
                match end - first {
                    // The guard drops the register blocks that this level never uses.
                    $($rows if $rows <= R => micro::<S, $rows, P, T>(s, product, first, panel),)*
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
unsafe fn micro<S: Simd, const R: usize, const P: usize, const T: bool>(s: S, product: &Product, row: usize, panel: usize) {
    let (row_stride, depth_stride) = if T { (1, LANES) } else { (LANES, 1) };
    let (b_panel, c_panel) = (product.b.1, product.c.1);
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
            let mut a = product.a.0.add(block * product.a.1 + row * row_stride);
            let mut b = product.b.0.add(panel * b_panel + block * product.b.2);
            for _ in 0..product.depth {
                let mut columns = [s.zero(); P];
                for p in 0..P {
                    columns[p] = s.load(b.add(p * b_panel));
                }
                for r in 0..R {
                    let x = s.splat(*a.add(r * row_stride));
                    for p in 0..P {
                        sums[r][p] = s.fma(x, columns[p], sums[r][p]);
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
