//! Two 256-bit registers a vector.

use super::{LANES, Level, Simd};
use half::bf16;
use std::arch::x86_64::*;

/// Proof that AVX2 and FMA are there.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The processor must have AVX2 and FMA.
    #[inline(always)]
    pub(super) unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

/// Lanes 0 to 7 and lanes 8 to 15.
type Halves = (__m256, __m256);

impl Simd for Avx2 {
    type V = Halves;
    type M = Halves;
    const LEVEL: Level = Level::Avx2;

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe { (_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            _mm256_storeu_ps(p, v.0);
            _mm256_storeu_ps(p.add(8), v.1);
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, p: *const bf16) -> Self::V {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            let widen = |half| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half)));
            (widen(_mm_loadu_si128(p.cast())), widen(_mm_loadu_si128(p.add(8).cast())))
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut bf16, v: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            _mm_storeu_si128(p.cast(), narrow(v.0));
            _mm_storeu_si128(p.add(8).cast(), narrow(v.1));
        }
    }
    #[inline(always)]
    unsafe fn store_pairs(self, p: *mut bf16, a: Self::V, b: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            let pair = |a, b| _mm256_blend_epi16::<0xaa>(_mm256_srli_epi32::<16>(round(a)), round(b));
            _mm256_storeu_si256(p.cast(), pair(a.0, b.0));
            _mm256_storeu_si256(p.add(16).cast(), pair(a.1, b.1));
        }
    }
    #[inline(always)]
    fn widen_pairs(self, v: Self::V) -> (Self::V, Self::V) {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let mask = _mm256_castsi256_ps(_mm256_set1_epi32(-0x1_0000));
            let first = (low(v.0), low(v.1));
            (first, (_mm256_and_ps(v.0, mask), _mm256_and_ps(v.1, mask)))
        }
    }
    #[inline(always)]
    fn from_array(self, a: [f32; LANES]) -> Self::V {
        // SAFETY: `a` has 16 elements.
        unsafe { self.load(a.as_ptr()) }
    }
    #[inline(always)]
    fn to_array(self, v: Self::V) -> [f32; LANES] {
        let mut a = [0.0; LANES];
        // SAFETY: `a` has room for 16.
        unsafe { self.store(a.as_mut_ptr(), v) };
        a
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: `self` proves the instructions.
        let half = unsafe { _mm256_set1_ps(x) };
        (half, half)
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_fmadd_ps(a.0, b.0, c.0), _mm256_fmadd_ps(a.1, b.1, c.1)) }
    }
    #[inline(always)]
    fn scale(self, a: Self::V, n: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (scale_half(a.0, n.0), scale_half(a.1, n.1)) }
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_sqrt_ps(a.0), _mm256_sqrt_ps(a.1)) }
    }
    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_cmp_ps::<_CMP_GT_OQ>(a.0, b.0), _mm256_cmp_ps::<_CMP_GT_OQ>(a.1, b.1)) }
    }
    #[inline(always)]
    fn eq(self, a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0), _mm256_cmp_ps::<_CMP_EQ_OQ>(a.1, b.1)) }
    }
    #[inline(always)]
    fn all(self) -> Self::M {
        self.eq(self.zero(), self.zero())
    }
    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_and_ps(a.0, b.0), _mm256_and_ps(a.1, b.1)) }
    }
    #[inline(always)]
    fn and_not(self, a: Self::M, b: Self::M) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_andnot_ps(b.0, a.0), _mm256_andnot_ps(b.1, a.1)) }
    }
    #[inline(always)]
    fn select(self, mask: Self::M, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { (_mm256_blendv_ps(b.0, a.0, mask.0), _mm256_blendv_ps(b.1, a.1, mask.1)) }
    }
}

/// The first bf16 of each pair.
#[inline(always)]
unsafe fn low(v: __m256) -> __m256 {
    // SAFETY: the caller's proof of the instructions.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(v))) }
}

/// Rounds so that the upper 16 bits are the nearest bf16: half of the last kept bit, less one where that bit is 0, carries
/// into it.
#[inline(always)]
unsafe fn round(v: __m256) -> __m256i {
    // SAFETY: the caller's proof of the instructions.
    unsafe {
        let bits = _mm256_castps_si256(v);
        let last = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff)));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
        _mm256_blendv_epi8(rounded, _mm256_set1_epi32(0x7fc0_0000), nan)
    }
}

#[inline(always)]
unsafe fn narrow(v: __m256) -> __m128i {
    // SAFETY: the caller's proof of the instructions.
    unsafe {
        let narrow = _mm256_srli_epi32::<16>(round(v));
        _mm_packus_epi32(_mm256_castsi256_si128(narrow), _mm256_extracti128_si256::<1>(narrow))
    }
}

/// Times 2ⁿ, made of its exponent's bits.
#[inline(always)]
unsafe fn scale_half(a: __m256, n: __m256) -> __m256 {
    // SAFETY: the caller's proof of the instructions.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
    }
}
