//! Kernels that treat every pixel's channels as a vector and multiply it with a matrix: what convolution 1×1 and transposed
//! convolution 2×2 share.

use super::conv3x3::add_shares;
use super::matmul::{Matrix, Target, multiply};
use super::storage::Shared;
use rayon::prelude::*;

/// Pixels of one task.
const PIXELS: usize = 1 << 11;

/// The size of a batch of maps without regard to channels.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    pub samples: usize,
    /// Pixels of one channel of one sample.
    pub plane: usize,
}

impl Pixels {
    fn tasks(&self) -> usize {
        self.samples * self.plane.div_ceil(PIXELS)
    }

    /// Sample, first pixel and number of pixels of a task.
    fn of_task(&self, task: usize) -> (usize, usize, usize) {
        let parts = self.plane.div_ceil(PIXELS);
        let first = task % parts * PIXELS;
        (task / parts, first, PIXELS.min(self.plane - first))
    }
}

/// `y[n, r, p] = Σ_c matrix[r, c] · x[n, c, p]`, plus `bias[r]`; `rows` × `columns` is the matrix's size.
pub(super) fn mix(x: &[f32], pixels: Pixels, matrix: Matrix, rows: usize, columns: usize, bias: Option<&[f32]>) -> Vec<f32> {
    let plane = pixels.plane;
    let mut y = vec![0.0; pixels.samples * rows * plane];
    let out = Shared::new(&mut y);
    (0..pixels.tasks()).into_par_iter().for_each(|task| {
        let (sample, first, len) = pixels.of_task(task);
        let offset = sample * rows * plane + first;
        for (r, bias) in bias.into_iter().flatten().enumerate() {
            // SAFETY: these pixels of this sample are this task's alone.
            unsafe { out.slice(offset + r * plane..offset + r * plane + len) }.fill(*bias);
        }
        let target = Target { out: &out, offset, row_stride: plane };
        let x = Matrix::rows(&x[sample * columns * plane + first..], plane);
        // SAFETY: these pixels of this sample are this task's alone.
        unsafe { multiply(target, bias.is_some(), (rows, len, columns), matrix, x) };
    });
    y
}

/// `out[r, c] = Σ a[n, r, p] · b[n, c, p]` over samples and pixels: the gradient of a matrix. Shares of a fixed partition are
/// added in their order.
pub(super) fn correlate(a: &[f32], rows: usize, b: &[f32], columns: usize, pixels: Pixels) -> Vec<f32> {
    const MOST_SHARES: usize = 16;
    let plane = pixels.plane;
    let tasks = pixels.tasks();
    let groups = tasks.min(MOST_SHARES);
    let mut shares = vec![0.0; groups * rows * columns];
    shares.par_chunks_mut(rows * columns).enumerate().for_each(|(group, share)| {
        let out = Shared::new(share);
        for task in group * tasks / groups..(group + 1) * tasks / groups {
            let (sample, first, len) = pixels.of_task(task);
            let a = Matrix::rows(&a[sample * rows * plane + first..], plane);
            let b = Matrix::rows(&b[sample * columns * plane + first..], plane);
            let target = Target { out: &out, offset: 0, row_stride: columns };
            // SAFETY: the share is this task's alone.
            unsafe { multiply(target, true, (rows, columns, len), a, b.transposed()) };
        }
    });
    add_shares(shares, rows * columns)
}
