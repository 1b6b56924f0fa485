//! What transformed rows of 16 channels are stored as, and where each lies.
//!
//! A component of some rows is a matrix `(row, 16)`, with a stride between components. Where a product sums over bf16 rows, it
//! wants two of them in pairs: `(row/2, 16, 2)`.

use super::matrices::MAX_A;
use crate::blocked::gemm::Operand;
use crate::blocked::simd::{LANES, Simd};
use half::bf16;
use std::mem::MaybeUninit;

/// A transform of rows of 16 channels to components.
pub trait Rows {
    /// Number of components.
    const COMPONENTS: usize;

    /// Hands the components of one row to `sink`; it may leave some out, the same for every row.
    ///
    /// # Safety
    /// The row must exist, and the sink must have a place for it.
    unsafe fn transform<S: Simd, K: Sink<S>>(&mut self, s: S, row: usize, sink: &mut K);
}

/// Takes the components of one row.
pub trait Sink<S: Simd> {
    /// # Safety
    /// What the sink writes to must be valid for this component.
    unsafe fn put(&mut self, s: S, component: usize, v: S::V);
}

/// A place for components, and their order there.
pub trait Layout: Copy {
    /// Whether AVX512-BF16 serves to write it.
    const BF16: bool;

    /// Writes rows 0 to `count`.
    ///
    /// # Safety
    /// There must be that many rows, and the place must be valid for them, their number rounded up to whole words.
    unsafe fn fill<S: Simd, R: Rows>(self, s: S, rows: &mut R, count: usize);
}

/// `(row, 16)`: first element, and the stride between components.
#[derive(Debug, Clone, Copy)]
pub struct Single<E>(pub *mut E, pub usize);

/// `(row/2, 16, 2)`: first element, and the stride between components. An odd number of rows is followed by zeros.
#[derive(Debug, Clone, Copy)]
pub struct Paired(pub *mut bf16, pub usize);

impl<E: Operand> Layout for Single<E> {
    const BF16: bool = E::BF16;

    #[inline(always)]
    unsafe fn fill<S: Simd, R: Rows>(self, s: S, rows: &mut R, count: usize) {
        for row in 0..count {
            // SAFETY: the caller's.
            unsafe { rows.transform(s, row, &mut Single(self.0.add(row * LANES), self.1)) };
        }
    }
}

impl<S: Simd, E: Operand> Sink<S> for Single<E> {
    #[inline(always)]
    unsafe fn put(&mut self, s: S, component: usize, v: S::V) {
        // SAFETY: the caller's.
        unsafe { E::store(s, self.0.add(component * self.1), v) };
    }
}

impl Layout for Paired {
    const BF16: bool = true;

    #[inline(always)]
    unsafe fn fill<S: Simd, R: Rows>(self, s: S, rows: &mut R, count: usize) {
        for pair in 0..count.div_ceil(2) {
            let mut first = First::<S>([MaybeUninit::uninit(); MAX_A * MAX_A]);
            if 2 * pair + 1 == count {
                first.0.fill(MaybeUninit::new(s.zero()));
            }
            // SAFETY: the caller's; a row's components are those of the row before.
            unsafe {
                rows.transform(s, 2 * pair, &mut first);
                let mut second = Second(first, Paired(self.0.add(2 * pair * LANES), self.1));
                if 2 * pair + 1 < count {
                    rows.transform(s, 2 * pair + 1, &mut second);
                } else {
                    for component in 0..R::COMPONENTS {
                        second.put(s, component, s.zero());
                    }
                }
            }
        }
    }
}

/// Keeps the first row of a pair.
struct First<S: Simd>([MaybeUninit<S::V>; MAX_A * MAX_A]);

impl<S: Simd> Sink<S> for First<S> {
    #[inline(always)]
    unsafe fn put(&mut self, _: S, component: usize, v: S::V) {
        self.0[component].write(v);
    }
}

/// Writes both rows of a pair as the second one comes.
struct Second<S: Simd>(First<S>, Paired);

impl<S: Simd> Sink<S> for Second<S> {
    #[inline(always)]
    unsafe fn put(&mut self, s: S, component: usize, v: S::V) {
        let Paired(out, stride) = self.1;
        // SAFETY: the caller's; the first row has been written.
        unsafe { s.store_pairs(out.add(component * stride), self.0.0[component].assume_init(), v) };
    }
}

/// What components are rounded to.
pub trait Component: Operand {
    /// The order of rows that a product sums over.
    type Summed: Layout;
    /// Tiles of the weights' gradient summed from the caches at a time: a multiple of the words' size.
    const TILES: usize;

    /// Such a place, from its first element and the stride between components.
    fn summed(out: (*mut Self, usize)) -> Self::Summed;
}

impl Component for f32 {
    type Summed = Single<f32>;
    const TILES: usize = 28;

    #[inline(always)]
    fn summed(out: (*mut f32, usize)) -> Single<f32> {
        Single(out.0, out.1)
    }
}

impl Component for bf16 {
    type Summed = Paired;
    /// More than in f32: the sums, which stay in f32, go through the level-2 cache once for each such group.
    const TILES: usize = 112;

    #[inline(always)]
    fn summed(out: (*mut bf16, usize)) -> Paired {
        Paired(out.0, out.1)
    }
}
