//! Vectors as plain arrays.

use super::{LANES, Level, Simd};
use half::bf16;

/// Code for any processor; the compiler vectorises it with what the target always has (SSE2 on x86-64).
#[derive(Debug, Clone, Copy)]
pub struct Portable;

#[inline(always)]
fn zip(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    let mut out = a;
    for (out, b) in out.iter_mut().zip(b) {
        *out = f(*out, b);
    }
    out
}

#[inline(always)]
fn bits(f: impl Fn(usize) -> bool) -> [bool; LANES] {
    let mut out = [false; LANES];
    for (i, bit) in out.iter_mut().enumerate() {
        *bit = f(i);
    }
    out
}

impl Simd for Portable {
    type V = [f32; LANES];
    type M = [bool; LANES];
    const LEVEL: Level = Level::Portable;

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller's.
        unsafe { p.cast::<[f32; LANES]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: Self::V) {
        // SAFETY: the caller's.
        unsafe { p.cast::<[f32; LANES]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, p: *const bf16) -> Self::V {
        // SAFETY: the caller's.
        unsafe { p.cast::<[bf16; LANES]>().read_unaligned() }.map(bf16::to_f32)
    }
    #[inline(always)]
    unsafe fn store_bf16(self, p: *mut bf16, v: Self::V) {
        // SAFETY: the caller's.
        unsafe { p.cast::<[bf16; LANES]>().write_unaligned(v.map(bf16::from_f32)) }
    }
    #[inline(always)]
    unsafe fn store_pairs(self, p: *mut bf16, a: Self::V, b: Self::V) {
        let mut pairs = [[bf16::ZERO; 2]; LANES];
        for i in 0..LANES {
            pairs[i] = [bf16::from_f32(a[i]), bf16::from_f32(b[i])];
        }
        // SAFETY: the caller's.
        unsafe { p.cast::<[[bf16; 2]; LANES]>().write_unaligned(pairs) }
    }
    #[inline(always)]
    fn widen_pairs(self, v: Self::V) -> (Self::V, Self::V) {
        let (low, high) = if cfg!(target_endian = "little") { (16, 0) } else { (0, 16) };
        let wide = |shift: u32| v.map(|pair| f32::from_bits(pair.to_bits() << shift & 0xffff_0000));
        (wide(low), wide(high))
    }
    #[inline(always)]
    fn from_array(self, a: [f32; LANES]) -> Self::V {
        a
    }
    #[inline(always)]
    fn to_array(self, v: Self::V) -> [f32; LANES] {
        v
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::V {
        [x; LANES]
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn scale(self, a: Self::V, n: Self::V) -> Self::V {
        zip(a, n, |a, n| a * f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    fn max(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn gt(self, a: Self::V, b: Self::V) -> Self::M {
        bits(|i| a[i] > b[i])
    }
    #[inline(always)]
    fn eq(self, a: Self::V, b: Self::V) -> Self::M {
        bits(|i| a[i] == b[i])
    }
    #[inline(always)]
    fn all(self) -> Self::M {
        [true; LANES]
    }
    #[inline(always)]
    fn and(self, a: Self::M, b: Self::M) -> Self::M {
        bits(|i| a[i] & b[i])
    }
    #[inline(always)]
    fn and_not(self, a: Self::M, b: Self::M) -> Self::M {
        bits(|i| a[i] & !b[i])
    }
    #[inline(always)]
    fn select(self, mask: Self::M, a: Self::V, b: Self::V) -> Self::V {
        let mut out = b;
        for i in 0..LANES {
            if mask[i] {
                out[i] = a[i];
            }
        }
        out
    }
}
