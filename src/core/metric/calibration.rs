//! Whether probabilities are what they say.

/// Bins of equal width over the confidences from 0 to 1.
const BINS: usize = 15;

/// The expected calibration error (Guo et al. 2017) of a mask: the mean over pixels of how far, in their bin, the mean confidence is
/// from the share of right answers. A pixel's answer is marked where p ≥ 0.5, and its confidence the probability of its answer, p or
/// 1 − p. NaN where a logit is.
///
/// # Shapes
/// (pixels,) each.
pub(super) fn expected_calibration_error(logits: &[f32], truth: &[bool]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for (logit, truth) in logits.iter().map(|logit| f64::from(*logit)).zip(truth) {
        let confidence = 1.0 / (1.0 + (-logit.abs()).exp());
        // Bins are open below and closed above, as in the paper's code.
        let bin = (confidence * BINS as f64).ceil() as usize;
        let right = (logit >= 0.0) == *truth;
        let (confidences, rights) = &mut bins[bin.clamp(1, BINS) - 1];
        *confidences += confidence;
        *rights += f64::from(u8::from(right));
    }
    bins.iter().map(|(confidences, rights)| (confidences - rights).abs()).sum::<f64>() / logits.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::examples::{drawn, logits};

    #[test]
    fn who_is_sure_and_right_is_calibrated() {
        assert!(expected_calibration_error(&[50.0, -50.0], &[true, false]) < 1e-15);
        assert!((expected_calibration_error(&[50.0, -50.0], &[false, true]) - 1.0).abs() < 1e-15);
        assert_eq!(expected_calibration_error(&[0.0, 0.0], &[true, false]), 0.0);
        assert_eq!(expected_calibration_error(&[0.0, 0.0], &[true, true]), 0.5);
        assert!(expected_calibration_error(&[f32::NAN, 0.0], &[true, true]).is_nan());
    }

    /// Values of scripts/metric_oracle.py: NumPy by the paper's formula.
    #[test]
    fn the_papers_formula() {
        let error = expected_calibration_error(&logits(), &drawn().1);
        assert!((error - 0.075_209_542_509_028_31).abs() < 1e-12, "{error}");
    }
}
