//! The Cholesky factor of a small matrix, and what is solved with it. Every sum is in the order of indices; inner loops run
//! along rows, so that they are fast without changing an order.

/// The upper factor R of a symmetric positive definite A = RᵀR.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    rows: Vec<Vec<f64>>,
}

impl Cholesky {
    /// The factor of a matrix of which the upper triangle is read; `None` where it is not positive definite in f64.
    pub fn new(mut a: Vec<Vec<f64>>) -> Option<Self> {
        for k in 0..a.len() {
            let (done, rest) = a.split_at_mut(k + 1);
            let row = &mut done[k];
            // Not `<=`: a NaN is no pivot either.
            if !(row[k] > 0.0 && row[k].is_finite()) {
                return None;
            }
            let pivot = row[k].sqrt();
            row[k..].iter_mut().for_each(|x| *x /= pivot);
            for (i, below) in (k + 1..).zip(rest) {
                subtract(&mut below[i..], row[i], &row[i..]);
            }
        }
        Some(Self { rows: a })
    }

    /// log √det A.
    pub fn half_log_determinant(&self) -> f64 {
        self.rows.iter().enumerate().fold(0.0, |sum, (k, row)| sum + libm::log(row[k]))
    }

    /// R⁻ᵀB of a matrix with a row per unknown.
    pub fn forward(&self, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        for (k, row) in self.rows.iter().enumerate() {
            let (done, rest) = b.split_at_mut(k + 1);
            done[k].iter_mut().for_each(|x| *x /= row[k]);
            for (i, below) in (k + 1..).zip(rest) {
                subtract(below, row[i], &done[k]);
            }
        }
        b
    }

    /// A⁻¹b of a vector.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = self.forward(b.iter().map(|x| vec![*x]).collect()).into_iter().map(|row| row[0]).collect();
        for k in (0..x.len()).rev() {
            let known = (k + 1..x.len()).fold(0.0, |sum, j| sum + self.rows[k][j] * x[j]);
            x[k] = (x[k] - known) / self.rows[k][k];
        }
        x
    }

    /// The upper triangle of A⁻¹, as rows of full length.
    pub fn inverse(&self) -> Vec<Vec<f64>> {
        let n = self.rows.len();
        // V = R⁻ᵀ is lower triangular, and A⁻¹ = VᵀV.
        let mut v: Vec<Vec<f64>> = (0..n).map(|i| (0..=i).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        for (k, row) in self.rows.iter().enumerate() {
            let (done, rest) = v.split_at_mut(k + 1);
            done[k].iter_mut().for_each(|x| *x /= row[k]);
            for (i, below) in (k + 1..).zip(rest) {
                subtract(&mut below[..=k], row[i], &done[k]);
            }
        }
        let mut inverse = vec![vec![0.0; n]; n];
        for row in &v {
            for (i, x) in row.iter().enumerate() {
                subtract(&mut inverse[i][i..row.len()], -x, &row[i..]);
            }
        }
        inverse
    }
}

/// to −= factor × of, element by element.
fn subtract(to: &mut [f64], factor: f64, of: &[f64]) {
    for (to, of) in to.iter_mut().zip(of) {
        *to -= factor * of;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Vec<Vec<f64>> {
        vec![vec![4.0, 2.0, 0.6, 1.0], vec![2.0, 5.0, 1.5, 0.2], vec![0.6, 1.5, 3.0, 0.7], vec![1.0, 0.2, 0.7, 2.0]]
    }

    /// Oracle: numpy.linalg of the same matrix (scripts/search_oracle.py, "cholesky").
    #[test]
    fn determinant_solution_and_inverse_are_numpys() {
        let factor = Cholesky::new(matrix()).unwrap();
        let close = |a: &[f64], b: &[f64]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14), "{a:?} {b:?}");
        close(&[factor.half_log_determinant()], &[2.078881853545878]);
        close(
            &factor.solve(&[1.0, -2.0, 3.0, 0.5]),
            &[0.7168175646504528, -1.1292007933876025, 1.5464801246394404, -0.5367567466102703],
        );
        let inverse = factor.inverse();
        let upper: Vec<f64> = (0..4).flat_map(|i| inverse[i][i..].to_vec()).collect();
        close(
            &upper,
            &[
                0.3652523760957571,
                -0.15257694545773084,
                0.04605152013815457,
                -0.18348652555045958,
                0.2997103008991309,
                -0.14172105042516317,
                0.09591981028775944,
                0.43235870129707615,
                -0.1601792004805376,
                0.6382140019146421,
            ],
        );
    }

    #[test]
    fn what_has_no_factor_gives_none() {
        assert!(Cholesky::new(vec![vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
        assert!(Cholesky::new(vec![vec![f64::NAN]]).is_none());
    }
}
