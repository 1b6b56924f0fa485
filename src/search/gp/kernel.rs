//! Which points are alike: Matérn 5/2 with a weight per parameter, on encoded points.

use super::super::space::Space;

/// √5.
const ROOT: f64 = 2.236_067_977_499_79;

/// The kernel's parameters: k(r²) = s (1 + √5 r + 5r²/3) e^(−√5 r), r² = Σ w Δ².
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    /// w: inverse squared lengths, one per parameter.
    pub weights: Vec<f64>,
    /// s: the variance of the function.
    pub scale: f64,
    /// The variance of what is observed around it.
    pub noise: f64,
}

/// Least noise.
pub(super) const LEAST_NOISE: f64 = 1e-6;

impl Kernel {
    /// From logarithms: of the weights, of the scale, and of the noise above its least.
    pub fn from_logs(theta: &[f64]) -> Self {
        let d = theta.len() - 2;
        let weights = theta[..d].iter().map(|x| libm::exp(*x)).collect();
        Self { weights, scale: libm::exp(theta[d]), noise: libm::exp(theta[d + 1]) + LEAST_NOISE }
    }

    /// k of squared distances by parameter.
    pub fn of(&self, squares: impl Iterator<Item = f64>) -> f64 {
        matern(self.weights.iter().zip(squares).fold(0.0, |sum, (w, square)| sum + w * square), self.scale).0
    }
}

/// k at a squared distance, and its derivative by it.
pub(super) fn matern(r2: f64, scale: f64) -> (f64, f64) {
    let r = r2.sqrt();
    let decay = scale * libm::exp(-ROOT * r);
    (decay * (1.0 + ROOT * r + 5.0 / 3.0 * r2), decay * (-5.0 / 6.0) * (1.0 + ROOT * r))
}

/// Squared distances of encoded points by parameter: of numbers (Δu)², of different choices 1.
pub(super) fn squares<'a>(space: &'a Space, a: &'a [f64], b: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    (0..space.dimensions()).map(|at| {
        let square = (a[at] - b[at]) * (a[at] - b[at]);
        if space.domain(at).is_choice() { f64::from(u8::from(square > 0.0)) } else { square }
    })
}
