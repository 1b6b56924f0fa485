//! Terms that are means over pixels. x is a logit, t its target, p = 1 / (1 + e^−x).

use super::{ValueAndGradient, logistic};

/// Mean of `pixel`, which gives value and derivative.
fn mean(x: &[f32], t: &[f32], pixel: impl Fn(usize, f64, bool) -> (f64, f64)) -> ValueAndGradient {
    let share = 1.0 / x.len() as f64;
    let mut sum = 0.0;
    let value = |(i, (x, t)): (usize, (&f32, &f32))| {
        let (value, slope) = pixel(i, f64::from(*x), *t >= 0.5);
        sum += value;
        slope * share
    };
    let gradient = x.iter().zip(t).enumerate().map(value).collect();
    (sum * share, gradient)
}

/// `−(a·t·ln p + (1 − t)·ln(1 − p))`, a being what marked pixels count: PyTorch's `pos_weight`.
pub fn weighted_bce(x: &[f32], t: &[f32], positive: f64) -> ValueAndGradient {
    mean(x, t, |_, x, marked| cross_entropy(x, marked, if marked { positive } else { 1.0 }))
}

/// Cross-entropy with a weight for each pixel; the weights are not brought to a mean of 1.
pub fn weighted(x: &[f32], t: &[f32], weights: &[f64]) -> ValueAndGradient {
    mean(x, t, |i, x, marked| cross_entropy(x, marked, weights[i]))
}

fn cross_entropy(x: f64, marked: bool, weight: f64) -> (f64, f64) {
    let sign = if marked { 1.0 } else { -1.0 };
    let (right, loss) = logistic(sign * x);
    (weight * loss, -weight * sign * (1.0 - right))
}

/// `−a·(1 − q)^γ·ln q`, q being the probability of what is true and a `alpha` for marked pixels, 1 − `alpha` for others.
pub fn focal(x: &[f32], t: &[f32], gamma: f64, alpha: f64) -> ValueAndGradient {
    mean(x, t, |_, x, marked| {
        let (sign, weight) = if marked { (1.0, alpha) } else { (-1.0, 1.0 - alpha) };
        let (right, loss) = logistic(sign * x);
        let (wrong, _) = logistic(-sign * x);
        let modulation = weight * wrong.powf(gamma);
        (modulation * loss, -sign * modulation * (gamma * right * loss + wrong))
    })
}
