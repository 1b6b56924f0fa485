//! One 512-bit register a vector.

use super::{LANES, Level, Simd};
use half::bf16;
use std::arch::x86_64::*;
use std::mem::transmute;

/// Numbers of 16 lanes of one half and 16 of the other, taking turns.
static INTERLEAVED: [u16; 2 * LANES] = {
    let mut numbers = [0; 2 * LANES];
    let mut i = 0;
    while i < 2 * LANES {
        numbers[i] = (i % 2 * LANES + i / 2) as u16;
        i += 1;
    }
    numbers
};

/// Proof that AVX-512 F, BW, DQ and VL are there, and AVX512-BF16 if `BF16`.
#[derive(Debug, Clone, Copy)]
pub struct Avx512<const BF16: bool>(());

impl<const BF16: bool> Avx512<BF16> {
    /// # Safety
    /// The processor must have AVX-512 F, BW, DQ and VL, and AVX512-BF16 if `BF16`.
    #[inline(always)]
    pub(super) unsafe fn new_unchecked() -> Self {
        Self(())
    }
}

impl<const BF16: bool> Simd for Avx512<BF16> {
    type V = __m512;
    type M = __mmask16;
    const LEVEL: Level = if BF16 { Level::Avx512Bf16 } else { Level::Avx512 };

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, p: *const bf16) -> Self::V {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast())))) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut bf16, v: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            let narrow = if BF16 {
                transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(v))
            } else {
                _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(round(v)))
            };
            _mm256_storeu_si256(p.cast(), narrow);
        }
    }
    #[inline(always)]
    unsafe fn store_pairs(self, p: *mut bf16, a: Self::V, b: Self::V) {
        // SAFETY: the caller's; `self` proves the instructions.
        unsafe {
            let pairs = if BF16 {
                let halves = transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a));
                _mm512_permutexvar_epi16(_mm512_loadu_si512(INTERLEAVED.as_ptr().cast()), halves)
            } else {
                _mm512_mask_mov_epi16(_mm512_srli_epi32::<16>(round(a)), 0xaaaa_aaaa, round(b))
            };
            _mm512_storeu_si512(p.cast(), pairs);
        }
    }
    #[inline(always)]
    fn widen_pairs(self, v: Self::V) -> (Self::V, Self::V) {
        // SAFETY: `self` proves the instructions.
        unsafe {
            let bits = _mm512_castps_si512(v);
            let first = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits));
            (first, _mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32(-0x1_0000))))
        }
    }
    #[inline(always)]
    fn dot_pairs(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        if BF16 {
            // SAFETY: `self` proves the instructions; both types are 64 bytes of any bits.
            return unsafe { _mm512_dpbf16_ps(c, transmute::<__m512, __m512bh>(a), transmute::<__m512, __m512bh>(b)) };
        }
        let (a, b) = (self.widen_pairs(a), self.widen_pairs(b));
        self.fma(a.0, b.0, self.fma(a.1, b.1, c))
    }
    #[inline(always)]
    fn from_array(self, a: [f32; LANES]) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_loadu_ps(a.as_ptr()) }
    }
    #[inline(always)]
    fn to_array(self, v: Self::V) -> [f32; LANES] {
        let mut a = [0.0; LANES];
        // SAFETY: `a` has room; `self` proves the instructions.
        unsafe { _mm512_storeu_ps(a.as_mut_ptr(), v) };
        a
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn scale(self, a: Self::V, n: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_scalef_ps(a, n) }
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
    }
    #[inline(always)]
    fn eq(self, a: Self::V, b: Self::V) -> Self::M {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    fn all(self) -> Self::M {
        0xffff
    }
    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        a & b
    }
    #[inline(always)]
    fn and_not(self, a: Self::M, b: Self::M) -> Self::M {
        a & !b
    }
    #[inline(always)]
    fn select(self, mask: Self::M, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves the instructions.
        unsafe { _mm512_mask_blend_ps(mask, b, a) }
    }

    /// Four rounds of shuffles: pairs, quadruples, then 128-bit lanes twice.
    #[inline(always)]
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES] {
        let (mut r, mut t) = (rows, rows);
        // SAFETY: `self` proves the instructions.
        unsafe {
            for k in 0..8 {
                t[2 * k] = _mm512_unpacklo_ps(r[2 * k], r[2 * k + 1]);
                t[2 * k + 1] = _mm512_unpackhi_ps(r[2 * k], r[2 * k + 1]);
            }
            let mut d = [_mm512_setzero_pd(); LANES];
            for k in 0..LANES {
                d[k] = _mm512_castps_pd(t[k]);
            }
            for k in [0, 4, 8, 12] {
                r[k] = _mm512_castpd_ps(_mm512_unpacklo_pd(d[k], d[k + 2]));
                r[k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(d[k], d[k + 2]));
                r[k + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(d[k + 1], d[k + 3]));
                r[k + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(d[k + 1], d[k + 3]));
            }
            let mut t = r;
            for k in 0..4 {
                t[k] = _mm512_shuffle_f32x4::<0x88>(r[k], r[k + 4]);
                t[k + 4] = _mm512_shuffle_f32x4::<0xdd>(r[k], r[k + 4]);
                t[k + 8] = _mm512_shuffle_f32x4::<0x88>(r[k + 8], r[k + 12]);
                t[k + 12] = _mm512_shuffle_f32x4::<0xdd>(r[k + 8], r[k + 12]);
            }
            for k in 0..8 {
                r[k] = _mm512_shuffle_f32x4::<0x88>(t[k], t[k + 8]);
                r[k + 8] = _mm512_shuffle_f32x4::<0xdd>(t[k], t[k + 8]);
            }
        }
        r
    }
}

/// Rounds so that the upper 16 bits are the nearest bf16: half of the last kept bit, less one where that bit is 0, carries
/// into it.
#[inline(always)]
unsafe fn round(v: __m512) -> __m512i {
    // SAFETY: the caller's proof of the instructions.
    unsafe {
        let bits = _mm512_castps_si512(v);
        let last = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7fff)));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
        _mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc0_0000))
    }
}
