//! Matrix products on one thread, behind checks of bounds.

use super::storage::Shared;
use gemm::Parallelism;

/// A matrix in memory, read only.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub values: &'a [f32],
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of contiguous elements.
    pub(super) fn rows(values: &'a [f32], row_stride: usize) -> Self {
        Self { values, row_stride, col_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self { row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    fn check(&self, rows: usize, cols: usize) {
        let last = (rows - 1) * self.row_stride + (cols - 1) * self.col_stride;
        assert!(last < self.values.len(), "a matrix ends outside its values");
    }
}

/// Where a product goes: `row_stride` elements from row to row, columns contiguous, starting at `offset` of `out`.
pub(super) struct Target<'a, 'b> {
    pub out: &'a Shared<'b>,
    pub offset: usize,
    pub row_stride: usize,
}

/// `target = a · b`, or `target += a · b` with `add`, for `a` of m × k and `b` of k × n.
///
/// # Safety
/// No other task may touch the target's elements meanwhile.
pub(super) unsafe fn multiply(target: Target<'_, '_>, add: bool, (m, n, k): (usize, usize, usize), a: Matrix, b: Matrix) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    a.check(m, k);
    b.check(k, n);
    let out = target.out.at(target.offset, (m - 1) * target.row_stride + n);
    // SAFETY: all three matrices lie inside their memory as checked above; the target is this task's alone by the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            target.row_stride as isize,
            add,
            a.values.as_ptr(),
            a.col_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.col_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
