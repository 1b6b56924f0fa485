//! The Lovász hinge (Berman, Triki & Blaschko 2018, algorithm 1): the convex extension of 1 − IoU to margins.

use super::ValueAndGradient;

/// `Σ max(m_i, 0) · g_i`: margins m = 1 − x for marked pixels, 1 + x for others, from the largest to the smallest, equal ones in the
/// pixels' order; g_i is how much 1 − IoU grows when the i-th is wrong too.
pub fn value_and_gradient(x: &[f32], t: &[f32]) -> ValueAndGradient {
    let sign = |i: usize| if t[i] >= 0.5 { 1.0 } else { -1.0 };
    let margin = |i: usize| 1.0 - sign(i) * f64::from(x[i]);
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| margin(*b).total_cmp(&margin(*a)));
    let marked = t.iter().filter(|t| **t >= 0.5).count() as f64;
    let (mut kept, mut union, mut before, mut loss) = (marked, marked, 0.0, 0.0);
    let mut gradient = vec![0.0; x.len()];
    for i in order {
        if sign(i) > 0.0 {
            kept -= 1.0;
        } else {
            union += 1.0;
        }
        let after = 1.0 - kept / union;
        let growth = after - before;
        before = after;
        // What is right by a margin of 1 costs nothing; a NaN must not pass for it.
        if margin(i) > 0.0 || margin(i).is_nan() {
            loss += margin(i) * growth;
            gradient[i] = -sign(i) * growth;
        }
    }
    (loss, gradient)
}
