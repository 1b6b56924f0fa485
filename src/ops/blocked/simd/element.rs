//! What a map's numbers are stored as; arithmetic is f32 always.

use super::Simd;
use half::bf16;
use rayon::prelude::*;
use std::borrow::Cow;

/// Elements of one task where a map changes its type.
const CHUNK: usize = 1 << 14;

/// A number of a map in memory.
pub trait Element: Copy + Send + Sync + 'static {
    /// Zero.
    const ZERO: Self;
    /// Whether it is bf16, so that AVX512-BF16 serves to write it.
    const NARROW: bool;

    /// The nearest number of this type, ties to even.
    fn of(x: f32) -> Self;
    /// The same number in f32.
    fn wide(self) -> f32;

    /// Many of them in f32.
    fn widen(values: &[Self]) -> Cow<'_, [f32]>;
    /// Many f32, each rounded to the nearest.
    fn narrow(values: Vec<f32>) -> Vec<Self>;

    /// Reads 16 of them; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for reads of 16.
    unsafe fn load<S: Simd>(s: S, p: *const Self) -> S::V;
    /// Writes 16 of them, each rounded to the nearest; no alignment is needed.
    ///
    /// # Safety
    /// `p` must be valid for writes of 16.
    unsafe fn store<S: Simd>(s: S, p: *mut Self, v: S::V);
}

impl Element for f32 {
    const ZERO: Self = 0.0;
    const NARROW: bool = false;

    #[inline(always)]
    fn of(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }

    fn widen(values: &[Self]) -> Cow<'_, [f32]> {
        Cow::Borrowed(values)
    }

    fn narrow(values: Vec<f32>) -> Vec<Self> {
        values
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, p: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { s.load(p) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { s.store(p, v) }
    }
}

impl Element for bf16 {
    const ZERO: Self = bf16::ZERO;
    const NARROW: bool = true;

    #[inline(always)]
    fn of(x: f32) -> Self {
        bf16::from_f32(x)
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        self.to_f32()
    }

    fn widen(values: &[Self]) -> Cow<'_, [f32]> {
        let mut wide = vec![0.0; values.len()];
        let chunks = wide.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(wide, values)| wide.iter_mut().zip(values).for_each(|(wide, x)| *wide = x.wide()));
        Cow::Owned(wide)
    }

    fn narrow(values: Vec<f32>) -> Vec<Self> {
        let mut narrow = vec![Self::ZERO; values.len()];
        let chunks = narrow.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK));
        chunks.for_each(|(narrow, values)| narrow.iter_mut().zip(values).for_each(|(narrow, x)| *narrow = Self::of(*x)));
        narrow
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, p: *const Self) -> S::V {
        // SAFETY: the caller's.
        unsafe { s.load_bf16(p) }
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(s: S, p: *mut Self, v: S::V) {
        // SAFETY: the caller's.
        unsafe { s.store_bf16(p, v) }
    }
}
