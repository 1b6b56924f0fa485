//! Which kernel fits results: the most probable one, by their likelihood and priors on its parameters.

use super::super::space::Space;
use super::cholesky::Cholesky;
use super::kernel::{Kernel, LEAST_NOISE, matern, squares};
use super::lbfgs::{Bounds, minimize};

/// Steps of the optimizer.
const STEPS: usize = 30;

/// Results, as the negative log posterior of a kernel needs them.
pub(super) struct Evidence<'a> {
    y: &'a [f64],
    /// Squared distances by parameter, each of all pairs i < j, j inner.
    squares: Vec<Vec<f64>>,
}

impl<'a> Evidence<'a> {
    /// Of encoded points and their standardized values.
    pub fn new(space: &Space, points: &[Vec<f64>], y: &'a [f64]) -> Self {
        let mut by_parameter = vec![Vec::with_capacity(y.len() * y.len() / 2); space.dimensions()];
        for (i, a) in points.iter().enumerate() {
            for b in &points[i + 1..] {
                by_parameter.iter_mut().zip(squares(space, a, b)).for_each(|(all, square)| all.push(square));
            }
        }
        Self { y, squares: by_parameter }
    }

    /// The negative log posterior, without constants, and its gradient, at logarithms of weights, scale and noise:
    /// ½yᵀK⁻¹y + Σ log Rᵢᵢ + Σ(0.1/w + 0.1w) − (log s − s) − (0.1 log n − 30n). The priors are those of Optuna 5's `GPSampler`.
    pub fn loss(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        let Kernel { weights, scale, noise } = Kernel::from_logs(theta);
        let (n, d) = (self.y.len(), weights.len());
        let mut distances = vec![0.0; self.squares[0].len()];
        for (w, squares) in weights.iter().zip(&self.squares) {
            distances.iter_mut().zip(squares).for_each(|(sum, square)| *sum += w * square);
        }
        let pairs: Vec<(f64, f64)> = distances.iter().map(|r2| matern(*r2, scale)).collect();
        let Some(factor) = Cholesky::new(matrix(n, scale + noise, pairs.iter().map(|(k, _)| *k))) else {
            return (f64::INFINITY, vec![0.0; theta.len()]);
        };
        let (alpha, inverse) = (factor.solve(self.y), factor.inverse());
        let fit = self.y.iter().zip(&alpha).fold(0.0, |sum, (y, a)| sum + y * a);
        // The derivative by K of the likelihood is G/2, G = K⁻¹ − ααᵀ; each pair is there twice.
        let slope = |i: usize, j: usize| inverse[i][j] - alpha[i] * alpha[j];
        let trace = (0..n).fold(0.0, |sum, i| sum + slope(i, i));
        let slopes: Vec<f64> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|(i, j)| slope(i, j)).collect();
        let by_distance: Vec<f64> = slopes.iter().zip(&pairs).map(|(g, (_, dk))| g * dk).collect();

        let mut gradient = Vec::with_capacity(theta.len());
        for (w, squares) in weights.iter().zip(&self.squares) {
            let likelihood = by_distance.iter().zip(squares).fold(0.0, |sum, (g, square)| sum + g * square) * w;
            gradient.push(likelihood - 0.1 / w + 0.1 * w);
        }
        let by_scale = slopes.iter().zip(&pairs).fold(0.0, |sum, (g, (k, _))| sum + g * k);
        gradient.push(by_scale + 0.5 * trace * scale + scale - 1.0);
        gradient.push((noise - LEAST_NOISE) * (0.5 * trace + 30.0 - 0.1 / noise));

        let of_weights = weights.iter().fold(0.0, |sum, w| sum + 0.1 / w + 0.1 * w);
        let of_noise = 30.0 * noise - 0.1 * libm::log(noise);
        let prior = of_weights + scale - theta[d] + of_noise;
        (0.5 * fit + factor.half_log_determinant() + prior, gradient)
    }

    /// The kernel of the least loss within bounds, from a fixed start.
    pub fn fit(&self) -> Kernel {
        let d = self.squares.len();
        let start = [vec![0.0; d + 1], vec![libm::log(0.05)]].concat();
        let bounds: Vec<Bounds> = [vec![(-7.0, 7.0); d], vec![(-5.0, 4.0), (-12.0, 2.0)]].concat();
        Kernel::from_logs(&minimize(|theta| self.loss(theta), &start, &bounds, STEPS))
    }
}

/// A symmetric matrix, of which only the upper triangle is set: by its diagonal and its pairs i < j, j inner.
pub(super) fn matrix(n: usize, diagonal: f64, mut pairs: impl Iterator<Item = f64>) -> Vec<Vec<f64>> {
    let row = |i: usize| {
        let mut row = vec![0.0; n];
        row[i] = diagonal;
        row[i + 1..].iter_mut().zip(&mut pairs).for_each(|(to, k)| *to = k);
        row
    };
    (0..n).map(row).collect()
}
