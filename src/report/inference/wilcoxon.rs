//! The signed-rank test: do paired differences lie around zero?

use statrs::distribution::{ContinuousCDF, Normal};

/// Most differences for which p is exact.
const EXACT: usize = 60;

/// Two-sided p of Wilcoxon's signed-rank test (Wilcoxon 1945). Differences of zero are left out; equal ones share the mean of their ranks.
///
/// Up to 60 differences p is exact, the share of all choices of signs whose rank sum is as far from its mean; beyond, by the normal
/// distribution with the variance corrected for ties. 1 where nothing differs; NaN among the differences is left out too.
pub(crate) fn wilcoxon(differences: &[f64]) -> f64 {
    let mut sizes: Vec<(f64, bool)> =
        differences.iter().filter(|d| **d != 0.0 && !d.is_nan()).map(|d| (d.abs(), *d > 0.0)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks = double_ranks(&sizes);
    let above: usize = ranks.iter().zip(&sizes).filter(|(_, size)| size.1).map(|(rank, _)| rank).sum();
    match sizes.len() {
        0 => 1.0,
        n if n <= EXACT => exact(&ranks, above),
        _ => normal(&ranks, above),
    }
}

/// Twice the rank of each of the ascending sizes: whole numbers even where equal ones share a mean.
fn double_ranks(sizes: &[(f64, bool)]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sizes.len());
    for equal in sizes.chunk_by(|a, b| a.0 == b.0) {
        let first = ranks.len() + 1;
        ranks.extend(std::iter::repeat_n(2 * first + equal.len() - 1, equal.len()));
    }
    ranks
}

/// Counts every choice of signs by its rank sum.
fn exact(ranks: &[usize], above: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let mut ways = vec![0.0; total + 1];
    ways[0] = 1.0;
    for rank in ranks {
        for sum in (*rank..=total).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    let rarer = above.min(total - above);
    let tail: f64 = ways[..=rarer].iter().sum();
    (2.0 * tail / 2f64.powi(ranks.len() as i32)).min(1.0)
}

fn normal(ranks: &[usize], above: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    // The variance of a sum of r or 0 with equal chance is Σ r²/4; ranks are doubled here.
    let variance = ranks.iter().map(|rank| (*rank as f64 / 2.0).powi(2)).sum::<f64>() / 4.0;
    let z = (above as f64 - total as f64 / 2.0) / 2.0 / variance.sqrt();
    let standard = Normal::new(0.0, 1.0).expect("a deviation of one");
    2.0 * standard.cdf(-z.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_p(differences: &[f64], expected: f64) {
        let p = wilcoxon(differences);
        assert!((p - expected).abs() < 1e-9 * expected.max(1e-3), "{p}, expected {expected}");
    }

    /// Oracle: scipy.stats.wilcoxon(d, method="exact") (SciPy 1.17).
    #[test]
    fn without_ties_p_is_scipys_exact_one() {
        assert_p(&[0.012, -0.003, 0.02, 0.007, 0.011, 0.001, -0.002, 0.009, 0.015, 0.004], 0.019_531_25);
        assert_p(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.0625);
        let many: Vec<f64> = (1..=40).map(|k| if k % 3 == 0 { -f64::from(k) } else { f64::from(k) }).collect();
        assert_p(&many, 0.066_160_616_266_643_05);
    }

    /// Oracle: scipy.stats.wilcoxon(d, method=PermutationMethod(n_resamples=np.inf)) (SciPy 1.17), zeros taken out before.
    #[test]
    fn with_ties_p_counts_every_choice_of_signs() {
        assert_p(&[1.0, 1.0, 2.0, -1.0, 3.0, 3.0, 0.0, 2.0, -2.0], 0.156_25);
    }

    /// Oracle: scipy.stats.wilcoxon(d, method="asymptotic", correction=False) (SciPy 1.17).
    #[test]
    fn many_differences_are_normal() {
        let many: Vec<f64> = (1..=100).map(|k| f64::from((k * 37) % 101 - 45) / 10.0).collect();
        assert_p(&many, 0.071_146_652_126_226_49);
    }

    #[test]
    fn nothing_that_differs_is_no_difference() {
        assert_eq!(wilcoxon(&[]), 1.0);
        assert_eq!(wilcoxon(&[0.0, 0.0, f64::NAN]), 1.0);
        assert_eq!(wilcoxon(&[0.3]), 1.0);
    }
}
