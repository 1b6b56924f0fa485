//! Correction of p values for having asked more than once.

/// Holm's step-down correction (Holm 1979): the k-th smallest of m values times m − k + 1, never below the one before, at most 1.
/// If every difference below 0.05 is taken for real, at most one set of comparisons in twenty has a false one among them, however the values depend
/// on each other.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut largest) = (vec![1.0; p.len()], 0.0_f64);
    for (at, &index) in order.iter().enumerate() {
        largest = largest.max(p[index] * (p.len() - at) as f64).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Oracle: statsmodels.stats.multitest.multipletests(p, method="holm"), by hand for the order.
    #[test]
    fn values_are_those_of_the_definition() {
        let close = |p: &[f64], expected: &[f64]| {
            let found = holm(p);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15) && found.len() == expected.len(), "{found:?}");
        };
        close(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        close(&[0.6, 0.7], &[1.0, 1.0]);
        close(&[0.02], &[0.02]);
        close(&[], &[]);
    }
}
