//! Softmax cross-entropy of classes that exclude each other, with the background as a class of logit 0.

use super::ValueAndGradient;
use crate::is_ignored;
use candle_core::{Result, bail};

/// Of one image, x and t (classes, pixels): the mean over pixels of `ln(1 + Σ_k e^{x_k}) − x_true`, each pixel weighed by its class (the background
/// by 1), as PyTorch's `cross_entropy` with `weight` and `ignore_index` does it for one image.
pub fn value_and_gradient(x: &[f32], t: &[f32], pixels: usize, class_weights: &[f64]) -> Result<ValueAndGradient> {
    let classes = x.len() / pixels;
    let weight = |class: Option<usize>| class.and_then(|class| class_weights.get(class)).copied().unwrap_or(1.0);
    let (mut sum, mut weights, mut gradient) = (0.0, 0.0, vec![0.0; x.len()]);
    for i in 0..pixels {
        if (0..classes).any(|class| is_ignored(t[class * pixels + i])) {
            continue;
        }
        let mut marked = (0..classes).filter(|class| t[class * pixels + i] >= 0.5);
        let class = marked.next();
        if let (Some(a), Some(b)) = (class, marked.next()) {
            bail!("loss.softmax_ce needs classes that exclude each other, but the classes {} and {} overlap", a + 1, b + 1)
        }
        let logit = |class: usize| f64::from(x[class * pixels + i]);
        let largest = (0..classes).map(logit).fold(0.0, f64::max);
        let total = (-largest).exp() + (0..classes).map(|class| (logit(class) - largest).exp()).sum::<f64>();
        let weight = weight(class);
        sum += weight * (largest + total.ln() - class.map_or(0.0, logit));
        weights += weight;
        for k in 0..classes {
            let probability = (logit(k) - largest).exp() / total;
            gradient[k * pixels + i] = weight * (probability - f64::from(u8::from(class == Some(k))));
        }
    }
    // An image of classes that count nothing costs nothing.
    let share = if weights > 0.0 { 1.0 / weights } else { 0.0 };
    gradient.iter_mut().for_each(|g| *g *= share);
    Ok((sum * share, gradient))
}
