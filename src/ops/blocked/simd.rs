//! Vectors of 16 f32 on whatever the machine has: AVX-512, AVX2 with FMA, or plain code the compiler vectorises.
//!
//! A kernel is written once, as a [`Kernel`] generic over [`Simd`]; [`Level::run`] compiles it for each instruction set and picks
//! one at run time. A value of a [`Simd`] type is the proof that the processor has the instructions, so arithmetic is safe; only
//! loads and stores through pointers are not.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod element;
mod level;
mod portable;
mod run;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
pub use element::Element;
pub use level::{Level, LevelError, level, requested_level};
pub use portable::Portable;

use half::bf16;

/// Number of f32 in a vector, and of channels in a block.
pub const LANES: usize = 16;

/// Work that is compiled once for each instruction set.
///
/// `run` must be `#[inline(always)]`, and so must everything generic over [`Simd`] that it calls: only what is inlined into
/// the entry that [`Level::run`] makes gets compiled with the instruction set.
pub trait Kernel {
    /// What the work yields.
    type Output;

    /// Whether the work gains from AVX512-BF16 and so is compiled for it too; other work runs as plain AVX-512.
    const BF16: bool = false;

    /// Does the work with the vectors of `S`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Operations on vectors of [`LANES`] f32 and masks of as many bits. All are lane by lane unless said otherwise.
///
/// Comparisons are ordered: false where an operand is NaN. `fma` rounds once on AVX-512 and AVX2, twice on portable code.
pub trait Simd: Copy + Send + Sync + 'static {
    /// A vector.
    type V: Copy;
    /// A mask, one bit a lane.
    type M: Copy;

    /// The level these vectors belong to, for kernels that choose their register blocking by it.
    const LEVEL: Level;

    /// Reads 16 f32; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for reads of 16 f32.
    unsafe fn load(self, p: *const f32) -> Self::V;
    /// Writes 16 f32; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for writes of 16 f32.
    unsafe fn store(self, p: *mut f32, v: Self::V);
    /// Reads 16 bf16; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for reads of 16 bf16.
    unsafe fn load_bf16(self, p: *const bf16) -> Self::V;
    /// Writes 16 bf16, rounded to the nearest, ties to even; no alignment is needed. NaN stays NaN. AVX512-BF16 makes
    /// subnormal numbers zero.
    ///
    /// # Safety
    /// `p` must be valid for writes of 16 bf16.
    unsafe fn store_bf16(self, p: *mut bf16, v: Self::V);
    /// Writes 16 pairs of bf16, `(a, b)` of each lane, rounded as by `store_bf16`; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for writes of 32 bf16.
    unsafe fn store_pairs(self, p: *mut bf16, a: Self::V, b: Self::V);
    /// The first and the second bf16 of the 16 pairs that a vector's bits are.
    fn widen_pairs(self, v: Self::V) -> (Self::V, Self::V);
    /// `a₀·b₀ + a₁·b₁ + c`, where the bits of a lane of `a` and `b` are a pair of bf16.
    #[inline(always)]
    fn dot_pairs(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        let (a, b) = (self.widen_pairs(a), self.widen_pairs(b));
        self.fma(a.0, b.0, self.fma(a.1, b.1, c))
    }
    /// The vector of an array.
    #[expect(clippy::wrong_self_convention, reason = "`self` is the proof of the instructions, not what is converted")]
    fn from_array(self, a: [f32; LANES]) -> Self::V;
    /// The array of a vector.
    fn to_array(self, v: Self::V) -> [f32; LANES];
    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// 0 in every lane.
    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(0.0)
    }

    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a · 2ⁿ` for whole `n` from −126 to 127; anything for others.
    fn scale(self, a: Self::V, n: Self::V) -> Self::V;
    /// `√a`.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// The larger; `b` where one is NaN.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a > b`.
    fn gt(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a = b`.
    fn eq(self, a: Self::V, b: Self::V) -> Self::M;
    /// Every bit set.
    fn all(self) -> Self::M;
    /// `a ∧ b`.
    fn and(self, a: Self::M, b: Self::M) -> Self::M;
    /// `a ∧ ¬b`.
    fn and_not(self, a: Self::M, b: Self::M) -> Self::M;
    /// `a` where the mask is set, else `b`.
    fn select(self, mask: Self::M, a: Self::V, b: Self::V) -> Self::V;

    /// Sum of all lanes, in one fixed order: halves folded onto each other.
    #[inline(always)]
    fn sum(self, v: Self::V) -> f32 {
        let mut a = self.to_array(v);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                a[i] += a[i + half];
            }
        }
        a[0]
    }

    /// Transposes a 16 × 16 matrix given by its rows.
    #[inline(always)]
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES] {
        // No closures: they would not be compiled with the instruction set.
        let mut columns = [[0.0; LANES]; LANES];
        for (j, row) in rows.into_iter().enumerate() {
            let row = self.to_array(row);
            for i in 0..LANES {
                columns[i][j] = row[i];
            }
        }
        let mut out = rows;
        for i in 0..LANES {
            out[i] = self.from_array(columns[i]);
        }
        out
    }
}

#[cfg(test)]
mod tests;
