//! Logits of classes that exclude each other, each class against all others.

use super::storage::{tensor, values};
use super::{Node, Tape};
use candle_core::Result;
use rayon::prelude::*;

/// `x_k − ln(1 + Σ_{j≠k} e^{x_j})`: the logistic function of it is the softmax's probability of class k among all classes and the
/// background, whose logit is 0. What is made of single logits can so be made of classes that exclude each other. Of one class it is the
/// logit itself.
///
/// # Shapes
/// logits and the result (n, classes, h, w).
///
/// # Errors
/// If the logits have not four dimensions.
pub fn one_vs_rest(tape: &Tape, logits: &Node) -> Result<Node> {
    let (n, classes, h, w) = logits.value().dims4()?;
    let plane = h * w;
    let mut y = vec![0.0; n * classes * plane];
    {
        let x = values(logits.value())?;
        let images = y.par_chunks_mut(classes * plane).zip(x.par_chunks(classes * plane));
        images.for_each(|(y, x)| {
            for (at, y) in y.iter_mut().enumerate() {
                let pixel = Pixel { x, classes, plane, at: at % plane };
                *y = (pixel.logit(at / plane) - pixel.rest(at / plane)) as f32;
            }
        });
    }
    let kept = logits.value().clone();
    Ok(tape.record(tensor(y, (n, classes, h, w))?, &[logits], move |dy| {
        let mut dx = vec![0.0; n * classes * plane];
        {
            let (x, dy) = (values(&kept)?, values(&dy)?);
            let images =
                dx.par_chunks_mut(classes * plane).zip(x.par_chunks(classes * plane)).zip(dy.par_chunks(classes * plane));
            images.for_each(|((dx, x), dy)| {
                for (at, dx) in dx.iter_mut().enumerate() {
                    let pixel = Pixel { x, classes, plane, at: at % plane };
                    *dx = pixel.gradient(at / plane, |class| f64::from(dy[class * plane + at % plane])) as f32;
                }
            });
        }
        Ok(vec![Some(tensor(dx, (n, classes, h, w))?)])
    }))
}

/// The logits of a pixel of an image.
struct Pixel<'a> {
    x: &'a [f32],
    classes: usize,
    plane: usize,
    at: usize,
}

impl Pixel<'_> {
    fn logit(&self, class: usize) -> f64 {
        f64::from(self.x[class * self.plane + self.at])
    }

    /// `ln(1 + Σ_{j≠class} e^{x_j})`.
    fn rest(&self, class: usize) -> f64 {
        let others = || (0..self.classes).filter(|other| *other != class).map(|other| self.logit(other));
        let largest = others().fold(0.0, f64::max);
        largest + ((-largest).exp() + others().map(|x| (x - largest).exp()).sum::<f64>()).ln()
    }

    /// `g_k − Σ_{m≠k} g_m · e^{x_k} / (1 + Σ_{j≠m} e^{x_j})`.
    fn gradient(&self, class: usize, g: impl Fn(usize) -> f64) -> f64 {
        let others = (0..self.classes).filter(|other| *other != class);
        g(class) - others.map(|other| g(other) * (self.logit(class) - self.rest(other)).exp()).sum::<f64>()
    }
}
