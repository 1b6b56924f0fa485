//! What is believed of points that were not tried: a Gaussian process on results.

use super::super::space::Space;
use super::cholesky::Cholesky;
use super::fit::{Evidence, matrix};
use super::kernel::{Kernel, squares};

/// A Gaussian process with a kernel and results. Values are standardized.
pub(super) struct Model<'a> {
    space: &'a Space,
    kernel: Kernel,
    points: Vec<Vec<f64>>,
    y: Vec<f64>,
    factor: Cholesky,
    /// K⁻¹y.
    alpha: Vec<f64>,
}

impl<'a> Model<'a> {
    /// With the kernel that fits encoded points and their values.
    pub fn fitted(space: &'a Space, points: Vec<Vec<f64>>, y: Vec<f64>) -> Self {
        let kernel = Evidence::new(space, &points, &y).fit();
        Self::new(space, kernel, points, y)
    }

    /// With this kernel; where K has no factor in f64, with more noise.
    pub fn new(space: &'a Space, mut kernel: Kernel, points: Vec<Vec<f64>>, y: Vec<f64>) -> Self {
        let pairs = |i: usize| points[i + 1..].iter().map(move |b| (i, b));
        let all: Vec<f64> = (0..y.len()).flat_map(pairs).map(|(i, b)| kernel.of(squares(space, &points[i], b))).collect();
        let factor = loop {
            match Cholesky::new(matrix(y.len(), kernel.scale + kernel.noise, all.iter().copied())) {
                Some(factor) => break factor,
                None => kernel.noise *= 10.0,
            }
        };
        let alpha = factor.solve(&y);
        Self { space, kernel, points, y, factor, alpha }
    }

    /// The same, with points whose results are not there yet: believed to be what the model expects of them.
    pub fn believing(self, pending: &[Vec<f64>]) -> Self {
        if pending.is_empty() {
            return self;
        }
        let expected = self.predict(pending).into_iter().map(|(mean, _)| mean);
        let y = self.y.iter().copied().chain(expected).collect();
        let points = [&self.points[..], pending].concat();
        Self::new(self.space, self.kernel, points, y)
    }

    /// Mean and variance of the function at encoded points.
    pub fn predict(&self, at: &[Vec<f64>]) -> Vec<(f64, f64)> {
        let row = |known: &Vec<f64>| at.iter().map(|x| self.kernel.of(squares(self.space, known, x))).collect();
        let k: Vec<Vec<f64>> = self.points.iter().map(row).collect();
        let mut found = vec![(0.0, 0.0); at.len()];
        for (row, alpha) in k.iter().zip(&self.alpha) {
            found.iter_mut().zip(row).for_each(|((mean, _), k)| *mean += k * alpha);
        }
        for row in self.factor.forward(k) {
            found.iter_mut().zip(&row).for_each(|((_, known), v)| *known += v * v);
        }
        found.into_iter().map(|(mean, known)| (mean, (self.kernel.scale - known).max(1e-12))).collect()
    }

    /// The means alone.
    pub fn means(&self, at: &[Vec<f64>]) -> Vec<f64> {
        let mean = |x: &Vec<f64>| {
            let terms = self.points.iter().zip(&self.alpha);
            terms.fold(0.0, |sum, (known, alpha)| sum + self.kernel.of(squares(self.space, known, x)) * alpha)
        };
        at.iter().map(mean).collect()
    }

    /// The best mean at points with results.
    pub fn best(&self) -> f64 {
        self.predict(&self.points).into_iter().fold(f64::NEG_INFINITY, |best, (mean, _)| best.max(mean))
    }
}
